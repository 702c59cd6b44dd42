"""One row on its way into the mirror: checked by its declaration, and what becomes of a bad one.

A releasing rule that cannot be read does not release, a blocking one blocks, a person is denied.
Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from gateway.errors import InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.objects.fields import Field, Int, Text, has_controls_in_name
from gateway.objects.mirrored import mirrored
from gateway.objects.stored import raw_storable, storable
from gateway.store.objects.schema import CONFIGURATION_KEY, quote

Value = int | str | bytes | float | None
"""As SQLite gives it; bytes also for a text that is not UTF-8."""
Key = int | str | bytes

_UNREADABLE = "\0"
"""A configuration value that no key takes."""
SHOWN_ONLY = frozenset({"name", "reason", "login", "message"})
"""Texts that people read and that decide nothing."""

_SAFE: Mapping[str, Mapping[str, Value]] = {
    # A rule of which nobody knows whether it blocks does.
    "access_rules": {"type": 0, "priority": 0},
    # Compiling reads such a span to the safe side.
    "time_spans": dict.fromkeys(("start", "end"), -1)
    | dict.fromkeys(("sun", "mon", "tue", "wed", "thu", "fri", "sat", "hol1", "hol2", "hol3"), 0),
    # A tie to nothing: no time in which to release, a condition that is never met.
    "access_rule_time_zones": {"time_zone_id": -1},
    "access_rule_validations": {"validation_id": -1},
    "user_identification_rules": {"identification_rule_id": -1, "type": 0},
    "group_identification_rules": {"identification_rule_id": -1, "type": 0},
    # A condition that nobody knows.
    "validations": {"validation": "", "parameters": ""},
    "portal_rules": {"type": -1, "priority": 0},
    "portal_rule_users": {"user_id": -1},
    "portal_rule_validations": {"validation_id": -1},
    "portal_rule_time_zones": {"time_zone_id": -1},
    "antipassback_areas": {"mode": 2},
    # Everything is asked for, at any time.
    "portal_factor_modes": {"mode": 3, "time_zone_id": -1},
    "configuration": {"value": _UNREADABLE},
}
"""Table -> column -> the value that takes the place of one that cannot be read."""
MAY_BLOCK = frozenset(
    {
        "access_rule_validations",
        "antipassback_areas",
        "occupancy_limits",
        "escort_rules",
        "area_access_rules",
        "group_access_rules",
        "group_identification_rules",
        "holidays",
        "portal_factor_modes",
        "portal_access_rules",
        "portal_portal_rules",
        "portal_rule_groups",
        "portal_rule_time_zones",
        "portal_rule_users",
        "portal_rule_validations",
        "time_spans",
        "user_identification_rules",
    }
)
"""Without a row of these somebody might pass who must not."""
_TERMS = ("status", "begin_time", "end_time", "uses")
_DENIED: Mapping[str, frozenset[str]] = {
    "users": frozenset(
        {"password", "salt", "panic_password", "panic_salt", "begin_time", "end_time"}
    ),
    "cards": frozenset({"secret", "panic", *_TERMS}),
    "qrcodes": frozenset(_TERMS),
    "uhf_tags": frozenset(_TERMS),
    "pins": frozenset({"pin_type", *_TERMS}),
    "user_groups": frozenset({"group_id", "end_time"}),
    "user_access_rules": frozenset({"access_rule_id", "end_time"}),
}
"""Table -> columns without which its person is denied."""


class Fate(Enum):
    """What becomes of a row."""

    COPIED = auto()
    """As it is, or with a safe value in the place of one that cannot be read."""
    DENIES = auto()
    """It is kept without a check sum: reading it raises, and its person is denied."""
    LEFT_OUT = auto()
    STOPS = auto()
    """It is left out, and no rules are put in force until it can be read."""
    KEPT = auto()
    """The mirror keeps the row as it was when it could be read last."""


@dataclass(frozen=True, slots=True)
class MirrorTable:
    """A table that is mirrored."""

    name: str
    key: str
    """SQL for what names a row in the store."""
    fields: tuple[Field, ...]
    """The key is not among them where it is a number that clients do not see, or a text."""
    lookups: tuple[str, ...] = ()
    """Columns by which people are looked up."""
    policy: bool = False
    """Compiled, not read for a person."""
    check: Callable[[Mapping[str, Any]], object] | None = None
    """As in ObjectType."""

    @property
    def columns(self) -> str:
        return ", ".join(quote(field.name) for field in self.fields)

    @property
    def deciding_columns(self) -> str:
        """As `columns`, with nothing in the place of texts that decide nothing."""
        names = (field.name for field in self.fields)
        return ", ".join("NULL" if name in SHOWN_ONLY else quote(name) for name in names)


@dataclass(frozen=True, slots=True)
class MirrorRow:
    """What the mirror is to hold of a row; `values` None for nothing."""

    fate: Fate
    values: tuple[Value, ...] | None
    bad: tuple[str, ...] = ()
    """The columns that cannot be read."""
    found: Mapping[str, Value] | None = None
    """What was read, bad or not, of a row that is left out."""

    def or_last(self, table: MirrorTable, last: Sequence[Value]) -> MirrorRow:
        """This row, or in the place of one that stops the `last` values that could be read.

        These take its place only while all that can still be read of it is the same: otherwise
        somebody changed the row, and nobody knows into what.
        """
        if self.fate is not Fate.STOPS or self.found is None:
            return self
        before = dict(zip(_names(table), last, strict=True))
        if any(self.found[name] != value for name, value in before.items() if name not in self.bad):
            return self
        return MirrorRow(Fate.KEPT, tuple(last), self.bad)

    def total(self, table: str, key: Key) -> int | None:
        """The check sum, None for a row whose reading must fail."""
        if self.values is None or self.fate is Fate.DENIES:
            return None
        return check_sum(table, key, self.values)


def check_sum(table: str, key: Key, values: Sequence[Value]) -> int:
    """The CRC-32 of a row. Other versions of Python escape the same characters by `ascii`."""
    return zlib.crc32(ascii((table, key, *values)).encode("ascii"))


def _tables() -> dict[str, MirrorTable]:
    found = {}
    for name, fields in mirrored(REGISTRY).items():
        declared = REGISTRY[name]
        lookups = tuple(
            field.name
            for field in fields
            if not declared.policy and field.name in ("value", "user_id")
        )
        others = tuple(field for field in fields if field is not declared.key)
        key = quote(declared.key_name)
        found[name] = MirrorTable(name, key, others, lookups, declared.policy, declared.check)
    texts = tuple(Text(column, required=True) for column in ("module", "key", "value"))
    found["configuration"] = MirrorTable("configuration", CONFIGURATION_KEY, texts, (), policy=True)
    number = (Int("device_id", required=True),)
    found["device_identity"] = MirrorTable("device_identity", "id", number)
    return found


TABLES: Mapping[str, MirrorTable] = _tables()


def read_row(
    table: MirrorTable, values: Sequence[Value], releases: frozenset[Value] = frozenset()
) -> MirrorRow:
    """What becomes of a row of `table` with the `values` of its fields.

    `releases` are the ids of the rules that are known to release: a bad tie to one of these
    blocks nobody.
    """
    bad = tuple(
        field.name
        for field, value in zip(table.fields, values, strict=True)
        if not raw_storable(field, value)
    )
    if not bad:
        if table.check is not None:
            named = dict(zip(_names(table), values, strict=True))
            try:
                table.check(named)
            except InvalidRequest:
                return _without(table, ("row",), named, releases)
        return MirrorRow(Fate.COPIED, tuple(values))
    safe, denied = _SAFE.get(table.name, {}), _DENIED.get(table.name, frozenset())
    kept: dict[str, Value] = {}
    fate = Fate.COPIED
    for field, value in zip(table.fields, values, strict=True):
        kept[field.name] = value
        if field.name not in bad:
            continue
        if field.name in SHOWN_ONLY:
            kept[field.name] = _shown(field, value)
        elif field.name in safe:
            kept[field.name] = safe[field.name]
        elif field.name in denied:
            kept[field.name], fate = None, Fate.DENIES
        else:
            return _without(table, bad, dict(zip(_names(table), values, strict=True)), releases)
    return MirrorRow(fate, tuple(kept.values()), bad)


def unreadable_row(table: MirrorTable) -> MirrorRow:
    """What becomes of a row that SQLite itself cannot give."""
    return read_row(table, [_NOTHING] * len(table.fields))


_NOTHING = 0.5
"""A value that no field takes."""


def _names(table: MirrorTable) -> list[str]:
    return [field.name for field in table.fields]


def _without(
    table: MirrorTable,
    bad: tuple[str, ...],
    named: Mapping[str, Value],
    releases: frozenset[Value],
) -> MirrorRow:
    rule = named.get("access_rule_id")
    harmless = "access_rule_id" not in bad and type(rule) is int and rule in releases
    stops = table.name in MAY_BLOCK and not harmless
    return MirrorRow(Fate.STOPS if stops else Fate.LEFT_OUT, None, bad, named)


def _shown(field: Field, value: Value) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
    text = "".join("\ufffd" if has_controls_in_name(letter) else letter for letter in text)
    return text if storable(field, text) else ""
