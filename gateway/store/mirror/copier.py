"""Copies what changed in the store into the mirror: one snapshot, one transaction."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.errors import StorageError
from gateway.store.files.database import begin, reason, roll_back, text_or_bytes
from gateway.store.mirror.reader import Sound, is_complete
from gateway.store.mirror.rows import (
    TABLES,
    Fate,
    Key,
    MirrorRow,
    MirrorTable,
    Value,
    check_sum,
    read_row,
    unreadable_row,
)
from gateway.store.mirror.schema import FORM, STATE_COLUMNS, create
from gateway.store.objects.schema import CHANGES, EPOCH

PAGE = 500
"""Rows of a table that are compared at a time."""
LONGEST_VALUE = 1 << 20
"""Bytes of one value that is read at all."""
MIRROR_ERRORS = (sqlite3.Error, UnicodeError)
"""What SQLite raises; the text of its error may itself be damaged."""
_BUSY_S = 1.0
_CACHE_KIB = 512
_FIRST_KEY = -(1 << 63)
_RELEASE = 1
_VALUE_ERRORS = (OSError, OverflowError, MemoryError)
"""What values of a file that may be anything cause."""


class StoreUnusable(StorageError):
    """The store cannot be read; the mirror stays as it is."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row of the store that is not what its declaration says."""

    table: str
    row: Key
    columns: str
    fate: Fate
    since_utc: int


@dataclass(frozen=True, slots=True)
class _Head:
    """How far the store is."""

    version: int
    epoch: int | None
    seq: int
    mark: int | None
    """Of the change `seq`."""

    def holds(self, head: _Head) -> bool:
        """Whether nothing changed up to `head`."""
        same = (self.epoch, self.seq, self.mark) == (head.epoch, head.seq, head.mark)
        return same and head.version <= self.version


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
        cached_statements=300,
    )
    connection.text_factory = text_or_bytes
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA mmap_size = 0")
    return connection


