"""Each reason as a chain of gates with its cure (tables/gates.toml)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from gateway.access.person import Person
from gateway.access.policy import Policy, Portal, compile_policy
from gateway.access.reasons import Reason
from gateway.access.rows import (
    LinkRow,
    PolicyRows,
    PortalRow,
    RuleRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.slices import drain
from gateway.access.trace import RuleOutcome
from gateway.clock import Moment
from gateway.explain.cures import _CURES, Cure, CureAction, cures_of
from gateway.explain.gates import Gate, gates_of
from gateway.explain.reports import named_zone, rule_reports
from gateway.explain.stages import Stage, StageVerdict
from gateway.explain.values import Case, Step

MARKS = {
    "+": StageVerdict.PASSES,
    "-": StageVerdict.REFUSES,
    "?": StageVerdict.WAITS,
    "o": StageVerdict.FREES,
    ".": StageVerdict.NOT_ASKED,
    "_": StageVerdict.NOT_REACHED,
}
TABLE: dict[str, Any] = tomllib.loads(
    (Path(__file__).parent / "tables" / "gates.toml").read_text(encoding="utf-8")
)
OFFICE, VISITORS = 2, 3
OFFICE_RULE, BLOCK, VISITORS_RULE = 5, 6, 7
WEEKDAYS = TimeSpanRow(9, 9, 28_800, 64_800, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0)
SATURDAY = Moment(1_795_251_600, 1_795_251_600)


def policy(*ties: tuple[int, int]) -> Policy:
    """Portal 1 with a rule of office hours, a block and a rule of visitors, tied to `ties`."""
    rows = PolicyRows(
        version=1,
        portals=[PortalRow(1, "front", 1, 1)],
        access_rules=[
            RuleRow(OFFICE_RULE, "Office hours", 1),
            RuleRow(BLOCK, "Visitors out", 0),
            RuleRow(VISITORS_RULE, "Visitors", 1),
        ],
        portal_access_rules=[LinkRow(1, rule) for rule in (OFFICE_RULE, BLOCK, VISITORS_RULE)],
        group_access_rules=[LinkRow(*tie) for tie in ties],
        access_rule_time_zones=[LinkRow(OFFICE_RULE, 9)],
        time_zones=[TimeZoneRow(9, "Office hours")],
        time_spans=[WEEKDAYS],
    )
    return drain(compile_policy(rows))


def case(
    reason: Reason,
    *ties: tuple[int, int],
    trace: tuple[Step, ...] = (),
    facts: dict[str, Any] | None = None,
    groups: tuple[int, ...] = (),
    known: bool = True,
) -> Case:
    rules = policy(*ties)
    portal: Portal = rules.portals[1]
    return Case(
        policy=rules,
        person=Person(4, 1, 2, groups, ()) if known else None,
        portal=portal,
        moment=SATURDAY,
        reason=reason,
        trace=trace,
        rule_zones={OFFICE_RULE: (named_zone(9, "Office hours", [WEEKDAYS]),)},
        logged=True,
        facts=facts or {},
    )


def cures(given: Case, **shown: int | str) -> tuple[Cure, ...]:
    rules, _ = rule_reports(given)
    return cures_of(given, rules, doors=(2,), shown=MappingProxyType(shown))


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_a_chain_of_gates_and_has_its_cure(reason: Reason) -> None:
    row = TABLE[reason.value]
    given = case(reason)
    gates = gates_of(given)
    assert [gate.verdict for gate in gates] == [MARKS[mark] for mark in row["gates"]]
    assert [gate.gate for gate in gates if gate.decides] == (
        [row["decides"]] if "decides" in row else []
    )
    order = list(Gate)
    assert [gate.gate for gate in gates] == sorted((it.gate for it in gates), key=order.index)
    assert [cure.action for cure in cures(given)] == row["cures"]
    assert set(TABLE) == set(Reason)


def test_every_refusal_has_a_cure_and_every_cure_a_refusal() -> None:
    fine = {Reason.GRANTED, Reason.SERVER_GRANTED, Reason.FREE_PASSAGE}
    assert set(_CURES) == set(Reason) - fine
    used = {cures(case(reason))[0].action for reason in _CURES}
    used |= {CureAction.OPEN_ONCE, cures(case(Reason.NO_RULE, (OFFICE, OFFICE_RULE)))[0].action}
    assert used == set(CureAction)


def test_an_untrusted_clock_refuses_at_the_hours_once_the_rules_were_asked() -> None:
    step = Step(OFFICE_RULE, "Office hours", applied=False, why=RuleOutcome.CLOCK_NOT_TRUSTED)
    gates = {it.gate: it for it in gates_of(case(Reason.CLOCK_NOT_TRUSTED, trace=(step,)))}
    assert gates[Gate.HOURS].decides
    assert gates[Gate.RIGHT].verdict is StageVerdict.PASSES


def test_a_stage_that_the_site_does_not_use_is_not_asked() -> None:
    given = case(Reason.GRANTED)
    unused = Case(
        given.policy,
        given.person,
        given.portal,
        SATURDAY,
        Reason.GRANTED,
        (),
        {},
        stages_in_use={Stage.PASSBACK: False},
        doors_known=True,
    )
    verdicts = {gate.gate: gate.verdict for gate in gates_of(unused)}
    assert verdicts[Gate.PASSBACK] is StageVerdict.NOT_ASKED
    assert verdicts[Gate.RIGHT] is StageVerdict.PASSES


def test_who_has_no_rule_is_offered_the_groups_that_reach_the_place_those_in_time_first() -> None:
    ties = (OFFICE, OFFICE_RULE), (VISITORS, VISITORS_RULE)
    [cure, _] = cures(case(Reason.NO_RULE, *ties))
    # Neither is in time: one is out of its hours on a saturday, the other has none at all.
    assert cure == Cure(
        CureAction.ADD_TO_GROUP, {"user_id": 4, "portal_id": 1, "group_ids": [OFFICE, VISITORS]}
    )


def test_the_hours_to_change_are_those_of_the_rules_that_were_late() -> None:
    step = Step(OFFICE_RULE, "Office hours", applied=False, why=RuleOutcome.OUT_OF_TIME)
    given = case(Reason.OUT_OF_TIME, (OFFICE, OFFICE_RULE), trace=(step,), groups=(OFFICE,))
    assert cures(given)[0].target == {
        "user_id": 4,
        "rule_ids": [OFFICE_RULE],
        "time_zone_ids": [9],
    }


def test_the_block_to_change_is_the_one_that_blocked() -> None:
    step = Step(BLOCK, "Visitors out", applied=True, why=RuleOutcome.BLOCKS)
    given = case(Reason.BLOCKED, (VISITORS, BLOCK), trace=(step,), groups=(VISITORS,))
    assert cures(given)[0].target == {"user_id": 4, "rule_ids": [BLOCK]}


def test_an_unknown_card_is_what_can_be_given() -> None:
    given = case(Reason.UNKNOWN_CREDENTIAL, known=False)
    assert cures(given, card_value=77) == (Cure(CureAction.GIVE_CREDENTIAL, {"card_value": 77}),)


@pytest.mark.parametrize(
    ("reason", "facts", "target"),
    [
        (Reason.LOCK_DOWN, {"lock_down": {"door": 2}}, {"door": 2}),
        (Reason.INTERLOCK, {"interlock": {"door": 1, "by": 2, "why": "is open"}}, {"door": 2}),
        (Reason.READER_WITHOUT_PORTAL, {"reader": "hall"}, {"reader": "hall"}),
        (
            Reason.NO_PLACE_AMONG_PERSONS,
            {"persons": {"rules": [{"name": "vault", "missing": [[2, 1], [3, 1]]}]}},
            {"user_id": 4, "portal_id": 1, "group_ids": [2, 3]},
        ),
    ],
)
def test_a_cure_names_what_was_recorded(
    reason: Reason, facts: dict[str, Any], target: dict[str, Any]
) -> None:
    assert cures(case(reason, facts=facts))[0].target == target
