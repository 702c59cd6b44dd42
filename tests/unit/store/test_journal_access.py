"""An access is found in the journal by the id of its row."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.store.journal import Entry, EntryKind, Journal, JournalReader

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def entry(kind: EntryKind, log_id: int = 0) -> Entry:
    access = {"row": {"id": log_id, "time": 1, "event": 7}, "rules": [], "reason": "x"}
    body = access if kind is EntryKind.ACCESS else {"name": "front"}
    return Entry(kind, body, AT, 0, clock_trusted=True)


def test_every_access_is_found_among_other_entries_and_no_other_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.create(path)
    journal = Journal(path, "boot")
    reader = JournalReader(path)
    assert reader.access(1) is None, "an empty journal"

    ids = [3, 4, 5, 9, 10, 40]  # gaps are ids that were given and never committed
    for log_id in ids:
        others = [entry(EntryKind.DEVICE)] * (log_id % 4)
        journal.append([*others, entry(EntryKind.ACCESS, log_id), *others], {})

    for log_id in range(45):
        found = reader.access(log_id)
        assert (found is not None) is (log_id in ids), log_id
        assert found is None or found.body["row"]["id"] == log_id
    reader.close()
    journal.close()
