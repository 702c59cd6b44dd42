"""The log of events: told after the commit, by a thread that holds up nobody."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from gateway.clock import DeviceTime
from gateway.controller.state import event_log
from gateway.controller.state.event_log import EventLog
from gateway.explain.names import SiteNames
from gateway.settings import parse_site
from gateway.store.journal import Entry, EntryKind
from tests.demo_site import DEMO

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Start

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)


def names(lookup: Any) -> SiteNames:
    return SiteNames(parse_site(DEMO, "site"), DeviceTime(lambda: UTC), lookup)


def grant(user_id: int) -> Entry:
    row = {"user_id": user_id, "portal_id": 1, "event": 7, "card_value": 5}
    facts = {"form": 1, "reader": "front", "doors": [1]}
    body = {"row": row, "reason": "granted", "trace": [], "rules": [], "facts": facts}
    return Entry(EntryKind.ACCESS, body, AT, 0, clock_trusted=True)


def test_what_was_committed_is_told_in_its_order() -> None:
    with capture_logs() as lines, EventLog(names(lambda _t, id_: f"P{id_}")).running() as log:
        log.add([grant(1), grant(2)])
    told = [(line["event"], line["log_level"]) for line in lines]
    assert told == [
        ("GRANTED P1 at front (card)", "info"),
        ("GRANTED P2 at front (card)", "info"),
    ]


def test_names_that_take_long_hold_up_nobody_and_what_is_too_much_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_log, "LONGEST_QUEUE", 3)
    read, asked = threading.Event(), threading.Event()

    def slow(_table: str, _id: int) -> str:
        asked.set()
        read.wait()
        return "Ana"

    with capture_logs() as lines, EventLog(names(slow)).running() as log:
        log.add([grant(1)])
        asked.wait()
        log.add([grant(1) for _ in range(10)])  # returns although nothing is read
        read.set()
    assert len([line for line in lines if line["event"].startswith("GRANTED")]) == 4
    assert [line["lines"] for line in lines if "left out" in line["event"]] == [7]


def test_an_entry_without_words_does_not_end_the_log() -> None:
    broken = Entry(EntryKind.ACCESS, {"reason": "granted"}, AT, 0, clock_trusted=True)
    with capture_logs() as lines, EventLog(names(lambda _t, _i: "Ana")).running() as log:
        log.add([broken, grant(1)])
    assert [line["event"] for line in lines] == [
        "an entry has no line",
        "GRANTED Ana at front (card)",
    ]


def test_the_controller_tells_what_it_journals(demo: Any, start: Start) -> None:
    with capture_logs() as lines:
        with start(demo) as bench:
            bench.swipe((123 << 32) | 45678)
            bench.settle()
        told = [line["event"] for line in lines]
    assert told[0] == "STARTED"
    assert "GRANTED Ana at front (card)" in told
    assert told[-1] == "STOPPED"
