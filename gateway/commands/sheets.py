"""Reads the CSV files of spreadsheets of any locale; pure.

Rows are numbered as in a spreadsheet: the header is row 1. The byte order mark, `sep=;`, empty rows
and empty columns without a name are ignored. Empty cells at the end of a row may be missing.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

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

MOST_COLUMNS = 1_000
"""Of one table: each cell of each row is looked at, whether its column has a name or not."""
_ALONE = "\x1f"
"""The delimiter of a table with one column, in whose cells a comma is text. No cell has it."""
_BOM = "\ufeff"
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+\Z")
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """Cells below a header, as many as it has columns."""

    number: int
    cells: list[str]


class SheetRows:
    """The rows below a header, read from the text of the file whenever they are iterated: together
    they would take many times its memory."""

    def __init__(self, records: _Records, named: list[int], width: int) -> None:
        """`records` are those below the header, of which the cells `named` count."""
        self._records = records
        self._named = named
        self._nameless = sorted({*range(width)}.difference(named))
        self._width = width
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Row]:
        full = (it for it in self._records if _is_full(it.cells))
        return map(self.even, islice(full, self.count))

    def even(self, row: Row) -> Row:
        """`row`, padded, without the columns that have no name.

        Raises InvalidRequest for a cell in one of these.
        """
        cells = row.cells + [""] * (self._width - len(row.cells))
        aside = (*(cells[at] for at in self._nameless), *cells[self._width :])
        nameless = [cell for cell in aside if cell.strip()]
        if nameless:
            raise InvalidRequest(
                f"row {row.number} has {len(row.cells)} cells, {len(self._named)} columns are"
                f" named; {nameless[0][:40]!r} is in none of them. A cell that holds the delimiter"
                ' needs quotes, such as "123,45678"'
            )
        return Row(row.number, [cells[at] for at in self._named])


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table."""

    object_name: str
    columns: list[str]
    rows: SheetRows


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
    records = _Records.of(text)
    for row, end in records.with_ends():
        cells = row.cells
        if not _is_full(cells):
            begins = True
        elif begins and cells[0].startswith("#") and not any(cells[1:]):
            name, begins, sheet = cells[0][1:].strip(), False, None
        elif sheet is None:
            if name is None:
                raise InvalidRequest("neither the first line nor the request names an object")
            begins = False
            titles = [cell.strip() for cell in cells]
            if len(titles) > MOST_COLUMNS:
                raise InvalidRequest(
                    f"row {row.number} has {len(titles)} cells: at most {MOST_COLUMNS} columns"
                )
            named = [at for at, title in enumerate(titles) if title]
            below = replace(records, begin=end, number=row.number)
            rows = SheetRows(below, named, len(titles))
            sheet = Sheet(name, [titles[at] for at in named], rows)
            found.append(sheet)
        else:
            begins = False
            try:
                sheet.rows.even(row)
            except InvalidRequest as error:
                raise InvalidRequest(f"{sheet.object_name}: {error}") from None
            sheet.rows.count += 1
    return found


def _is_full(cells: list[str]) -> bool:
    return any(cell.strip() for cell in cells)


@dataclass(frozen=True, slots=True)
class _Records:
    """What the CSV file `text` has from the place `begin` on, below the row `number`."""

    text: str
    delimiter: str
    begin: int = 0
    number: int = 0

    @classmethod
    def of(cls, text: str) -> _Records:
        """All of a file."""
        said = _SEPARATOR.match(text)
        if said:
            return cls(text, said[1], said.end(), 1)
        return cls(text, _delimiter(text))

    def __iter__(self) -> Iterator[Row]:
        return (row for row, _ in self.with_ends())

    def with_ends(self) -> Iterator[tuple[Row, int]]:
        """Each row, and the place behind it. Raises InvalidRequest, which names the row."""
        lines = _TextLines(self.text, self.begin)
        number = self.number
        try:
            for cells in csv.reader(lines, delimiter=self.delimiter, strict=True):
                number += 1
                yield Row(number, cells), lines.at
        except csv.Error as error:
            raise InvalidRequest(f"row {number + 1} is not CSV: {error}") from error


class _TextLines:
    """The lines of a text, with their ends; `at` is the place behind the last one."""

    def __init__(self, text: str, at: int = 0) -> None:
        self._text = text
        self.at = at

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        found = _LINE.match(self._text, self.at)
        if found is None:
            raise StopIteration
        self.at = found.end()
        return found[0]


def _delimiter(text: str) -> str:
    """The delimiter between the names in the headers; a header may have one name only."""
    counts = dict.fromkeys(DELIMITERS, 0)
    header, found = True, False
    for line in _TextLines(text):
        names = _QUOTED.sub("", line)
        if line.startswith(("#", '"#')):
            header = True
        elif header and names.strip("".join(DELIMITERS) + " \r\n"):
            header, found = False, True
            for each in DELIMITERS:
                counts[each] += names.count(each)
    best = max(DELIMITERS, key=lambda each: counts[each])
    return best if counts[best] or not found else _ALONE
