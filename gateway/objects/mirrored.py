"""What the controller reads of the store: the tables and columns that its mirror holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.fields import Field

_TERMS = ("status", "begin_time", "end_time", "uses")

_PEOPLE: Mapping[str, Collection[str] | None] = {
    # The rest of the row, such as when the person was seen last, decides nothing.
    "users": (
        "id",
        "name",
        "password",
        "salt",
        "panic_password",
        "panic_salt",
        "begin_time",
        "end_time",
        "extended_times",
    ),
    # The uses that were made are counted in the controller's own file.
    "cards": ("id", "value", "user_id", "secret", "panic", *_TERMS),
    "qrcodes": ("id", "value", "user_id", *_TERMS),
    "uhf_tags": ("id", "value", "user_id", *_TERMS),
    "pins": ("id", "value", "user_id", "pin_type", *_TERMS),
    "user_groups": None,
    "user_access_rules": None,
    "opening_times": None,
    "antipassback_exemptions": None,
    "contingency_cards": None,
    # For the names in the event log.
    "groups": None,
}
"""Tables that are read for one person at a time -> their columns, None for all."""


def mirrored_fields(declared: ObjectType) -> tuple[Field, ...]:
    """The fields of an object that the mirror holds; none for one that it does not."""
    if declared.policy:
        return declared.fields
    if declared.name not in _PEOPLE:
        return ()
    names = _PEOPLE[declared.name]
    return tuple(field for field in declared.fields if names is None or field.name in names)


def mirrored(registry: Registry) -> dict[str, tuple[Field, ...]]:
    """Object -> the fields that the mirror holds."""
    found = {declared.name: mirrored_fields(declared) for declared in registry}
    return {name: fields for name, fields in found.items() if fields}
