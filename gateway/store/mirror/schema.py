"""The tables of the mirror, and the views by which it reads like the store.

`rows_T` has the rows of T with their check sums; the view T gives them after `sound` has agreed.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

from gateway.store.mirror.people import USERS
from gateway.store.mirror.rows import TABLES, MirrorTable
from gateway.store.objects.schema import quote

FRESH = ".new-"
"""Between the name of a mirror and the rest of the name of one that is being made."""
NOT_WITHHELD = " AND NOT EXISTS (SELECT 1 FROM withheld WHERE user_id = row_key)"
"""A condition on `rows_users`."""
STATE_COLUMNS = ("version", "epoch", "seq", "mark")


def _rows_of(table: MirrorTable) -> Iterator[str]:
    rows = quote(f"rows_{table.name}")
    kind = "TEXT" if table.name == "configuration" else "INTEGER"
    columns = "".join(f", {quote(field.name)}" for field in table.fields)
    yield f"CREATE TABLE {rows} (row_key {kind} PRIMARY KEY NOT NULL{columns}, row_sum INTEGER)"
    key = "" if table.name == "configuration" else f"row_key AS {table.key}, "
    yield (
        f"CREATE VIEW {quote(table.name)} AS SELECT {key}{table.columns} FROM {rows} "  # noqa: S608 - declared names only, quoted
        f"WHERE sound('{table.name}', row_sum, row_key{columns})"
        + (NOT_WITHHELD if table.name == USERS else "")
    )


def indices() -> Iterator[str]:
    """What people are found by; made when a new mirror is full, which is many times faster."""
    for table in TABLES.values():
        for column in table.lookups:
            name = quote(f"by_{table.name}_{column}")
            yield f"CREATE INDEX {name} ON {quote(f'rows_{table.name}')} ({quote(column)})"


def _statements() -> Iterator[str]:
    """What makes an empty mirror, without `indices`."""
    yield (
        "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, "
        "epoch INTEGER, seq INTEGER NOT NULL, mark INTEGER, row_sum INTEGER NOT NULL)"
    )
    yield (
        "CREATE VIEW policy_version AS SELECT version FROM state "
        "WHERE sound('state', row_sum, id, version, epoch, seq, mark)"
    )
    # How many rows each table has, and the sum of their check sums: a row that is lost is missed.
    # `changed` is the version with which the table changed last.
    yield (
        "CREATE TABLE contents (name TEXT PRIMARY KEY NOT NULL, rows INTEGER NOT NULL, "
        "total INTEGER NOT NULL, changed INTEGER NOT NULL)"
    )
    yield (
        "CREATE TABLE faults (name TEXT NOT NULL, row NOT NULL, columns TEXT NOT NULL, "
        "fate TEXT NOT NULL, since_utc INTEGER NOT NULL, PRIMARY KEY (name, row))"
    )
    # The tables that are not copied to their end, each with the key of its last row that is; and
    # the people who may have lost a right by what is missing: the views do not show them.
    yield "CREATE TABLE unfinished (name TEXT PRIMARY KEY NOT NULL, after NOT NULL)"
    yield "CREATE TABLE withheld (user_id INTEGER PRIMARY KEY NOT NULL)"
    for table in TABLES.values():
        yield from _rows_of(table)


_SEALED = "secrets are sealed"
FORM = zlib.crc32("\n".join((*_statements(), *indices(), _SEALED)).encode()) & 0x7FFF_FFFF
"""Another one for every other schema: such a mirror is made anew. One with secrets in clear text is
too."""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in a new file, within the caller's transaction."""
    for statement in _statements():
        connection.execute(statement)
    for name in TABLES:
        connection.execute("INSERT INTO contents VALUES (?, 0, 0, 0)", (name,))
    connection.execute(f"PRAGMA user_version = {FORM}")
