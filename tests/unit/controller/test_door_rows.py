"""What rows of `door_settings` and marks on people make of a door, on its pins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.doors.values import DoorSettings
from gateway.hardware.events import InputKind, InputName
from gateway.hardware.simulated.board_record import BoardRecord, record_path
from gateway.link.messages import OpenDoor
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import SITE_FILE, RexMode
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, ANAS_CARD = 1, (123 << 32) | 45678


def put(bench: Bench, door: int, **values: int) -> None:
    with bench.store() as store:
        store.insert_or_modify("door_settings", [{"door_id": door, **values}])
    bench.pass_time(1.1)


def leaf(bench: Bench, door: int, *, is_open: bool) -> None:
    bench.simulator.set_input(InputName(InputKind.DOOR_SENSOR, door), high=not is_open)
    bench.pass_time(0.2)


def settings(bench: Bench, door: int) -> DoorSettings:
    config = bench.controller._config
    assert config is not None
    return config.doors[door].settings


def test_a_door_with_a_row_has_times_of_its_own_and_the_others_those_of_all(bench: Bench) -> None:
    put(bench, 1, held_open_s=4, pre_alarm_s=2, forced_debounce_ms=700)
    assert settings(bench, 1).held_open_delay_ms == 4_000
    assert settings(bench, 1).forced_open_debounce_ms == 700
    assert settings(bench, 2).held_open_delay_ms == 30_000
    bench.swipe(ANAS_CARD)
    leaf(bench, 1, is_open=True)
    bench.pass_time(3)
    assert bench.journal(EntryKind.PRE_ALARM) == [{"door": 1, "on": True}]
    bench.pass_time(2)
    assert bench.alarms() == [(1, 6, 1)]


def test_a_row_without_a_value_leaves_what_the_configuration_says(bench: Bench) -> None:
    bench.configure({"alarm": {"door_sensor_delay": 33, "forced_access_debounce": 50}})
    put(bench, 1, extended_dwell_ms=9_000)
    assert settings(bench, 1).held_open_delay_ms == 33_000
    assert settings(bench, 1).forced_open_debounce_ms == 50
    assert settings(bench, 1).extended_dwell_ms == 9_000


def test_whoever_needs_more_time_has_it_at_the_lock_and_nobody_else(bench: Bench) -> None:
    put(bench, 1, held_open_s=4, extended_dwell_ms=9_000, extended_held_open_s=20)
    bench.swipe(ANAS_CARD)
    bench.pass_time(4)
    assert not bench.unlocked(1)
    with bench.store() as store:
        store.modify("users", {"extended_times": 1}, {"users": {"id": ANA}})
    bench.pass_time(1.1)
    bench.swipe(ANAS_CARD)
    bench.pass_time(8)
    assert bench.unlocked(1)
    leaf(bench, 1, is_open=True)
    bench.pass_time(18)
    assert bench.alarms() == []
    bench.pass_time(3)
    assert bench.alarms() == [(1, 6, 1)]
    assert [body["facts"].get("extended") for body in bench.journal(EntryKind.ACCESS)] == [
        None,
        True,
    ]


def test_a_lock_relocks_when_the_door_has_closed(bench: Bench) -> None:
    bench.configure({"general": {"relay1_auto_close": 0, "relay1_timeout": 20_000}})
    put(bench, 1, relock_at_close=1)
    bench.swipe(ANAS_CARD)
    leaf(bench, 1, is_open=True)
    bench.pass_time(3)
    assert bench.unlocked(1)
    leaf(bench, 1, is_open=False)
    assert not bench.unlocked(1)
    assert bench.alarms() == []


def test_the_exit_button_of_a_row_goes_before_that_of_the_site_file(bench: Bench) -> None:
    put(bench, 1, rex_mode=3)
    assert settings(bench, 1).rex_mode is RexMode.SHUNT
    edges = bench.strike_edges(1)
    bench.simulator.set_input(InputName(InputKind.REX, 1), high=False)
    bench.pass_time(0.2)
    leaf(bench, 1, is_open=True)
    assert bench.alarms() == []
    assert bench.strike_edges(1) == edges


# the operator of a powered door

OPERATOR = 26
WITH_OPERATOR = f'operator = {{ pin = {OPERATOR}, active = "high" }}\n'


@pytest.fixture
def powered(demo: Path, start: Start) -> Iterator[Bench]:
    """The demo with an operator at its front door, for the reader `front` and the exit button."""
    path = demo / SITE_FILE
    text = path.read_text(encoding="utf-8")
    lock = "lock = { pin = 17,"
    assert lock in text
    path.write_text(text.replace(lock, WITH_OPERATOR + lock, 1), encoding="utf-8")
    with start(demo) as bench:
        with bench.store() as store:
            store.insert("door_operators", [{"door_id": 1, "delay_ms": 500, "dwell_ms": 2_000}])
            store.insert("door_operator_readers", [{"door_id": 1, "reader": 1}])
        bench.pass_time(1.1)
        yield bench


def pushes(bench: Bench) -> bool:
    return any(it["pin"] == OPERATOR and it["level"] == "high" for it in bench.outputs())


def test_a_card_has_the_operator_open_the_leaf_after_the_lock(powered: Bench) -> None:
    powered.swipe(ANAS_CARD)
    assert powered.unlocked(1)
    assert not pushes(powered)
    powered.pass_time(0.7)
    assert pushes(powered)
    powered.pass_time(2.1)
    assert not pushes(powered)
    (access,) = powered.journal(EntryKind.ACCESS)
    assert access["facts"]["operator"] == [1]


def test_a_client_and_a_schedule_have_it_open_nothing(powered: Bench) -> None:
    powered.ask(OpenDoor(door=1))
    powered.pass_time(1)
    assert powered.unlocked(1)
    assert not pushes(powered)


def test_in_a_lock_down_the_exit_button_has_it_open_and_a_card_does_not(powered: Bench) -> None:
    powered.configure({"general": {"door1_exception_mode": "lock_down"}})
    powered.swipe(ANAS_CARD)
    powered.pass_time(1)
    assert not pushes(powered)
    powered.simulator.set_input(InputName(InputKind.REX, 1), high=False)
    powered.pass_time(1)
    assert pushes(powered)


def test_a_fire_stops_it_and_frees_the_door(powered: Bench) -> None:
    powered.swipe(ANAS_CARD)
    powered.pass_time(0.7)
    assert pushes(powered)
    powered.simulator.set_input(InputName(InputKind.FIRE), high=True)
    powered.pass_time(0.2)
    assert not pushes(powered)
    assert powered.unlocked(1)


def test_the_operator_is_left_as_the_site_file_says(demo: Path, start: Start) -> None:
    path = demo / SITE_FILE
    text = path.read_text(encoding="utf-8")
    given = WITH_OPERATOR.replace(" }", ', on_start = "on", on_stop = "on" }')
    path.write_text(text.replace("lock = { pin = 17,", given + "lock = { pin = 17,", 1), "utf-8")
    with start(demo) as bench:
        bench.settle()
        assert not pushes(bench), "the first rules end the state of the start"
    record = BoardRecord.read(record_path(RuntimeDirectory.find(demo).path))
    assert record.pin(OPERATOR).high
    record.close()
