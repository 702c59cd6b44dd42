"""The most and the fewest people of an area, and escorts (tables/occupancy.toml)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.admission import admit, pass_time
from gateway.access.admission_values import AdmissionSettings, AdmissionState, Circumstances
from gateway.access.attempt import Attempt, Factor
from gateway.access.occupancy import NEVER, AreaLimits, Occupancy
from gateway.access.passback import Now
from gateway.access.person import Person
from gateway.access.policy import Policy, compile_policy
from gateway.access.rows import (
    EscortRuleRow,
    LinkRow,
    OccupancyLimitsRow,
    PolicyRows,
    PortalRow,
    PortalRuleGroupRow,
    PortalRuleRow,
    RuleRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.slices import drain
from gateway.clock import Moment

Table = dict[str, Any]

TABLE: Table = tomllib.loads(
    (Path(__file__).parent / "tables" / "occupancy.toml").read_text(encoding="utf-8")
)
NAMES = {row["id"]: name for name, row in TABLE["people"].items()}
START_S = 1_795_435_200
DOOR, OUT, IN = 1, 10, 20
HOSTS, GUESTS = 7, 8
DAY_S = 86_400


def site(scenario: Table) -> Policy:
    limits = scenario.get("maximum", 0), scenario.get("minimum", 0)
    needs = scenario.get("needs", [])
    escorts = [EscortRuleRow(1, "tour", DOOR, GUESTS, HOSTS, scenario.get("within", 0))]
    rows = PolicyRows(
        version=1,
        portals=[PortalRow(DOOR, "door", OUT, IN)],
        access_rules=[RuleRow(1, "all", 1)],
        portal_access_rules=[LinkRow(DOOR, 1)],
        group_access_rules=[LinkRow(1, 1)],
        access_rule_time_zones=[LinkRow(1, 1)],
        time_zones=[TimeZoneRow(1, "always")],
        time_spans=[TimeSpanRow(1, 1, 0, 86_399, *(1,) * 10)],
        portal_rules=[PortalRuleRow(1, "together")] if needs else [],
        portal_portal_rules=[LinkRow(DOOR, 1)] if needs else [],
        portal_rule_groups=[PortalRuleGroupRow(1, group, 1) for group in needs],
        outside_areas=[IN] if scenario.get("outside") else [],
        occupancy_limits=[OccupancyLimitsRow(IN, *limits, NEVER)],
        escort_rules=escorts if "within" in scenario else [],
    )
    return drain(compile_policy(rows))


def person(name: str) -> Person:
    row = TABLE["people"][name]
    return Person(row["id"], group_ids=tuple(row["groups"]))


def seen(policy: Policy, step: Table) -> Circumstances:
    at_s = START_S + step["at"]
    inside = frozenset(TABLE["people"][name]["id"] for name in step.get("inside", ()))
    limits = policy.limits_beyond(policy.portals[DOOR])
    return Circumstances(
        Moment(at_s, at_s),
        step["at"] * 1000,
        Now(at_s, at_s),
        occupancy=Occupancy(limits, inside) if limits else None,
    )


@pytest.mark.parametrize("scenario", TABLE["scenario"], ids=lambda scenario: scenario["says"])
def test_who_enters_and_who_waits_is_what_the_table_says(scenario: Table) -> None:
    policy, settings, state = site(scenario), AdmissionSettings(), AdmissionState()
    for step in scenario["steps"]:
        if "who" in step:
            attempt = Attempt("door", DOOR, Factor.CARD, person(step["who"]))
            admission = admit(policy, settings, state, attempt, seen(policy, step))
        else:
            admission = pass_time(settings, state, step["at"] * 1000)
        state = admission.state
        told = [
            f"{it.decision.reason} of {NAMES[it.decision.user_id]}" for it in admission.outcomes
        ]
        assert told == step["then"], step
        if admission.outcomes and admission.outcomes[-1].decision.allowed:
            company = [NAMES[one.id] for one in admission.outcomes[-1].company]
            assert company == step.get("enter", [step["who"]]), step


@given(
    maximum=st.integers(0, 4),
    minimum=st.integers(0, 4).filter(lambda it: it != 1),
    inside=st.sets(st.integers(1, 6)),
    people=st.lists(st.integers(1, 6), unique=True, min_size=1, max_size=4),
)
def test_no_entry_makes_an_area_fuller_than_its_most_or_leaves_fewer_than_its_fewest(
    maximum: int, minimum: int, inside: set[int], people: list[int]
) -> None:
    occupancy = Occupancy(AreaLimits(IN, maximum, minimum), frozenset(inside))
    company = [Person(id_) for id_ in people]
    after = inside | set(people)
    if not occupancy.full_for(company) and after != inside:
        assert not maximum or len(after) <= maximum
    if not occupancy.missing(company):
        assert len(after) >= minimum


@given(at=st.integers(0, DAY_S - 1), local=st.integers(0, 30 * DAY_S))
def test_an_area_was_emptied_last_within_a_day_at_its_time(at: int, local: int) -> None:
    found = AreaLimits(IN, empty_at_s=at).emptied_last(local)
    assert found is not None
    assert found % DAY_S == at
    assert 0 <= local - found < DAY_S
    assert AreaLimits(IN).emptied_last(local) is None
