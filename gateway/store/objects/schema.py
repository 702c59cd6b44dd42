"""Tables, indices and triggers, derived from the declarations.

Only this module composes SQL text from names. Every name comes from a declaration, which has
checked that it is a plain identifier, and is quoted here as well. Clients choose only the names of
custom tables and fields; those pass the same check, see `gateway.objects.custom`. Queries and
writes are peewee expressions with bound values.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import peewee

from gateway.objects.declaration import ROWID, ObjectType, Registry
from gateway.objects.fields import Field, Id, Ref, Stored
from gateway.store.files.database import check_form
from gateway.store.objects.custom_rows import Shape, name_custom_tables, read_shape
from gateway.store.objects.migrations import MIGRATIONS, VERSION

CHANGE_LOG = "change_logs"
_TRIGGER = "gateway_"
"""Prefix of the names of our triggers; others in the file stay untouched."""


class PolicyVersion(peewee.Model):
    """One row: a number that triggers raise with every change of a policy table.

    The model is bound to no database: run its queries with `execute(database)`, or their SQL.
    """

    version = peewee.BigIntegerField()

    class Meta:
        """Table name."""

        table_name = "policy_version"


def quote(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Stored) -> str:
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else str(value)


def _column_sql(registry: Registry, field: Field) -> str:
    if isinstance(field, Id):
        # AUTOINCREMENT never assigns an id twice, so an old log never names a new person.
        return f"{quote(field.name)} INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL"
    parts = [quote(field.name), field.sql_type]
    if field.not_null:
        parts.append("NOT NULL")
    default = field.default
    if isinstance(default, int):
        default = field.column().db_value(default)
    if default is not None:
        parts.append(f"DEFAULT {_literal(default)}")
    if isinstance(field, Ref) and field.enforced:
        key = registry[field.target].key_name
        parts.append(
            f"REFERENCES {quote(field.target)} ({quote(key)}) "
            f"ON DELETE {field.on_delete} ON UPDATE CASCADE"
        )
    return " ".join(parts)


def _table_sql(registry: Registry, declared: ObjectType) -> str:
    columns = [_column_sql(registry, field) for field in declared.fields]
    if declared.key is None:
        columns.insert(0, f"{quote(ROWID)} INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL")
    return f"CREATE TABLE {quote(declared.name)} ({', '.join(columns)})"


def _index_sql(declared: ObjectType) -> Iterator[str]:
    unique: list[tuple[str, ...]] = [(field.name,) for field in declared.fields if field.unique]
    unique.extend(declared.pairs_unique)
    covered = {columns[0] for columns in unique}
    for columns in unique:
        yield _one_index(declared, columns, unique=True)
    for field in declared.fields:
        expected = field.indexed or (isinstance(field, Ref) and field.selective)
        if expected and field.name not in covered:
            yield _one_index(declared, (field.name,), unique=False)


def _one_index(declared: ObjectType, columns: tuple[str, ...], *, unique: bool) -> str:
    name = _index_name(declared, columns, unique=unique)
    listed = ", ".join(quote(column) for column in columns)
    kind = "UNIQUE INDEX" if unique else "INDEX"
    return f"CREATE {kind} IF NOT EXISTS {name} ON {quote(declared.name)} ({listed})"


def _index_name(declared: ObjectType, columns: tuple[str, ...], *, unique: bool) -> str:
    # Names that clients choose cannot contain the separator, so that two indices never get the
    # same name: `IF NOT EXISTS` would skip the second.
    separator = "." if declared.custom else "_"
    return quote(separator.join((declared.name, *columns, "unique" if unique else "index")))


def _trigger(name: str, when: str, body: str) -> tuple[str, str]:
    full = _TRIGGER + name
    return full, f"CREATE TRIGGER {quote(full)} AFTER {when} BEGIN {body} END"


def _policy_triggers(table: str) -> Iterator[tuple[str, str]]:
    for event in ("INSERT", "UPDATE", "DELETE"):
        yield _trigger(
            f"policy_{table}_{event.lower()}",
            f"{event} ON {quote(table)}",
            "UPDATE policy_version SET version = version + 1;",
        )


def _change_row(operation: str, declared: ObjectType, row: str) -> str:
    return (
        f"INSERT INTO {quote(CHANGE_LOG)} "  # noqa: S608 - declared names only, see above
        "(operation_type, table_name, table_id, timestamp) "
        f"VALUES ({_literal(operation)}, {_literal(declared.name)}, "
        f"{row}.{quote(declared.key_name)}, device_stamp());"
    )


def _change_triggers(declared: ObjectType) -> Iterator[tuple[str, str]]:
    """Triggers that write the change log; deletions by cascade fire them too."""
    table, key = quote(declared.name), quote(declared.key_name)
    loud = ", ".join(quote(field.name) for field in declared.fields if not field.quiet)
    inserted = _change_row("insert", declared, "NEW")
    updated = _change_row("update", declared, "NEW")
    deleted = _change_row("delete", declared, "OLD")
    name = f"change_{declared.name}"
    yield _trigger(f"{name}_insert", f"INSERT ON {table}", inserted)
    yield _trigger(f"{name}_delete", f"DELETE ON {table}", deleted)
    same = f"UPDATE OF {loud} ON {table} WHEN OLD.{key} = NEW.{key}"
    yield _trigger(f"{name}_update", same, updated)
    # A client that follows the log by id sees the old id deleted and the new one inserted.
    moved = f"UPDATE OF {key} ON {table} WHEN OLD.{key} <> NEW.{key}"
    yield _trigger(f"{name}_rename", moved, f"{deleted} {inserted}")


def _ring_trigger(declared: ObjectType) -> tuple[str, str]:
    table, key = quote(declared.name), quote(declared.key_name)
    return _trigger(
        f"ring_{declared.name}",
        f"INSERT ON {table}",
        f"DELETE FROM {table} WHERE {key} <= NEW.{key} - {declared.ring};",  # noqa: S608 - as above
    )


def _triggers(registry: Registry) -> dict[str, str]:
    expected = dict(_policy_triggers("configuration"))
    for declared in registry:
        if declared.policy:
            expected.update(_policy_triggers(declared.name))
        if declared.change_logged and CHANGE_LOG in registry:
            expected.update(_change_triggers(declared))
        if declared.ring:
            expected.update((_ring_trigger(declared),))
    return expected


def prepare(database: peewee.SqliteDatabase, registry: Registry, path: Path) -> Shape:
    """Bring the file to the form of this program in one transaction; returns its objects.

    `registry` holds the built-in objects. Raises StorageError if a newer program wrote the file.
    """
    with database.atomic("IMMEDIATE"):
        found = check_form(database, path, VERSION)
        for migrate in MIGRATIONS[found:]:
            migrate(database)
        if found < VERSION:
            database.execute_sql(f"PRAGMA user_version = {VERSION}")
        fit(database, registry)
        name_custom_tables(database, registry)
        shape = read_shape(registry, database.execute_sql)
        fit(database, shape.registry)
        _renew_triggers(database, shape.registry)
    return shape


def fit(database: peewee.SqliteDatabase, registry: Registry) -> None:
    """Add the tables, columns and indices of `registry` that the file lacks."""
    tables = set(database.get_tables())
    for declared in registry:
        if declared.name in tables:
            _add_columns(database, registry, declared)
        else:
            database.execute_sql(_table_sql(registry, declared))
        for statement in _index_sql(declared):
            database.execute_sql(statement)


def drop_table(database: peewee.Database, declared: ObjectType) -> None:
    """Drop a custom table with its rows and indices."""
    database.execute_sql(f"DROP TABLE IF EXISTS {quote(declared.name)}")


def drop_column(database: peewee.Database, declared: ObjectType, field: Field) -> None:
    """Drop a column of a custom table with its values and indices."""
    for unique in (True, False):
        name = _index_name(declared, (field.name,), unique=unique)
        database.execute_sql(f"DROP INDEX IF EXISTS {name}")
    database.execute_sql(f"ALTER TABLE {quote(declared.name)} DROP COLUMN {quote(field.name)}")


def _add_columns(database: peewee.SqliteDatabase, registry: Registry, declared: ObjectType) -> None:
    present = {column.name for column in database.get_columns(declared.name)}
    for field in declared.fields:
        if field.name not in present:
            column = _column_sql(registry, field)
            database.execute_sql(f"ALTER TABLE {quote(declared.name)} ADD COLUMN {column}")


def _renew_triggers(database: peewee.Database, registry: Registry) -> None:
    expected = _triggers(registry)
    rows = database.execute_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE ?",
        (f"{_TRIGGER}%",),
    ).fetchall()
    present = dict(rows)
    for name, sql in present.items():
        if expected.get(name) != sql:
            database.execute_sql(f"DROP TRIGGER {quote(name)}")
    for name, sql in expected.items():
        if present.get(name) != sql:
            database.execute_sql(sql)
