"""Custom tables and custom fields: declarations that derive from rows at run time.

A client adds fields to the tables `c_users`, `c_visits` and `_visitors`, or whole tables, with
`object_add_field` and `object_add`. `custom_tables` and `custom_columns` name them, as on a device;
`custom_column_types`, ours, holds what those two have no columns for. From the rows follow the same
declarations that the built-in objects have, so that validation, schema, joins, metadata, reports,
export and backup need no special cases.

Sources: the web pages of devices of this family, captured in 2026. They name a table
`_Contractor72250`, a field `_Badge64189`, send the types TEXT and INTEGER, the constraints NONE,
NOT_NULL, PRIMARY_KEY and FOREIGN_KEY, and 0 as the default value of a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import peewee

from gateway.errors import InvalidRequest
from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.fields import I64, Field, Id, Int, Ref, Text, invalid_member

MOST_TABLES = 32
MOST_COLUMNS = 64
"""Fields of one custom table, including its key and references."""

NONE, NOT_NULL, PRIMARY_KEY, FOREIGN_KEY = "NONE", "NOT_NULL", "PRIMARY_KEY", "FOREIGN_KEY"
CONSTRAINTS = (NONE, NOT_NULL, PRIMARY_KEY, FOREIGN_KEY)

_KINDS: Mapping[str, type[Text | Int | I64]] = MappingProxyType(
    {"TEXT": Text, "INTEGER": Int, "BIGINT": I64}
)
TYPES = tuple(_KINDS)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PREFIXES = ("c_", "_")
"""Beginnings of the names of custom tables. No other table has them, in this version or a later
one, so a client can never choose the name of a built-in table."""
_RESERVED = frozenset(
    # SQLite's names of a row's number; words that direct a sort order; names inside of models.
    ("rowid", "oid", "_rowid_", "ascending", "descending", "asc", "desc", "meta", "_dirty")
)


@dataclass(frozen=True, slots=True)
class CustomColumn:
    """One row of `custom_columns`, with its type."""

    name: str
    type: str = "TEXT"
    constraint: str = NONE
    default: str | None = None
    """As text for every type; None for none."""
    unique: bool = False
    target: str = ""
    """The object that a foreign key refers to."""

    def field(self) -> Field:
        """The declaration of this column.

        Raises InvalidRequest, naming the member, for an invalid name, an unknown type or
        constraint, and a default value of another type.
        """
        _check_column_name(self.name)
        kind = _KINDS.get(self.type)
        if kind is None:
            raise invalid_member("type", f"one of {', '.join(TYPES)}", repr(self.type))
        if self.constraint == PRIMARY_KEY:
            return Id(self.name)
        if self.constraint == FOREIGN_KEY:
            return Ref(self.name, self.target)
        if self.constraint not in CONSTRAINTS:
            found = repr(self.constraint)
            raise invalid_member("constraint", f"one of {', '.join(CONSTRAINTS)}", found)
        obliged = self.constraint == NOT_NULL
        if self.unique and not obliged:
            # No default: rows without the field would all have the same value.
            return kind(self.name, unique=True)
        default = self._default(kind(self.name))
        return kind(
            self.name,
            default=default,
            nullable=not obliged,
            unique=self.unique,
            required=obliged and self.unique,
        )

    def _default(self, field: Field) -> int | str:
        """The default; an empty text or 0 if it is empty."""
        text = self.default or ""
        if isinstance(field, Text):
            return field.decode(text)
        try:
            number = int(text or 0)
        except ValueError:
            raise invalid_member("default_value", "int", repr(text)) from None
        field.decode(number)
        return number


@dataclass(frozen=True, slots=True)
class CustomTable:
    """One row of `custom_tables`, with its columns."""

    name: str
    columns: tuple[CustomColumn, ...] = ()


def _check_column_name(name: str) -> None:
    _check_name("column_name", name)
    if (
        name.lower() in _RESERVED
        or name.startswith("__")
        or any(hasattr(peewee.Model, given) for given in (name, name.lower()))
    ):
        raise InvalidRequest(f"Invalid member 'column_name' ({name} is reserved: choose another)")


def _check_name(member: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        expected = "letters a-z, digits and underscores, at most 63, not beginning with a digit,"
        raise invalid_member(member, expected, repr(name[:80]))


def check_new_table(registry: Registry, name: str) -> None:
    """Raise InvalidRequest unless a custom table called `name` can be added."""
    _check_name("object", name)
    if not name.startswith(_PREFIXES) or name.startswith("__"):
        raise invalid_member("object", "a name that begins with c_ or _", repr(name))
    if name.lower() in {declared.name.lower() for declared in registry}:
        raise InvalidRequest(f"{name} exists already")
    if sum(declared.custom for declared in registry) >= MOST_TABLES:
        raise InvalidRequest(f"there are {MOST_TABLES} custom tables already, which is the limit")


def with_column(registry: Registry, declared: ObjectType, column: CustomColumn) -> ObjectType:
    """`declared` with one more field. Raises InvalidRequest if that is not possible."""
    field = column.field()
    if field.name.lower() in {member.name.lower() for member in declared.fields}:
        raise InvalidRequest(f"{declared.name} has a field {field.name} already")
    if len(declared.fields) >= MOST_COLUMNS:
        raise InvalidRequest(f"{declared.name} has {MOST_COLUMNS} fields, which is the limit")
    if isinstance(field, Id) and declared.key:
        raise InvalidRequest(f"{declared.name} has two primary keys")
    if isinstance(field, Ref):
        target = registry[field.target]
        if target.custom or target.key is None:
            raise InvalidRequest(f"no field can refer to {field.target}")
    return replace(declared, fields=(*declared.fields, field))


def extended(registry: Registry, tables: Iterable[CustomTable]) -> tuple[Registry, list[str]]:
    """`registry` with custom `tables` and fields, and the problems with them.

    An invalid table or field is skipped and reported, so that one damaged row does not affect the
    others.
    """
    problems: list[str] = []
    found = registry
    for table in tables:
        known = table.name in registry and registry[table.name].custom
        if not known:
            try:
                check_new_table(found, table.name)
            except InvalidRequest as error:
                problems.append(f"custom table {table.name!r}: {error}")
                continue
        declared = registry[table.name] if known else new_table(table.name)
        for column in table.columns:
            try:
                declared = with_column(registry, declared, column)
            except InvalidRequest as error:
                problems.append(f"custom field {table.name}.{column.name!r}: {error}")
        if table.columns or not known:
            found = found.with_(declared)
    return found, problems


def new_table(name: str) -> ObjectType:
    """A custom table without fields."""
    return ObjectType(name, (), custom=True)
