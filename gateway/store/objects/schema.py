"""Tables, indices and triggers, derived from the declarations.

This is the one place where SQL text is put together. Every name in it comes from a declaration,
was checked there to be a plain identifier, and is quoted here all the same. Clients choose names of
custom tables and fields only; those pass the same check, see `gateway.objects.custom`. Queries and
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
"""Beginning of the names of our triggers; what else is in the file is left alone."""


class PolicyVersion(peewee.Model):
    """One row: a number that triggers raise whenever a policy table changes.

    Bound to no database: run its queries with `execute(database)`, or their SQL.
    """

    version = peewee.BigIntegerField()

    class Meta:
        """Where the row is."""

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
        # AUTOINCREMENT: an id is never given twice, so logs cannot come to name a newcomer.
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
    # Between names that clients choose stands what none of them can hold, so that two indices
    # never have one name: the second would be taken for one that is there already.
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
    """Rows of the change log; deletions that follow a reference fire them as well."""
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
    # Who follows the log by id must see the old one go and the new one come.
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
    """Bring the file to the form of this program, in one transaction; what it holds then.

    `registry` are the built-in objects. Raises StorageError when a newer program wrote the file.
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
    """Add the tables, columns and indices of `registry` that the file does not have."""
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
