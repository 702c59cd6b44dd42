"""Which floors a grant in the cab releases (tables/floors.toml), and what always holds."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.credential_terms import CredentialKey, CredentialTerms
from gateway.access.decision import decide
from gateway.access.escort import MOST_HOSTS, EscortRule, HostPass, remembered
from gateway.access.factor_modes import FactorMode
from gateway.access.floors import FloorCircumstances, floors_for, shown_by
from gateway.access.occupancy import NEVER, AreaLimits, Occupancy
from gateway.access.person import Person
from gateway.access.policy import Policy, compile_policy
from gateway.access.rows import (
    EscortRuleRow,
    FactorModeRow,
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
from gateway.access.threat import ThreatLevel
from gateway.clock import Moment

Table = dict[str, Any]

TABLE: Table = tomllib.loads(
    (Path(__file__).parent / "tables" / "floors.toml").read_text(encoding="utf-8")
)
FLOOR, PORTAL, OUT, AREA = 3, 1, 10, 20
HOSTS, GUESTS = 7, 8
NOW_MS = 3_600_000
MOMENT = Moment(1_795_435_200, 1_795_435_200)
KINDS = {"card": CredentialKey.CARDS, "qrcode": CredentialKey.QRCODES, "pin": CredentialKey.PINS}


def site(case: Table) -> Policy:
    needs, asks = case.get("needs", []), case.get("asks")
    escorts = [EscortRuleRow(1, "tour", PORTAL, GUESTS, HOSTS, case.get("within", 0))]
    limits = OccupancyLimitsRow(AREA, case.get("maximum", 0), case.get("minimum", 0), NEVER)
    rows = PolicyRows(
        version=1,
        portals=[PortalRow(PORTAL, "floor", OUT, AREA)],
        access_rules=[RuleRow(1, "all", 1)],
        portal_access_rules=[LinkRow(PORTAL, 1)],
        group_access_rules=[LinkRow(1, 1)],
        access_rule_time_zones=[LinkRow(1, 1)],
        time_zones=[TimeZoneRow(1, "always")],
        time_spans=[TimeSpanRow(1, 1, 0, 86_399, *(1,) * 10)],
        portal_rules=[PortalRuleRow(1, "together")] if needs else [],
        portal_portal_rules=[LinkRow(PORTAL, 1)] if needs else [],
        portal_rule_groups=[PortalRuleGroupRow(1, group, 1) for group in needs],
        portal_factor_modes=[FactorModeRow(1, PORTAL, 1, FactorMode[asks.upper()])] if asks else [],
        occupancy_limits=[limits] if "maximum" in case or "minimum" in case else [],
        escort_rules=escorts if "within" in case else [],
    )
    return drain(compile_policy(rows))


def person(name: str, shown: list[str]) -> Person:
    row = TABLE["people"][name]
    terms = tuple(CredentialTerms(KINDS[it], 1) for it in shown if it in KINDS)
    return Person(
        row["id"],
        group_ids=tuple(row["groups"]),
        credentials=terms,
        by_password="password" in shown,
    )


def people(case: Table) -> list[Person]:
    shown = case.get("shown", {})
    return [person(name, shown.get(name, ["card"])) for name in case["who"]]


def seen(case: Table) -> FloorCircumstances:
    inside = frozenset(TABLE["people"][name]["id"] for name in case.get("inside", ()))
    limits = AreaLimits(AREA, case.get("maximum", 0), case.get("minimum", 0), NEVER)
    level = None
    if "threat" in case or "listed" in case:
        level = ThreatLevel(
            1,
            "",
            frozenset(case["listed"]) if "listed" in case else None,
            stops_unlock_schedules=False,
            stops_first_cards=False,
            factor_mode=FactorMode[case.get("threat", "card_or_pin").upper()],
        )
    passes = tuple(HostPass((1, HOSTS), NOW_MS - ago * 1000) for ago in case.get("hosts", ()))
    return FloorCircumstances(
        MOMENT,
        NOW_MS,
        level,
        occupancies={AREA: Occupancy(limits, inside)},
        hosts={PORTAL: passes},
    )


@pytest.mark.parametrize("case", TABLE["case"], ids=lambda case: case["says"])
def test_a_grant_in_the_cab_releases_the_floors_of_the_table(case: Table) -> None:
    choices = floors_for(site(case), people(case), {FLOOR: PORTAL}, seen(case))
    then = "released" if choices.released == {FLOOR} else ""
    assert choices.withheld.get(FLOOR, then) == case["then"]


def test_a_floor_without_a_relay_is_neither_released_nor_withheld() -> None:
    case = {"who": ["carla"], "asks": "pin"}
    withheld = floors_for(site(case), people(case), {FLOOR: PORTAL}, seen(case))
    released = floors_for(site({}), people(case), {FLOOR: PORTAL}, seen({}))
    assert withheld.within({FLOOR}) == withheld
    for choices in (withheld, released):
        assert not choices.within({1}).released
        assert not choices.within({1}).withheld


@given(st.data())
def test_a_floor_is_released_only_to_people_who_meet_all_that_its_portal_asks_for(
    data: st.DataObject,
) -> None:
    draw = data.draw
    names = draw(st.lists(st.sampled_from(sorted(TABLE["people"])), unique=True, max_size=3))
    kinds = st.lists(st.sampled_from(("card", "qrcode", "pin", "password")), max_size=2)
    case: Table = {
        "who": names,
        "shown": {name: draw(kinds) for name in names},
        "inside": draw(st.lists(st.sampled_from(["ana", "bruno", "carla"]), unique=True)),
        "hosts": draw(st.lists(st.integers(0, 60), max_size=2)),
    }
    optional = {
        "asks": st.sampled_from(("card", "pin", "card_and_pin", "card_or_pin")),
        "within": st.integers(1, 60),
        "maximum": st.integers(1, 3),
        "minimum": st.integers(2, 3),
        "needs": st.just([7]),
    }
    case |= {name: draw(its) for name, its in optional.items() if draw(st.booleans())}
    policy, those = site(case), people(case)
    choices = floors_for(policy, those, {FLOOR: PORTAL}, seen(case))
    assert not choices.released & choices.withheld.keys()
    allowed = bool(those) and all(decide(policy, it, PORTAL, MOMENT).allowed for it in those)
    assert bool(choices.released or choices.withheld) is allowed
    if choices.released:
        asked = FactorMode[case.get("asks", "card_or_pin").upper()]
        known = [it for it in those if it.id]
        assert all(asked & shown_by(it) == asked for it in known)
        after = {*case["inside"], *names}
        grew = len(after) > len(set(case["inside"]))
        assert not grew or len(after) <= case.get("maximum", 9)
        assert "needs" not in case
        guests = [name for name in names if name == "bruno"]
        hosted = "ana" in names or any(ago <= case.get("within", 0) for ago in case["hosts"])
        assert not ("within" in case and guests) or hosted


@given(st.lists(st.integers(0, 5_000), max_size=40))
def test_hosts_are_remembered_for_their_time_and_never_more_than_the_most(
    steps_ms: list[int],
) -> None:
    rules = (EscortRule(1, "tour", GUESTS, HOSTS, 30_000),)
    passes: tuple[HostPass, ...] = ()
    now_ms = 0
    for step_ms in steps_ms:
        now_ms += step_ms
        passes = remembered(rules, passes, [Person(1, group_ids=(HOSTS,))], now_ms)
        assert passes[-1].at_ms == now_ms
        assert len(passes) <= MOST_HOSTS
        assert all(now_ms - it.at_ms <= 30_000 for it in passes)
    assert remembered((), passes, [], now_ms) == ()
