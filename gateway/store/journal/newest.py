"""The newest entry of the journal on each thing that has a state, such as a door's schedule.

Kept beside the journal and by its writer, in the transaction of the entry: what a restart goes by
is found however long ago it was written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import peewee


class NewestRow(peewee.Model):
    """By kind of entry and by what it is about, the number of the newest one."""

    kind = peewee.TextField()
    about = peewee.TextField()
    seq = peewee.BigIntegerField()

    class Meta:
        table_name = "newest"
        primary_key = peewee.CompositeKey("kind", "about")


class NewestTable:
    """The writing end, inside the transactions of the journal."""

    TABLES = (NewestRow,)

    def __init__(self, writer: peewee.SqliteDatabase, keys: Mapping[str, str]) -> None:
        """`keys` has, by kind of entry, the member of its body that says what it is about."""
        self._keys = keys
        with writer.bind_ctx(self.TABLES):
            row = NewestRow.insert_many([("", "", 0)])
            self._put = str(row.on_conflict_replace().sql()[0])

    def apply(
        self, connection: sqlite3.Connection, seq: int, kind: str, body: Mapping[str, Any]
    ) -> None:
        """Write down, in the running transaction, that an entry is the newest of its kind."""
        key = self._keys.get(kind)
        if key is not None:
            connection.execute(self._put, (kind, str(body[key]), seq))
