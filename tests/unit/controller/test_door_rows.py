"""What rows of `door_settings` and marks on people make of a door, on its pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.doors.values import DoorSettings
from gateway.hardware.events import InputKind, InputName
from gateway.settings import RexMode
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

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
