"""Reads the name of a person, a group, an area or a portal."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.store.files import database

_NAMED = ("users", "groups", "areas", "portals")
_CACHE_KIB = 256


Open = Callable[[Path, int], database.TrackedDatabase]
"""Opens a file for reading, with a cache of so many KiB."""


class NameReader:
    """Reads names. One thread at a time uses it; the file is opened when the first name is asked
    for."""

    def __init__(self, path: Path, open_: Open = database.open_reader) -> None:
        """`path` is the store's file, or its mirror's."""
        self._path = path
        self._open = open_
        self._guard = threading.Lock()
        self._database: database.TrackedDatabase | None = None
        self._queries: dict[str, str] = {}

    def __call__(self, table: str, id_: int) -> str:
        """The name of row `id_` of `table`, empty for none. Raises StorageError."""
        with self._guard:
            if self._database is None:
                self._database = self._open(self._path, _CACHE_KIB)
                self._queries = _queries(Models(REGISTRY, self._database))
            connection: sqlite3.Connection = self._database.connection()
            with database.sqlite_errors(database.STORE_UNREADABLE):
                row = connection.execute(self._queries[table], (id_,)).fetchone()
        return str(row[0]) if row is not None and row[0] else ""

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Keep the file closed while the context lasts; who asks for a name waits."""
        with self._guard:
            if self._database is not None:
                self._database.close_all()
                self._database = None
            yield

    def close(self) -> None:
        with self.closed():
            pass


def _queries(models: Models) -> dict[str, str]:
    """Table -> SQL of the query."""
    queries = {}
    for table in _NAMED:
        named = models[table].select(models.column(table, "name"))
        queries[table] = database.sql_of(named.where(models.key(table) == 0))
    return queries
