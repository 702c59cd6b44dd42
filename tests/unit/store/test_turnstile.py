"""A turnstile's turns and give-ups, projected from the journal exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.objects.catalogue import REGISTRY
from gateway.store.journal import Entry, EntryKind, Journal, JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects.store import Store

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Site:
    """A journal with a controller's hand, and the store beside it."""

    def __init__(self, path: Path) -> None:
        Journal.create(path / "journal.db")
        self.journal = Journal(path / "journal.db", "boot")
        self.reader = JournalReader(path / "journal.db")
        self.store = Store.create(path / "store.db", REGISTRY, lambda: 99)
        self.projection = Projection(self.store, self.reader)
        self.events = 0

    def add(self, kind: EntryKind, **body: Any) -> None:
        self.journal.append([Entry(kind, body, NOW, 1, clock_trusted=True)], {})

    def access(self, number: int, event: int = 7) -> None:
        row = {"id": number, "time": 5, "event": event, "device_id": 1, "portal_id": 1}
        self.add(EntryKind.ACCESS, row={**row, "user_id": 0}, rules=[], reason="x")

    def row(self, kind: str) -> dict[str, Any]:
        self.events += 1
        return {
            "id": self.events,
            "event": "catra",
            "type": kind,
            "identification": f"uuid-{self.events}",
            "device_id": 1,
            "timestamp": 5,
        }

    def turn(self, *counts: str) -> None:
        row = self.row("TURN_LEFT")
        self.add(EntryKind.TURN, row=row, counts=list(counts), access_log_id=0, allowed=True)

    def give_up(self, access_log_id: int) -> None:
        self.add(EntryKind.GAVE_UP, row=self.row("GIVE_UP"), access_log_id=access_log_id)

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.store.load({"object": table, "order": ["id"]}).rows)

    def counts(self) -> list[dict[str, Any]]:
        return self.rows("catra_infos")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.store.close()
    made.reader.close()
    made.journal.close()


class Died(Exception):
    """What a process does between two steps."""


def die_before_the_cursor(patch: pytest.MonkeyPatch) -> None:
    insert = Projection._insert

    def die(self: Projection, entries: Any) -> None:
        insert(self, entries)
        raise Died

    patch.setattr(Projection, "_insert", die)


def test_a_turn_is_a_row_and_raises_its_counters_in_the_one_row_there_is(site: Site) -> None:
    site.turn("left_turns", "exit_turns")
    site.turn("right_turns", "entrance_turns")
    site.turn("right_turns", "entrance_turns")
    site.projection.catch_up()
    assert site.counts() == [
        {"id": 1, "left_turns": 1, "right_turns": 2, "entrance_turns": 2, "exit_turns": 1}
    ]
    assert [row["identification"] for row in site.rows("access_events")] == [
        "uuid-1",
        "uuid-2",
        "uuid-3",
    ]


def test_a_grant_that_was_given_up_becomes_event_13_and_its_neighbours_stay(site: Site) -> None:
    for number in (1, 2, 3):
        site.access(number)
    site.give_up(2)
    site.projection.catch_up()
    assert [row["event"] for row in site.rows("access_logs")] == [7, 13, 7]
    (row,) = site.rows("access_events")
    assert (row["event"], row["type"]) == ("catra", "GIVE_UP")


def test_giving_up_reaches_a_row_that_was_projected_long_before(site: Site) -> None:
    site.access(1)
    site.projection.catch_up()
    site.give_up(1)
    site.projection.catch_up()
    assert [row["event"] for row in site.rows("access_logs")] == [13]


@pytest.mark.parametrize("event", [6, 10, 12])
def test_only_a_grant_becomes_one_given_up(site: Site, event: int) -> None:
    site.access(1, event)
    site.give_up(1)
    site.projection.catch_up()
    assert [row["event"] for row in site.rows("access_logs")] == [event]


def test_a_row_that_a_client_deleted_does_not_come_back(site: Site) -> None:
    site.access(1)
    site.projection.catch_up()
    site.store.destroy("access_logs")
    site.give_up(1)
    site.projection.catch_up()
    assert site.rows("access_logs") == []
    assert len(site.rows("access_events")) == 1


def test_a_crash_between_the_counters_and_the_cursor_counts_nothing_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.turn("left_turns", "exit_turns")
    site.projection.catch_up()
    site.turn("left_turns", "exit_turns")
    site.access(1)
    site.give_up(1)
    with monkeypatch.context() as patch:
        die_before_the_cursor(patch)
        with pytest.raises(Died):
            site.projection.catch_up()
    assert site.counts()[0]["left_turns"] == 1
    assert site.rows("access_logs") == []
    for _ in range(2):
        Projection(site.store, site.reader).catch_up()
        assert site.counts()[0]["left_turns"] == 2
        assert [row["event"] for row in site.rows("access_logs")] == [13]


def test_counters_that_a_reset_took_begin_anew(site: Site) -> None:
    site.turn("left_turns", "exit_turns")
    site.projection.catch_up()
    site.store.clear()
    assert site.counts() == []
    site.turn("left_turns", "entrance_turns")
    site.projection.catch_up()
    assert site.counts() == [
        {"id": 1, "left_turns": 1, "right_turns": 0, "entrance_turns": 1, "exit_turns": 0}
    ]


def test_counting_fills_no_change_log(site: Site) -> None:
    site.turn("left_turns", "exit_turns")
    site.projection.catch_up()
    before = len(site.rows("change_logs"))
    site.turn("left_turns", "exit_turns")
    site.projection.catch_up()
    assert len(site.rows("change_logs")) == before
