"""Since when doors are as they are and when readers read last, over a restart too."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import DeviceStatus, DoorStatus
from gateway.store.files import JOURNAL_FILE

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

CARD_OF_ANA = (123 << 32) | 45678
BACK_SENSOR = InputName(InputKind.DOOR_SENSOR, 2)


def door(bench: Bench, number: int = 1) -> DoorStatus:
    return next(it for it in bench.controller.status().doors if it.id == number)


def reader(bench: Bench, name: str = "front") -> DeviceStatus:
    return next(it for it in bench.controller.status().devices if it.name == name)


def now(bench: Bench) -> int:
    return int(bench.clock.utc().timestamp())


def test_a_lock_tells_since_when_it_is_as_it_is(bench: Bench) -> None:
    started = door(bench).lock_since_utc
    assert 0 < started <= now(bench)
    bench.pass_time(60)
    assert door(bench).lock_since_utc == started
    bench.swipe(CARD_OF_ANA)
    unlocked = door(bench)
    assert unlocked.unlocked
    assert now(bench) - 1 <= unlocked.lock_since_utc <= now(bench)


def test_a_reader_tells_of_any_read_also_of_an_unknown_card(bench: Bench) -> None:
    assert reader(bench).last_read_utc == 0, "no read is known of"
    bench.swipe((9 << 32) | 9)
    read = reader(bench).last_read_utc
    assert now(bench) - 1 <= read <= now(bench)
    bench.pass_time(240)
    assert reader(bench).last_read_utc == read


def test_a_restart_keeps_what_it_can_know(demo: Path, start: Callable[..., Any]) -> None:
    with start(demo) as bench:
        bench.swipe(CARD_OF_ANA)
        bench.simulator.set_input(BACK_SENSOR, high=False)
        bench.pass_time(1)
        read, moved = reader(bench).last_read_utc, door(bench, 2).leaf_since_utc
        assert 0 not in {read, moved}
        bench.pass_time(20)
        stopped = now(bench)
    with start(demo, at=datetime.fromtimestamp(stopped + 30, UTC)) as again:
        assert reader(again).last_read_utc == read
        assert door(again, 2).sensor_open
        assert door(again, 2).leaf_since_utc == moved
        assert door(again, 2).lock_since_utc > stopped, "the start drives the lock"
        again.simulator.set_input(BACK_SENSOR, high=True)
        again.pass_time(1)
        assert door(again, 2).leaf_since_utc > stopped


def test_a_door_that_moved_while_no_controller_ran_tells_no_time(
    demo: Path, start: Callable[..., Any]
) -> None:
    with start(demo) as bench:
        bench.simulator.set_input(BACK_SENSOR, high=False)
        bench.pass_time(1)
        bench.simulator.set_input(BACK_SENSOR, high=True)
    with start(demo) as again:
        assert door(again, 2).sensor_open is False
        assert door(again, 2).leaf_since_utc == 0


def test_a_damaged_number_of_a_door_keeps_no_controller_from_starting(
    demo: Path, start: Callable[..., Any]
) -> None:
    with start(demo) as bench:
        bench.simulator.set_input(BACK_SENSOR, high=False)
        bench.pass_time(1)
        assert door(bench, 2).leaf_since_utc
    with closing(sqlite3.connect(demo / JOURNAL_FILE, isolation_level=None)) as journal:
        spoiled = journal.execute(
            "UPDATE journal SET body = json_set(body, '$.row.identification', ?)"
            " WHERE kind = 'access_event'",
            ("9" * 8_000,),
        )
        assert spoiled.rowcount
    with start(demo) as bench:
        bench.swipe(CARD_OF_ANA)
        assert door(bench).unlocked
        assert door(bench, 2).leaf_since_utc == 0


def test_a_mode_counts_from_when_it_was_set_over_any_number_of_starts(
    demo: Path, start: Callable[..., Any]
) -> None:
    with start(demo) as bench:
        bench.configure({"general": {"exception_mode": "lock_down"}})
        since, at = door(bench).mode_since_utc, bench.clock.utc()
        assert (door(bench).mode, now(bench) - 2 <= since) == ("lock_down", True)
    for later in (100, 200):
        with start(demo, at=at + timedelta(seconds=later)) as again:
            assert (door(again).mode, door(again).mode_since_utc) == ("lock_down", since)


def test_a_corrected_clock_moves_what_happened_before_with_it(bench: Bench) -> None:
    bench.swipe(CARD_OF_ANA)
    read = reader(bench).last_read_utc
    bench.clock.set_utc(bench.clock.utc() + timedelta(hours=5))
    assert abs(reader(bench).last_read_utc - read - 5 * 3600) <= 2
