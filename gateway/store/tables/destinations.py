"""How far each destination of the outbox has come, and how it and other devices fare."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from gateway.store.files import database
from gateway.store.objects.store import Store
from gateway.store.tables import AnyCount, AnyText, own_table

ONLINE = "online"
"""The server of the online modes."""
_TABLE = "destinations"


@dataclass(frozen=True, slots=True)
class DestinationState:
    """One destination. Times are Unix seconds, 0 for never."""

    name: str
    server: str = ""
    """Its address, without path and query."""
    journal_seq: int = 0
    """The last entry of the journal that it has, or that was given up."""
    change_id: int = 0
    """The same of `change_logs`."""
    backlog: int = 0
    """What waits: entries and changes that it is to be told of."""
    delivered: int = 0
    refused: int = 0
    """Messages that the server does not take, given up."""
    dropped: int = 0
    """Entries and changes that became too many or too old, given up unsent."""
    last_success_utc: int = 0
    last_error: str = ""
    last_error_utc: int = 0
    failing_since_utc: int = 0
    """0 while the last request succeeded."""


class DestinationTable:
    """The states of one store. Any thread may call it; methods raise StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._model = own_table(
            store,
            _TABLE,
            **{name: kind(primary_key=name == "name") for name, kind in _KINDS.items()},
        )

    def read(self, name: str) -> DestinationState | None:
        """The stored state; None for a destination that is off."""
        query = self._model.select(*(getattr(self._model, it) for it in _COLUMNS))
        rows = self._store.read(query.where(self._model.name == name).tuples())
        return DestinationState(*rows[0]) if rows else None

    def keep(self, state: DestinationState) -> None:
        """Store `state`."""
        with self._store.transaction():
            self._model.replace(**asdict(state)).execute()

    def forget(self, name: str) -> None:
        """Delete the state: the destination is off, and begins anew when it is switched on."""
        with self._store.transaction():
            self._model.delete().where(self._model.name == name).execute()


_PEER = "peer "


def peer_key(device: int) -> str:
    """The name under which the state of another device, a row of `devices`, is kept."""
    return f"{_PEER}{device}"


def is_peer(name: str) -> bool:
    """Whether a state is that of another device."""
    return name.startswith(_PEER)


def stored_destinations(path: Path) -> list[DestinationState]:
    """The states in the store at `path`, for another process. Raises StorageError."""
    store = database.open_reader(path)
    try:
        with database.sqlite_errors(database.STORE_UNREADABLE):
            try:
                rows = store.connection().execute(
                    f"SELECT {', '.join(_COLUMNS)} FROM {_TABLE} ORDER BY name"  # noqa: S608 - ours
                )
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []  # made by the first start of the api process
                raise
            return [_state(row) for row in rows]
    finally:
        store.close_all()


_COLUMNS = tuple(field.name for field in fields(DestinationState))
_TEXTS = ("name", "server", "last_error")
_KINDS: Mapping[str, type[AnyText | AnyCount]] = {
    name: AnyText if name in _TEXTS else AnyCount for name in _COLUMNS
}
"""A damaged number is as at the beginning, so that nothing is left out."""


def _state(row: Sequence[object]) -> DestinationState:
    values: dict[str, Any] = {
        name: kind().python_value(value)
        for (name, kind), value in zip(_KINDS.items(), row, strict=True)
    }
    return DestinationState(**values)
