"""Explanations: case by case (tables/explain.toml), and against the decision that they explain."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.admission_values import AdmissionSettings, Circumstances
from gateway.access.attempt import Attempt, Factor, PortalState
from gateway.access.decision import decide
from gateway.access.passback import Now, PassbackPosition
from gateway.access.person import Person
from gateway.access.policy import Policy
from gateway.access.reasons import Reason
from gateway.access.rows import (
    HolidayRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    PortalRuleGroupRow,
    PortalRuleRow,
    RuleRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.trace import PersonTie, PlaceTie, RuleOutcome
from gateway.access.week import passes, stretches
from gateway.clock import DeviceTime, Moment
from gateway.explain.reason_table import REASONS
from gateway.explain.reports import (
    MOST_OTHERS,
    OTHER_PERSON,
    day_report,
    ended_at,
    named_zone,
    rule_reports,
    stage_of,
    stage_reports,
    steps_of,
    suppose,
)
from gateway.explain.sentences import _OUTCOMES, PersonNames, Sentences
from gateway.explain.stages import Stage, StageVerdict
from gateway.explain.time_words import KINDS, clock_words, days_words
from gateway.explain.values import Case, NamedZone, Step

Table = dict[str, Any]
Compile = Callable[[PolicyRows], Policy]
RandomSite = Callable[[random.Random, int], PolicyRows]
RandomPerson = Callable[[random.Random, int], Person]

TABLE: Table = tomllib.loads(
    (Path(__file__).parent / "tables" / "explain.toml").read_text(encoding="utf-8")
)
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "hol1", "hol2", "hol3")
GROUPS = {int(id_): name for id_, name in TABLE["groups"].items()}
OUTSIDE, VAULT_RULE = 1, 9


def stamp(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())


def spans() -> list[TimeSpanRow]:
    return [
        TimeSpanRow(
            zone["id"],
            zone["id"],
            zone["from"],
            zone["to"],
            *(int(day in zone["days"].split()) for day in DAYS),
        )
        for zone in TABLE["zones"].values()
        if "days" in zone
    ]


def ties(key: str, left: str = "") -> list[LinkRow]:
    """Pairs of what a rule's key lists and the rule, or the other way round."""
    pairs = [
        (TABLE["zones"][other]["id"] if left else other, rule["id"])
        for rule in TABLE["rules"].values()
        for other in rule.get(key, [])
    ]
    return [LinkRow(one, other) for other, one in pairs] if left else [LinkRow(*it) for it in pairs]


def site(*, watched: bool = False) -> PolicyRows:
    needs = TABLE["portals"]["vault"]["needs"]
    return PolicyRows(
        version=1,
        portals=[
            PortalRow(row["id"], name, OUTSIDE, row["area"])
            for name, row in TABLE["portals"].items()
        ],
        access_rules=[
            RuleRow(row["id"], name, row["type"]) for name, row in TABLE["rules"].items()
        ],
        portal_access_rules=ties("portals"),
        area_access_rules=ties("areas"),
        group_access_rules=ties("groups"),
        access_rule_time_zones=ties("zones", left="rule"),
        time_zones=[TimeZoneRow(row["id"], name) for name, row in TABLE["zones"].items()],
        time_spans=spans(),
        holidays=[
            HolidayRow(1, row["name"], stamp(row["day"]), stamp(row["day"]), row["group"], 0, 0, 0)
            for row in TABLE["holiday"]
        ],
        portal_rules=[PortalRuleRow(VAULT_RULE, "vault")],
        portal_portal_rules=[LinkRow(TABLE["portals"]["vault"]["id"], VAULT_RULE)],
        portal_rule_groups=[
            PortalRuleGroupRow(VAULT_RULE, int(group), count) for group, count in needs.items()
        ],
        passback_areas=[LinkRow(10, 2)] if watched else [],
    )


def rule_zones() -> dict[int, tuple[NamedZone, ...]]:
    return {
        rule["id"]: tuple(
            named_zone(zone["id"], name, [span for span in spans() if span.id == zone["id"]])
            for name in rule.get("zones", [])
            for zone in [TABLE["zones"][name]]
        )
        for rule in TABLE["rules"].values()
    }


def person(name: str) -> Person | None:
    if name not in TABLE["people"]:
        return None
    row = TABLE["people"][name]
    return Person(
        row["id"],
        stamp(row["begin"]) if "begin" in row else None,
        stamp(row["end"]) if "end" in row else None,
        tuple(row.get("groups", ())),
        tuple(TABLE["rules"][rule]["id"] for rule in row.get("own", ())),
    )


class PlainNames:
    """Names of a site whose wall clock is UTC."""

    def person(self, id_: int) -> str:
        return f"user {id_}"

    def group(self, id_: int) -> str:
        return f"group '{GROUPS[id_]}'"

    def area(self, id_: int) -> str:
        return f"area {id_}"

    def door(self, number: int) -> str:
        return f"door{number}"

    def wall(self, utc_s: int) -> int:
        return utc_s

    def wall_of_stamp(self, stamp: int) -> int:
        return stamp


