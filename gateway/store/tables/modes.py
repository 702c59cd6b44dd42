"""Exception modes in the database: the configured mode, and who set it and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.objects.modes import has_mode_key, mode_key
from gateway.store.objects.mode_rows import NAME, PLACES, ModeRow
from gateway.store.objects.store import Store

NO_MODE = "none"


def read_modes(store: Store) -> Mapping[int, ModeRow]:
    """The mode of each door, and of the device under 0, with its known facts.

    Raises StorageError.
    """
    keys = {mode_key(door): door for door in PLACES}
    words = store.configuration({"general": list(keys)})["general"]
    rows: dict[Any, Any] = {row["door_id"]: row for row in store.load({"object": NAME}).rows}
    found = _Modes()
    for key, door in keys.items():
        row: Mapping[str, Any] = rows.get(door, {})
        same = row.get("mode") == words[key]
        found[door] = _row(row) if same else ModeRow(door, words[key])
    for door, row in rows.items():
        if not has_mode_key(door):
            found[door] = _row(row)
    return found


class _Modes(dict[int, ModeRow]):
    """Modes by door. A door on a module without a row has none."""

    def __missing__(self, door: int) -> ModeRow:
        return ModeRow(door, NO_MODE)


def write_mode(store: Store, row: ModeRow) -> None:
    """Set the mode of `row` and store who set it. Raises StorageError."""
    with store.transaction():
        if has_mode_key(row.door_id):
            store.set_configuration({"general": {mode_key(row.door_id): row.mode}})
        else:
            door = store.models.column(NAME, "door_id")
            store.model(NAME).delete().where(door == row.door_id).execute()
        store.model(NAME).insert(**row._asdict()).execute()


def _row(row: Mapping[str, Any]) -> ModeRow:
    return ModeRow(**{name: row[name] for name in ModeRow._fields})
