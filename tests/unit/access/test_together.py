"""Rules about portals: several people together, unlock schedules; and which keypads lock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from gateway.access.guessing import GuardSettings
from gateway.access.multi_person import complete
from gateway.access.person import Person
from gateway.access.policy import Policy
from gateway.access.rows import (
    ActionRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    PortalRuleGroupRow,
    PortalRuleRow,
    RuleRow,
    ScheduledUnlockRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.clock import Moment

Compile = Callable[[PolicyRows], Policy]

EVERY_DAY = (1,) * 10
MONDAY = 1_795_392_000  # 2026-11-23T00:00:00
EIGHT, SIX = 8 * 3600, 18 * 3600

SITE = PolicyRows(
    version=1,
    portals=[PortalRow(1, "vault", 1, 2), PortalRow(2, "shop", 1, 3), PortalRow(3, "yard", 1, 4)],
    access_rules=[RuleRow(1, "opening hours", 1), RuleRow(2, "closed", 0), RuleRow(3, "never", 1)],
    portal_access_rules=[LinkRow(2, 1), LinkRow(1, 2), LinkRow(3, 3)],
    area_access_rules=[LinkRow(4, 1), LinkRow(3, 1)],
    access_rule_time_zones=[LinkRow(1, 1), LinkRow(2, 1), LinkRow(3, 2)],
    time_zones=[TimeZoneRow(1, "day"), TimeZoneRow(2, "nothing"), TimeZoneRow(3, "night")],
    time_spans=[
        TimeSpanRow(1, 1, EIGHT, SIX, *EVERY_DAY),
        TimeSpanRow(2, 3, SIX + 1, EIGHT - 1, *EVERY_DAY),
    ],
    actions=[ActionRow(1, "open", "door", "door=1", 0), ActionRow(2, "report", "mail", "", 2)],
    portal_rules=[PortalRuleRow(1, "by day"), PortalRuleRow(2, "both"), PortalRuleRow(3, "nobody")],
    portal_portal_rules=[LinkRow(1, 1), LinkRow(1, 2), LinkRow(1, 3), LinkRow(1, 99)],
    portal_rule_groups=[
        PortalRuleGroupRow(1, 7, 2),
        PortalRuleGroupRow(2, 7, 1),
        PortalRuleGroupRow(2, 8, 0),
    ],
    portal_rule_time_zones=[LinkRow(1, 1), LinkRow(2, 1), LinkRow(2, 3)],
    portal_rule_actions=[LinkRow(2, 2), LinkRow(2, 1)],
    scheduled_unlocks=[ScheduledUnlockRow(1, "shop hours"), ScheduledUnlockRow(2, "idle")],
    scheduled_unlock_access_rules=[LinkRow(1, 1), LinkRow(1, 2), LinkRow(1, 3), LinkRow(9, 1)],
)


@pytest.fixture
def policy(compiled: Compile) -> Policy:
    return compiled(SITE)


def at(second: int, *, trusted: bool = True) -> Moment:
    return Moment(MONDAY + second, MONDAY + second, trusted)


@pytest.mark.parametrize(
    ("moment", "names"),
    [
        (at(EIGHT - 1), ["both"]),
        (at(EIGHT), ["by day", "both"]),
        (at(SIX), ["by day", "both"]),
        (at(SIX + 1), ["both"]),
        (at(0, trusted=False), ["by day", "both"]),
    ],
)
def test_a_rule_of_several_persons_holds_in_its_zones_and_while_nobody_knows_the_time(
    policy: Policy, moment: Moment, names: list[str]
) -> None:
    found = policy.portal_rules_at(policy.portals[1], moment)
    assert [rule.name for rule in found] == names


def test_a_rule_of_several_persons_knows_its_departments_and_its_actions(policy: Policy) -> None:
    by_day, both = policy.portals[1].portal_rules
    assert (by_day.id, dict(by_day.needs), by_day.actions) == (1, {7: 2}, ())
    assert (both.id, dict(both.needs)) == (2, {7: 1, 8: 1})
    assert [action.name for action in both.actions if action.runs_here] == ["door"]


def test_a_rule_whose_zone_is_gone_goes_on_asking_for_several_persons(compiled: Compile) -> None:
    policy = compiled(dataclasses.replace(SITE, time_zones=[TimeZoneRow(1, "day")]))
    found = policy.portal_rules_at(policy.portals[1], at(0))
    assert [rule.name for rule in found] == ["both"]


@pytest.mark.parametrize(
    ("portal", "moment", "unlocked"),
    [
        (2, at(EIGHT), True),
        (2, at(SIX), True),
        (2, at(SIX + 1), False),
        (2, at(EIGHT, trusted=False), False),
        (3, at(EIGHT), True),
        (1, at(EIGHT), False),
    ],
)
def test_an_unlock_schedule_holds_where_its_releasing_rule_reaches_and_only_when_that_is_certain(
    policy: Policy, portal: int, moment: Moment, *, unlocked: bool
) -> None:
    found = policy.unlocked_at(policy.portals[portal], moment)
    assert (found is not None) is unlocked
    if found is not None:
        assert (found.id, found.name, found.rule_id) == (1, "shop hours", 1)


def test_a_rule_that_reaches_a_portal_twice_unlocks_it_once(policy: Policy) -> None:
    assert len(policy.portals[2].unlocks) == 1
    assert [unlock.rule_id for unlock in policy.portals[3].unlocks] == [1, 3]


@pytest.mark.parametrize(
    ("groups", "enough"),
    [
        ([(7,), (8,)], True),
        ([(8,), (7,)], True),
        ([(7,), (7,)], False),
        ([(7, 8), (7,)], True),
        ([(7,), (7, 8)], True),
        ([(7, 8), (9,)], False),
        ([(7, 8)], False),
        ([(9,), (7,), (8,)], True),
    ],
)
def test_people_fill_places_in_whatever_way_lets_all_of_them_be_filled(
    policy: Policy, groups: list[tuple[int, ...]], *, enough: bool
) -> None:
    both = policy.portals[1].portal_rules[1]
    people = [Person(id_, group_ids=its) for id_, its in enumerate(groups, 1)]
    assert complete(both, people) is enough


@pytest.mark.parametrize("name", ["wrong_entries", "within_ms", "locked_ms"])
def test_a_keypad_guard_counts_from_one_up(name: str) -> None:
    assert getattr(GuardSettings(**{name: 1}), name) == 1
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, not 0"):
        GuardSettings(**{name: 0})
