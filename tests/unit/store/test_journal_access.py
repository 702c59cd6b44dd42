"""Entries are found in the journal by the id of their row, by kind and by time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
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


def test_entries_of_some_kinds_come_newest_first_and_damaged_ones_are_left_out(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    Journal.create(path)
    with closing(Journal(path, "boot")) as journal:
        journal.append([entry(EntryKind.ACCESS, id_) for id_ in range(1, 6)], {})
        journal.append([entry(EntryKind.DEVICE)], {})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE journal SET body = '{' WHERE seq = 3")
    with closing(JournalReader(path)) as reader:

        def found(seq: int, span: int, *kinds: EntryKind, mentioned: str = "") -> list[int]:
            return [it.seq for it in reader.before(seq, span, kinds, mentioned=mentioned)]

        assert found(7, 100, *EntryKind) == [6, 5, 4, 2, 1]
        assert found(7, 100, EntryKind.DEVICE) == [6]
        assert found(5, 3, EntryKind.ACCESS) == [4, 2], "the three numbers below 5"
        assert found(7, 100, EntryKind.ACCESS, mentioned='"id":4') == [4]
        others = [it.seq for it in reader.before(7, 100, tuple(EntryKind), events=[6])]
        assert others == [6], "each access has event 7"
        assert reader.damage.named.keys() == {3}


def test_the_first_entry_from_an_instant_on_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.create(path)
    hours = [0, 1, 1, 5]
    with closing(Journal(path, "boot")) as journal:
        at = [AT + timedelta(hours=hour) for hour in hours]
        journal.append([Entry(EntryKind.STARTED, {}, it, 0, clock_trusted=True) for it in at], {})
    with closing(JournalReader(path)) as reader:
        assert [reader.seq_at(AT + timedelta(hours=hour)) for hour in (-1, 0, 1, 2, 5, 6)] == [
            *(1, 1, 2),
            *(4, 4, 5),
        ]
