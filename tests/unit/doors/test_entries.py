"""Who was let in has entered when the door opens in its window, and not when it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.doors.door import step
from gateway.doors.state import DoorState
from gateway.doors.values import (
    DoorEvent,
    DoorSettings,
    Entered,
    NotEntered,
    SensorChanged,
    SensorLost,
    SensorReading,
    TimePassed,
    Unlock,
)

SETTINGS = DoorSettings(dwell_ms=5_000, sensor_enabled=True)
CLOSED, OPEN = SensorChanged(open=False), SensorChanged(open=True)


def told(settings: DoorSettings, steps: list[tuple[int, DoorEvent]]) -> list[object]:
    """What the steps tell of entries, one after the other."""
    state, found = DoorState.initial(settings), list[object]()
    for now_ms, event in steps:
        after = step(settings, state, event, now_ms)
        state = after.state
        found += [it for it in after.effects if isinstance(it, Entered | NotEntered)]
    return found


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, CLOSED), (1, Unlock(grant=4))], []),
        ([(0, CLOSED), (1, Unlock(grant=4)), (900, OPEN)], [Entered((4,))]),
        ([(0, CLOSED), (1, Unlock(grant=4)), (5_001, TimePassed())], [NotEntered((4,))]),
        ([(0, CLOSED), (1, Unlock(grant=4)), (5_000, TimePassed())], []),
        ([(0, CLOSED), (1, Unlock()), (900, OPEN)], []),
        ([(0, OPEN), (1, Unlock(grant=4))], [Entered((4,))]),
        ([(1, Unlock(grant=4))], [Entered((4,))]),
        ([(0, CLOSED), (1, Unlock(grant=4)), (9, SensorLost())], [Entered((4,))]),
        (
            [(0, CLOSED), (1, Unlock(grant=4)), (2, Unlock(grant=5)), (900, OPEN)],
            [Entered((4, 5))],
        ),
        (
            [(0, CLOSED), (1, Unlock(grant=4)), (9, OPEN), (20, CLOSED), (30, Unlock(grant=5))],
            [Entered((4,))],
        ),
    ],
)
def test_entries_are_told_once_and_by_what_the_sensor_says(
    steps: list[tuple[int, DoorEvent]], expected: list[object]
) -> None:
    assert told(SETTINGS, steps) == expected


def test_without_a_sensor_a_grant_is_an_entry() -> None:
    blind = replace(SETTINGS, sensor_enabled=False)
    assert told(blind, [(0, CLOSED), (1, Unlock(grant=4))]) == [Entered((4,))]


def test_a_sensor_that_vanished_reads_offline() -> None:
    assert (
        step(SETTINGS, DoorState.initial(SETTINGS), SensorLost(), 0).state.sensor
        is SensorReading.OFFLINE
    )
