"""Copies what changed in the store into the mirror.

Each transaction copies from one snapshot. A few changes are copied in one. More are copied in
several, those first that may take a right from somebody: the first transaction copies the rules and
withholds the people who may have lost a right; the last one shows them again.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.store.files.database import begin, roll_back
from gateway.store.mirror.connections import raw
from gateway.store.mirror.history import Head, changed_tables, head_of
from gateway.store.mirror.mirror_side import MirrorSide
from gateway.store.mirror.people import OF_PEOPLE, ORDERED, USERS, grants, less_allowed, owners
from gateway.store.mirror.rows import (
    TABLES,
    Fate,
    Key,
    MirrorRow,
    MirrorTable,
    Value,
    read_row,
    unreadable_row,
)
from gateway.store.mirror.store_side import StoreSide, StoreSnapshot
from gateway.store.objects.schema import CHANGES

PAGE = 500
"""Rows of a table that are compared at a time."""
ROWS_AT_ONCE = 10_000
"""Rows of people that one transaction writes: some 0.5 s of work on a desktop."""
_EQUAL_PAGE = 25
"""Written rows that take as long as finding PAGE rows to be equal."""
_FIRST_KEY = -(1 << 63)
_RELEASE = 1


@dataclass(frozen=True, slots=True)
class Copied:
    """How far the mirror is."""

    version: int
    complete: bool
    """False when rows of people are left to be copied, by further calls of `Copier.sync`."""


class Copier:
    """Brings one mirror up to date with one store."""

    def __init__(
        self,
        store: StoreSide,
        mirror: MirrorSide,
        utc: Callable[[], int],
        beat: Callable[[], None],
        committing: Callable[[], None],
    ) -> None:
        """`utc` is the time in Unix seconds; `beat` is called often while much is copied,
        `committing` before other rules are committed."""
        self._store = store
        self._mirror = mirror
        self._to = mirror.connection
        self._utc = utc
        self._beat = beat
        self._committing = committing
        self._changed: set[str] = set()
        self._grown: dict[str, list[int]] = {}
        """Table -> by how much the number of its rows and the sum of their check sums grew."""
        self._faulty: set[tuple[str, Key]] = set()
        """The rows with a fault that is noted."""
        self._same_history = False
        """Whether the store is the one that was copied last, and went on."""
        self._releases: frozenset[Value] = frozenset()
        self._room = 0
        """How many rows of people this transaction may still write."""
        self._unfinished: dict[str, Key] = {}
        """As in MirrorSide; of the present transaction."""
        self._resumed = False
        """Whether something was unfinished before it."""
        self._leaving = False
        """Whether the rows at hand are not copied, but withhold people."""

    def sync(self) -> Copied:
        """Copy what was committed until now, or so much of it that nobody has a right that was
        taken away. Raises StoreUnusable, and then the mirror is as before; MIRROR_ERRORS where the
        mirror itself fails."""
        with self._store.snapshot() as store:
            head = head_of(store)
            before = self._mirror.head()
            self._unfinished = self._mirror.unfinished()
            self._resumed = bool(self._unfinished)
            same = before is not None and head.epoch is not None and before.holds(head)
            if before is not None and same and not self._resumed:
                return Copied(before.version, complete=True)
            names = changed_tables(store, head, before)
            self._same_history = names is not None
            self._changed.clear()
            self._grown.clear()
            self._room = sys.maxsize if self._mirror.fresh else ROWS_AT_ONCE
            with self._written():
                self._releases = _releasing(store)
                self._faulty = set(self._to.execute("SELECT name, row FROM faults"))
                if before is None or names is None:
                    for table in ORDERED:
                        self._compare(store, table, _FIRST_KEY, whole=True)
                else:
                    for table in ORDERED:
                        if table.name in names:
                            self._copy(store, table, before.seq)
                    self._go_on(store)
                self._count()
                version = self._version(head, before)
                self._mirror.keep_head(replace(head, version=version))
                self._mirror.keep_unfinished(self._unfinished)
                for name in self._changed:
                    self._to.execute(
                        "UPDATE contents SET changed = ? WHERE name = ?", (version, name)
                    )
                if self._rules_changed():
                    self._committing()
            return Copied(version, complete=not self._unfinished)

    def _go_on(self, store: StoreSnapshot) -> None:
        """Copy more of what is unfinished."""
        for table in OF_PEOPLE:
            if self._room > 0 and table.name in self._unfinished:
                self._compare(store, table, self._unfinished[table.name], whole=False)

    def _version(self, head: Head, before: Head | None) -> int:
        """Another number where rules changed, as a rule that of the store; it never falls."""
        if before is None:
            return max(1, head.version)
        if self._rules_changed():
            return max(before.version + 1, head.version)
        return max(before.version, head.version)

    def _rules_changed(self) -> bool:
        return any(TABLES[name].policy for name in self._changed)

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        begin(self._to, "IMMEDIATE")
        try:
            yield
            self._to.execute("COMMIT")
        except BaseException:
            roll_back(self._to)
            raise

    def _count(self) -> None:
        for name, (rows, total) in self._grown.items():
            self._to.execute(
                "UPDATE contents SET rows = rows + ?, total = total + ? WHERE name = ?",
                (rows, total, name),
            )

    def _compare(self, store: StoreSnapshot, table: MirrorTable, last: Key, *, whole: bool) -> None:
        """Make the rows of `table` after the key `last` what they are in the store; equal ones are
        not written. Where there is no room for all, the rest is left unfinished; `whole` has it
        compared all the same, for whom it may take a right from."""
        self._unfinished.pop(table.name, None)
        faulty = any(name == table.name for name, _ in self._faulty)
        bound = _bound(table)
        if table.name == "configuration":
            last = b""
        page = f"WHERE {{0}} > {bound} ORDER BY {{0}} LIMIT {PAGE}"
        there = f'FROM "{table.name}" {page.format(table.key)}'
        here = f'FROM "rows_{table.name}" {page.format("row_key")}'
        while True:
            self._beat()
            self._leaving = self._is_full(table)
            if self._leaving:
                self._unfinished.setdefault(table.name, last)
                if not whole:
                    return
            found, known = self._both(store, table, there, here, (last,))
            if self._leaving and not known and grants(table):
                return
            if found == known and not faulty:
                self._room -= 0 if whole else _EQUAL_PAGE
                end = known[-1][0] if len(known) == PAGE else None
            else:
                keys = found or store.raw_rows(f"SELECT {table.key} {there}", (last,)) or []
                # Neither file's page may reach beyond what is known of the other.
                full = [it for it in (keys, known) if len(it) == PAGE]
                end = min((it[-1][0] for it in full), default=None)
                if self._leaving and found is not None and not faulty:
                    self._withhold(table, _until(found, end), _until(known, end))
                else:
                    self._put_range(store, table, last, end)
            if end is None:
                return
            last = end

    def _both(
        self, store: StoreSnapshot, table: MirrorTable, there: str, here: str, values: Sequence[Key]
    ) -> tuple[list[tuple[Any, ...]] | None, list[tuple[Any, ...]]]:
        """The rows of a page of the store, None where one cannot be read, and of the mirror: alike
        where they are equal, or where they are not to be copied but decide the same."""
        columns = table.deciding_columns if self._leaving else table.columns
        found = store.raw_rows(f"SELECT {table.key}, {columns}, 0 {there}", values)
        with raw(self._to):
            known = self._to.execute(
                f"SELECT row_key, {columns}, row_sum IS NULL {here}",
                values,
            ).fetchall()
        return found, known

    def _withhold(
        self, table: MirrorTable, found: set[tuple[Any, ...]], known: set[tuple[Any, ...]]
    ) -> None:
        """Withhold whom the difference between rows of the store and of the mirror, as `_both`
        gives them, may take a right from: as `less_allowed` says of one row."""
        come, gone = found - known, known - found
        if grants(table):
            keys = {row[0] for row in gone}
            come = {row for row in come if row[0] in keys}
        self._mirror.withhold(owners(table, come | gone))

    def _put_range(
        self, store: StoreSnapshot, table: MirrorTable, last: Key, end: Key | None
    ) -> None:
        """Make the rows after the key `last` what they are in the store, those up to `end`."""
        bound = _bound(table)
        within, bounds = f"{{0}} > {bound}", [last]
        if end is not None:
            within, bounds = f"{{0}} > {bound} AND {{0}} <= {bound}", [last, end]
        page = f'FROM "{table.name}" WHERE {within.format(table.key)}'
        keys: list[Key] = [row[0] for row in store.rows(f"SELECT {table.key} {page}", bounds)]
        known = self._known(table, within.format("row_key"), bounds)
        self._put_all(store, table, page, bounds, keys, known)
        for key, old in known.items():
            self._settle(table, key, None, old)

    def _copy(self, store: StoreSnapshot, table: MirrorTable, after: int) -> None:
        """Make the rows that were noted after the change `after` what they are in the store."""
        noted = store.rows(
            f"SELECT DISTINCT row FROM {CHANGES} WHERE seq > ? AND name = ?",  # noqa: S608 - a constant
            (after, table.name),
        )
        faulty = any(name == table.name for name, _ in self._faulty)
        for at in range(0, len(noted), PAGE):
            keys = [row[0] for row in noted[at : at + PAGE]]
            self._beat()
            self._leaving = self._is_full(table)
            marks = ", ".join("?" * len(keys))
            page = f'FROM "{table.name}" WHERE {table.key} IN ({marks})'
            here = f"row_key IN ({marks})"
            if self._leaving:
                self._unfinished[table.name] = _FIRST_KEY
                if not faulty and self._withhold_noted(store, table, page, here, keys):
                    continue
            known = self._known(table, here, keys)
            new = set(keys) - known.keys()
            left = self._put_all(store, table, page, keys, keys, known)
            for key in left:
                self._settle(table, key, None, known.get(key))
            if self._resumed and table.name == USERS:
                # What blocks them may be among what is not copied yet.
                self._mirror.withhold(new)

    def _withhold_noted(
        self, store: StoreSnapshot, table: MirrorTable, page: str, here: str, keys: list[Any]
    ) -> bool:
        """Withhold whom the changes of the rows `keys` may take a right from; False, and nothing is
        done, where one of them cannot be read. As `_put_all` does it, many times faster."""
        copied = f'FROM "rows_{table.name}" WHERE {here}'
        found, known = self._both(store, table, page, copied, keys)
        if found is None:
            return False
        self._withhold(table, set(found), set(known))
        if self._resumed and table.name == USERS:
            # What blocks them may be among what is not copied yet.
            self._mirror.withhold(set(keys) - {row[0] for row in known})
        return True

    def _is_full(self, table: MirrorTable) -> bool:
        """Whether changes of `table` wait for another transaction."""
        return self._room <= 0 and table in OF_PEOPLE

    def _put_all(
        self,
        store: StoreSnapshot,
        table: MirrorTable,
        page: str,
        values: Sequence[Key],
        keys: Sequence[Key],
        known: dict[Key, tuple[Value, ...]],
    ) -> set[Key]:
        """Copy the rows of a page, whose keys are among `keys`, and take them out of `known`; the
        keys without a row."""
        left = set(keys)
        for key, found in self._rows(store, table, page, values, keys):
            left.discard(key)
            old = known.pop(key, None)
            if isinstance(found, MirrorRow) or not self._is_copied(table, key, found, old):
                self._settle(table, key, found, old)
        return left

    def _settle(
        self,
        table: MirrorTable,
        key: Key,
        found: Sequence[Value] | MirrorRow | None,
        old: tuple[Value, ...] | None,
    ) -> None:
        """Copy what the store has now instead of `old`, or leave it and withhold people."""
        if self._leaving and (table.name, key) not in self._faulty:
            new = found.values if isinstance(found, MirrorRow) else found
        else:
            row = found
            if row is not None and not isinstance(row, MirrorRow):
                row = read_row(table, row, self._releases)
            if not self._leaving:
                self._put(table, key, row, old)
                return
            new = None if row is None else row.values
        people = less_allowed(table, key, new, None if old is None else old[:-1])
        if people:
            self._mirror.withhold(people)

    def _is_copied(
        self,
        table: MirrorTable,
        key: Key,
        values: Sequence[Value],
        old: tuple[Value, ...] | None,
    ) -> bool:
        """Whether the mirror has these values, and found nothing wrong with them."""
        return (
            old is not None
            and old[-1] is not None
            and old[:-1] == tuple(values)
            and (table.name, key) not in self._faulty
        )

    def _rows(
        self,
        store: StoreSnapshot,
        table: MirrorTable,
        page: str,
        values: Sequence[Key],
        keys: Iterable[Key],
    ) -> Iterator[tuple[Key, Sequence[Value] | MirrorRow]]:
        """What the store has of the rows of a page; a MirrorRow for one that SQLite cannot give."""
        found = store.rows_or_none(f"SELECT {table.key}, {table.columns} {page}", values)
        if found is None:
            yield from self._one_by_one(store, table, keys)
            return
        for key, *row in found:
            yield key, row

    def _one_by_one(
        self, store: StoreSnapshot, table: MirrorTable, keys: Iterable[Key]
    ) -> Iterator[tuple[Key, Sequence[Value] | MirrorRow]]:
        one = f'SELECT {table.columns} FROM "{table.name}" WHERE {table.key} = ?'  # noqa: S608 - declared names only
        for key in keys:
            found = store.rows_or_none(one, (key,))
            if found is None:
                yield key, unreadable_row(table)
            elif found:
                yield key, found[0]

    def _known(
        self, table: MirrorTable, within: str, values: Sequence[Key]
    ) -> dict[Key, tuple[Value, ...]]:
        found = self._to.execute(
            f'SELECT row_key, {table.columns}, row_sum FROM "rows_{table.name}" WHERE {within}',  # noqa: S608 - as above
            values,
        )
        return {row[0]: row[1:] for row in found}

    def _put(
        self, table: MirrorTable, key: Key, row: MirrorRow | None, old: tuple[Value, ...] | None
    ) -> None:
        """Let the mirror hold `row` instead of `old`, and note what is wrong with it."""
        if row is not None and self._same_history and old is not None and old[-1] is not None:
            row = row.or_last(table, old[:-1])
        new = None
        if row is not None and row.values is not None:
            new = (*row.values, row.total(table.name, key))
        if self._note_fault(table, key, row) or new != old:
            self._changed.add(table.name)
        if new == old:
            return
        self._room -= 1
        if new is None:
            self._to.execute(f'DELETE FROM "rows_{table.name}" WHERE row_key = ?', (key,))  # noqa: S608 - as above
        else:
            marks = ", ".join("?" * len(new))
            self._to.execute(
                f'INSERT OR REPLACE INTO "rows_{table.name}" VALUES (?, {marks})',  # noqa: S608 - as above
                (key, *new),
            )
        grown = self._grown.setdefault(table.name, [0, 0])
        grown[0] += (new is not None) - (old is not None)
        grown[1] += _sum_of(new) - _sum_of(old)

    def _note_fault(self, table: MirrorTable, key: Key, row: MirrorRow | None) -> bool:
        """Whether what is known of the row's faults is another now."""
        bad = ", ".join(row.bad) if row is not None else ""
        if not bad:
            return (table.name, key) in self._faulty and bool(
                self._to.execute(
                    "DELETE FROM faults WHERE name = ? AND row = ?", (table.name, key)
                ).rowcount
            )
        fate = row.fate.name if row is not None else Fate.LEFT_OUT.name
        return bool(
            self._to.execute(
                "INSERT INTO faults VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "columns = excluded.columns, fate = excluded.fate "
                "WHERE columns <> excluded.columns OR fate <> excluded.fate",
                (table.name, key, bad, fate, self._utc()),
            ).rowcount
        )


def _sum_of(row: tuple[Value, ...] | None) -> int:
    return row[-1] if row is not None and type(row[-1]) is int else 0


def _releasing(store: StoreSnapshot) -> frozenset[Value]:
    """The ids of the rules that release for certain."""
    found = store.rows("SELECT id FROM access_rules WHERE type = ?", (_RELEASE,))
    return frozenset(id_ for (id_,) in found)


def _bound(table: MirrorTable) -> str:
    """SQL for a key that was read as bytes where it is a text."""
    return "CAST(? AS TEXT)" if table.name == "configuration" else "?"


def _until(rows: list[tuple[Any, ...]], end: Key | None) -> set[tuple[Any, ...]]:
    """Those of `rows` whose keys, which come first, are at most `end`."""
    return set(rows) if end is None else {row for row in rows if row[0] <= end}
