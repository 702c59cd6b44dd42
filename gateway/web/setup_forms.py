"""The first start's forms as changes of a site file's tables. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from gateway.settings import OsdpReader, Reader

Tables = Mapping[str, Any]
Form = Mapping[str, str]

MOST_DOORS = 4
_LONGEST_NUMBER = 9
_OF_OTHER_INPUTS = {
    "reader", "input", "adc", "channel", "series_ohm", "parallel_ohm", "tolerance_percent"
}  # fmt: skip
"""Keys of inputs that are not at pins."""
_OF_EVERY_READER = {"name", "index", "portal", "kind"}


_OF_ITS_BUS = {"address", "baud"}
"""Keys with a default that differs between readers on one bus, or between buses."""


@dataclass(frozen=True, slots=True)
class ReaderKey:
    """A key that a kind of reader cannot do without, or that is asked for all the same."""

    name: str
    pin: bool
    number: bool
    """Its value is a number; a pin is one too."""
    choices: tuple[str, ...]
    """Empty for any value."""
    default: str
    """Empty for none."""


@cache
def reader_kinds() -> Mapping[str, tuple[ReaderKey, ...]]:
    """The kinds of reader that a site file knows, with the keys that each needs."""
    found = {}
    for model in get_args(get_args(Reader)[0]):
        (kind,) = get_args(model.model_fields["kind"].annotation)
        asked = _OF_ITS_BUS if model is OsdpReader else set()
        found[kind] = tuple(
            _key(name, it)
            for name, it in model.model_fields.items()
            if (it.is_required() and name not in _OF_EVERY_READER) or name in asked
        )
    return found


def _key(name: str, field: FieldInfo) -> ReaderKey:
    choices = _choices(field.annotation)
    number = field.annotation is int or any(isinstance(it, int) for it in choices)
    return ReaderKey(
        name,
        pin=number and field.is_required(),
        number=number,
        choices=tuple(map(str, choices)),
        default="" if field.is_required() else str(field.default),
    )


def _choices(of: Any) -> tuple[Any, ...]:
    if isinstance(of, type) and issubclass(of, StrEnum):
        return tuple(it.value for it in of)
    return get_args(of) if get_origin(of) is Literal else ()


def with_board(tables: Tables, form: Form, hats: list[str]) -> dict[str, Any]:
    """`tables` with the device's name, zone, board and modules."""
    site = {**tables.get("site", {})}
    site |= {key: form.get(key, "").strip() for key in ("name", "timezone", "board")}
    site["hats"] = hats
    return {**tables, "site": site}


def shuts_in(door: Mapping[str, Any]) -> bool:
    """Whether nobody gets out of a door while this device hangs: power keeps it shut, and only the
    device takes the power away."""
    return door.get("egress") == "software" and door.get("lock", {}).get("kind") == "magnet"


def with_door(tables: Tables, number: int, form: Form) -> dict[str, Any]:
    """`tables` with door `number` and its reader as the form has them.

    Keys that the form does not know stay as they are.
    """
    title = form.get("title", "").strip()
    doors, readers = list(tables.get("door", ())), list(tables.get("reader", ()))
    door = door_of(tables, number)
    taken = {it.get("name") for it in doors if it.get("id") != number}
    name = door.get("name") or _name(title, number, taken)
    door |= {"id": number, "name": name, "egress": form.get("egress", "")}
    door.pop("strike", None)
    door["lock"] = _lock(door.get("lock", {}), form)
    _put(door, "title", title)
    for key in ("sensor", "rex"):
        pin, had = form.get(key, ""), door.get(key, {})
        if pin:
            kept = {name: it for name, it in had.items() if name not in _OF_OTHER_INPUTS}
            door[key] = {"pull": "up", **kept, "pin": int(pin)}
        elif had.keys().isdisjoint({"reader", "adc"}):  # inputs that the form does not know
            door.pop(key, None)
    doors = [it for it in doors if it.get("id") != number]
    reader = reader_of(tables, number)
    readers = [it for it in readers if it is not reader]
    wired = _wired(form)
    if wired:
        same = reader is not None and reader.get("kind") == wired["kind"]
        kept = {key: it for key, it in (reader or {}).items() if same or key in _OF_EVERY_READER}
        readers.append(_reader(kept, tables, number, name, title) | wired)
    changed = {**tables, "door": sorted([*doors, door], key=lambda it: int(it.get("id", 0)))}
    _put(changed, "reader", sorted(readers, key=lambda it: int(it.get("index", 0))) or None)
    return changed


