from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from gateway.access.actions import Action
from gateway.access.decision import Decision, decide, refuse
from gateway.access.log_events import AccessEvent
from gateway.access.person import Person
from gateway.access.policy import Policy, compile_policy
from gateway.access.reasons import Reason
from gateway.access.rows import (
    ActionRow,
    HolidayRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    RuleRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.trace import PersonTie, PlaceTie, RuleOutcome, RuleTrace, TimeVerdict
from gateway.clock import Moment

Compile = Callable[[PolicyRows], Policy]

EVERY_DAY = (1,) * 10
DAY_S = 86_400


def at(text: str, *, shift_s: int = 0, trusted: bool = True) -> Moment:
    local = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    return Moment(local - shift_s, local, trusted)


NOON = at("2026-11-24T12:00:00")

SITE = PolicyRows(
    version=7,
    portals=[PortalRow(1, "front", 1, 2), PortalRow(2, "back", 1, 3)],
    access_rules=[
        RuleRow(1, "always", 1),
        RuleRow(2, "afternoon", 1),
        RuleRow(3, "no schedule", 1),
        RuleRow(4, "mystery", 9),
        RuleRow(5, "night block", 0),
        RuleRow(6, "back door", 1),
        RuleRow(7, "area", 1),
        RuleRow(8, "own", 1),
        RuleRow(9, "block", 0),
    ],
    portal_access_rules=[*(LinkRow(1, rule) for rule in (1, 2, 3, 4, 5, 8, 9)), LinkRow(2, 6)],
    area_access_rules=[LinkRow(2, 7), LinkRow(2, 1)],
    group_access_rules=[*(LinkRow(1, rule) for rule in range(1, 8)), LinkRow(2, 9)],
    access_rule_time_zones=[
        LinkRow(1, 1),
        LinkRow(2, 2),
        LinkRow(4, 1),
        LinkRow(5, 3),
        LinkRow(6, 1),
        LinkRow(7, 2),
        LinkRow(8, 1),
    ],
    portal_actions=[LinkRow(1, 1)],
    time_zones=[TimeZoneRow(1, "always"), TimeZoneRow(2, "afternoon"), TimeZoneRow(3, "night")],
    time_spans=[
        TimeSpanRow(1, 1, 0, 86_399, *EVERY_DAY),
        TimeSpanRow(2, 2, 43_200, 64_800, *EVERY_DAY),
        TimeSpanRow(3, 3, 79_200, 21_600, *EVERY_DAY),
    ],
    actions=[ActionRow(1, "open front", "door", "door=1", 0)],
)


@pytest.fixture
def policy(compiled: Compile) -> Policy:
    return compiled(SITE)


def explain(decision: Decision) -> dict[int, tuple[PersonTie, PlaceTie, TimeVerdict, RuleOutcome]]:
    return {row.rule_id: (row.person, row.place, row.time, row.why) for row in decision.trace}


def test_the_trace_says_of_each_rule_of_the_person_why_it_did_or_did_not_apply(
    policy: Policy,
) -> None:
    decision = decide(policy, Person(1, group_ids=(1,)), 1, NOON)
    assert explain(decision) == {
        1: (PersonTie.GROUP, PlaceTie.PORTAL, TimeVerdict.ALWAYS, RuleOutcome.RELEASES),
        2: (PersonTie.GROUP, PlaceTie.PORTAL, TimeVerdict.IN_TIME, RuleOutcome.RELEASES),
        3: (PersonTie.GROUP, PlaceTie.PORTAL, TimeVerdict.NO_SCHEDULE, RuleOutcome.NO_SCHEDULE),
        4: (PersonTie.GROUP, PlaceTie.PORTAL, TimeVerdict.NOT_CHECKED, RuleOutcome.UNKNOWN_TYPE),
        5: (PersonTie.GROUP, PlaceTie.PORTAL, TimeVerdict.OUT_OF_TIME, RuleOutcome.OUT_OF_TIME),
        6: (PersonTie.GROUP, PlaceTie.NONE, TimeVerdict.NOT_CHECKED, RuleOutcome.OTHER_PLACE),
        7: (PersonTie.GROUP, PlaceTie.AREA, TimeVerdict.IN_TIME, RuleOutcome.RELEASES),
    }
    assert decision.rule_ids == (1, 2, 7)
    assert decision.rule_ids == tuple(row.rule_id for row in decision.trace if row.applied)


def test_the_trace_of_a_block_shows_what_it_overruled(policy: Policy) -> None:
    decision = decide(policy, Person(1, group_ids=(1, 2)), 1, NOON)
    found = explain(decision)
    assert decision.reason is Reason.BLOCKED
    assert found[1][3] is RuleOutcome.OVERRULED_BY_BLOCK
    assert found[9][2:] == (TimeVerdict.NO_SCHEDULE, RuleOutcome.BLOCKS)
    assert [row.rule_id for row in decision.trace if row.applied] == [9]


def test_the_trace_shows_that_the_own_schedule_won(policy: Policy) -> None:
    decision = decide(policy, Person(1, group_ids=(1,), own_rule_ids=(8, 6)), 1, NOON)
    found = explain(decision)
    assert found[1][3] is RuleOutcome.OWN_SCHEDULE_WINS
    assert found[8] == (
        PersonTie.OWN,
        PlaceTie.PORTAL,
        TimeVerdict.ALWAYS,
        RuleOutcome.RELEASES,
    )
    assert found[6][:2] == (PersonTie.OWN, PlaceTie.NONE)
    assert decision.rule_ids == (8,)
    assert [row.rule_id for row in decision.trace] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_trace_shows_that_the_clock_decided(policy: Policy) -> None:
    moment = dataclasses.replace(NOON, trusted=False)
    found = explain(decide(policy, Person(1, group_ids=(1,)), 1, moment))
    assert found[1][2:] == (TimeVerdict.ALWAYS, RuleOutcome.OVERRULED_BY_BLOCK)
    assert found[2][2:] == (TimeVerdict.CLOCK_NOT_TRUSTED, RuleOutcome.CLOCK_NOT_TRUSTED)
    assert found[5][2:] == (TimeVerdict.CLOCK_NOT_TRUSTED, RuleOutcome.BLOCKS)


def test_a_trace_row_carries_the_rule_as_the_technician_knows_it(policy: Policy) -> None:
    decision = decide(policy, Person(1, group_ids=(1,)), 2, NOON)
    assert decision.trace[5] == RuleTrace(
        rule_id=6,
        name="back door",
        type=1,
        person=PersonTie.GROUP,
        place=PlaceTie.PORTAL,
        time=TimeVerdict.ALWAYS,
        applied=True,
        why=RuleOutcome.RELEASES,
    )


def test_names_in_a_trace_are_stable() -> None:
    assert {*PersonTie} == {"own", "group"}
    assert {*PlaceTie} == {"portal", "area", "none"}
    assert {*TimeVerdict} == {
        "always",
        "in_time",
        "out_of_time",
        "no_schedule",
        "clock_not_trusted",
        "not_checked",
    }
    assert {*RuleOutcome} == {
        "releases",
        "blocks",
        "other_place",
        "unknown_type",
        "out_of_time",
        "no_schedule",
        "clock_not_trusted",
        "unknown_condition",
        "condition_not_met",
        "own_schedule_wins",
        "overruled_by_block",
    }


def test_a_grant_carries_event_7_and_what_to_do(policy: Policy) -> None:
    decision = decide(policy, Person(11, group_ids=(1,)), 1, NOON)
    assert (decision.event, decision.allowed) == (AccessEvent.GRANTED, True)
    assert decision.actions == (Action("door", "door=1", id=1, run_at=0),)


@pytest.mark.parametrize("shift_h", [-3, 5])
def test_validity_is_compared_with_the_time_that_the_columns_hold(
    policy: Policy, shift_h: int
) -> None:
    moment = at("2026-11-24T12:00:00", shift_s=shift_h * 3600)
    valid = Person(1, begin_time=moment.stamp, end_time=moment.stamp, group_ids=(1,))
    over = Person(1, end_time=moment.stamp - 1, group_ids=(1,))
    early = Person(1, begin_time=moment.stamp + 1, group_ids=(1,))
    assert decide(policy, valid, 1, moment).reason is Reason.GRANTED
    assert decide(policy, over, 1, moment).reason is Reason.EXPIRED
    assert decide(policy, early, 1, moment).reason is Reason.NOT_YET_VALID


def test_a_refusal_names_what_is_known_and_does_nothing() -> None:
    assert refuse(Reason.UNKNOWN_CREDENTIAL) == Decision(Reason.UNKNOWN_CREDENTIAL, 0, 0)
    decision = refuse(Reason.LOCK_DOWN, user_id=4, portal_id=2)
    assert (decision.event, decision.user_id, decision.portal_id) == (AccessEvent.DENIED, 4, 2)
    assert not decision.allowed
    assert not decision.actions


def test_a_refusal_can_never_be_a_grant() -> None:
    with pytest.raises(ValueError, match="granted"):
        refuse(Reason.GRANTED)


def test_compiling_rests_between_few_rows() -> None:
    taken = 0

    def lazily(rows: list[LinkRow]) -> Iterator[LinkRow]:
        nonlocal taken
        for row in rows:
            taken += 1
            yield row

    many = [LinkRow(1 + n % 9, n) for n in range(3000)]
    rows = dataclasses.replace(
        SITE, group_access_rules=lazily(many), portal_access_rules=lazily(many)
    )
    seen = [0, *(taken for _ in compile_policy(rows))]
    assert taken == 6000
    assert max(after - before for before, after in pairwise(seen)) <= 20


def test_a_policy_cannot_be_changed(policy: Policy) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.version = 8  # type: ignore[misc]  # - that is what is tested
    with pytest.raises(TypeError):
        policy.rules[99] = policy.rules[1]  # type: ignore[index]  # - that is what is tested


def test_an_empty_site_lets_nobody_pass(compiled: Compile) -> None:
    policy = compiled(PolicyRows(version=3))
    assert policy.version == 3
    assert decide(policy, Person(1), 1, NOON).reason is Reason.READER_WITHOUT_PORTAL


def holiday_site(holiday: HolidayRow) -> PolicyRows:
    """Portal 1 opens on weekdays, on holidays of group 1 never."""
    return PolicyRows(
        version=1,
        portals=[PortalRow(1, "front", 1, 1)],
        access_rules=[RuleRow(1, "week", 1)],
        portal_access_rules=[LinkRow(1, 1)],
        group_access_rules=[LinkRow(1, 1)],
        access_rule_time_zones=[LinkRow(1, 1)],
        time_zones=[TimeZoneRow(1, "week")],
        time_spans=[TimeSpanRow(1, 1, 0, 86_400, *(1,) * 7, 0, 0, 0)],
        holidays=[holiday],
    )


@pytest.mark.parametrize("repeats", [0, 1])
@pytest.mark.parametrize("shift_h", [-3, 0, 5])
def test_a_holiday_is_a_day_of_the_wall_clock_whatever_the_columns_hold(
    compiled: Compile, repeats: int, shift_h: int
) -> None:
    shift_s = shift_h * 3600
    start = at("2026-12-25T00:00:00", shift_s=shift_s).stamp
    holiday = HolidayRow(1, "christmas", start, start + DAY_S - 1, 1, 0, 0, repeats)
    policy = compiled(holiday_site(holiday))
    open_at = {
        text: decide(policy, Person(1, group_ids=(1,)), 1, at(text, shift_s=shift_s)).allowed
        for text in (
            "2026-12-24T23:59:59",
            "2026-12-25T00:00:00",
            "2026-12-25T23:59:59",
            "2026-12-26T00:00:00",
        )
    }
    assert list(open_at.values()) == [True, False, False, True]


def test_holidays_follow_the_clock_change_where_the_columns_hold_utc(compiled: Compile) -> None:
    start = at("2026-12-25T00:00:00", shift_s=3600).stamp
    policy = compiled(holiday_site(HolidayRow(1, "x", start, start, 1, 0, 0, 1)))
    person = Person(1, group_ids=(1,))
    for hours in (1, 2, 1, 3, 4, 5, 6, 7, 8, 9, 1):
        moment = at("2027-12-25T12:00:00", shift_s=hours * 3600)
        assert not decide(policy, person, 1, moment).allowed
    assert len(policy.calendar._by_shift) < 6  # not one for every difference ever seen


@pytest.mark.parametrize("repeats", [0, 1])
def test_absurd_times_neither_raise_nor_take_long(compiled: Compile, repeats: int) -> None:
    policy = compiled(holiday_site(HolidayRow(1, "x", -(10**30), 10**30, 0, 1, 0, repeats)))
    person = Person(1, group_ids=(1,))
    for second in (-(10**30), -1, 10**30):
        assert decide(policy, person, 1, Moment(second, second)).reason in (
            Reason.OUT_OF_TIME,
            Reason.GRANTED,
        )


def test_a_holiday_of_ten_thousand_years_holds(compiled: Compile) -> None:
    policy = compiled(holiday_site(HolidayRow(1, "x", -(10**12), 10**12, 1, 0, 0, 0)))
    assert decide(policy, Person(1, group_ids=(1,)), 1, NOON).reason is Reason.OUT_OF_TIME
