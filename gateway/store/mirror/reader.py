"""Reading the mirror: every row is checked against its sum before anybody decides by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.errors import StorageError, UnusableRules
from gateway.store.files import database
from gateway.store.mirror.rows import TABLES, Fate, Key, Value, check_sum
from gateway.store.mirror.schema import FORM

POLICY_TABLES = tuple(name for name, table in TABLES.items() if table.policy)


class UnsoundRow(ValueError):
    """A row that must not decide anything."""


class Sound:
    """The SQL function `sound`: 1 for a row whose check sum is right.

    It raises for any other, so that reading the row fails. `damaged` gets the name of its table,
    unless the row could not be read in the store already.
    """

    def __init__(self, damaged: Callable[[str], object]) -> None:
        self._damaged = damaged

    def __call__(self, table: str, total: Value, key: Key, *values: Value) -> int:
        if total is None:
            raise UnsoundRow(table)
        if check_sum(table, key, values) != total:
            self._damaged(table)
            raise UnsoundRow(table)
        return 1


def open_mirror(
    path: Path, damaged: Callable[[str], object], cache_kib: int = database.CACHE_KIB
) -> database.TrackedDatabase:
    """The mirror at `path`, for reading. Raises StorageError, also for one of another form."""
    opened = database.open_reader(path, cache_kib)
    opened.register_function(Sound(damaged), "sound", -1)
    if database.form_of(opened) != FORM:
        opened.close_all()
        raise StorageError(f"{path} is of another form")
    return opened


def prove_rules(connection: sqlite3.Connection, version: int) -> Iterator[None]:
    """Count the rows that rules are compiled from, step by step, within the caller's transaction.

    Raises UnusableRules where a row that may block cannot be read in the store, StorageError where
    a row is lost.
    """
    stops = "SELECT name, row FROM faults WHERE fate = ? ORDER BY name, row LIMIT 1"
    found = connection.execute(stops, (Fate.STOPS.name,)).fetchone()
    if found is not None:
        raise UnusableRules(version, f"{found[0]} {found[1]} cannot be read and may block somebody")
    for name in POLICY_TABLES:
        if not is_complete(connection, name):
            raise StorageError(f"rows of {name} are missing in the mirror")
        yield


def is_complete(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the table `name` has the rows that were copied into it."""
    expected = connection.execute(
        "SELECT rows, total FROM contents WHERE name = ?", (name,)
    ).fetchone()
    present = connection.execute(
        f'SELECT count(*), coalesce(sum(row_sum), 0) FROM "rows_{name}"'  # noqa: S608 - ours
    ).fetchone()
    return bool(expected == present)