def without_door(tables: Tables, number: int) -> dict[str, Any]:
    """`tables` without door `number` and the reader that stands for its portal."""
    reader = reader_of(tables, number)
    changed = {**tables}
    _put(changed, "door", [it for it in tables.get("door", ()) if it.get("id") != number] or None)
    _put(changed, "reader", [it for it in tables.get("reader", ()) if it is not reader] or None)
    return changed


def door_of(tables: Tables, number: int) -> dict[str, Any]:
    """The table of door `number`; empty without one."""
    return dict(next((it for it in tables.get("door", ()) if it.get("id") == number), {}))


def reader_of(tables: Tables, number: int) -> dict[str, Any] | None:
    """The first reader that stands for the portal of door `number`."""
    readers: list[dict[str, Any]] = list(tables.get("reader", ()))
    return next((it for it in readers if it.get("portal") == number), None)


def next_door(tables: Tables) -> int | None:
    """The lowest number without a door; None with all four."""
    taken = {it.get("id") for it in tables.get("door", ())}
    return next((number for number in range(1, MOST_DOORS + 1) if number not in taken), None)


def _put(table: dict[str, Any], key: str, value: object) -> None:
    if value:
        table[key] = value
    else:
        table.pop(key, None)


def _lock(lock: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """The output of a lock: `pin:17`, or `relay:CH1` of a module with relays of its own pins."""
    how, _, which = form.get("output", "").partition(":")
    kept = {key: it for key, it in lock.items() if key not in {"pin", "relay", "kind"}}
    if lock.get("kind") != form.get("kind"):
        kept = {key: it for key, it in kept.items() if key not in {"locked", "unlocked"}}
    is_pin = how == "pin" and which.isdecimal() and len(which) < 10
    place: dict[str, Any] = {how: int(which) if is_pin else which}
    return {**(place if which else {}), "kind": form.get("kind", ""), **kept}


def _wired(form: Form) -> dict[str, Any]:
    """The kind of reader that the form has, and where it is connected; empty for none."""
    kind = form.get("reader", "")
    keys = reader_kinds().get(kind, ())
    given = {it: form.get(f"{kind}.{it.name}", "").strip() for it in keys}
    own = {it.name: _value(it, text) for it, text in given.items() if text}
    return {"kind": kind, **own} if own else {}


def _value(key: ReaderKey, text: str) -> int | str:
    """Raises ValueError for a number that is none."""
    if not key.number:
        return text
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"{text[:_LONGEST_NUMBER]}... is too long for a number")
    return int(text)


def _reader(
    reader: Mapping[str, Any], tables: Tables, number: int, name: str, title: str
) -> dict[str, Any]:
    """What a reader of any kind has; of one of the same kind all that it had."""
    taken = {it.get("index") for it in tables.get("reader", ())}
    free = next(index for index in range(number, number + len(taken) + 1) if index not in taken)
    names = {it.get("name") for it in tables.get("reader", ())}
    return {
        "name": name if name not in names else f"{name}-{free}",
        "index": free,
        **({"title": title} if title else {}),
        **reader,
        "portal": number,
    }


def _name(title: str, number: int, taken: set[Any]) -> str:
    """A name for commands from a title: small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().casefold()
    words = "".join(letter if letter.isalnum() else " " for letter in plain).split()
    name = "-".join(words)[:32].rstrip("-")
    return name if name[:1].isalpha() and name not in taken else f"door{number}"