def supposed(row: Table, policy: Policy) -> Case:
    who = person(row["who"])
    portal = policy.portals.get(TABLE["portals"].get(row["where"], {"id": 99})["id"])
    at = stamp(row["at"])
    moment = Moment(at, at, row.get("trusted", True))
    seen = Circumstances(
        moment,
        0,
        Now(at, at),
        PortalState(row.get("released", False), row.get("locked_down", False)),
        PassbackPosition(row.get("seen_in", 0)),
    )
    wanted = AdmissionSettings(
        second_factor=row.get("second_factor", False), keypads=frozenset({"reader"})
    )
    attempt = Attempt("reader", portal.id if portal else 99, Factor.CARD, who)
    found = suppose(policy, wanted, attempt, seen)
    needs = policy.portal_rules_at(portal, moment) if portal else ()
    return Case(
        policy=policy,
        person=who,
        portal=portal,
        moment=moment,
        reason=found.decision.reason,
        trace=steps_of(found.decision),
        rule_zones=rule_zones(),
        beyond=found.beyond,
        facts=found.facts,
        stages_in_use={
            Stage.SECOND_FACTOR: wanted.second_factor,
            Stage.PASSBACK: "seen_in" in row,
            Stage.PERSONS: bool(needs),
        },
    )


def opens_next(case: Case) -> Moment | None:
    if case.person is None or case.portal is None:
        return None
    over = stretches(DeviceTime(lambda: UTC), case.moment.local, 8 * 86_400)
    found = next(passes(case.policy, case.person, case.portal, over), None)
    return found.first if found else None


@pytest.mark.parametrize("row", TABLE["case"], ids=lambda row: row["says"])
def test_an_explanation_says_what_the_table_says(compiled: Compile, row: Table) -> None:
    case = supposed(row, compiled(site(watched="seen_in" in row)))
    rules, left_out = rule_reports(case)
    sentences = Sentences(case, PersonNames(row["who"], GROUPS), PlainNames())
    stages = {report.stage: report for report in stage_reports(case)}

    assert case.reason == row["reason"]
    assert (ended_at(case) or "nowhere") == row["ends"]
    assert case.beyond == row.get("then")
    if "rules" in row:
        expected = {TABLE["rules"][name]["id"]: why for name, why in row["rules"].items()}
        assert {rule.id: rule.why for rule in rules} == expected
    assert left_out == 0
    for stage, verdict in row.get("stages", {}).items():
        assert stages[Stage(stage)].verdict == verdict, stage
    if "told" in row:
        assert sentences.stage(stages[Stage(row["ends"])]) == row["told"]
    if "kinds" in row:
        assert list(day_report(case.policy, case.moment).kinds) == row["kinds"]
    change = sentences.to_change(rules, opens_next(case))
    cures = [REASONS[reason].remedy for reason in (case.reason, case.beyond) if reason]
    assert len(change) == len(row["change"]) + len([cure for cure in cures if cure]), change
    for told, piece in zip(change, row["change"], strict=False):
        assert piece in told


def test_every_outcome_of_a_rule_has_a_sentence() -> None:
    assert {why for why, time in _OUTCOMES if time is None} == {*RuleOutcome, OTHER_PERSON}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_stage_and_a_sentence(compiled: Compile, reason: Reason) -> None:
    policy = compiled(site())
    case = Case(policy, person("ana"), policy.portals[1], Moment(0, 0), reason, (), {}, logged=True)
    stages = stage_reports(case)
    if reason.allowed:
        others = {StageVerdict.NOT_ASKED} if reason is Reason.SERVER_GRANTED else set()
        assert {report.verdict for report in stages} == {StageVerdict.PASSES} | others
        return
    [ended] = [it for it in stages if it.verdict in {"refuses", "waits", "frees"}]
    assert ended.stage is stage_of(reason, by_rules=True)
    told = Sentences(case, PersonNames(), PlainNames()).stage(ended)
    assert len(told) > 5
    # What an older program recorded says honestly that it lacks what the reason rests on.
    assert ("an older version recorded no details" in told) is bool(REASONS[reason].facts)
    after = [it.verdict for it in stages[stages.index(ended) + 1 :]]
    assert set(after) <= {StageVerdict.NOT_REACHED}


