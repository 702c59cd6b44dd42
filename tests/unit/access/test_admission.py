"""What becomes of several reads in a row, scenario by scenario (tables/admission.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.access.admission import admit, due_ms, key_pressed, pass_time
from gateway.access.admission_values import (
    AdmissionOutcome,
    AdmissionSettings,
    AdmissionState,
    AdmissionStep,
    Circumstances,
    KeypadChange,
)
from gateway.access.attempt import Attempt, Duress, Factor, PortalState
from gateway.access.credential_terms import CredentialKey, CredentialStatus, CredentialTerms
from gateway.access.factor_modes import FactorMode
from gateway.access.passback import (
    UNKNOWN_POSITION,
    Now,
    PassbackMode,
    PassbackPosition,
    PassbackSettings,
)
from gateway.access.person import Person
from gateway.access.policy import Policy, compile_policy
from gateway.access.reasons import Reason
from gateway.access.rows import (
    ActionRow,
    FactorModeRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    PortalRuleGroupRow,
    PortalRuleRow,
    RuleRow,
    ThreatLevelRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.slices import drain
from gateway.access.threat import in_force
from gateway.clock import Moment

Table = dict[str, Any]

TABLE: Table = tomllib.loads(
    (Path(__file__).parent / "tables" / "admission.toml").read_text(encoding="utf-8")
)
NAMES = {row["id"]: name for name, row in TABLE["people"].items()}
START_S = 1_795_435_200  # 2026-11-23T12:00:00, a monday
STAFF = 1
ALWAYS, CONTINGENCY = 1, 2
OPEN, SIREN = 1, 2
NOON = 43_200
ZONES = {"always": 1, "first": 2, "later": 3, "empty": 4}
THREATS = drain(
    compile_policy(
        PolicyRows(
            version=1,
            threat_levels=[
                ThreatLevelRow(
                    row["level"],
                    row["level"],
                    name,
                    int("groups" in row),
                    1,
                    1,
                    row.get("factors", 0),
                )
                for name, row in TABLE["threat_levels"].items()
            ],
            threat_level_groups=[
                LinkRow(row["level"], group)
                for row in TABLE["threat_levels"].values()
                for group in row.get("groups", ())
            ],
        )
    )
).threat_levels


def site(scenario: Table) -> Policy:
    """Everyone of group 1 may pass everywhere, emergency cards in the hall."""
    portals = [
        PortalRow(row["id"], name, row["from_area"], row["to_area"])
        for name, row in TABLE["portals"].items()
        if "from_area" in row
    ]
    needs = [
        PortalRuleGroupRow(row["id"], int(group), count)
        for row in TABLE["portals"].values()
        for group, count in row.get("needs", {}).items()
    ]
    unknown = {row["id"]: row["unknown"] for row in TABLE["portals"].values() if "unknown" in row}
    ruled = sorted({row.portal_rule_id for row in needs} | unknown.keys())
    rows = PolicyRows(
        version=1,
        portals=portals,
        outside_areas=TABLE["areas"]["outside"],
        access_rules=[RuleRow(ALWAYS, "staff", 1), RuleRow(CONTINGENCY, "emergency cards", 1)],
        portal_access_rules=[
            *(LinkRow(portal.id, ALWAYS) for portal in portals),
            LinkRow(TABLE["portals"]["hall"]["id"], CONTINGENCY),
        ],
        group_access_rules=[LinkRow(STAFF, ALWAYS)],
        access_rule_time_zones=[LinkRow(ALWAYS, 1), LinkRow(CONTINGENCY, 1)],
        time_zones=[TimeZoneRow(id_, name) for name, id_ in ZONES.items()],
        time_spans=[
            TimeSpanRow(1, ZONES["always"], 0, 86_399, *(1,) * 10),
            TimeSpanRow(2, ZONES["first"], 0, NOON + 59, *(1,) * 10),
            TimeSpanRow(3, ZONES["later"], NOON + 60, 86_399, *(1,) * 10),
        ],
        portal_factor_modes=[
            FactorModeRow(
                number, TABLE["portals"][row["portal"]]["id"], ZONES[row["zone"]], _mode(row)
            )
            for number, row in enumerate(scenario.get("factors", ()), 1)
        ],
        portal_actions=[LinkRow(portal.id, OPEN) for portal in portals],
        actions=[
            ActionRow(OPEN, "open", "door", "door=1", 0),
            ActionRow(SIREN, "together", "lamp", "", 0),
        ],
        portal_rule_actions=[LinkRow(id_, action) for id_ in ruled for action in (OPEN, SIREN)],
        portal_rules=[
            PortalRuleRow(id_, "together", 0 if unknown.get(id_) == "type" else 1) for id_ in ruled
        ],
        portal_rule_users=[
            LinkRow(id_, 1) for id_, what in unknown.items() if what == "portal_rule_users"
        ],
        portal_rule_validations=[
            LinkRow(id_, 1) for id_, what in unknown.items() if what == "portal_rule_validations"
        ],
        portal_portal_rules=[LinkRow(id_, id_) for id_ in ruled],
        portal_rule_groups=needs,
        contingency_rules=[CONTINGENCY],
        passback_areas=[
            LinkRow(TABLE["areas"][area], mode)
            for area, mode in scenario.get("watched", {}).items()
        ],
    )
    return drain(compile_policy(rows))


def _mode(row: Table) -> int:
    """A mode by its word, or a number that no mode has."""
    mode = row["mode"]
    return mode if isinstance(mode, int) else FactorMode[mode.upper()]


def settings(scenario: Table) -> AdmissionSettings:
    passback = scenario.get("passback", {"mode": "off"})
    return AdmissionSettings(
        second_factor=scenario.get("second_factor", False),
        keypads=frozenset(name for name, row in TABLE["readers"].items() if row["keypad"]),
        passback=PassbackSettings(PassbackMode(passback["mode"]), passback.get("minutes", 0)),
        contingency=scenario.get("contingency", False),
    )


def attempt_of(step: Table) -> Attempt:
    row = TABLE["people"].get(step["who"])
    person = None
    if row is not None:
        groups = () if step.get("revoked") else tuple(row["groups"])
        person = Person(
            row["id"],
            group_ids=groups,
            passback_exempt=row.get("exempt", False),
            credentials=_shown(step.get("shown")),
        )
    return Attempt(
        reader=step["reader"],
        portal_id=TABLE["portals"][TABLE["readers"][step["reader"]]["portal"]]["id"],
        factor=Factor(step["what"]),
        person=person,
        contingency=step.get("emergency_card", False),
        duress=Duress(step["duress"]) if "duress" in step else None,
    )


def seen_at(step: Table, *, trusted: bool = True) -> Circumstances:
    utc_s = START_S + int(step["at"])
    position = UNKNOWN_POSITION
    if "seen" in step or "entered" in step:
        since_s = utc_s - step.get("since", 0)
        here_s = utc_s - step["entered"] if "entered" in step else None
        area = TABLE["areas"][step["seen"]] if "seen" in step else 0
        position = PassbackPosition(area, since_s, since_s // 86_400, here_s)
    stands = step.get("place", "")
    place = PortalState(stands == "released", stands == "locked_down", stands == "interlocked")
    moment = Moment(utc_s, utc_s, trusted)
    still = step.get("still_waiting")
    waiting = None if still is None else tuple(_person(name) for name in still)
    now_ms, now = round(step["at"] * 1000), Now(utc_s, utc_s)
    first = step.get("first_now")
    first_now = None if first is None else Person(0, credentials=_shown(first))
    holds = not step.get("first_gone")
    threat = in_force(THREATS, step.get("threat", 0))
    return Circumstances(
        moment, now_ms, now, place, position, waiting, holds, threat=threat, first_now=first_now
    )


def _shown(terms: Table | None) -> tuple[CredentialTerms, ...]:
    """A credential with these terms; none of which nothing is said."""
    if terms is None:
        return ()
    status = CredentialStatus[terms.get("status", "active").upper()]
    uses, used = terms.get("uses", 0), terms.get("used", 0)
    return (CredentialTerms(CredentialKey.CARDS, 1, status, uses=uses, used=used),)


def _person(name: str) -> Person:
    row = TABLE["people"][name]
    return Person(row["id"], group_ids=tuple(row["groups"]))


def told(outcome: AdmissionOutcome) -> str:
    """An outcome as the table words it."""
    user_id = outcome.decision.user_id
    return f"{outcome.decision.reason}" + (f" of {NAMES[user_id]}" if user_id else "")


def without_portal_rules(policy: Policy) -> Policy:
    alone = {id_: replace(portal, portal_rules=()) for id_, portal in policy.portals.items()}
    return replace(policy, portals=alone)


def run(
    policy: Policy,
    wanted: AdmissionSettings,
    state: AdmissionState,
    step: Table,
    *,
    trusted: bool = True,
) -> AdmissionStep:
    if "who" in step:
        policy = without_portal_rules(policy) if step.get("rule_over") else policy
        return admit(policy, wanted, state, attempt_of(step), seen_at(step, trusted=trusted))
    if "key" in step:
        typed = key_pressed(wanted, state, step["key"], round(step["at"] * 1000))
        return AdmissionStep(typed)
    return pass_time(wanted, state, round(step["at"] * 1000))


@pytest.mark.parametrize("scenario", TABLE["scenario"], ids=lambda scenario: scenario["says"])
def test_reads_in_a_row_lead_to_what_the_table_says(scenario: Table) -> None:
    policy, wanted, state = site(scenario), settings(scenario), AdmissionState()
    for step in scenario["steps"]:
        trusted = scenario.get("trusted", True)
        admission = run(policy, wanted, state, step, trusted=trusted)
        state = admission.state

        assert [told(outcome) for outcome in admission.outcomes] == step["then"], step
        assert [_keypad(change) for change in admission.keypads] == step.get("keypads", []), step
        for outcome in admission.outcomes:
            belongs_together(outcome, step)
        last = admission.outcomes[-1] if admission.outcomes else None
        if last is not None and last.decision.allowed:
            entering = [NAMES[person.id] for person in last.company if person.id]
            assert entering == step.get("enter", entering[-1:]), step
            assert last.passback_violation is step.get("noted", False), step
        if "alarm" in step:
            assert last is not None
            assert last.duress == step["alarm"], step


RULES_NOT_ASKED = {
    Reason.READER_WITHOUT_PORTAL,
    Reason.UNKNOWN_CREDENTIAL,
    Reason.KEYPAD_LOCKED,
    Reason.SECOND_FACTOR_WRONG,
    Reason.SECOND_FACTOR_TIMED_OUT,
    Reason.PERSONS_MISSING,
    Reason.CREDENTIAL_REVOKED,
    Reason.LOCK_DOWN,
    Reason.THREAT_LEVEL,
    Reason.FREE_PASSAGE,
    *(reason for reason in Reason if reason.of_credential),
}


def belongs_together(outcome: AdmissionOutcome, step: Table) -> None:
    """An outcome says where it was, of whom, by which rules, and what they explain."""
    decision, reason = outcome.decision, outcome.decision.reason
    portals = TABLE["portals"]
    if not outcome.reader:
        portal = portals["vault"]
    else:
        portal = portals[TABLE["readers"][outcome.reader]["portal"]]
    assert decision.portal_id == portal["id"]
    if "who" in step:
        assert outcome.reader in {step["reader"], ""}
    named = outcome.person.id if outcome.person is not None else 0
    unnamed = reason in {Reason.KEYPAD_LOCKED, Reason.READER_WITHOUT_PORTAL}
    assert decision.user_id == (0 if unnamed else named)
    if reason is not Reason.NO_RULE:  # where there may be none to explain
        assert bool(decision.trace) is (reason not in RULES_NOT_ASKED)
    together = "needs" in portal and not step.get("rule_over")
    asked = together and (decision.allowed or reason is Reason.WAITING_FOR_PERSONS)
    assert outcome.portal_rule_ids == ((portal["id"],) if asked else ())
    opened = [action.id for action in decision.actions]
    assert opened == ([OPEN, *([SIREN] if asked else [])] if decision.allowed else [])


def _keypad(change: KeypadChange) -> str:
    assert change.locked_ms in (0, 90_000)
    return f"{'locked' if change.locked_ms else 'freed'} {change.reader}"


def test_time_is_due_exactly_when_it_changes_something() -> None:
    [scenario] = [one for one in TABLE["scenario"] if one["says"].startswith("no key for 10")]
    policy, wanted = site(scenario), settings(scenario)
    waiting = run(policy, wanted, AdmissionState(), scenario["steps"][0]).state

    assert due_ms(AdmissionState()) is None
    assert due_ms(waiting) == 10_000
    assert pass_time(wanted, waiting, 9_999) == AdmissionStep(waiting)
    assert pass_time(wanted, waiting, 10_000).state == AdmissionState()
