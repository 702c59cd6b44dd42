"""Reading the mirror: every row is checked against its sum before anybody decides by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gateway.access.slices import sliced
from gateway.errors import StorageError, UnusableRules
from gateway.store.files import database
from gateway.store.mirror.rows import TABLES, Fate, Key, Value, check_sum
from gateway.store.mirror.schema import FORM

Row = TypeVar("Row")

_FETCHED = 64
"""Rows that are compared with known ones at a time: some 0.03 ms of work on a desktop."""
_MISSING = "rows of {} are missing in the mirror"


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


@dataclass(frozen=True, slots=True)
class _Kept:
    """The rows of a table as they were read."""

    mark: object
    proven: list[tuple[Any, ...]]
    """What the mirror holds of each row, in the order of their keys."""
    rows: tuple[Any, ...]
    """What was made of each."""


class MirrorTables:
    """The rows of rules, of which those that changed are proven by their sums; as Tables.

    It keeps one copy of each table that was asked for, with the same columns each time.
    """

    def __init__(self, connection: sqlite3.Connection, damaged: Callable[[str], object]) -> None:
        """`damaged` as for Sound."""
        self._connection = connection
        self._sound = Sound(damaged)
        self._marks: dict[str, tuple[Value, ...]] = {}
        self._kept: dict[str, _Kept] = {}

    def begin(self, version: int) -> Generator[None, None, None]:
        """Raises UnusableRules where a row that may block cannot be read in the store, StorageError
        where a value of the configuration is lost."""
        yield from self.begin_settings()
        stops = "SELECT name, row FROM faults WHERE fate = ? ORDER BY name, row LIMIT 1"
        found = self._connection.execute(stops, (Fate.STOPS.name,)).fetchone()
        if found is not None:
            what = f"{found[0]} {found[1]} cannot be read and may block somebody"
            raise UnusableRules(version, what)

    def begin_settings(self) -> Generator[None, None, None]:
        """Raises StorageError where a value of the configuration is lost."""
        for mark in self._connection.execute("SELECT name, rows, total, changed FROM contents"):
            if self._marks.get(mark[0]) != mark:
                self._marks[mark[0]] = mark
        yield
        if not is_complete(self._connection, "configuration"):
            raise StorageError(_MISSING.format("configuration"))

    def mark(self, table: str) -> object:
        return self._marks.get(table)

    def rows(
        self, table: str, columns: tuple[str, ...], made: Callable[[tuple[Any, ...]], Row]
    ) -> Generator[None, None, tuple[Row, ...]]:
        """Raises StorageError where a row is damaged or lost."""
        kept, mark = self._kept.get(table), self._marks.get(table)
        if kept is not None and kept.mark is mark:
            return kept.rows
        old, old_rows = ([], ()) if kept is None else (kept.proven, kept.rows)
        declared = TABLES[table]
        names = (declared.key.strip('"'), *(field.name for field in declared.fields))
        places = [names.index(name) for name in columns]
        found = self._connection.execute(
            f'SELECT row_key, {declared.columns}, row_sum FROM "rows_{table}" ORDER BY row_key'  # noqa: S608 - declared names only
        )
        proven: list[tuple[Any, ...]] = []
        rows: list[Row] = []
        at = 0
        while some := found.fetchmany(_FETCHED):
            if old[at : at + len(some)] == some:
                rows += old_rows[at : at + len(some)]
                proven += old[at : at + len(some)]
                at += len(some)
                yield
                continue
            for part in sliced(some):
                for row in part:
                    while at < len(old) and old[at][0] < row[0]:
                        at += 1
                    known = at < len(old) and old[at][0] == row[0]
                    at += known
                    if known and old[at - 1] == row:
                        proven.append(old[at - 1])
                        rows.append(old_rows[at - 1])
                    else:
                        self._prove(table, row)
                        proven.append(row)
                        rows.append(made(tuple([row[place] for place in places])))
                yield
        if mark is None or (len(proven), sum(row[-1] for row in proven)) != mark[1:3]:
            raise StorageError(_MISSING.format(table))
        result = tuple(rows)
        if result == old_rows and kept is not None:
            result = kept.rows
        self._kept[table] = _Kept(mark, proven, result)
        return result

    def _prove(self, table: str, row: tuple[Any, ...]) -> None:
        try:
            self._sound(table, row[-1], *row[:-1])
        except UnsoundRow as error:
            raise StorageError(f"a row of {table} in the mirror is damaged") from error


def is_complete(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the table `name` has the rows that were copied into it."""
    expected = connection.execute(
        "SELECT rows, total FROM contents WHERE name = ?", (name,)
    ).fetchone()
    present = connection.execute(
        f'SELECT count(*), coalesce(sum(row_sum), 0) FROM "rows_{name}"'  # noqa: S608 - ours
    ).fetchone()
    return bool(expected == present)
