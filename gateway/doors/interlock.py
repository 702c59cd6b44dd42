"""Interlocks: of several doors at most one may be open (airlocks, vaults, clean rooms).

Door N may open while every other door of its interlock is *free*: its sensor shows it closed, its
relay is off, and no grant is pending. A door without a sensor is occupied while it is unlocked and
for a margin afterwards; a door whose sensor is faulty or unread counts as open. The relation is
symmetric: a door that lists another one also binds that one.

An interlock overrides cards, clients and schedules. It never overrides a mode, and a fire ends it
at all doors, including those that the fire input does not release.

The controller checks and opens the doors in one step of its loop, so a door that is free at the
decision is still free when the relay switches.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.doors.state import DoorState
from gateway.doors.values import DoorSettings, SensorReading

Partners = Mapping[int, frozenset[int]]
"""Door -> the doors that must be free before it may open."""


class Hindrance(StrEnum):
    """Why a door is not free; the values are stable."""

    OPEN = "is open"
    UNKNOWN = "cannot be seen to be closed"
    """Its sensor is faulty or was not read yet."""
    UNLOCKED = "is unlocked"
    AWAITED = "awaits somebody who was let in"
    OCCUPIED = "was opened a moment ago"
    """It has no sensor, and the margin after its opening is not over."""
    TOGETHER = "was to be opened along with it"


@dataclass(frozen=True, slots=True)
class DoorView:
    """Settings and state of one door."""

    settings: DoorSettings
    state: DoorState
    used_until_ms: int | None = None
    """As `used_until` gives it."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """The door that keeps another one locked, and why."""

    door: int
    """The door that is requested to open."""
    by: int
    """The door that is not free."""
    why: Hindrance

    def facts(self) -> dict[str, int | str]:
        """The facts for the journal."""
        return {"door": self.door, "by": self.by, "why": self.why.value}


def symmetric(listed: Mapping[int, Collection[int]]) -> dict[int, frozenset[int]]:
    """The partners of each door of `listed`, which maps a door to the doors that its list names.

    Ignores doors that do not exist, since nobody could close them.
    """
    return {
        door: frozenset(
            other
            for other in listed
            if other != door and (other in listed[door] or door in listed[other])
        )
        for door in listed
    }


def used_until(
    until_ms: int | None, before: DoorState, after: DoorState, now_ms: int
) -> int | None:
    """When the last opening of a door ends or ended, after a step at `now_ms`.

    `until_ms` is the result of the step before, None for a door that was never unlocked. A close
    command does not shorten it: somebody may still be in the doorway.
    """
    found = [] if until_ms is None else [until_ms]
    if after.unlocked:
        found += [end for end in (after.pulse_until_ms, after.rex_until_ms) if end is not None]
    elif before.unlocked:
        found.append(now_ms)
    return max(found, default=None)


def hindrance(view: DoorView, margin_ms: int, now_ms: int) -> Hindrance | None:
    """Why the door of `view` is not free; None if it is."""
    settings, state = view.settings, view.state
    if settings.sensor_enabled and state.sensor is not SensorReading.CLOSED:
        return Hindrance.OPEN if state.sensor is SensorReading.OPEN else Hindrance.UNKNOWN
    if state.unlocked:
        return Hindrance.UNLOCKED
    if state.authorised or state.grants:
        return Hindrance.AWAITED
    unseen = not settings.sensor_enabled and view.used_until_ms is not None
    if unseen and now_ms < (view.used_until_ms or 0) + margin_ms:
        return Hindrance.OCCUPIED
    return None


def obstacle(
    partners: Partners,
    views: Mapping[int, DoorView],
    requested: Collection[int],
    margin_ms: int,
    now_ms: int,
) -> Obstacle | None:
    """What keeps the doors `requested` from opening together now; None if nothing does.

    Two doors of one interlock never open together.
    """
    for door in requested:
        for other in sorted(partners.get(door, ())):
            if other in requested:
                return Obstacle(door, other, Hindrance.TOGETHER)
            why = hindrance(views[other], margin_ms, now_ms)
            if why is not None:
                return Obstacle(door, other, why)
    return None
