"""What a controller finds and leaves: outputs, alarms, ids and the word of its last run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import StorageError
from gateway.hardware.events import InputKind, InputName
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import EntryKind, Journal

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

CARD_OF_ANA = (123 << 32) | 45678
BACK_SENSOR = InputName(InputKind.DOOR_SENSOR, 2)


def test_start_and_stop_move_no_output(demo: Path, start: Callable[..., Any]) -> None:
    for _ in range(3):
        with start(demo) as bench:
            assert (bench.strike_edges(1), bench.strike_edges(2)) == (0, 0)


def test_a_stop_while_unlocked_locks_again(demo: Path, start: Callable[..., Any]) -> None:
    with start(demo) as bench:
        bench.swipe(CARD_OF_ANA)
        assert bench.unlocked(1)
    with start(demo) as again:
        assert again.strike_edges(1) == 2
        assert not again.unlocked(1)


def test_an_orderly_end_is_the_last_word_of_a_run(demo: Path, start: Callable[..., Any]) -> None:
    with start(demo):
        pass
    with start(demo) as again:
        assert again.journal(EntryKind.STOPPED) == [{}]
        assert again.journal(EntryKind.ENDED_UNCLEANLY) == []
        assert len(again.journal(EntryKind.STARTED)) == 2


def test_the_start_after_a_crash_says_so(demo: Path, start: Callable[..., Any]) -> None:
    with start(demo):
        pass
    with closing(sqlite3.connect(demo / JOURNAL_FILE)) as journal, journal:
        journal.execute("DELETE FROM journal WHERE kind = 'stopped'")
    with start(demo) as again:
        assert len(again.journal(EntryKind.ENDED_UNCLEANLY)) == 1


def test_ids_go_on_after_a_restart(demo: Path, start: Callable[..., Any]) -> None:
    for _ in range(2):
        with start(demo) as bench:
            bench.swipe(CARD_OF_ANA)
            bench.pass_time(4)
    with start(demo) as again:
        assert [body["row"]["id"] for body in again.journal(EntryKind.ACCESS)] == [1, 2]


def test_an_alarm_that_ended_while_nobody_looked_gets_its_off(
    demo: Path, start: Callable[..., Any]
) -> None:
    with start(demo) as bench:
        bench.simulator.set_input(BACK_SENSOR, high=False)
        bench.pass_time(1)
        assert bench.alarms() == [(1, 7, 2)]
        bench.simulator.set_input(BACK_SENSOR, high=True)
    with start(demo) as again:
        again.pass_time(1)
        assert again.alarms() == [(1, 7, 2), (2, 7, 2)]


def test_an_alarm_that_is_still_on_after_a_restart_is_not_raised_twice(
    demo: Path, start: Callable[..., Any]
) -> None:
    with start(demo) as bench:
        bench.simulator.set_input(BACK_SENSOR, high=False)
        bench.pass_time(1)
    with start(demo) as again:
        again.pass_time(1)
        assert again.controller.status().alarm_cause == 7
        again.simulator.set_input(BACK_SENSOR, high=True)
        again.pass_time(1)
        assert again.alarms() == [(1, 7, 2), (2, 7, 2)]


def test_a_disk_that_is_full_stops_no_door_and_loses_no_row(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def full(*_: object) -> int:
            raise StorageError("database or disk is full")

        patch.setattr(Journal, "append", full)
        bench.swipe(CARD_OF_ANA)
        assert bench.unlocked(1)
        while not bench.controller.status().journal_fault:
            bench.controller.turn(0)
        status = bench.controller.status()
        assert status.journal_waiting > 0
        assert status.journal_fault is not None
        assert "full" in status.journal_fault
    bench.swipe((1 << 32) | 1)  # the next entry is what makes the writer try again
    while bench.controller.status().journal_waiting:
        bench.controller.turn(0)
    assert bench.events() == [(7, 1), (3, 0)]
    assert bench.controller.status().journal_fault is None
