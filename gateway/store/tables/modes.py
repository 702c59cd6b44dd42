"""Exception modes in the database: the configured mode, and who set it and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.objects.modes import mode_key
from gateway.store.objects.mode_rows import NAME, PLACES, ModeRow
from gateway.store.objects.store import Store

NO_MODE = "none"


def read_modes(store: Store) -> dict[int, ModeRow]:
    """The mode of each door, and of the device under 0, with its known facts.

    Raises StorageError.
    """
    keys = {mode_key(door): door for door in PLACES}
    words = store.configuration({"general": list(keys)})["general"]
    rows = {row["door_id"]: row for row in store.load({"object": NAME}).rows}
    found = {}
    for key, door in keys.items():
        row: Mapping[str, Any] = rows.get(door, {})
        same = row.get("mode") == words[key]
        found[door] = _row(row) if same else ModeRow(door, words[key])
    return found


def write_mode(store: Store, row: ModeRow) -> None:
    """Set the mode of `row` and store who set it. Raises StorageError."""
    with store.transaction():
        store.set_configuration({"general": {mode_key(row.door_id): row.mode}})
        store.model(NAME).insert(**row._asdict()).execute()


def _row(row: Mapping[str, Any]) -> ModeRow:
    return ModeRow(**{name: row[name] for name in ModeRow._fields})
