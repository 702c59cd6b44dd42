"""The journal's writer beside the loop."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.controller.state import journal_writer
from gateway.controller.state.journal_writer import Committed, JournalWriter, WriterFault
from gateway.errors import StorageError
from gateway.store.journal import Entry, EntryKind, Journal

NOW = datetime(2026, 11, 23, tzinfo=UTC)
Reports = queue.SimpleQueue[Committed | WriterFault]


def entry(number: int) -> Entry:
    return Entry(EntryKind.DEVICE, {"number": number}, NOW, number, clock_trusted=True)


def full(*_: object) -> int:
    raise StorageError("full")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    Journal.create(tmp_path / "journal.db")
    return Journal(tmp_path / "journal.db", "boot")


@pytest.fixture
def reports() -> Reports:
    return queue.SimpleQueue()


@pytest.fixture
def writer(journal: Journal, reports: Reports) -> Iterator[JournalWriter]:
    made = JournalWriter(journal, {}, reports.put)
    yield made
    made.close()


def test_what_piled_up_is_one_batch_in_order(writer: JournalWriter, reports: Reports) -> None:
    tickets = [writer.add(entry(number)) for number in range(10)]
    writer.start()
    report = reports.get(timeout=10)
    assert report == Committed(tickets[-1], 10)
    assert writer.waiting == 0


def test_a_fault_is_reported_once_and_its_end_too(
    writer: JournalWriter, journal: Journal, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(journal, "append", full)
        writer.start()
        writer.add(entry(1))
        assert reports.get(timeout=10) == WriterFault("full")
        writer.add(entry(2))
    writer.add(entry(3))
    assert reports.get(timeout=10) == WriterFault(None)
    assert reports.get(timeout=10) == Committed(3, 3)


def test_a_full_queue_drops_the_newest_and_counts_it(
    writer: JournalWriter, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "LONGEST_QUEUE", 3)
    tickets = [writer.add(entry(number)) for number in range(5)]
    assert tickets == [1, 2, 3, 3, 3]
    assert writer.dropped == 2
    writer.start()
    assert reports.get(timeout=10) == Committed(3, 3)


def test_ids_are_given_once_and_committed_with_their_rows(
    tmp_path: Path, journal: Journal, reports: Reports
) -> None:
    writer = JournalWriter(journal, {"access_logs": 41}, reports.put)
    assert writer.give_id("access_logs") == 42
    assert writer.give_id("alarm_logs") == 1
    writer.add(entry(1))
    writer.start()
    writer.close()
    with closing(Journal(tmp_path / "journal.db", "next")) as again:
        assert again.last_ids() == {"access_logs": 42, "alarm_logs": 1}


def test_what_waits_at_the_end_is_written_before_it_stops(
    tmp_path: Path, journal: Journal, reports: Reports
) -> None:
    writer = JournalWriter(journal, {}, reports.put)
    writer.start()
    for number in range(200):
        writer.add(entry(number))
    writer.close()
    with closing(Journal(tmp_path / "journal.db", "next")) as again:
        last = again.last_run()
    assert last is not None
    assert last.seq == 200


def test_a_stop_while_the_disk_is_full_loses_what_waits(
    tmp_path: Path, journal: Journal, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JournalWriter(journal, {}, reports.put)
    monkeypatch.setattr(journal, "append", full)
    for number in range(3):
        writer.add(entry(number))
    writer.start()
    assert reports.get(timeout=10) == WriterFault("full")
    writer.close()
    assert writer.waiting == 3
    with closing(Journal(tmp_path / "journal.db", "next")) as again:
        assert again.last_run() is None