def test_what_was_decided_is_told_whatever_the_rules_say_now(compiled: Compile) -> None:
    policy = compiled(site())
    at = stamp(datetime(2026, 11, 23, 9))  # noqa: DTZ001 - a wall clock's time
    then = (
        Step(1, "office_front", applied=False, why="out_of_time"),
        Step(2, "office_back", applied=False, why="other_place"),
        Step(77, "deleted since", applied=False, why="no_schedule"),
    )
    case = Case(
        policy,
        person("ana"),
        policy.portals[1],
        Moment(at, at),
        Reason.OUT_OF_TIME,
        then,
        rule_zones(),
        logged=True,
    )
    rules, _ = rule_reports(case)
    told = {rule.id: rule for rule in rules}
    assert (told[1].why, told[1].changed) == ("out_of_time", True), "it would release now"
    assert (told[2].why, told[2].changed) == ("other_place", False)
    assert (told[77].why, told[77].changed, told[77].type) == ("no_schedule", True, None)
    assert 7 not in told, "tied to the person since then"
    assert "the rules have changed since" in Sentences(case, PersonNames(), PlainNames()).rule(
        told[77]
    )


def test_clauses_are_told_one_by_one(compiled: Compile) -> None:
    row = {"who": "bruno", "where": "front", "at": datetime(2026, 11, 23, 9)}  # noqa: DTZ001 - as above
    rules, _ = rule_reports(supposed(row, compiled(site())))
    told = {rule.id: rule for rule in rules}
    assert (told[1].person, told[1].groups, told[1].place) == (
        PersonTie.GROUP,
        (2,),
        PlaceTie.PORTAL,
    )
    [zone] = told[1].zones
    assert (zone.name, zone.holds, zone.spans[0].holds) == ("office", True, True)
    assert (told[3].person, told[3].zones[0].holds) == (PersonTie.OWN, False)
    assert (told[2].place, told[4].person) == (PlaceTie.NONE, None)


def test_a_deleted_zone_has_no_name(compiled: Compile) -> None:
    policy = compiled(site())
    case = Case(
        policy,
        person("ana"),
        policy.portals[1],
        Moment(0, 0),
        Reason.OUT_OF_TIME,
        (),
        {1: (named_zone(5, None, ()),)},
    )
    [zone] = rule_reports(case)[0][0].zones
    assert (zone.id, zone.name, zone.holds) == (5, None, False)


def test_rules_of_other_people_are_told_up_to_a_number(compiled: Compile) -> None:
    rows = replace(
        site(),
        access_rules=[RuleRow(id_, "own", 1) for id_ in range(1, MOST_OTHERS + 21)],
        portal_access_rules=[LinkRow(1, id_) for id_ in range(1, MOST_OTHERS + 21)],
        group_access_rules=[],
    )
    policy = compiled(rows)
    case = Case(policy, Person(1), policy.portals[1], Moment(0, 0), Reason.NO_RULE, (), {})
    rules, left_out = rule_reports(case)
    assert (len(rules), left_out) == (MOST_OTHERS, 20)
    assert {rule.why for rule in rules} == {OTHER_PERSON}


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (KINDS, "every day"),
        (KINDS[:7], "monday to sunday"),
        (KINDS[1:6], "monday to friday"),
        ((*KINDS[1:6], "hol1"), "monday to friday, hol1"),
        (("sunday", "saturday"), "saturday, sunday"),
        ((), "no day"),
    ],
)
def test_days_are_told_as_people_say_them(days: tuple[str, ...], words: str) -> None:
    assert days_words(days) == words


def test_hours_are_told_without_what_is_zero() -> None:
    assert [clock_words(0), clock_words(28_800), clock_words(28_801)] == [
        "00:00",
        "08:00",
        "08:00:01",
    ]
    assert clock_words(86_399, end=True) == clock_words(86_400, end=True) == "24:00"
    assert clock_words(86_399) == "23:59:59"


@given(seed=st.integers(0, 2**32))
def test_every_rule_of_person_or_place_is_told_with_the_outcome_of_the_decision(
    compiled: Compile, random_site: RandomSite, random_person: RandomPerson, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable site, no secret
    monday = 1_795_392_000
    rows = random_site(chance, monday)
    policy, who = compiled(rows), random_person(chance, monday)
    at = monday + chance.randrange(7 * 86_400)
    moment = Moment(at, at, chance.random() < 0.9)
    decision = decide(policy, who, 1, moment)
    case = Case(policy, who, policy.portals[1], moment, decision.reason, steps_of(decision), {})

    rules, _ = rule_reports(case)

    told = {rule.id: rule for rule in rules}
    here = {link.right for link in (*rows.portal_access_rules, *rows.area_access_rules)}
    mine = {link.right for link in rows.group_access_rules if link.left in who.group_ids}
    mine.update(who.own_rule_ids)
    assert told.keys() == mine | here
    for step in decision.trace:
        rule = told[step.rule_id]
        assert (rule.why, rule.person, rule.place) == (step.why, step.person, step.place)
        assert rule.applied is step.applied
    assert {id_ for id_, rule in told.items() if rule.why == OTHER_PERSON} == here - mine
    assert [*told] == sorted(told)
    assert (ended_at(case) is None) is decision.allowed
