"""When somebody may pass: intervals that say what the decision says at every second."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.decision import decide
from gateway.access.person import Person
from gateway.access.policy import Policy
from gateway.access.rows import (
    HolidayRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    RuleRow,
    ScheduledUnlockRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.week import Interval, passes, stretches, unlocked, week_of
from gateway.clock import DeviceTime, Moment, WireTime

Compile = Callable[[PolicyRows], Policy]

WEEKDAYS = (0, 1, 1, 1, 1, 1, 0)
NO_HOLIDAY = (0, 0, 0)
EVERY_DAY = (1,) * 10
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def device_time(zone: str = "America/Sao_Paulo", wire: WireTime = WireTime.LOCAL) -> DeviceTime:
    return DeviceTime(lambda: ZoneInfo(zone), wire)


def wall(moment: Moment) -> str:
    return (EPOCH + timedelta(seconds=moment.local)).strftime("%a %H:%M:%S")


def shown(found: Any) -> list[str]:
    return [f"{wall(interval.first)} - {wall(interval.last)}" for interval in found]


def seconds(text: str) -> int:
    return int((datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH).total_seconds())


def span(start: int, end: int, *flags: int, zone: int = 1) -> TimeSpanRow:
    return TimeSpanRow(0, zone, start, end, *flags)


def site(*spans: TimeSpanRow, **more: Any) -> PolicyRows:
    """One portal, and one rule for group 1 in time zone 1."""
    return PolicyRows(
        version=1,
        portals=[PortalRow(1, "front", 1, 1)],
        access_rules=[RuleRow(1, "staff", 1), RuleRow(2, "block", 0)],
        portal_access_rules=[LinkRow(1, 1), LinkRow(1, 2)],
        group_access_rules=[LinkRow(1, 1), LinkRow(2, 2)],
        access_rule_time_zones=[LinkRow(1, 1), LinkRow(2, 2)],
        time_zones=[TimeZoneRow(1, "one"), TimeZoneRow(2, "two")],
        time_spans=spans,
        **more,
    )


def week(compiled: Compile, rows: PolicyRows, person: Person, day: date, **zone: Any) -> list[str]:
    policy = compiled(rows)
    over = week_of(device_time(**zone), day)
    return shown(passes(policy, person, policy.portals[1], over))


OFFICE = span(28_800, 64_800, *WEEKDAYS, *NO_HOLIDAY)
STAFF = Person(1, group_ids=(1,))
WEDNESDAY = date(2026, 11, 25)


def test_a_week_runs_from_monday_to_sunday_and_both_ends_of_a_span_count(
    compiled: Compile,
) -> None:
    assert week(compiled, site(OFFICE), STAFF, WEDNESDAY) == [
        f"{day} 08:00:00 - {day} 18:00:00" for day in ("Mon", "Tue", "Wed", "Thu", "Fri")
    ]


def test_what_always_holds_is_one_interval(compiled: Compile) -> None:
    rows = site(span(0, 86_400, *EVERY_DAY))
    assert week(compiled, rows, STAFF, WEDNESDAY) == ["Mon 00:00:00 - Sun 23:59:59"]


def test_a_span_past_midnight_is_one_interval_and_reaches_in_from_the_week_before(
    compiled: Compile,
) -> None:
    rows = site(span(79_200, 21_600, 1, 0, 0, 0, 0, 1, 0, *NO_HOLIDAY))  # sundays and fridays
    assert week(compiled, rows, STAFF, WEDNESDAY) == [
        "Mon 00:00:00 - Mon 06:00:00",
        "Fri 22:00:00 - Sat 06:00:00",
        "Sun 22:00:00 - Sun 23:59:59",
    ]


def test_a_holiday_counts_in_its_week_alone(compiled: Compile) -> None:
    thursday = seconds("2026-11-26T00:00:00")
    rows = site(OFFICE, holidays=[HolidayRow(1, "thanks", thursday, thursday, 1, 0, 0, 0)])
    assert len(week(compiled, rows, STAFF, WEDNESDAY)) == 4
    assert len(week(compiled, rows, STAFF, date(2026, 12, 2))) == 5


def test_a_block_cuts_out_its_time(compiled: Compile) -> None:
    noon = span(43_200, 46_799, *EVERY_DAY, zone=2)
    person = Person(1, group_ids=(1, 2))
    found = week(compiled, site(OFFICE, noon), person, WEDNESDAY)
    assert found[:2] == ["Mon 08:00:00 - Mon 11:59:59", "Mon 13:00:00 - Mon 18:00:00"]
    assert len(found) == 10


def test_validity_begins_and_ends_to_the_second(compiled: Compile) -> None:
    begin, end = seconds("2026-11-25T09:00:07"), seconds("2026-11-26T10:00:05")
    person = Person(1, begin, end, group_ids=(1,))
    assert week(compiled, site(OFFICE), person, WEDNESDAY) == [
        "Wed 09:00:07 - Wed 18:00:00",
        "Thu 08:00:00 - Thu 10:00:05",
    ]


def test_whom_no_rule_lets_pass_has_no_interval(compiled: Compile) -> None:
    assert week(compiled, site(OFFICE), Person(1, group_ids=(7,)), WEDNESDAY) == []
    assert week(compiled, site(), STAFF, WEDNESDAY) == []


def test_an_unlock_schedule_has_intervals_of_its_own(compiled: Compile) -> None:
    rows = site(
        OFFICE,
        scheduled_unlocks=[ScheduledUnlockRow(1, "open day")],
        scheduled_unlock_access_rules=[LinkRow(1, 1)],
    )
    policy = compiled(rows)
    over = week_of(device_time(), WEDNESDAY)
    assert shown(unlocked(policy, policy.portals[1], over))[0] == "Mon 08:00:00 - Mon 18:00:00"
    assert not list(unlocked(compiled(site(OFFICE)), policy.portals[1], ())), "no unlock, no time"


# The clocks of Berlin go forward on 29 March 2026 at 2:00, back on 25 October 2026 at 3:00.


def test_an_hour_that_the_clock_skips_is_in_no_stretch() -> None:
    found = week_of(device_time("Europe/Berlin"), date(2026, 3, 29))
    assert [piece.seconds for piece in found] == [6 * 86_400 + 7_200, 21 * 3_600]
    assert wall(Moment(0, found[1].local)) == "Sun 03:00:00"


def test_what_falls_into_the_skipped_hour_never_comes(compiled: Compile) -> None:
    rows = site(span(9_000, 9_900, *EVERY_DAY))  # 2:30 to 2:45
    found = week(compiled, rows, STAFF, date(2026, 3, 29), zone="Europe/Berlin")
    assert [line[:3] for line in found] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]


def test_what_falls_into_the_repeated_hour_comes_twice(compiled: Compile) -> None:
    rows = site(span(9_000, 9_900, 1, 0, 0, 0, 0, 0, 0, *NO_HOLIDAY))
    found = week(compiled, rows, STAFF, date(2026, 10, 25), zone="Europe/Berlin")
    assert found == ["Sun 02:30:00 - Sun 02:45:00"] * 2


def test_what_goes_on_while_the_clock_is_put_back_is_one_interval(compiled: Compile) -> None:
    rows = site(span(0, 86_400, *EVERY_DAY))
    found = week(compiled, rows, STAFF, date(2026, 10, 25), zone="Europe/Berlin")
    assert found == ["Mon 00:00:00 - Sun 23:59:59"]


def test_a_clock_that_jumps_at_midnight_cuts_the_week_there() -> None:
    found = week_of(device_time("America/Sao_Paulo"), date(2018, 11, 4))
    assert [wall(Moment(0, piece.local)) for piece in found] == ["Mon 00:00:00", "Sun 01:00:00"]


def test_stretches_tell_device_time_beside_local_time() -> None:
    [piece] = stretches(device_time(wire=WireTime.UTC), seconds("2026-11-25T09:00:00"), 60)
    assert (piece.stamp - piece.local, piece.seconds) == (3 * 3_600, 60)


# ---- against the decision itself ---------------------------------------------------------------

WEEKS = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2019, 2, 16)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("UTC", date(2026, 12, 31)),
]


def inside(found: list[Interval], stamp: int) -> bool:
    return any(interval.first.stamp <= stamp <= interval.last.stamp for interval in found)


@pytest.mark.parametrize("wire", WireTime)
@pytest.mark.parametrize(("zone", "day"), WEEKS)
@settings(max_examples=settings().max_examples // 4)
@given(seed=st.integers(0, 2**32))
def test_a_second_is_in_an_interval_exactly_when_the_decision_lets_pass(
    compiled: Compile,
    random_site: Callable[[random.Random, int], PolicyRows],
    random_person: Callable[[random.Random, int], Person],
    zone: str,
    day: date,
    wire: WireTime,
    seed: int,
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable site, no secret
    clock = device_time(zone, wire)
    over = week_of(clock, day)
    first = over[0].stamp
    policy = compiled(random_site(chance, first))
    person = random_person(chance, first)

    found = list(passes(policy, person, policy.portals[1], over))

    # Device time that is local time repeats an hour: then there is no order to go by.
    if wire is WireTime.UTC:
        for one, other in pairwise(found):
            assert one.last.stamp + 1 < other.first.stamp, "merged and in order"
    edges = [edge for it in found for edge in (it.first, it.last)]
    tried = [
        chance.choice(over) if not edges or chance.random() < 0.5 else None for _ in range(150)
    ]
    for piece in tried:
        if piece is not None:
            into = chance.randrange(piece.seconds)
            moment = Moment(piece.stamp + into, piece.local + into)
        else:
            edge, by = chance.choice(edges), chance.choice((-1, 0, 1))
            moment = Moment(edge.stamp + by, edge.local + by)
            if not any(it.local <= moment.local < it.local + it.seconds for it in over):
                continue
            if not any(it.local - it.stamp == moment.local - moment.stamp for it in over):
                continue
            at = EPOCH + timedelta(seconds=moment.stamp)
            if wire is WireTime.UTC and clock.moment(at) != moment:
                continue  # beside a second at which the clock was set
        allowed = decide(policy, person, 1, moment).allowed
        assert inside(found, moment.stamp) is allowed, (seed, wall(moment))
