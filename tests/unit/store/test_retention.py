"""The journal keeps to its size and age, and what a start needs outlives both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.store.journal import Entry, EntryKind, Journal, JournalReader
from gateway.store.journal.retention import SLICE, SPARED_PER_HOUR, Retention

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
MB = 1_000_000
HOUR_NS = 3_600_000_000_000


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    Journal.create(tmp_path / "journal.db")
    with closing(Journal(tmp_path / "journal.db", "boot")) as opened:
        yield opened


def entry(kind: EntryKind, body: dict[str, Any], at: datetime = NOON) -> Entry:
    return Entry(kind, body, at, 1, clock_trusted=True)


def fill(journal: Journal, batches: int, at: datetime = NOON) -> int:
    """Some 0.6 MB for each batch; the number of the last entry."""
    noise = [entry(EntryKind.DEVICE, {"device": "x" * 1_000}, at)] * 500
    return [journal.append(noise, {}) for _ in range(batches)][-1]


def trim(journal: Journal, retention: Retention, now: datetime | None = NOON) -> None:
    """As much as goes within some hours."""
    for hour in range(20):
        while retention.trim(journal, now, hour * HOUR_NS):
            pass


def numbers(tmp_path: Path) -> list[int]:
    with closing(JournalReader(tmp_path / "journal.db")) as reader:
        return [found.seq for found in reader.after(0, 100_000)]


def test_the_oldest_go_while_it_is_too_large_and_space_is_given_back(
    journal: Journal, tmp_path: Path
) -> None:
    last = fill(journal, 40)
    before = journal.used_bytes()
    assert before > 20 * MB
    retention = Retention(30, 8 * MB, projected=last)
    trim(journal, retention)
    assert 7 * MB < journal.used_bytes() <= 8 * MB
    left = numbers(tmp_path)
    assert left == list(range(left[0], last + 1))
    assert retention.dropped == 0
    for _ in range(20):
        retention.trim(journal, NOON, 0)
    journal.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (tmp_path / "journal.db").stat().st_size < before - 8 * MB


def test_old_entries_go_by_a_trusted_clock_alone(journal: Journal, tmp_path: Path) -> None:
    fill(journal, 3, NOON - timedelta(days=31))
    last = fill(journal, 1)
    retention = Retention(30, 200 * MB, projected=last)
    trim(journal, retention, None)
    assert len(numbers(tmp_path)) == 4 * 500
    trim(journal, retention)
    assert numbers(tmp_path) == list(range(last - 499, last + 1))


def test_a_clock_that_jumps_ahead_takes_few_entries_with_it(
    journal: Journal, tmp_path: Path
) -> None:
    last = fill(journal, 6)
    jumped = NOON + timedelta(days=365)
    retention = Retention(30, 200 * MB, projected=last)
    for _ in range(5):  # starts of the controller
        retention = Retention(30, 200 * MB, projected=last)
        assert not retention.trim(journal, jumped, 0)
        assert not retention.trim(journal, jumped, HOUR_NS // SPARED_PER_HOUR - 1)
    assert numbers(tmp_path)[0] == 1
    for _ in range(20):
        retention.trim(journal, jumped, HOUR_NS)
    assert numbers(tmp_path)[0] == SPARED_PER_HOUR + 1
    for _ in range(20):
        retention.trim(journal, jumped, 10 * HOUR_NS)
    assert numbers(tmp_path)[0] == 2 * SPARED_PER_HOUR + 1


def test_a_lower_bound_takes_few_entries_with_it_while_the_journal_does_not_grow(
    journal: Journal, tmp_path: Path
) -> None:
    last = fill(journal, 10)
    before = journal.used_bytes()
    retention = Retention(30, 0, projected=last)
    for _ in range(20):
        retention.trim(journal, NOON, 0)
    assert numbers(tmp_path)[0] == 1
    retention.trim(journal, NOON, HOUR_NS)
    retention.trim(journal, NOON, HOUR_NS)
    retention.trim(journal, NOON, HOUR_NS)
    assert numbers(tmp_path)[0] == SPARED_PER_HOUR + 1
    # What is gained stays gained, and as many go as come.
    retention.projected = fill(journal, 10)
    while retention.trim(journal, NOON, HOUR_NS):
        pass
    assert journal.used_bytes() < before
    assert len(numbers(tmp_path)) > last - 2 * SPARED_PER_HOUR


def test_what_is_not_projected_waits_up_to_a_limit_and_its_loss_is_counted(
    journal: Journal, tmp_path: Path
) -> None:
    fill(journal, 3, NOON - timedelta(days=31))
    retention = Retention(30, 8 * MB, projected=700)
    trim(journal, retention)
    assert numbers(tmp_path)[0] == 701
    fill(journal, 12)
    trim(journal, retention)
    assert numbers(tmp_path)[0] == 701, "larger than wanted, but within the limit"
    fill(journal, 12)
    trim(journal, retention)
    assert journal.used_bytes() <= 10 * MB
    assert retention.dropped == numbers(tmp_path)[0] - 701


def test_what_a_start_needs_stays(journal: Journal, tmp_path: Path) -> None:
    long_ago = NOON - timedelta(days=400)
    row = {"id": 1, "time": 1, "event": 1, "cause": 7, "door_id": 1}
    kept = [
        entry(EntryKind.FIRE, {"on": True}, long_ago),
        entry(EntryKind.MODE, {"door": 1, "mode": "emergency"}, long_ago),
        entry(EntryKind.ALARM, {"row": row}, long_ago),
        entry(EntryKind.ARMING, {"disarmed": [2], "exit_ms": {}}, long_ago),
        entry(EntryKind.SCHEDULE, {"door": 1, "schedule": "ended"}, long_ago),
        entry(EntryKind.KEYPAD, {"reader": "front", "locked_ms": 5}, long_ago),
        entry(EntryKind.CARD_SPENT, {"card_id": 1, "card_value": 2}, long_ago),
    ]
    old = entry(EntryKind.SCHEDULE, {"door": 1, "schedule": "holds"}, long_ago)
    journal.append([old, *kept], {"access_logs": 9})
    last = fill(journal, 2)
    trim(journal, Retention(30, 0, projected=last))
    # The spent card is in a table of its own; the newest entry of all tells the last number.
    assert numbers(tmp_path) == [2, 3, 4, 5, 6, 7, last]
    fire = journal.last_of(EntryKind.FIRE)
    assert fire is not None
    assert fire.body["on"]
    assert [found.seq for found in journal.newest_of_each(EntryKind.SCHEDULE)] == [6]
    assert len(journal.open_alarms()) == 1
    assert len(journal.used_up().cards) == 1
    assert journal.append(kept, journal.last_ids()) == last + len(kept)
    assert SLICE == 500
