"""Describes what is wrong with the values of a site file.

Each refusal names the key, with the name of its door or reader, what is wrong, what was found, and
what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from inspect import isclass
from types import MappingProxyType
from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gateway.settings.wires import AT_ADC, AT_PIN, AT_READER

Found = Mapping[str, Any]
_TAGS = frozenset({AT_ADC, AT_PIN, AT_READER})
_LONGEST = 60
"""Characters of a value that a refusal repeats."""
MOST_DESCRIBED = 50
"""Problems of one file that are told; nobody reads more, and a file may have thousands."""

_OTHER_WORDS = MappingProxyType(
    {
        "adress": "address",
        "baudrate": "baud",
        "baud_rate": "baud",
        "button": "rex",
        "contact": "sensor",
        "data0": "d0",
        "data1": "d1",
        "door_contact": "sensor",
        "door_sensor": "sensor",
        "em_lock": "magnet",
        "exit_button": "rex",
        "gpio": "pin",
        "label": "title",
        "lock_relay": "lock",
        "maglock": "magnet",
        "opener": "strike",
        "push_button": "rex",
        "relais": "relay",
        "rex_button": "rex",
        "smoke": "fire",
        "time_zone": "timezone",
        "tz": "timezone",
        "type": "kind",
    }
)
"""Other words for keys and values."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One problem, and what to do about it; the message has the value found in between."""

    wrong: str
    cure: str = ""


def choices(word: object, names: Sequence[str]) -> str:
    """` (allowed: ...)`, and the name that was probably intended."""
    return f" (allowed: {', '.join(map(repr, names))}){_did_you_mean(word, names)}"


def closest(word: object, names: Iterable[str]) -> str | None:
    """The one of `names` that `word` was probably intended to be."""
    if not isinstance(word, str):
        return None
    by_plain = {_plain(name): name for name in names}
    plain = _plain(word)
    other = _OTHER_WORDS.get(plain.replace(" ", "_"))
    if other in by_plain:
        return by_plain[other]
    near = get_close_matches(plain, by_plain, n=1, cutoff=0.6)
    return by_plain[near[0]] if near else None


def describe(
    error: ValidationError,
    data: Found,
    model: type[BaseModel] | None = None,
    text: str = "",
    *,
    show: bool = True,
) -> str:
    """The message for all problems of `data`, which is not a valid `model`.

    With the file's `text`, it also names the line of a wrong table. Without `show` no value is
    shown.
    """
    return "; ".join(described(error, data, model, text, show=show))


def described(
    error: ValidationError,
    data: Found,
    model: type[BaseModel] | None = None,
    text: str = "",
    *,
    show: bool = True,
) -> list[str]:
    """As `describe`, each problem by itself; it begins with its place."""
    problems = error.errors(include_url=False)
    lines = [_line(problem, data, model, text, show) for problem in problems[:MOST_DESCRIBED]]
    more = [f"and {error.error_count() - MOST_DESCRIBED} more"] * (len(problems) > MOST_DESCRIBED)
    return list(dict.fromkeys([*lines, *more]))


