"""Changes the text of a site file in one place; comments and everything else stay as they are."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence

from gateway.errors import SettingsError
from gateway.settings.files import with_end, without_end

_READER = re.compile(r"\s*\[\[\s*reader\s*\]\]")
_TABLE = re.compile(r"\s*\[[^\]]*\]\]?\s*(#.*)?$")
_FORMATS = re.compile(r"\s*formats\s*=")


def formats_line(formats: Sequence[str]) -> str:
    """The line of a reader's table that names its Wiegand formats."""
    quoted = ", ".join(f'"{name}"' for name in formats)
    return f"formats = [{quoted}]"


def with_reader_formats(text: str, reader: str, formats: Sequence[str]) -> str:
    """Return the site file `text` with other Wiegand formats for a reader.

    Raises SettingsError if the text is written in a way that cannot be changed safely.
    """
    lines = text.splitlines(keepends=True)
    named = re.compile(rf"\s*name\s*=\s*([\"']){re.escape(reader)}\1\s*(#.*)?$")
    for first, last in _tables(lines):
        at = next((i for i in range(first, last) if named.match(lines[i].rstrip("\r\n"))), None)
        if at is None:
            continue
        end = lines[at][len(lines[at].rstrip("\r\n")) :] or "\n"
        line = formats_line(formats) + end
        old = next((i for i in range(first, last) if _FORMATS.match(lines[i])), None)
        if old is None:
            changed = [*lines[: at + 1], line, *lines[at + 1 :]]
        else:
            closed = next((i for i in range(old, last) if "]" in lines[i].partition("#")[0]), old)
            changed = [*lines[:old], line, *lines[closed + 1 :]]
        result = "".join(changed)
        if _means(text, result, reader, formats):
            return result
    raise SettingsError(
        f"the formats of reader {reader!r} cannot be changed in the site file as it is written: "
        f"write {formats_line(formats)} into its table"
    )


def with_reader(text: str, table: Mapping[str, object]) -> str:
    """Return the site file `text` with one more reader, at its end.

    Raises SettingsError if the text is written in a way that cannot be changed safely.
    """
    keys = "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    result = with_end(f"{without_end(text)}\n\n[[reader]]\n{keys}")
    try:
        wanted, found = tomllib.loads(text), tomllib.loads(result)
    except tomllib.TOMLDecodeError:
        found = wanted = {}
    if not found or found != {**wanted, "reader": [*wanted.get("reader", ()), dict(table)]}:
        raise SettingsError("the site file cannot take another reader as it is written")
    return result


def _tables(lines: Sequence[str]) -> list[tuple[int, int]]:
    """The lines of each reader's table, from the one after its heading."""
    heads = [at for at, line in enumerate(lines) if _TABLE.match(line.rstrip("\r\n"))]
    ends = (*heads[1:], len(lines))
    tables = zip(heads, ends, strict=False)  # without a heading there is one end too many
    return [(at + 1, end) for at, end in tables if _READER.match(lines[at])]


def _means(before: str, after: str, reader: str, formats: Sequence[str]) -> bool:
    """Whether the texts differ in the formats of that reader alone."""
    try:
        wanted, found = tomllib.loads(before), tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        return False
    for table in wanted.get("reader", ()):
        if table.get("name") == reader:
            table["formats"] = list(formats)
    return bool(wanted == found)
