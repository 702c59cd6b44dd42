"""Triggers that set each other off in a circle, as far as their rows show it.

What comes back through a wire (a lamp that a sensor sees) no row shows: the guard of
`gateway.triggers.machine` stops that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from gateway.triggers.values import Trigger
from gateway.triggers.words import Occurrence, TriggerAction, TriggerEvent

FOLLOWS: Mapping[TriggerAction, frozenset[TriggerEvent]] = MappingProxyType(
    {
        TriggerAction.ARM: frozenset((Occurrence.ARMED, Occurrence.DISARMED)),
        TriggerAction.DISARM: frozenset((Occurrence.DISARMED, Occurrence.ALARM_OVER)),
        TriggerAction.SILENCE: frozenset((Occurrence.SILENCED, Occurrence.ALARM_OVER)),
        TriggerAction.UNLOCK: frozenset((Occurrence.OPENED_BY_CLIENT,)),
        TriggerAction.LOCK: frozenset((Occurrence.SCHEDULE_ENDED,)),
        TriggerAction.LOCK_DOWN: frozenset((Occurrence.MODE, Occurrence.SCHEDULE_ENDED)),
        TriggerAction.EMERGENCY: frozenset((Occurrence.MODE,)),
        TriggerAction.NORMAL: frozenset((Occurrence.MODE_NORMAL,)),
    }
)
"""The events that an action itself journals."""


def loops(triggers: Sequence[Trigger]) -> Iterator[tuple[Trigger, ...]]:
    """Yield each circle once, from the trigger of the lowest id."""
    enabled = sorted((it for it in triggers if it.enabled), key=lambda it: it.id)
    for first in enabled:
        found = _way_back(first, (first,), [it for it in enabled if it.id >= first.id])
        if found:
            yield found


def _way_back(
    first: Trigger, way: tuple[Trigger, ...], triggers: Sequence[Trigger]
) -> tuple[Trigger, ...] | None:
    """A shortest circle back to `first`."""
    ways = [way]
    seen = {first.id}
    while ways:
        longer: list[tuple[Trigger, ...]] = []
        for each in ways:
            for follower in triggers:
                if not _sets_off(each[-1], follower):
                    continue
                if follower.id == first.id:
                    return each
                if follower.id not in seen:
                    seen.add(follower.id)
                    longer.append((*each, follower))
        ways = longer
    return None


def _sets_off(cause: Trigger, follower: Trigger) -> bool:
    if follower.event not in FOLLOWS.get(cause.action, frozenset()):
        return False
    # A person or a reader is in none of these events.
    if follower.user_id or follower.group_id or follower.reader:
        return False
    doors = (cause.target_door_id, follower.door_id)
    return 0 in doors or doors[0] == doors[1]