def shown(value: object) -> str:
    """A value as it is written in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]" if len(value) < 4 else f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, str):
        return repr(_cut(value))
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _plain(word: str) -> str:
    return word.strip().casefold().replace("-", "_")


def _did_you_mean(word: object, names: Iterable[str]) -> str:
    name = closest(word, names)
    return f"; did you mean {name!r}?" if name else ""


def _line(
    problem: ErrorDetails,
    data: Found,
    model: type[BaseModel] | None,
    text: str,
    show: bool,  # noqa: FBT001 - of one caller
) -> str:
    loc = tuple(part for part in problem["loc"] if part not in _TAGS)
    found = problem["input"]
    key = _key(loc, data)
    if problem["type"].startswith("union_tag_"):
        key = f"{key} kind"
        found = found.get("kind") if isinstance(found, dict) else found
    refusal = _refusal(problem, found, _Place(model, loc))
    found_text = ""
    if not show:
        pass
    elif found is not None and not _has_tables(found) and not _SECRET.search(key):
        found_text = f" (found {shown(found)})"
    elif len(loc) == 1:
        found_text = _header(str(loc[0]), text)
    cure = f"; {refusal.cure}" if refusal.cure else ""
    said = f"{refusal.wrong}{found_text}{cure}"
    return f"{key}: {said}" if key else said


def _header(table: str, text: str) -> str:
    """The first line that names `table`, with its number."""
    for number, line in enumerate(text.split("\n"), start=1):
        if re.match(rf"\s*\[+\s*{re.escape(table)}\s*[].]", line):
            return f" (found {_cut(line.strip())} in line {number})"
    return ""


_SECRET = re.compile(r"(password|secret|token)\Z", re.IGNORECASE)
"""Keys whose value is never shown, though a site file has none of them."""


def _has_tables(found: object) -> bool:
    return isinstance(found, dict) or (isinstance(found, list) and any(map(_has_tables, found)))


def _key(loc: Sequence[int | str], data: Found) -> str:
    """A place in the file for people: `reader 'front' d0`, not `reader.0.wiegand.d0`.

    A table of a list has its name or number, else its position from 1.
    """
    if len(loc) < 2 or not isinstance(loc[1], int):
        return _dotted(loc)
    table, _, *rest = loc
    listed = data.get(str(table))
    item = listed[loc[1]] if isinstance(listed, list) else None
    given: Found = item if isinstance(item, dict) else {}
    if rest and rest[0] == given.get("kind"):
        rest = rest[1:]  # the class of reader, which `kind` names already
    name = given.get("name", given.get("number"))
    label = f"{table} {shown(name)}" if name is not None else f"{table} no. {loc[1] + 1}"
    return f"{label} {_dotted(rest)}".strip()


def _dotted(parts: Sequence[int | str]) -> str:
    words = (f" no. {part + 1}" if isinstance(part, int) else f".{part}" for part in parts)
    return "".join(words).removeprefix(".")


class _Place:
    """What the model allows at a place in the file."""

    def __init__(self, model: type[BaseModel] | None, loc: Sequence[int | str]) -> None:
        self._root = model
        self.key = str(loc[-1]) if loc else ""
        tables = [model] if model else []
        fields: list[FieldInfo] = []
        for part in loc[:-1]:
            tables, fields = _below(tables, part)
        self.tables = tables
        self._here: list[type[BaseModel]]
        self._here, self.fields = _below(tables, loc[-1]) if loc else (tables, fields)

    @property
    def keys(self) -> list[str]:
        """The keys of its table."""
        return list(dict.fromkeys(_written(*it) for t in self.tables for it in _fields(t)))

    @property
    def kinds(self) -> list[str]:
        """The values of the key `kind` of its table."""
        return [str(word) for table in self._here for word in _kinds(table)]

    @property
    def is_list_of_tables(self) -> bool:
        return any(_tables(field.annotation) for field in self.fields)

    def home(self) -> str:
        """The only other table with this key; empty if there is none or several."""
        homes = [
            f"[[{name}]]" if "tuple" in str(field.annotation) else f"[{name}]"
            for name, field in (_fields(self._root) if self._root else ())
            if any(
                self.key == _written(*it) for t in _tables(field.annotation) for it in _fields(t)
            )
        ]
        return homes[0] if len(homes) == 1 else ""

    def bounds(self) -> str:
        """`1 to 4`, `5 or more`, `at most 9`; empty without bounds."""
        facts = [fact for field in self.fields for fact in _facts(field)]
        lower = [
            it.ge if isinstance(it, Ge) else _plus(it.gt, 1)
            for it in facts
            if isinstance(it, Ge | Gt)
        ]
        upper = [
            it.le if isinstance(it, Le) else _plus(it.lt, -1)
            for it in facts
            if isinstance(it, Le | Lt)
        ]
        least, most = next(iter(lower), None), next(iter(upper), None)
        if least is not None and most is not None:
            return f"{least} to {most}"
        if least is not None:
            return f"{least} or more"
        return f"at most {most}" if most is not None else ""


def _refusal(problem: ErrorDetails, found: object, place: _Place) -> _Refusal:
    """The refusal for one problem; general for a kind that is not listed here."""
    kind, context = problem["type"], problem.get("ctx", {})
    name = place.key
    if kind in _TABLE_IS_NEEDED and isinstance(found, list) and _has_tables(found):
        return _Refusal(f"[{name}] with single brackets is needed: there is only one such table")
    if kind == "tuple_type" and place.is_list_of_tables:
        return _Refusal(f"[[{name}]] with double brackets is needed: each such table is one {name}")
    if kind == "extra_forbidden":
        return _unknown_key(place)
    if kind in _CHOICES:
        expected = str(context.get("expected") or context.get("expected_tags"))
        names = expected.replace("' or '", "', '").strip("'").split("', '")
        said = expected if " or " in expected else " or ".join(expected.rsplit(", ", 1))
        return _Refusal(f"{said} is allowed", _did_you_mean(found, names).removeprefix("; "))
    if kind == "value_error":
        return _Refusal(problem["msg"].removeprefix("Value error, "))
    bounds = (place.bounds() or _BOUNDS[kind] % context) if kind in _BOUNDS else ""
    general = _SENTENCES.get(kind, "this value cannot be used") % context
    kinds = f"allowed: {', '.join(place.kinds)}" if kind == "union_tag_not_found" else ""
    return _Refusal(f"{bounds} is allowed" if bounds else general, kinds)


def _unknown_key(place: _Place) -> _Refusal:
    if place.key in place.keys:
        return _Refusal("does not go with the other keys of its table")
    near = closest(place.key, place.keys)
    if near:
        return _Refusal("unknown key", f"did you mean {near!r}?")
    home = place.home()
    if home:
        return _Refusal("unknown key", f"it belongs to the table {home}")
    keys = ", ".join(place.keys)
    return _Refusal("unknown key", f"allowed: {keys}" if keys else "")


_TABLE_IS_NEEDED = frozenset({"model_type", "model_attributes_type", "dict_type"})
_CHOICES = frozenset({"enum", "literal_error", "union_tag_invalid"})
_BOUNDS = MappingProxyType(
    {
        "greater_than": "more than %(gt)s",
        "greater_than_equal": "%(ge)s or more",
        "less_than": "less than %(lt)s",
        "less_than_equal": "at most %(le)s",
    }
)
_TABLE = "a table is needed, such as { pin = 17, ... }"
_WHOLE = "a whole number is needed"
_NUMBER = "a number is needed"
_TEXT = "a text in quotes is needed"
_SWITCH = "true or false is needed, without quotes"
_SENTENCES = MappingProxyType(
    {
        "missing": "missing key",
        "union_tag_not_found": "missing key",
        "model_type": _TABLE,
        "model_attributes_type": _TABLE,
        "dict_type": "a table is needed, such as [initial.general]",
        "tuple_type": "a list is needed, such as [ ... ]",
        "int_parsing": _WHOLE,
        "int_type": _WHOLE,
        "int_from_float": _WHOLE,
        "int_parsing_size": "the number is too large",
        "float_parsing": _NUMBER,
        "float_type": _NUMBER,
        "finite_number": _NUMBER,
        "string_type": _TEXT,
        "string_too_short": "a text that is not empty is needed",
        "string_too_long": "at most %(max_length)s characters are allowed",
        "string_unicode": _TEXT,
        "bool_parsing": _SWITCH,
        "bool_type": _SWITCH,
    }
)
"""pydantic's kind of a problem -> what is wrong."""


