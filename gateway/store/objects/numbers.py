"""The numbers that SQLite gives to rows.

Each is above the highest that it has met: a damaged one at the end of the range would have every
further row refused, with the words "disk is full".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from gateway.objects.declaration import ROWID, Registry
from gateway.objects.fields import ID_LIMIT
from gateway.store.objects.schema import CHANGES, begin_epoch, quote

GIVEN_BEYOND = 1 << 32
"""Ids that the device gives go on from the highest that a client may choose."""
HIGHEST = ID_LIMIT + GIVEN_BEYOND
"""No number above it was given by this program."""

Run = Callable[..., sqlite3.Cursor]


def mend_numbers(run: Run, registry: Registry) -> bool:
    """Let every table have further numbers, within the caller's transaction; whether one was
    damaged.

    Rows of logs with a damaged number are deleted; other rows that have no id for clients get
    another number. `run` executes SQL with values.
    """
    mended = _forget_beyond(run, CHANGES, "seq")
    columns = {CHANGES: "seq"}
    for declared in registry:
        columns[declared.name] = column = ROWID if declared.key is None else declared.key_name
        if declared.log:
            mended |= _forget_beyond(run, declared.name, column)
        elif declared.key is None:
            mended |= _renumber_beyond(run, declared.name, column)
    wrong = "typeof(seq) <> 'integer' OR seq NOT BETWEEN 0 AND ?"
    for (name,) in run(f"SELECT name FROM sqlite_sequence WHERE {wrong}", (HIGHEST,)).fetchall():  # noqa: S608 - a constant
        if name in columns:
            highest = _highest(run, name, columns[name])
            run("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (highest, name))
            mended = True
    if mended:
        begin_epoch(run)
    return mended


def _highest(run: Run, table: str, column: str) -> int:
    of, table = quote(column), quote(table)
    [(found,)] = run(f"SELECT max({of}) FROM {table} WHERE {of} BETWEEN 0 AND ?", (HIGHEST,))  # noqa: S608 - declared names, quoted
    return found or 0


def _forget_beyond(run: Run, table: str, column: str) -> bool:
    done = run(f"DELETE FROM {quote(table)} WHERE {quote(column)} > ?", (HIGHEST,))  # noqa: S608 - as above
    return done.rowcount > 0


def _renumber_beyond(run: Run, table: str, column: str) -> bool:
    of, name = quote(column), quote(table)
    found = run(f"SELECT {of} FROM {name} WHERE {of} > ?", (HIGHEST,)).fetchall()  # noqa: S608 - as above
    for number, (old,) in enumerate(found, start=_highest(run, table, column) + 1):
        run(f"UPDATE {name} SET {of} = ? WHERE {of} = ?", (number, old))  # noqa: S608 - as above
    return bool(found)
