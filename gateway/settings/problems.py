"""What is wrong with the text of a site file, each problem with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.settings.refusals import described
from gateway.settings.site import SiteFile
from gateway.settings.toml_text import parse

_NAME = "site file"
_SYNTAX = re.compile(rf"{_NAME} line (\d+): ")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"\s*([\w-]+)\s*=\s*(.*)")
_PLACE = re.compile(r"[a-z_]+ '[^']*'(?: [a-z0-9_]+)?")
_WORDS = re.compile(r"'[^']*'|[\w-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem."""

    line: int
    """Counted from 1; 0 if it is not known."""
    text: str
    """Names the key, what was found and what is allowed."""


def read_problems(text: str) -> tuple[SiteFile | None, list[Problem]]:
    """The site file in `text`, None if it cannot be used, with its problems."""
    try:
        data = parse(text, _NAME)
    except SettingsError as error:
        said = str(error)
        place = _SYNTAX.match(said)
        return None, [Problem(int(place[1]) if place else 0, said[place.end() if place else 0 :])]
    try:
        return SiteFile.model_validate(data), []
    except ValidationError as error:
        return None, located(text, described(error, data, SiteFile, text))


def located(text: str, problems: list[str]) -> list[Problem]:
    """`problems`, each of which begins with its place, such as `door 'front' sensor: `, with the
    lines of these places in `text`."""
    tables = list(_tables(text))

    def line(problem: str) -> int:
        # A conflict between two places names both in the middle; the later one is the newer.
        places = [problem.partition(": ")[0], *reversed(_PLACE.findall(problem))]
        return next((found for place in places if (found := _line(tables, place))), 0)

    return [Problem(line(problem), problem) for problem in problems]


@dataclass(slots=True)
class _TomlTable:
    name: str
    line: int
    one_of_several: bool = False
    keys: dict[str, int] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    """Its name or number, as messages quote them."""


def _tables(text: str) -> Iterator[_TomlTable]:
    table = _TomlTable("", 0)
    for number, line in enumerate(text.split("\n"), start=1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            yield table
            table = _TomlTable(header[2], number, one_of_several=header[1] == "[[")
        elif key:
            table.keys[key[1]] = number
            if key[1] in {"name", "number"}:
                table.called.add(key[2].split("#")[0].strip().strip("\"'"))
    yield table


def _line(tables: list[_TomlTable], place: str) -> int:
    """The line of the innermost key or table that the words of `place` name; 0 for none."""
    words = [word.strip("'") for word in _WORDS.findall(place)]
    found = 0
    for table in tables:
        path = table.name.split(".")
        if not table.name or words[: len(path)] != path:
            continue
        rest = words[len(path) :]
        if rest and rest[0] in table.called:
            rest = rest[1:]
        elif table.one_of_several:
            found = found or table.line
            continue
        found = next((table.keys[word] for word in rest if word in table.keys), table.line)
        break
    return found
