"""When a person may pass, as intervals.

A decision changes only where a day, a span of a time zone or the validity of the person begins or
ends. `decide` itself decides once between two such seconds, so the intervals are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from operator import attrgetter

from gateway.access.calendar import Calendar
from gateway.access.decision import Decision, decide
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal, Rule
from gateway.access.schedule import Condition
from gateway.clock import DeviceTime, Moment, from_unix_s

DAY_S = 86_400
WEEK_S = 7 * DAY_S
_FARTHEST_S = DAY_S
"""More than any local time is away from UTC."""
_STEP_S = 3_600
"""Clocks are not set twice within this time."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time in which the site's clocks are not put forward or back."""

    stamp: int
    """Device time of its first second."""
    local: int
    """Its first second on the local wall clock, counted as if UTC."""
    seconds: int


@dataclass(frozen=True, slots=True)
class Interval:
    """Seconds that follow each other, both ends included."""

    first: Moment
    last: Moment


def week_of(device_time: DeviceTime, day: date) -> tuple[Stretch, ...]:
    """The week of `day`, from monday to sunday on the site's wall clock.

    An hour that the clock skips is in no stretch, one that it repeats is in two.
    """
    monday = day - timedelta(days=day.weekday())
    local = (monday - date(1970, 1, 1)).days * DAY_S
    return stretches(device_time, local, WEEK_S)


def stretches(device_time: DeviceTime, local: int, seconds: int) -> tuple[Stretch, ...]:
    """The wall clock's seconds from `local` on, `seconds` of them, as they really pass."""
    found = []
    for begin, end in _even(device_time, local - _FARTHEST_S, local + seconds + _FARTHEST_S):
        at = from_unix_s(begin)
        first = device_time.local(at)
        skipped = max(0, local - first)
        length = min(first + end - begin, local + seconds) - first - skipped
        if length > 0:
            found.append(Stretch(device_time.stamp(at) + skipped, first + skipped, length))
    return tuple(found)


def _even(device_time: DeviceTime, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """UTC seconds from `begin` to `end`, cut where the difference of local time changes."""

    def ahead(utc_s: int) -> int:
        return device_time.local(from_unix_s(utc_s)) - utc_s

    since = begin
    for at in range(begin, end, _STEP_S):
        before, after = at, min(at + _STEP_S, end)
        if ahead(before) == ahead(after):
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if ahead(middle) == ahead(at):
                before = middle
            else:
                after = middle
        yield since, after
        since = after
    yield since, end


def relevant(policy: Policy, person: Person, portal: Portal) -> tuple[Rule, ...]:
    """The rules that are tied to the person and to the place, ascending."""
    tied = set(person.own_rule_ids)
    for group in person.group_ids:
        tied.update(policy.group_rules.get(group, ()))
    here = (tied & portal.own_rules) | (tied & portal.area_rules)
    return tuple(policy.rules[id_] for id_ in sorted(here) if id_ in policy.rules)


def passes(
    policy: Policy,
    person: Person,
    portal: Portal,
    over: Sequence[Stretch],
    counts: Callable[[Decision], bool] = attrgetter("allowed"),
) -> Iterator[Interval]:
    """When the rules let `person` pass `portal`, in order and merged.

    `counts` may ask more of the decision than that it allows.
    """
    rules = relevant(policy, person, portal)
    if not any(rule.releases for rule in rules):
        return iter(())
    ends = (last for _, last in (*person.group_ends, *person.rule_ends))
    validity = [person.begin_time or 0, (person.end_time or -1) + 1, *(last + 1 for last in ends)]

    def allowed(moment: Moment) -> bool:
        return counts(decide(policy, person, portal.id, moment))

    conditions = [rule.when for rule in rules]
    return intervals(policy.calendar, conditions, over, allowed, stamps=validity)


def unlocked(policy: Policy, portal: Portal, over: Sequence[Stretch]) -> Iterator[Interval]:
    """When an unlock schedule lets everyone pass `portal`."""
    conditions = [unlock.when for unlock in portal.unlocks]
    if not conditions:
        return iter(())
    return intervals(
        policy.calendar,
        conditions,
        over,
        lambda moment: policy.unlocked_at(portal, moment) is not None,
    )


def intervals(
    calendar: Calendar,
    conditions: Iterable[Condition],
    over: Iterable[Stretch],
    holds: Callable[[Moment], bool],
    stamps: Iterable[int] = (),
) -> Iterator[Interval]:
    """Where `holds` is true, which may change with `conditions` and at `stamps` (device time)."""
    conditions, stamps = tuple(conditions), tuple(stamps)
    begun: Moment | None = None
    last: Moment | None = None
    for stretch in over:
        ahead = stretch.local - stretch.stamp
        for begin, end in pairwise(_cuts(calendar, conditions, stretch, stamps)):
            first = Moment(begin - ahead, begin)
            if holds(first):
                begun = begun or first
            elif begun is not None and last is not None:
                yield Interval(begun, last)
                begun = None
            last = Moment(end - 1 - ahead, end - 1)
    if begun is not None and last is not None:
        yield Interval(begun, last)


def _cuts(
    calendar: Calendar, conditions: Iterable[Condition], stretch: Stretch, stamps: Iterable[int]
) -> list[int]:
    """The local seconds at which something may change, with both ends of the stretch."""
    ahead = stretch.local - stretch.stamp
    begin, end = stretch.local, stretch.local + stretch.seconds
    found = {begin, end, *(stamp + ahead for stamp in stamps)}
    for midnight in range(begin - begin % DAY_S, end, DAY_S):
        found.add(midnight)
        day = calendar.instant(Moment(midnight - ahead, midnight))
        for condition in conditions:
            if condition.fixed is not None:
                continue
            for zone in condition.zones:
                for kind in day.today:
                    found.update(midnight + start for start in zone.kinds[kind].starts)
                    found.update(midnight + last + 1 for last in zone.kinds[kind].ends)
                found.update(midnight + zone.kinds[kind].spill + 1 for kind in day.yesterday)
    return sorted(second for second in found if begin <= second <= end)