def _below(tables: Sequence[type[BaseModel]], part: int | str) -> tuple[list[Any], list[FieldInfo]]:
    """The tables and fields that `part` of a place selects."""
    if isinstance(part, int):
        return list(tables), []
    of_kind = [table for table in tables if part in _kinds(table)]
    if of_kind:
        return of_kind, []
    fields = [
        field
        for table in tables
        for name, field in _fields(table)
        if part in {name, _written(name, field)} or part in _aliases(field)
    ]
    return [below for field in fields for below in _tables(field.annotation)], fields


def _fields(table: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    yield from table.model_fields.items()


def _kinds(table: type[BaseModel]) -> tuple[object, ...]:
    """The values of `kind` that select this table."""
    kind = table.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()


def _aliases(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [alias] if isinstance(alias, str) else []


def _written(name: str, field: FieldInfo) -> str:
    """The key of a field in the file."""
    return (_aliases(field) or [name])[0]


def _tables(annotation: object) -> list[type[BaseModel]]:
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for part in get_args(annotation) for table in _tables(part)]


def _facts(field: FieldInfo) -> Iterator[object]:
    """The limits of a field, including those of an optional one."""
    yield from field.metadata
    for part in get_args(field.annotation):
        for fact in getattr(part, "__metadata__", ()):
            yield from getattr(fact, "metadata", (fact,))


def _plus(bound: object, step: int) -> object:
    return bound + step if isinstance(bound, int) else bound
