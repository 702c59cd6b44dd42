"""The objects of one file: the built-in ones and the custom ones that its rows name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import peewee

from gateway.objects.custom import CustomColumn, CustomTable, extended
from gateway.objects.declaration import Registry
from gateway.objects.visitors import CUSTOM_TABLE_NAMES

TABLES, COLUMNS, TYPES = "custom_tables", "custom_columns", "custom_column_types"

# A client named a field without a type before this program made columns for them.
_COLUMNS = """
SELECT c.custom_table_id, c.column_name, t.type, t."constraint", t.default_value, t."unique",
       t.target
FROM custom_columns AS c LEFT JOIN custom_column_types AS t ON t.custom_column_id = c.id
ORDER BY c.id
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """The objects of a file."""

    registry: Registry
    problems: tuple[str, ...] = ()
    """Why rows that name an impossible custom table or field were ignored."""


def read_shape(registry: Registry, run: Callable[[str], sqlite3.Cursor]) -> Shape:
    """The objects of `registry` and the custom ones of the file on which `run` runs SQL."""
    if TYPES not in registry:
        return Shape(registry)
    columns: dict[int, list[CustomColumn]] = {}
    for table, name, kind, constraint, default, unique, target in run(_COLUMNS):
        column = CustomColumn(str(name))
        if kind is not None:
            column = CustomColumn(
                str(name), str(kind), str(constraint), default, unique == 1, str(target)
            )
        columns.setdefault(table, []).append(column)
    named = run(f"SELECT id, table_name FROM {TABLES} ORDER BY id").fetchall()  # noqa: S608 - a constant
    found, problems = extended(
        registry,
        (CustomTable(str(name), tuple(columns.get(number, ()))) for number, name in named),
    )
    return Shape(found, tuple(problems))


def name_custom_tables(database: peewee.Database, registry: Registry) -> None:
    """Add missing rows of the custom tables that every device has."""
    if TYPES not in registry:
        return
    found = database.execute_sql(f"SELECT table_name, id FROM {TABLES}").fetchall()  # noqa: S608 - a constant
    present = dict(found)
    for number, (name, title) in enumerate(CUSTOM_TABLE_NAMES.items(), start=1):
        if name not in present:
            made = database.execute_sql(
                f"INSERT INTO {TABLES} (id, table_name, name) VALUES (?, ?, ?)",  # noqa: S608 - as above
                (None if number in present.values() else number, name, title),
            )
            present[name] = made.lastrowid
