"""Reads the name of a person, a group, an area or a portal."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gateway.errors import StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.store.files import database

_NAMED = ("users", "groups", "areas", "portals")
_CACHE_KIB = 256


class NameReader:
    """Reads names, for one thread. The first call opens the file."""

    def __init__(self, path: Path) -> None:
        """`path` is the store's file."""
        self._path = path
        self._database: database.TrackedDatabase | None = None
        self._queries: dict[str, str] = {}

    def __call__(self, table: str, id_: int) -> str:
        """The name of row `id_` of `table`; empty if there is none. Raises StorageError."""
        if self._database is None:
            self._database = database.open_reader(self._path, _CACHE_KIB)
            self._queries = _queries(Models(REGISTRY, self._database))
        connection: sqlite3.Connection = self._database.connection()
        try:
            row = connection.execute(self._queries[table], (id_,)).fetchone()
        except sqlite3.Error as error:
            raise StorageError(f"the store cannot be read: {error}") from error
        return str(row[0]) if row is not None and row[0] else ""

    def close(self) -> None:
        if self._database is not None:
            self._database.close_all()


def _queries(models: Models) -> dict[str, str]:
    """Table -> SQL of the query."""
    queries = {}
    for table in _NAMED:
        named = models[table].select(models.column(table, "name"))
        queries[table] = database.sql_of(named.where(models.key(table) == 0))
    return queries
