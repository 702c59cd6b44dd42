"""Builds the answer of `object_metadata` from declarations (Control iD Access API, 2.7)."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.fields import Field, Id, Ref
from gateway.objects.joins import Joins, Pair

SPECIAL_COLUMNS = "special_columns"
"""The name under which devices describe `COUNT(*)`; it is no table."""

_COUNT = {
    "type": "INTEGER",
    "primary key": False,
    "foreign key": None,
    "not null": False,
    "default value": None,
    "unique": False,
}


def object_metadata(registry: Registry, *, custom: bool = False) -> dict[str, dict[str, object]]:
    """Object -> its ordinary fields and its join paths; with `custom`, of custom tables only."""
    joins = Joins(registry)
    tables: dict[str, dict[str, object]] = {
        declared.name: {
            "fields": {
                field.name: _field(registry, field)
                for field in declared.ordinary(show_secrets=True)
            },
            "joins": _joins(declared, joins),
        }
        for declared in registry
        if declared.custom or not custom
    }
    if custom:
        return tables
    return {**tables, SPECIAL_COLUMNS: {"fields": {"COUNT(*)": _COUNT}, "joins": {}}}


def _field(registry: Registry, field: Field) -> dict[str, object]:
    return {
        "type": field.sql_type,
        "primary key": isinstance(field, Id),
        "foreign key": _target(registry, field),
        "not null": field.not_null,
        "default value": _default(field),
        "unique": field.unique or isinstance(field, Id),
    }


def _default(field: Field) -> object:
    return None if field.secret or field.default is None else field.encode(field.default)


def _target(registry: Registry, field: Field) -> Mapping[str, str] | None:
    if not isinstance(field, Ref):
        return None
    return {"object": field.target, "field": registry[field.target].key_name}


def _joins(declared: ObjectType, joins: Joins) -> dict[str, list[dict[str, str]]]:
    """A chain of equal pairs for each object that can be joined; links have none."""
    if declared.link:
        return {}
    return {
        name: [end for pair in way for end in _ends(pair)]
        for name, way in joins.reachable(declared.name)
    }


def _ends(pair: Pair) -> tuple[dict[str, str], dict[str, str]]:
    (left, left_field), (right, right_field) = pair.left, pair.right
    return {"object": left, "field": left_field}, {"object": right, "field": right_field}
