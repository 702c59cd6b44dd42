"""The floors of one lift: which buttons count now.

A grant in the cab releases the floors that the person may choose, each for its time. Floors are
free by schedule. A lock-down of the device ends both; an emergency releases all floors. A fire
gives all of them the state that the site file declares: by default it returns them to the lift's
own control.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from gateway.doors.values import Mode

NOBODY: Mapping[int, int] = MappingProxyType({})


class ElevatorFloorRow(NamedTuple):
    """A row of `elevator_floors`."""

    id: int
    name: str
    elevator_id: int
    floor: int
    portal_id: int
    selection_ms: int = 5_000


@dataclass(frozen=True, slots=True)
class ElevatorSettings:
    """How one lift is wired and configured."""

    floors: frozenset[int]
    """Those with a relay."""
    on_in_fire: bool = True
    selection_ms: Mapping[int, int] = field(default_factory=lambda: NOBODY)
    """By floor with a row: how long its button counts after a grant. Others have none."""


@dataclass(frozen=True, slots=True)
class ElevatorState:
    """The state of one lift between two steps."""

    until_ms: Mapping[int, int] = field(default_factory=lambda: NOBODY)
    """Floor -> until when somebody may choose it."""
    free: frozenset[int] = frozenset()
    """Those that a schedule frees for everybody."""
    mode: Mode = Mode.NORMAL


@dataclass(frozen=True, slots=True)
class FloorsGranted:
    """Somebody in the cab may choose these floors."""

    floors: frozenset[int]


@dataclass(frozen=True, slots=True)
class FloorsFree:
    """The floors that schedules free now. Idempotent."""

    floors: frozenset[int]


@dataclass(frozen=True, slots=True)
class LiftMode:
    """The mode of the device, or a fire. Idempotent."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class LiftTime:
    """No event but time, or new settings; feed it at the instant that `due_ms` returns."""


ElevatorEvent = FloorsGranted | FloorsFree | LiftMode | LiftTime


def step(
    settings: ElevatorSettings, state: ElevatorState, event: ElevatorEvent, now_ms: int
) -> ElevatorState:
    """The state after `event` at monotonic `now_ms`."""
    running = {
        floor: until_ms
        for floor, until_ms in state.until_ms.items()
        if until_ms > now_ms and floor in settings.selection_ms
    }
    match event:
        case FloorsGranted(floors=floors) if state.mode is Mode.NORMAL:
            for floor in floors & settings.selection_ms.keys() & settings.floors:
                until_ms = now_ms + settings.selection_ms[floor]
                running[floor] = max(running.get(floor, 0), until_ms)
        case FloorsFree(floors=floors):
            state = replace(state, free=floors & settings.selection_ms.keys())
        case LiftMode(mode=mode):
            state = replace(state, mode=mode)
            running = running if mode is Mode.NORMAL else {}
    return replace(state, until_ms=MappingProxyType(running))


def counting(settings: ElevatorSettings, state: ElevatorState) -> frozenset[int]:
    """The floors whose relays are on after a step."""
    match state.mode:
        case Mode.FIRE:
            return settings.floors if settings.on_in_fire else frozenset()
        case Mode.EMERGENCY:
            return settings.floors
        case Mode.LOCK_DOWN:
            return frozenset()
    return settings.floors & (state.free | state.until_ms.keys())


def due_ms(state: ElevatorState) -> int | None:
    """When the time of a floor ends next; None while nobody may choose one."""
    return min(state.until_ms.values(), default=None)
