"""The network settings from before a change that nobody has confirmed yet."""

from __future__ import annotations

import peewee

from gateway.store.files.database import storage_errors
from gateway.store.objects.store import Store
from gateway.store.tables import AnyText, own_table

_ONLY = 1
"""The key of the one row."""


class NetworkTrialTable:
    """At most one change waits; any thread may call it. Every method raises StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._model = own_table(
            store, "network_trial", id=peewee.IntegerField(primary_key=True), before=AnyText()
        )

    def read(self) -> str:
        """What to go back to, as it was kept; empty if nothing waits."""
        with storage_errors():
            found = self._model.select(self._model.before).tuples()
            rows = list(found.execute(self._store.reader()))
        return rows[0][0] or "" if rows else ""

    def keep(self, before: str) -> None:
        with self._store.transaction():
            self._model.replace(id=_ONLY, before=before).execute()

    def clear(self) -> bool:
        """Whether something waited."""
        with self._store.transaction():
            return bool(self._model.delete().execute())
