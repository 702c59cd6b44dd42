"""Tables, indices and triggers, derived from the declarations.

Only this module composes SQL text from names. Every name comes from a declaration, which has
checked that it is a plain identifier, and is quoted here as well. Clients choose only the names of
custom tables and fields; those pass the same check, see `gateway.objects.custom`. Queries and
writes are peewee expressions with bound values.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import peewee

from gateway.objects.declaration import ROWID, ObjectType, Registry
from gateway.objects.fields import Field, Id, Ref, Stored
from gateway.objects.mirrored import mirrored_fields
from gateway.sealing import Sealer
from gateway.store.files.database import check_form
from gateway.store.objects.custom_rows import Shape, name_custom_tables, read_shape
from gateway.store.objects.migrations import MIGRATIONS, VERSION
from gateway.store.objects.seals import (
    SINCE,
    SealingState,
    awaits_key,
    forget_import,
    keep_state,
    seal_all,
)

CHANGE_LOG = "change_logs"
CHANGES = "mirror_changes"
"""Rows that the controller's mirror has yet to copy: a number, the table, the key of the row."""
CHANGES_KEPT = 200_000
"""Of the newest, some 6 MB. A mirror that missed more compares everything."""
EPOCH = "mirror_epoch"
"""One row with a random number. Another number means that rows may have changed without a note in
CHANGES: a new file, a restored backup, a program without these triggers."""
CONFIGURATION_KEY = "module || '.' || key"
"""What names a row of `configuration` in CHANGES."""
HIGHEST_VERSION = 1 << 62
"""Of the rules; another one is damaged."""
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


def _indices(declared: ObjectType) -> Iterator[tuple[str, str]]:
    """Name and SQL of each."""
    unique: list[tuple[str, ...]] = [(field.name,) for field in declared.fields if field.unique]
    unique.extend(declared.pairs_unique)
    covered = {columns[0] for columns in unique}
    for columns in unique:
        yield _one_index(declared, columns, unique=True)
    for field in declared.fields:
        expected = field.indexed or (isinstance(field, Ref) and field.selective)
        if expected and field.name not in covered:
            yield _one_index(declared, (field.name,), unique=False)


def _one_index(declared: ObjectType, columns: tuple[str, ...], *, unique: bool) -> tuple[str, str]:
    name = _index_name(declared, columns, unique=unique)
    listed = ", ".join(quote(column) for column in columns)
    kind = "UNIQUE INDEX" if unique else "INDEX"
    sql = f"CREATE {kind} IF NOT EXISTS {quote(name)} ON {quote(declared.name)} ({listed})"
    return name, sql


def _index_name(declared: ObjectType, columns: tuple[str, ...], *, unique: bool) -> str:
    # Names that clients choose cannot contain the separator, so that two indices never get the
    # same name: `IF NOT EXISTS` would skip the second.
    separator = "." if declared.custom else "_"
    return separator.join((declared.name, *columns, "unique" if unique else "index"))


def _trigger(name: str, when: str, body: str) -> tuple[str, str]:
    full = _TRIGGER + name
    return full, f"CREATE TRIGGER {quote(full)} AFTER {when} BEGIN {body} END"


_MEND_VERSION = (
    "INSERT INTO policy_version (id, version)"  # noqa: S608 - constants
    f" VALUES (1, {1 << 32} + CAST(strftime('%s', 'now') AS INTEGER))"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version"
    " WHERE typeof(policy_version.version) <> 'integer'"
    f" OR policy_version.version NOT BETWEEN 0 AND {HIGHEST_VERSION}"
)
"""In the place of a version that is missing or damaged: one above all that the controller had."""
_RAISE = "UPDATE policy_version SET version = version + 1;"


def _note_change(table: str, key: str) -> str:
    return f"INSERT INTO {CHANGES} (name, row) VALUES ({_literal(table)}, {key});"  # noqa: S608 - declared names only, see above


def _configuration_triggers() -> Iterator[tuple[str, str]]:
    for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        noted = _note_change("configuration", f"{row}.module || '.' || {row}.key")
        yield _trigger(
            f"policy_configuration_{event.lower()}", f"{event} ON configuration", _RAISE + noted
        )


def _mirror_triggers(declared: ObjectType) -> Iterator[tuple[str, str]]:
    """What has the controller copy a row that it decides by, and compile where it is a rule."""
    fields = mirrored_fields(declared)
    if not fields:
        return
    table, key = quote(declared.name), quote(declared.key_name)
    first = _RAISE if declared.policy else ""
    columns = ", ".join(quote(field.name) for field in fields)
    of = "" if fields == declared.fields else f" OF {columns}"
    name = f"policy_{declared.name}"
    new, old = (_note_change(declared.name, f"{row}.{key}") for row in ("NEW", "OLD"))
    yield _trigger(f"{name}_insert", f"INSERT ON {table}", first + new)
    yield _trigger(f"{name}_update", f"UPDATE{of} ON {table}", first + new)
    moved = f"UPDATE OF {key} ON {table} WHEN OLD.{key} <> NEW.{key}"
    yield _trigger(f"{name}_rename", moved, old)
    yield _trigger(f"{name}_delete", f"DELETE ON {table}", first + old)


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
    expected = dict(_configuration_triggers())
    forget = f"DELETE FROM {CHANGES} WHERE seq <= NEW.seq - {CHANGES_KEPT};"  # noqa: S608 - constants
    expected.update((_trigger(f"ring_{CHANGES}", f"INSERT ON {CHANGES}", forget),))
    if "users" in registry:
        # The mirror holds no registration; the search for people follows the same notes.
        noted = _note_change("users", "NEW.id")
        expected.update((_trigger("search_users", "UPDATE OF registration ON users", noted),))
    for declared in registry:
        expected.update(_mirror_triggers(declared))
        if declared.change_logged and CHANGE_LOG in registry:
            expected.update(_change_triggers(declared))
        if declared.ring:
            expected.update((_ring_trigger(declared),))
    return expected


