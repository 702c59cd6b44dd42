"""The journal file: append-only, durable, with ids that never go back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StorageError
from gateway.store.journal import Entry, EntryKind, Journal, JournalReader

NOW = datetime(2026, 11, 23, 12, 0, 0, 123_456, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Journal.create(tmp_path / "journal.db")
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with closing(Journal(path, "boot")) as opened:
        yield opened


@pytest.fixture
def reader(path: Path) -> Iterator[JournalReader]:
    with closing(JournalReader(path)) as opened:
        yield opened


def entry(kind: EntryKind, body: dict[str, object], *, trusted: bool = True) -> Entry:
    return Entry(kind, body, NOW, 5, clock_trusted=trusted)


def alarm(event: int, cause: int, door: int) -> Entry:
    row = {
        "id": 1,
        "time": 1,
        "event": event,
        "cause": cause,
        "door_id": door,
        "user_id": 0,
        "access_log_id": 0,
    }
    return entry(EntryKind.ALARM, {"row": row})


def test_entries_come_back_as_they_were_in_order(journal: Journal, reader: JournalReader) -> None:
    first = journal.append([entry(EntryKind.STARTED, {"a": [1]})], {})
    last = journal.append([entry(EntryKind.DEVICE, {"ü": "\U0001f6aa"})] * 3, {})
    assert (first, last) == (1, 4)
    found = reader.after(1, 2)
    assert [(e.seq, e.kind, e.body, e.utc) for e in found] == [
        (2, EntryKind.DEVICE, {"ü": "\U0001f6aa"}, NOW),
        (3, EntryKind.DEVICE, {"ü": "\U0001f6aa"}, NOW),
    ]
    assert reader.last_seq() == 4


def test_an_empty_journal_has_no_past(journal: Journal, reader: JournalReader) -> None:
    assert journal.last_run() is None
    assert journal.last_trusted_utc() is None
    assert journal.open_alarms() == []
    assert reader.last_seq() == 0


def test_the_last_trusted_instant_ignores_entries_of_a_wrong_clock(journal: Journal) -> None:
    journal.append([entry(EntryKind.STARTED, {})], {})
    wrong = Entry(EntryKind.STARTED, {}, NOW - timedelta(days=9000), 5, clock_trusted=False)
    journal.append([wrong], {})
    assert journal.last_trusted_utc() == NOW


def test_an_alarm_is_open_until_its_own_off(journal: Journal) -> None:
    journal.append([alarm(1, 7, 1), alarm(1, 7, 2), alarm(2, 7, 1), alarm(1, 9, 0)], {})
    rows = [entry.body["row"] for entry in journal.open_alarms()]
    assert [(row["cause"], row["door_id"]) for row in rows] == [(7, 2), (9, 0)]


def test_an_alarm_is_told_apart_by_its_part_its_person_and_their_access(journal: Journal) -> None:
    def told(event: int, *, part: str = "", **row: int) -> Entry:
        first = alarm(event, 9, 1)
        body: dict[str, Any] = {"row": {**first.body["row"], **row}, "part": part}
        return replace(first, body=body)

    on = [told(1, part="reader a"), told(1, part="reader b"), told(1, user_id=3, access_log_id=8)]
    journal.append([*on, told(2, part="reader a"), told(2), told(2, user_id=3)], {})
    assert [entry.body for entry in journal.open_alarms()] == [on[1].body, on[2].body]


def test_a_journal_is_made_once(path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be made"):
        Journal.create(path)


def test_a_reader_cannot_write_and_sees_what_is_committed_later(
    journal: Journal, reader: JournalReader
) -> None:
    assert reader.last_seq() == 0
    journal.append([entry(EntryKind.STARTED, {})], {})
    assert reader.last_seq() == 1
    with pytest.raises(Exception, match="readonly"):
        reader._file.connection().execute("DELETE FROM journal")


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database" * 400)
    with pytest.raises(StorageError, match="not a database"):
        Journal(tmp_path / "journal.db", "boot")


def test_a_commit_is_durable_and_beside_readers(journal: Journal) -> None:
    run = journal._database.execute_sql
    assert run("PRAGMA journal_mode").fetchone() == ("wal",)
    assert run("PRAGMA synchronous").fetchone() == (2,)