def _version_of(connection: sqlite3.Connection) -> int:
    """Another number after each commit of another connection."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


class StoreSnapshot:
    """The store at one instant."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        reading: Callable[[], contextlib.AbstractContextManager[None]],
    ) -> None:
        """`reading` turns what goes wrong within it into a StoreUnusable."""
        self._connection = connection
        self._reading = reading

    def rows(self, query: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Raises StoreUnusable."""
        with self._reading():
            return self._connection.execute(query, values).fetchall()

    def rows_or_none(
        self, query: str, values: Sequence[Value] = ()
    ) -> list[tuple[Any, ...]] | None:
        """As `rows`; None where a value is too long to be read."""
        with self._reading():
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.DataError:
                return None

    def row(self, query: str, values: Sequence[Value] = ()) -> tuple[Any, ...] | None:
        """The first of `rows`."""
        found = self.rows(query, values)
        return found[0] if found else None


class StoreSide:
    """The api's file, which may be anything. Reads alone; every failure is a StoreUnusable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._seen: int | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._seen = None

    def changed(self) -> bool:
        """Whether anything was committed since `mark_seen`; raises StoreUnusable."""
        with self._reading():
            return _version_of(self._open()) != self._seen

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[StoreSnapshot]:
        """All reads within see the file at one instant. Raises StoreUnusable; SQLite's errors in
        the block are those of another file, and pass."""
        with self._reading(_VALUE_ERRORS):
            with self._reading():
                connection = self._open()
                seen = _version_of(connection)
                begin(connection)
            try:
                yield StoreSnapshot(connection, self._reading)
            finally:
                roll_back(connection)
            self._seen = seen

    @contextlib.contextmanager
    def _reading(
        self, errors: tuple[type[Exception], ...] = (*MIRROR_ERRORS, *_VALUE_ERRORS)
    ) -> Iterator[None]:
        try:
            yield
        except StoreUnusable:
            self.close()
            raise
        except errors as error:
            self.close()
            raise StoreUnusable(f"the store cannot be read: {reason(error)}") from error

    def _open(self) -> sqlite3.Connection:
        target = self._checked()
        found = target.stat()
        identity = (found.st_dev, found.st_ino)
        if self._connection is not None and identity != self._identity:
            self.close()
        if self._connection is None:
            connection = _connect(target, "ro")
            for pragma in ("query_only = 1", "trusted_schema = 0", "cell_size_check = 1"):
                connection.execute(f"PRAGMA {pragma}")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self._connection, self._identity = connection, identity
        return self._connection

    def _checked(self) -> Path:
        """The file behind the store's path. One link leads there on a device; a pipe would keep
        who opens it waiting, a further link lead to a file of somebody else."""
        target = self._path
        if target.is_symlink():
            target = target.parent / target.readlink()
        for suffix in ("", "-wal", "-shm", "-journal"):
            beside = Path(f"{target}{suffix}")
            try:
                mode = beside.lstat().st_mode
            except FileNotFoundError:
                if suffix:
                    continue
                raise StoreUnusable(f"{target} is missing") from None
            if not stat.S_ISREG(mode):
                raise StoreUnusable(f"{beside} is no regular file")
        return target


class MirrorSide:
    """The mirror as its one writer has it. Raises MIRROR_ERRORS."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        """The existing mirror at `path`; `fresh` makes a new one that nobody reads yet."""
        self._path = path
        self._fresh = fresh
        self._unsound: list[str] = []
        self.connection = _connect(path, "rwc" if fresh else "rw")
        try:
            self.connection.create_function("sound", -1, Sound(self._unsound.append))
            if fresh:
                # Nothing of it counts before it is finished.
                self.connection.execute("PRAGMA journal_mode = off")
                self.connection.execute("PRAGMA synchronous = 0")
                begin(self.connection)
                create(self.connection)
                self.connection.execute("COMMIT")
            else:
                self._file = path.stat()
                self._check_form()
                self.connection.execute("PRAGMA synchronous = full")
                self.connection.execute("PRAGMA journal_size_limit = 4194304")
        except BaseException:
            self.connection.close()
            raise

    def _check_form(self) -> None:
        if self.connection.execute("PRAGMA user_version").fetchone()[0] != FORM:
            raise sqlite3.DatabaseError("it is of another form")

    def close(self) -> None:
        self.connection.close()

    def is_in_place(self) -> bool:
        """Whether the file under the path is still the existing one that was opened."""
        try:
            return os.path.samestat(self._file, self._path.stat())
        except OSError:
            return False

    def finish(self) -> None:
        """Put a fresh mirror on the disk, in the mode in which it is read and written."""
        self.connection.execute("PRAGMA journal_mode = wal")
        self.close()
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def head(self) -> _Head | None:
        """How far the copying came; None before the first."""
        columns = ", ".join(STATE_COLUMNS)
        found = self.connection.execute(f"SELECT {columns}, row_sum FROM state").fetchone()  # noqa: S608 - constants
        if found is None or check_sum("state", 1, found[:-1]) != found[-1]:
            return None
        return _Head(*found[:-1])

    def keep_head(self, head: _Head) -> None:
        values = (head.version, head.epoch, head.seq, head.mark)
        self.connection.execute(
            "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?)",
            (*values, check_sum("state", 1, values)),
        )

    def faults(self) -> list[RowFault]:
        found = self.connection.execute(
            "SELECT name, row, columns, fate, since_utc FROM faults ORDER BY name, row"
        )
        return [RowFault(name, row, bad, Fate[fate], utc) for name, row, bad, fate, utc in found]

    def damage(self, beat: Callable[[], object]) -> str | None:
        """What is wrong with the file or one of its rows; None when it is whole. Reads all."""
        try:
            answer = self.connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if answer != "ok":
                return str(answer)
            if self.head() is None:
                return "its state is lost"
            for name, table in TABLES.items():
                beat()
                if not is_complete(self.connection, name):
                    return f"rows of {name} are missing"
                every = f'SELECT row_key, {table.columns}, row_sum FROM "rows_{name}"'  # noqa: S608 - declared names only
                for key, *values, total in self.connection.execute(every):
                    if total is not None and check_sum(name, key, values) != total:
                        return f"a row of {name} is damaged"
        except MIRROR_ERRORS as error:
            return reason(error)
        return None


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

    def sync(self) -> int:
        """Copy what was committed until now; the mirror's version. Raises StoreUnusable, and then
        the mirror is as before; MIRROR_ERRORS where the mirror itself fails."""
        with self._store.snapshot() as store:
            head = _head_of(store)
            before = self._mirror.head()
            if before is not None and head.epoch is not None and before.holds(head):
                return before.version
            names = _changed_tables(store, head, before)
            self._same_history = names is not None
            self._changed.clear()
            self._grown.clear()
            with self._written():
                self._releases = _releasing(store)
                self._faulty = set(self._to.execute("SELECT name, row FROM faults"))
                if before is None or names is None:
                    for table in TABLES.values():
                        self._compare(store, table)
                else:
                    for name in names:
                        self._copy(store, TABLES[name], before.seq)
                self._count()
                version = self._version(head, before)
                self._mirror.keep_head(replace(head, version=version))
                for name in self._changed:
                    self._to.execute(
                        "UPDATE contents SET changed = ? WHERE name = ?", (version, name)
                    )
                if self._rules_changed():
                    self._committing()
            return version

    def _version(self, head: _Head, before: _Head | None) -> int:
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

    def _compare(self, store: StoreSnapshot, table: MirrorTable) -> None:
        """Make all rows of `table` what they are in the store; equal ones are not written."""
        textual = table.name == "configuration"
        last: Key = "" if textual else _FIRST_KEY
        page = f'FROM "{table.name}" WHERE {table.key} > ? ORDER BY {table.key} LIMIT {PAGE}'
        while True:
            self._beat()
            keys: list[Key] = [row[0] for row in store.rows(f"SELECT {table.key} {page}", (last,))]
            end = keys[-1] if len(keys) == PAGE else None
            within = "row_key > ?" if end is None else "row_key > ? AND row_key <= ?"
            known = self._known(table, within, (last,) if end is None else (last, end))
            self._put_all(store, table, page, (last,), keys, known)
            for key, old in known.items():
                self._put(table, key, None, old)
            if end is None:
                return
            last = end

    def _copy(self, store: StoreSnapshot, table: MirrorTable, after: int) -> None:
        """Make the rows that were noted after the change `after` what they are in the store."""
        noted = store.rows(
            f"SELECT DISTINCT row FROM {CHANGES} WHERE seq > ? AND name = ?",  # noqa: S608 - a constant
            (after, table.name),
        )
        for at in range(0, len(noted), PAGE):
            keys = [row[0] for row in noted[at : at + PAGE]]
            self._beat()
            marks = ", ".join("?" * len(keys))
            page = f'FROM "{table.name}" WHERE {table.key} IN ({marks})'
            known = self._known(table, f"row_key IN ({marks})", keys)
            left = self._put_all(store, table, page, keys, keys, known)
            for key in left:
                self._put(table, key, None, known.get(key))

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
            if isinstance(found, MirrorRow):
                self._put(table, key, found, old)
            elif not self._is_copied(table, key, found, old):
                self._put(table, key, read_row(table, found, self._releases), old)
        return left

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


def _head_of(store: StoreSnapshot) -> _Head:
    """How far the store is. What is not there, in a store of an older program or a damaged one, is
    0 or None: then all is compared."""
    tables = {name for (name,) in store.rows("SELECT name FROM sqlite_master")}

    def number(query: str, table: str) -> int | None:
        row = store.row(query) if table in tables else None
        return row[0] if row is not None and type(row[0]) is int else None

    seq = number(f"SELECT seq FROM sqlite_sequence WHERE name = '{CHANGES}'", CHANGES) or 0  # noqa: S608 - a constant
    return _Head(
        number("SELECT version FROM policy_version", "policy_version") or 0,
        number(f"SELECT epoch FROM {EPOCH}", EPOCH),  # noqa: S608 - a constant
        seq,
        _mark_of(store, seq) if CHANGES in tables else None,
    )


def _mark_of(store: StoreSnapshot, seq: int) -> int | None:
    row = store.row(f"SELECT mark FROM {CHANGES} WHERE seq = ?", (seq,))  # noqa: S608 - a constant
    return row[0] if row is not None and type(row[0]) is int else None


def _changed_tables(store: StoreSnapshot, head: _Head, before: _Head | None) -> list[str] | None:
    """The tables of which rows changed since `before`; None where nobody can tell."""
    if before is None or head.epoch is None or head.epoch != before.epoch or head.seq < before.seq:
        return None
    if _mark_of(store, before.seq) != before.mark:
        return None
    usable = "typeof(row) IN ('integer', 'text')"
    since = f"SELECT name, count(*), sum({usable}) FROM {CHANGES} WHERE seq > ? GROUP BY name"  # noqa: S608 - constants
    noted = store.rows(since, (before.seq,))
    if any(name not in TABLES or count != whole for name, count, whole in noted):
        return None
    if sum(count for _, count, _ in noted) != head.seq - before.seq:
        return None
    return [name for name, _, _ in noted]


def _releasing(store: StoreSnapshot) -> frozenset[Value]:
    """The ids of the rules that release for certain."""
    found = store.rows("SELECT id FROM access_rules WHERE type = ?", (_RELEASE,))
    return frozenset(id_ for (id_,) in found)
