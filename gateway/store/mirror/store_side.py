"""The api's file as the process that feeds the mirror reads it: it may be anything."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.errors import StorageError
from gateway.store.files.database import begin, reason, roll_back
from gateway.store.mirror.connections import MIRROR_ERRORS, connect, raw
from gateway.store.mirror.rows import Value

REOPEN_S = 3.0
"""A connection that is older is replaced. One that the kernel failed to unlock keeps writers out as
long as it is open, and nobody here notices; a writer waits for longer than this."""
LONGEST_VALUE = 1 << 20
"""Bytes of one value that is read at all."""
_VALUE_ERRORS = (OSError, OverflowError, MemoryError)
"""What values of a file that may be anything cause."""


class StoreUnusable(StorageError):
    """The store cannot be read; the mirror stays as it is."""


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

    def raw_rows(self, query: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]] | None:
        """As `rows_or_none`, with texts as their bytes, which is many times faster."""
        with raw(self._connection):
            return self.rows_or_none(query, values)

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
        self._opened_s = 0.0
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
        now_s = time.monotonic()
        if identity != self._identity or now_s - self._opened_s > REOPEN_S:
            self.close()
        if self._connection is None:
            # Whoever reads closes it if any of this fails.
            self._connection = connection = connect(target, "ro")
            self._identity, self._opened_s = identity, now_s
            for pragma in ("query_only = 1", "trusted_schema = 0", "cell_size_check = 1"):
                connection.execute(f"PRAGMA {pragma}")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
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
