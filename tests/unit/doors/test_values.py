from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.doors.door import due_ms, step
from gateway.doors.state import DoorState
from gateway.doors.values import (
    AlarmOff,
    AlarmOn,
    DoorAlarm,
    DoorClosed,
    DoorOpened,
    DoorSettings,
    Drive,
    HoldOpen,
    Mode,
    ModeChanged,
    RexChanged,
    SensorChanged,
    SettingsChanged,
    TimePassed,
    Unlock,
    effective_mode,
)

NORMAL, LOCK_DOWN, EMERGENCY, FIRE = Mode.NORMAL, Mode.LOCK_DOWN, Mode.EMERGENCY, Mode.FIRE


@pytest.mark.parametrize(
    ("device", "door", "result"),
    [
        (NORMAL, NORMAL, NORMAL),
        (NORMAL, LOCK_DOWN, LOCK_DOWN),
        (LOCK_DOWN, NORMAL, LOCK_DOWN),
        (LOCK_DOWN, EMERGENCY, EMERGENCY),
        (EMERGENCY, LOCK_DOWN, EMERGENCY),
        (FIRE, LOCK_DOWN, FIRE),
        (EMERGENCY, FIRE, FIRE),
    ],
)
def test_the_stronger_mode_of_device_and_door_wins(device: Mode, door: Mode, result: Mode) -> None:
    assert effective_mode(device, door) is result


def test_fire_is_the_strongest_and_no_mode_at_all_is_normal() -> None:
    assert effective_mode(EMERGENCY, LOCK_DOWN, FIRE, NORMAL) is FIRE
    assert effective_mode() is NORMAL


def test_the_alarms_carry_the_causes_of_the_api_and_one_of_our_own() -> None:
    causes = {"HELD_OPEN": 6, "FORCED_OPEN": 7, "WELDED": 101}
    assert {alarm.name: alarm.value for alarm in DoorAlarm} == causes


@pytest.mark.parametrize("dwell_ms", [0, -1])
def test_hold_and_close_are_no_times_of_an_opening(dwell_ms: int) -> None:
    with pytest.raises(ValueError, match=f"dwell_ms must be 1 or more, not {dwell_ms}"):
        Unlock(dwell_ms)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dwell_ms", 0),
        ("held_open_delay_ms", -1),
        ("forced_open_debounce_ms", -1),
        ("pre_alarm_ms", -1),
        ("bounce_ms", -1),
        ("output_limit_ms", 0),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .* not {value}"):
        replace(DoorSettings(), **{name: value})


def test_a_door_at_start_waits_for_nothing_and_reports_closed() -> None:
    settings = DoorSettings(sensor_enabled=True, rex_enabled=True)
    state = DoorState.initial(settings)
    assert due_ms(settings, state) is None
    assert not state.open
    assert not state.unlocked


def test_without_a_sensor_a_door_claimed_unlocked_reports_open() -> None:
    assert DoorState.initial(DoorSettings(), unlocked=True).open
    assert not DoorState.initial(DoorSettings(sensor_enabled=True), unlocked=True).open


def test_the_relay_comes_first_among_the_effects() -> None:
    settings = DoorSettings(sensor_enabled=False, rex_enabled=True)
    up = step(settings, DoorState.initial(settings), RexChanged(pressed=False), 0).state
    pressed = step(settings, up, RexChanged(pressed=True), 10)
    assert pressed.effects[0] == Drive(unlocked=True)


def test_a_late_step_tells_an_alarm_that_fell_due_and_ended_meanwhile() -> None:
    settings = DoorSettings(sensor_enabled=True, held_open_delay_ms=500)
    state = step(settings, DoorState.initial(settings), SensorChanged(open=True), 0).state
    assert step(settings, state, SensorChanged(open=False), 900).effects == (
        AlarmOn(DoorAlarm.HELD_OPEN),
        DoorClosed(),
        AlarmOff(DoorAlarm.HELD_OPEN),
    )


def test_what_falls_due_as_the_sensor_is_disabled_is_no_alarm() -> None:
    settings = DoorSettings(sensor_enabled=True, held_open_delay_ms=500)
    state = step(settings, DoorState.initial(settings), SensorChanged(open=True), 0).state
    disabled = replace(settings, sensor_enabled=False)
    assert due_ms(disabled, state) is None
    assert step(disabled, state, SettingsChanged(), 900).effects == (DoorClosed(),)


def test_an_opening_dealt_with_late_counts_as_made_while_the_relay_was_on() -> None:
    settings = DoorSettings(sensor_enabled=True, dwell_ms=1_000)
    state = step(settings, DoorState.initial(settings), SensorChanged(open=False), 0).state
    state = step(settings, state, Unlock(), 100).state
    late = step(settings, state, SensorChanged(open=True), 1_150)
    assert late.effects == (Drive(unlocked=False), DoorOpened())


def test_a_grant_that_meets_the_end_of_another_makes_no_edge() -> None:
    settings = DoorSettings(dwell_ms=1_000)
    state = step(settings, DoorState.initial(settings), Unlock(), 0).state
    again = step(settings, state, Unlock(), 1_000)
    assert again.effects == ()
    assert due_ms(settings, again.state) == 2_000


def test_the_earliest_pending_instant_is_due_first() -> None:
    settings = DoorSettings(
        sensor_enabled=True, auto_close=False, rex_enabled=True, held_open_delay_ms=2_000
    )
    state = step(settings, DoorState.initial(settings), Unlock(5_000), 0).state
    assert due_ms(settings, state) == 5_000
    state = step(settings, state, SensorChanged(open=True), 1_000).state
    assert due_ms(settings, state) == 3_000
    state = step(settings, state, RexChanged(pressed=False), 1_100).state
    state = step(settings, state, RexChanged(pressed=True), 1_200).state
    state = step(settings, state, TimePassed(), 5_000).state
    assert due_ms(settings, state) == 61_200


def test_a_hold_and_a_mode_wait_for_no_instant() -> None:
    settings = DoorSettings()
    state = step(settings, DoorState.initial(settings), HoldOpen(), 0).state
    state = step(settings, state, ModeChanged(EMERGENCY), 10).state
    assert due_ms(settings, state) is None


def test_a_button_that_a_new_rest_level_turns_over_is_not_pressed() -> None:
    settings = DoorSettings(rex_enabled=True)
    state = step(settings, DoorState.initial(settings), RexChanged(pressed=False), 0).state
    turned = step(settings, state, SettingsChanged(rex_pressed=True), 100)
    assert turned.effects == ()
    assert step(settings, turned.state, RexChanged(pressed=True), 200).effects == ()
    assert due_ms(settings, turned.state) == 60_100


def test_a_leaf_that_a_new_rest_level_turns_over_is_open_but_not_forced() -> None:
    settings = DoorSettings(sensor_enabled=True, held_open_delay_ms=5_000)
    state = step(settings, DoorState.initial(settings), SensorChanged(open=False), 0).state
    turned = step(settings, state, SettingsChanged(sensor_open=True), 100)
    assert turned.effects == (DoorOpened(),)
    assert due_ms(settings, turned.state) == 5_100
    back = step(settings, turned.state, SettingsChanged(sensor_open=False), 200)
    assert back.effects == (DoorClosed(),)


def test_new_settings_without_readings_leave_leaf_and_button_as_they_were() -> None:
    settings = DoorSettings(sensor_enabled=True, rex_enabled=True)
    state = step(settings, DoorState.initial(settings), SensorChanged(open=True), 0).state
    state = step(settings, state, RexChanged(pressed=True), 0).state
    assert step(settings, state, SettingsChanged(), 100).state == state