def prepare(
    database: peewee.SqliteDatabase,
    registry: Registry,
    path: Path,
    sealer: Sealer,
    *,
    triggers: bool = True,
    may_wait: bool = False,
) -> Shape:
    """Bring the file to the form of this program in one transaction; returns its objects.

    `registry` holds the built-in objects. `sealer` seals what an older program left in clear text;
    if there is no key and that `may_wait`, the next call does. Without `triggers` the file keeps
    those that it has. Raises StorageError if a newer program wrote the file, KeyUnusable where
    something is to be sealed and there is no key.
    """
    # Where clear text becomes sealed, zeros take its place in the file.
    database.execute_sql("PRAGMA secure_delete = 1")
    with database.atomic("IMMEDIATE"):
        found = check_form(database, path, VERSION)
        seals = found < SINCE or awaits_key(database.execute_sql)
        if may_wait and sealer.fault:
            seals = False
        if seals or found < SINCE:
            _drop_triggers(database)
        for migrate in MIGRATIONS[found:]:
            migrate(database)
        if found < VERSION:
            database.execute_sql(f"PRAGMA user_version = {VERSION}")
        database.execute_sql(_MEND_VERSION)
        fit(database, registry)
        name_custom_tables(database, registry)
        shape = read_shape(registry, database.execute_sql)
        if shape.registry is not registry:
            fit(database, shape.registry)
        if seals:
            state = SealingState(sealer.key_id, scrub=found > 0)
            seal_all(database, registry, sealer)
            forget_import(database)
            keep_state(database, state)
        _prepare_changes(database)
        if triggers and _renew_triggers(database, shape.registry):
            begin_epoch(database.execute_sql)
    database.execute_sql("PRAGMA secure_delete = 0")
    return shape


def fit(database: peewee.SqliteDatabase, registry: Registry) -> None:
    """Add the tables, columns and indices of `registry` that the file lacks."""
    run: Callable[[str], sqlite3.Cursor] = database.execute_sql
    columns: dict[str, set[str]] = {}
    # Virtual tables, which have no root page, are not ours.
    for table, column in run(
        "SELECT it.name, of.name FROM sqlite_master AS it, pragma_table_info(it.name) AS of "
        "WHERE it.type = 'table' AND it.rootpage > 0"
    ):
        columns.setdefault(table, set()).add(column)
    indices = {name for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'index'")}
    for declared in registry:
        present = columns.get(declared.name)
        if present is None:
            run(_table_sql(registry, declared))
        else:
            for field in declared.fields:
                if field.name not in present:
                    column = _column_sql(registry, field)
                    run(f"ALTER TABLE {quote(declared.name)} ADD COLUMN {column}")
        for name, sql in _indices(declared):
            if name not in indices:
                run(sql)


def drop_table(database: peewee.Database, declared: ObjectType) -> None:
    """Drop a custom table with its rows and indices."""
    database.execute_sql(f"DROP TABLE IF EXISTS {quote(declared.name)}")


def drop_column(database: peewee.Database, declared: ObjectType, field: Field) -> None:
    """Drop a column of a custom table with its values and indices."""
    for unique in (True, False):
        name = _index_name(declared, (field.name,), unique=unique)
        database.execute_sql(f"DROP INDEX IF EXISTS {quote(name)}")
    database.execute_sql(f"ALTER TABLE {quote(declared.name)} DROP COLUMN {quote(field.name)}")


def _prepare_changes(database: peewee.Database) -> None:
    database.execute_sql(
        f"CREATE TABLE IF NOT EXISTS {CHANGES} "
        "(seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name TEXT NOT NULL, row NOT NULL, "
        # Tells this history from that of an older copy which was put back and went on.
        "mark INTEGER NOT NULL DEFAULT (random()))"
    )
    database.execute_sql(
        f"CREATE TABLE IF NOT EXISTS {EPOCH} "
        "(id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL)"
    )


def begin_epoch(run: Callable[[str], object]) -> None:
    """Have the mirror compare everything; `run` executes SQL within the caller's transaction."""
    run(f"INSERT OR REPLACE INTO {EPOCH} (id, epoch) VALUES (1, random())")  # noqa: S608 - a constant


def _drop_triggers(database: peewee.Database) -> None:
    """Drop all that this program makes."""
    for name in _present_triggers(database):
        database.execute_sql(f"DROP TRIGGER {quote(name)}")


def _present_triggers(database: peewee.Database) -> dict[str, str]:
    rows = database.execute_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE ?",
        (f"{_TRIGGER}%",),
    ).fetchall()
    return dict(rows)


def _renew_triggers(database: peewee.Database, registry: Registry) -> bool:
    """Give the file the triggers of this program; whether it had others."""
    expected = _triggers(registry)
    present = _present_triggers(database)
    for name, sql in present.items():
        if expected.get(name) != sql:
            database.execute_sql(f"DROP TRIGGER {quote(name)}")
    for name, sql in expected.items():
        if present.get(name) != sql:
            database.execute_sql(sql)
    return present != expected
