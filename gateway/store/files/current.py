"""Reading a file that another process may replace, or that lies on a read-only disk."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

from gateway.errors import DamagedFile, StorageError
from gateway.store.files import database
from gateway.store.files.copies import FileCopy
from gateway.store.files.database import TrackedDatabase

_CACHE_KIB = 256
"""Of each thread's connection: a journal is read in order, and many threads read it."""


class CurrentFile:
    """The database file at a path, opened when it is first read and again when it was replaced.

    Each thread has a connection of its own. SQLite reads no file with a write-ahead log from a disk
    that is read-only, since it needs to make a file beside it. It is then read without locks, as
    long as that lasts.
    """

    def __init__(self, path: Path, known_form: int) -> None:
        """Opens nothing yet, so that a start does not depend on the file."""
        self._path = path
        self._known_form = known_form
        self._guard = threading.Lock()
        self._database: TrackedDatabase | None = None
        self._identity: tuple[int, int] | None = None
        self._unlocked = False
        """Read without locks: the next use looks whether it can be opened as ever."""
        self._copy: FileCopy | None = None

    def connection(self) -> sqlite3.Connection:
        """This thread's connection. Raises StorageError; DamagedFile, also of a newer form."""
        with self._guard:
            found = self._current()
        with database.sqlite_errors(f"{self._path} cannot be read"):
            connection: sqlite3.Connection = found.connection()
        return connection

    def close(self) -> None:
        with self._guard:
            self._forget()

    def _current(self) -> TrackedDatabase:
        try:
            status = self._path.stat()
        except OSError as error:
            raise StorageError(f"{self._path} cannot be read: {error}") from error
        identity = status.st_dev, status.st_ino
        if self._database is None or identity != self._identity:
            # Other threads may be using theirs: it is closed when they let go of it.
            self._database, self._unlocked = None, False
            self._database = self._open()
            self._identity = identity
        elif self._unlocked:
            with contextlib.suppress(StorageError):
                self._database = self._open_locked()
                self._unlocked = False
        return self._database

    def _reader(self, path: Path, *, immutable: bool = False) -> TrackedDatabase:
        return database.open_reader(
            path, _CACHE_KIB, known_form=self._known_form, immutable=immutable
        )

    def _open_locked(self) -> TrackedDatabase:
        return self._reader(self._path)

    def _open(self) -> TrackedDatabase:
        try:
            return self._open_locked()
        except DamagedFile:
            raise
        except StorageError:
            found = self._open_unlocked()
            self._unlocked = True
            return found

    def _open_unlocked(self) -> TrackedDatabase:
        whole = self._path.resolve()
        log = whole.with_name(f"{whole.name}-wal")
        try:
            if not log.exists() or not log.stat().st_size:
                return self._reader(whole, immutable=True)
        except OSError as error:
            raise StorageError(f"{self._path} cannot be read: {error}") from error
        self._copy = FileCopy(self._path)
        return self._reader(self._copy.path)

    def _forget(self) -> None:
        if self._database is not None:
            self._database.close_all()
            self._database = None
        if self._copy is not None:
            self._copy.close()
            self._copy = None
