"""Doors of which never more than one is opened: airlocks, vaults, clean rooms.

Door N may be opened while every door of its interlock is *free*: seen closed, its relay off, and
nobody let in who has not gone yet. A door that cannot be seen counts as occupied for as long as
it was unlocked, or was to be, and a margin after that; one whose sensor tells nothing counts as
open. One list binds both of the doors that it joins, whichever of them it is written at: else the
other could be opened beside the first.

It stands above cards, clients and schedules. It never holds back a mode, and a fire ends it at all
doors, those included that the fire input does not release.

The doors are judged and opened within one step of the loop, so what is free when somebody is let
in is still free when the relay moves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.doors.state import DoorState
from gateway.doors.values import DoorSettings, SensorReading

Partners = Mapping[int, frozenset[int]]
"""By door, those that must be free for it to open."""


class Hindrance(StrEnum):
    """Why a door is not free; the values are stable."""

    OPEN = "is open"
    UNKNOWN = "cannot be seen to be closed"
    """Its sensor is faulty or was not read yet."""
    UNLOCKED = "is unlocked"
    AWAITED = "awaits somebody who was let in"
    OCCUPIED = "was opened a moment ago"
    """It has no sensor, and its time is not over."""
    TOGETHER = "was to be opened along with it"


@dataclass(frozen=True, slots=True)
class DoorView:
    """How one door stands."""

    settings: DoorSettings
    state: DoorState
    used_until_ms: int | None = None
    """As `used_until` gives it."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a door locked."""

    door: int
    """The door that was to be opened."""
    by: int
    """The door that is in its way."""
    why: Hindrance

    def facts(self) -> dict[str, int | str]:
        """What a record keeps of it."""
        return {"door": self.door, "by": self.by, "why": self.why.value}


def symmetric(listed: Mapping[int, Collection[int]]) -> dict[int, frozenset[int]]:
    """The partners of each door of `listed`, from the doors that each one's list names.

    Doors that are not there are left out: what nobody can close must lock nobody out.
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
    """Until when somebody may be going through a door, as a step at `now_ms` left it.

    `until_ms` is what the step before gave, None for a door that was never unlocked. Closing a
    door by command cuts nobody's time short who stands in it already.
    """
    found = [] if until_ms is None else [until_ms]
    if after.unlocked:
        found += [end for end in (after.pulse_until_ms, after.rex_until_ms) if end is not None]
    elif before.unlocked:
        found.append(now_ms)
    return max(found, default=None)


def hindrance(view: DoorView, margin_ms: int, now_ms: int) -> Hindrance | None:
    """Why the door of `view` is not free; None when it is."""
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
    """What keeps the doors `requested` from being opened together now; None when nothing does.

    Two of them that belong to one interlock keep each other locked.
    """
    for door in requested:
        for other in sorted(partners.get(door, ())):
            if other in requested:
                return Obstacle(door, other, Hindrance.TOGETHER)
            why = hindrance(views[other], margin_ms, now_ms)
            if why is not None:
                return Obstacle(door, other, why)
    return None
