"""A compilation that takes over what did not change gives the policy of a whole one."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.policy import Policy, compile_policy
from gateway.access.rows import (
    EscortRuleRow,
    FactorModeRow,
    FirstCardRow,
    LinkRow,
    OccupancyLimitsRow,
    PolicyRows,
    PortalRuleGroupRow,
    PortalRuleRow,
    RuleRow,
    ScheduledUnlockRow,
    ThreatLevelRow,
    TimeSpanRow,
    TimeZoneRow,
    ValidationRow,
)
from gateway.access.slices import drain
from gateway.access.steps import Steps
from tests.unit.access.test_properties import FLAG, IDS, SITES, links, rows_of

TABLES = tuple(field.name for field in dataclasses.fields(PolicyRows) if field.name != "version")
OTHER_TABLES: dict[str, st.SearchStrategy[Any]] = {
    "validations": rows_of(
        ValidationRow,
        0,
        3,
        st.sampled_from(("member_of", "not_member_of", "mask")),
        st.sampled_from(("group=1", "group=2", "")),
    ),
    "access_rule_validations": links(4, 3, (0, 0, 1)),
    "user_identification_rules": links(2, 1),
    "group_identification_rules": links(2, 1),
    "portal_rules": rows_of(PortalRuleRow, 0, 3, st.just("pr"), st.sampled_from((1, 1, 2))),
    "portal_portal_rules": links(2, 3),
    "portal_rule_groups": st.lists(
        st.builds(PortalRuleGroupRow, IDS, IDS, st.integers(0, 2)), max_size=4
    ).map(tuple),
    "portal_rule_time_zones": links(3, 3),
    "portal_rule_actions": links(3, 4),
    "portal_rule_users": links(3, 1, (0, 0, 1)),
    "portal_rule_validations": links(3, 1, (0, 0, 1)),
    "scheduled_unlocks": rows_of(ScheduledUnlockRow, 0, 2, st.just("su")),
    "scheduled_unlock_access_rules": links(2, 4),
    "first_card_unlocks": rows_of(FirstCardRow, 0, 3, st.just("fc"), IDS, IDS),
    "first_card_unlock_groups": links(3, 2),
    "portal_factor_modes": rows_of(FactorModeRow, 0, 3, IDS, IDS, st.integers(0, 4)),
    "occupancy_limits": st.lists(st.builds(OccupancyLimitsRow, IDS, IDS, IDS, IDS), max_size=2).map(
        tuple
    ),
    "escort_rules": rows_of(EscortRuleRow, 0, 2, st.just("er"), IDS, IDS, IDS, IDS),
    "threat_levels": rows_of(
        ThreatLevelRow, 0, 3, st.sampled_from((1, 2, 3)), st.just("tl"), FLAG, FLAG, FLAG, IDS
    ),
    "threat_level_groups": links(3, 2),
    "contingency_rules": st.lists(IDS, max_size=2).map(tuple),
    "passback_areas": links(2, 2, (0, 0, 1)),
}
WIDE_SITES = st.builds(
    lambda site, others: dataclasses.replace(site, **others),
    SITES,
    st.fixed_dictionaries(OTHER_TABLES),
)
CHANGES = st.tuples(WIDE_SITES, st.sets(st.sampled_from(TABLES)), st.none() | st.integers(0, 60))
"""Another site, the tables that are taken from it, and after how many slices the compilation is
broken off."""


@settings(max_examples=settings().max_examples // 3)  # each has up to six whole sites
@given(site=WIDE_SITES, changes=st.lists(CHANGES, min_size=1, max_size=5), read_anew=FLAG)
def test_after_any_changes_the_policy_is_that_of_a_whole_compilation(
    site: PolicyRows, changes: list[tuple[PolicyRows, set[str], int | None]], read_anew: int
) -> None:
    steps = Steps()
    drain(compile_policy(site, steps))
    for other, tables, slices in changes:
        changed = {name: getattr(other, name) for name in tables}
        if read_anew:
            same = {name: list(getattr(site, name)) for name in TABLES}
            changed = {**same, **changed}
        site = dataclasses.replace(site, **changed)
        if slices is None:
            # The text has the order of each table too.
            assert repr(drain(compile_policy(site, steps))) == repr(drain(compile_policy(site)))
        else:
            broken_off = compile_policy(site, steps)
            for _ in zip(range(slices), broken_off, strict=False):
                pass
            broken_off.close()
    assert drain(compile_policy(site, steps)) == drain(compile_policy(site))


def spans(zone: int, start: int) -> TimeSpanRow:
    return TimeSpanRow(zone, zone, start, 80_000, *(1,) * 10)


SITE = PolicyRows(
    version=1,
    access_rules=tuple(RuleRow(id_, f"rule {id_}", 1) for id_ in range(1, 40)),
    group_access_rules=(LinkRow(1, 1),),
    access_rule_time_zones=tuple(LinkRow(id_, 1 + id_ % 2) for id_ in range(1, 40)),
    time_zones=(TimeZoneRow(1, "a"), TimeZoneRow(2, "b")),
    time_spans=(spans(1, 100), spans(2, 200)),
)


def compiled_anew(before: Policy, after: Policy) -> set[int]:
    return {id_ for id_, rule in after.rules.items() if rule is not before.rules.get(id_)}


def test_only_rules_that_changed_are_compiled_anew() -> None:
    steps = Steps()
    before = drain(compile_policy(SITE, steps))
    renamed = (RuleRow(1, "renamed", 1), *list(SITE.access_rules)[1:])
    after = drain(compile_policy(dataclasses.replace(SITE, access_rules=renamed), steps))
    assert compiled_anew(before, after) == {1}
    assert after.rules[1].name == "renamed"


def test_a_time_span_concerns_the_rules_of_its_zone_alone() -> None:
    steps = Steps()
    before = drain(compile_policy(SITE, steps))
    moved = dataclasses.replace(SITE, time_spans=(spans(1, 300), spans(2, 200)))
    after = drain(compile_policy(moved, steps))
    assert compiled_anew(before, after) == {id_ for id_ in range(1, 40) if id_ % 2 == 0}


def test_without_a_change_no_part_is_compiled_anew() -> None:
    steps = Steps()
    before = drain(compile_policy(SITE, steps))
    after = drain(compile_policy(dataclasses.replace(SITE, version=2), steps))
    assert after.version == 2
    assert after.rules is before.rules
    assert after.group_rules is before.group_rules
    assert after.portals is before.portals
