"""Reads the CSV files of spreadsheets of any locale; pure.

Rows are numbered as in a spreadsheet: the header is row 1. The byte order mark, `sep=;`, empty rows
and empty columns without a name are ignored. Empty cells at the end of a row may be missing.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.errors import InvalidRequest

DELIMITERS = (",", ";", "\t")
ENCODINGS = (
    "utf-8",
    "utf-16",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1257",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
)
"""The encodings that a request may name."""

_ALONE = "\x1f"
"""The delimiter of a table with one column, in whose cells a comma is text. No cell has it."""
_BOM = "\ufeff"
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """Cells below a header, as many as it has columns."""

    number: int
    cells: list[str]


@dataclass(slots=True)
class Sheet:
    """One table."""

    object_name: str
    columns: list[str]
    rows: list[Row] = field(default_factory=list)


_WORKBOOKS = {
    b"PK\x03\x04": "a workbook (xlsx, ods) or another packed file",
    b"\xd0\xcf\x11\xe0": "a workbook of an old spreadsheet (xls)",
}
"""The first bytes of files that people send instead of CSV."""


def text_of(data: str | bytes, encoding: str | None) -> str:
    """The text of a file; a byte order mark overrides `encoding`, which is UTF-8 by default.

    Raises InvalidRequest, which names the row that cannot be decoded, and the remedy.
    """
    # A client may have read a workbook as text.
    begin = data[:4] if isinstance(data, bytes) else data[:4].encode("latin-1", "replace")
    if begin in _WORKBOOKS:
        raise InvalidRequest(
            f"the file is {_WORKBOOKS[begin]}, not CSV: save it as 'CSV UTF-8' in the spreadsheet"
        )
    if isinstance(data, str):
        return data.removeprefix(_BOM)
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if marked is None and encoding is None and data[1:2] == b"\0":
        raise InvalidRequest("the file is UTF-16 without a byte order mark: save it as CSV UTF-8")
    chosen = marked or encoding or "utf-8"
    try:
        return data.decode(chosen).removeprefix(_BOM)
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise InvalidRequest(
            f"row {row}: byte {data[error.start]:#04x} is not {chosen}: save the file as"
            " 'CSV UTF-8', or name its encoding, such as windows-1252, in the member encoding"
        ) from None


def sheets(text: str, object_name: str | None) -> list[Sheet]:
    """The tables in `text`: one of `object_name`, or several, each after a row `#name`.

    Raises InvalidRequest, which names the row.
    """
    found: list[Sheet] = []
    name, begins = object_name, True
    sheet: Sheet | None = None
    for number, cells in _records(text):
        if not any(cell.strip() for cell in cells):
            begins = True
        elif begins and cells[0].startswith("#") and not any(cells[1:]):
            name, begins, sheet = cells[0][1:].strip(), False, None
        elif sheet is None:
            if name is None:
                raise InvalidRequest("neither the first line nor the request names an object")
            begins = False
            sheet = Sheet(name, [cell.strip() for cell in cells])
            found.append(sheet)
        else:
            begins = False
            sheet.rows.append(Row(number, cells))
    for sheet in found:
        _even(sheet)
    return found


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    said = _SEPARATOR.match(text)
    rest = text[said.end() :] if said else text
    delimiter = said[1] if said else _delimiter(rest)
    reader = csv.reader(io.StringIO(rest, newline=""), delimiter=delimiter, strict=True)
    number = 1 if said else 0
    try:
        for cells in reader:
            number += 1
            yield number, cells
    except csv.Error as error:
        raise InvalidRequest(f"row {number + 1} is not CSV: {error}") from error


def _delimiter(text: str) -> str:
    """The delimiter between the names in the headers; a header may have one name only."""
    counts = dict.fromkeys(DELIMITERS, 0)
    header, found = True, False
    for line in text.splitlines():
        names = _QUOTED.sub("", line)
        if line.startswith(("#", '"#')):
            header = True
        elif header and names.strip("".join(DELIMITERS) + " "):
            header, found = False, True
            for each in DELIMITERS:
                counts[each] += names.count(each)
    best = max(DELIMITERS, key=lambda each: counts[each])
    return best if counts[best] or not found else _ALONE


def _even(sheet: Sheet) -> None:
    """Pad every row and drop the columns without a name."""
    named = [at for at, column in enumerate(sheet.columns) if column]
    rows = []
    for row in sheet.rows:
        cells = row.cells + [""] * (len(sheet.columns) - len(row.cells))
        nameless = [cell for at, cell in enumerate(cells) if at not in named and cell.strip()]
        if nameless:
            raise InvalidRequest(
                f"{sheet.object_name}: row {row.number} has {len(row.cells)} cells,"
                f" {len(named)} columns are named; {nameless[0][:40]!r} is in none of them. A cell"
                ' that holds the delimiter needs quotes, such as "123,45678"'
            )
        rows.append(Row(row.number, [cells[at] for at in named]))
    sheet.columns = [sheet.columns[at] for at in named]
    sheet.rows = rows
