"""Triggers by time: which times have come between two looks at the clock.

Times are of the site's wall clock. What a change to summer time skips never comes, and what is
repeated comes twice. Times that the device could not see (it was off, its clock was not trusted or
was set) are told as missed: of them the machine makes up lasting states alone, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.access.calendar import Calendar
from gateway.clock import Moment
from gateway.triggers.values import Trigger
from gateway.triggers.words import TriggerTime

SEEN_S = 60
"""Two looks that are farther apart have not seen what was in between."""
LOOKED_BACK_S = 8 * 86_400
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class ClockLook:
    """One look at the clock."""

    utc_s: int
    moment: Moment


@dataclass(frozen=True, slots=True)
class TimeCome:
    """A time that has come; `missed` if it was not seen."""

    trigger: Trigger
    local: int
    missed: bool


def times_come(
    triggers: Iterable[Trigger], before: ClockLook, now: ClockLook, calendar: Calendar
) -> list[TimeCome]:
    """The times after `before` up to `now`, in order; of those missed the last of each trigger.

    None after the clock went back by being set.
    """
    passed_s = now.utc_s - before.utc_s
    if passed_s <= 0:
        return []
    seen_from = now.moment.local - min(passed_s, SEEN_S)
    missed_from = max(before.moment.local, now.moment.local - LOOKED_BACK_S)
    found: list[TimeCome] = []
    for trigger in triggers:
        if trigger.event is TriggerTime.TIME_OF_DAY:
            found += _of_day(trigger, missed_from, seen_from, now.moment, calendar)
        elif isinstance(trigger.event, TriggerTime):
            found += _of_zone(trigger, before, now, calendar)
    return sorted(found, key=lambda it: it.local)


def next_of_day(trigger: Trigger, moment: Moment, calendar: Calendar) -> int | None:
    """When a trigger by the time of day is due next, on the site's wall clock; None for not within
    LOOKED_BACK_S."""
    today = moment.local // _DAY_S
    for day in range(today, today + LOOKED_BACK_S // _DAY_S + 1):
        local = day * _DAY_S + trigger.start_s
        if local > moment.local and _on_day(trigger, local, moment, calendar):
            return local
    return None


def _on_day(trigger: Trigger, local: int, known: Moment, calendar: Calendar) -> bool:
    kinds = calendar.instant(Moment(known.stamp - known.local + local, local)).today
    return any(trigger.days[kind] for kind in kinds)


def _of_day(
    trigger: Trigger, missed_from: int, seen_from: int, now: Moment, calendar: Calendar
) -> Iterator[TimeCome]:
    first = min(missed_from, seen_from)
    missed: TimeCome | None = None
    for day in range(first // _DAY_S, now.local // _DAY_S + 1):
        local = day * _DAY_S + trigger.start_s
        if not first < local <= now.local:
            continue
        if not _on_day(trigger, local, now, calendar):
            continue
        if local > seen_from:
            if missed:
                yield missed
                missed = None
            yield TimeCome(trigger, local, missed=False)
        else:
            missed = TimeCome(trigger, local, missed=True)
    if missed:
        yield missed


def _of_zone(
    trigger: Trigger, before: ClockLook, now: ClockLook, calendar: Calendar
) -> Iterator[TimeCome]:
    """The zone holds now and did not at the look before, or the other way round."""
    if trigger.when is None:
        return
    held, holds = (trigger.when.holds(calendar.instant(look.moment)) for look in (before, now))
    if held is not holds and holds is (trigger.event is TriggerTime.ZONE_BEGINS):
        missed = now.utc_s - before.utc_s > SEEN_S
        yield TimeCome(trigger, now.moment.local, missed=missed)
