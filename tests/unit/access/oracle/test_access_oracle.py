"""The rule engine gives what the law gives, case after case (`conftest.py` and `law.py`)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import pytest

from gateway.access.admission import admit, due_ms, key_pressed, pass_time
from gateway.access.admission_values import (
    AdmissionOutcome,
    AdmissionSettings,
    AdmissionState,
    AdmissionStep,
    Circumstances,
)
from gateway.access.attempt import Attempt, Duress, Factor, PortalState
from gateway.access.credential_terms import CredentialKey, CredentialTerms
from gateway.access.occupancy import Occupancy
from gateway.access.passback import Now, PassbackMode, PassbackSettings
from gateway.access.person import Person
from gateway.access.policy import Policy, compile_policy
from gateway.access.reasons import Reason
from gateway.access.rows import (
    ActionRow,
    EscortRuleRow,
    FactorModeRow,
    HolidayRow,
    LinkRow,
    OccupancyLimitsRow,
    PolicyRows,
    PortalRow,
    PortalRuleGroupRow,
    PortalRuleRow,
    RuleRow,
    ThreatLevelRow,
    TimeSpanRow,
    TimeZoneRow,
    ValidationRow,
)
from gateway.access.slices import drain
from gateway.access.threat import in_force
from gateway.clock import Moment
from gateway.store.journal.passages import PassageEntered, position_at

from .scenarios import LINKS, Row, Tables, scenario

if TYPE_CHECKING:
    from .conftest import Answer, Oracle, Said

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
CASES = 120_000 if FUZZ else 12_000
FIRST = SystemRandom().randrange(1 << 40) if FUZZ else 1
LEAST_PART = 0.0015
ROWS: dict[str, Any] = {
    "portals": PortalRow,
    "access_rules": RuleRow,
    "time_zones": TimeZoneRow,
    "time_spans": TimeSpanRow,
    "holidays": HolidayRow,
    "actions": ActionRow,
    "portal_rules": PortalRuleRow,
    "portal_rule_groups": PortalRuleGroupRow,
    "portal_factor_modes": FactorModeRow,
    "validations": ValidationRow,
    "threat_levels": ThreatLevelRow,
    "occupancy_limits": OccupancyLimitsRow,
    "escort_rules": EscortRuleRow,
}
WITHOUT_FAILURE = {reason for reason in Reason if not reason.by_server} - {
    Reason.INTERNAL_ERROR,
    Reason.DOOR_UNREACHABLE,
    Reason.NO_FLOOR,
    Reason.TURNSTILE_BLOCKED,
}


def policy_of(tables: Tables) -> Policy:
    found: dict[str, Any] = {
        name: [row(**values) for values in tables[name]] for name, row in ROWS.items()
    }
    for name, (left, right) in LINKS.items():
        if name not in ("user_groups", "user_access_rules"):
            found[name] = [LinkRow(row[left], row[right]) for row in tables[name]]
    found["contingency_rules"] = [
        row["access_rule_id"] for row in tables["contingency_card_access_rules"]
    ]
    found["outside_areas"] = [row["area_id"] for row in tables["outside_areas"]]
    found["passback_areas"] = [
        LinkRow(row["area_id"], row["mode"]) for row in tables["antipassback_areas"]
    ]
    return drain(compile_policy(PolicyRows(version=1, **found)))


def settings_of(row: Row) -> AdmissionSettings:
    return AdmissionSettings(
        second_factor=row["multi_factor_authentication"],
        keypads=frozenset(row["keypads"]),
        passback=PassbackSettings(
            PassbackMode(row["antipassback_mode"]), row["antipassback_timeout"]
        ),
        contingency=row["contingency"],
    )


FACTORS = {
    "card": CredentialKey.CARDS,
    "qrcode": CredentialKey.QRCODES,
    "uhf_tag": CredentialKey.UHF_TAGS,
    "pin": CredentialKey.PINS,
}


def person_of(tables: Tables, step: Row, user_id: int | None, *factors: str) -> Person | None:
    for row in tables["users"]:
        if row["id"] == user_id:
            links = {
                name: tuple((it[column], it["end_time"]) for it in its)
                for name, column in (
                    ("user_groups", "group_id"),
                    ("user_access_rules", "access_rule_id"),
                )
                for its in [[it for it in tables[name] if it["user_id"] == user_id]]
            }
            return Person(
                row["id"],
                row["begin_time"],
                row["end_time"],
                tuple(id_ for id_, _ in links["user_groups"]),
                tuple(id_ for id_, _ in links["user_access_rules"]),
                passback_exempt={"user_id": user_id} in tables["antipassback_exemptions"],
                group_ends=tuple(it for it in links["user_groups"] if it[1]),
                rule_ends=tuple(it for it in links["user_access_rules"] if it[1]),
                credentials=tuple(
                    CredentialTerms(
                        FACTORS[factor],
                        it["id"],
                        it["status"],
                        it["begin_time"],
                        it["end_time"],
                        it["uses"],
                        sum(entry["credential"] == it["id"] for entry in step["entries"]),
                    )
                    for factor in factors
                    for it in tables["credentials"]
                    if (it["user_id"], it["factor"]) == (user_id, factor)
                ),
            )
    return None


class Engine:
    """The code that is judged, asked as the oracle is."""

    def __init__(self, settings: Row) -> None:
        self._settings = settings_of(settings)
        self._state = AdmissionState()
        self._compiled: tuple[Tables, Policy] | None = None

    def step(self, tables: Tables, step: Row) -> AdmissionStep:
        if "key" in step:
            # Keys arrive when what fell due before them is done.
            admission = pass_time(self._settings, self._state, step["at_ms"])
            typed = key_pressed(self._settings, admission.state, step["key"], step["at_ms"])
            self._state = typed
            return admission
        if "reader" in step:
            admission = self._admit(tables, step)
        else:
            admission = pass_time(self._settings, self._state, step["at_ms"])
        self._state = admission.state
        return admission

    def due_ms(self) -> int | None:
        return due_ms(self._state)

    @staticmethod
    def _occupancy(policy: Policy, step: Row) -> Occupancy | None:
        portal = policy.portals.get(step["portal"])
        limits = policy.limits_beyond(portal) if portal else None
        if limits is None:
            return None
        people = {it["user_id"] for it in step["passages"]}
        passages = [PassageEntered(**it) for it in step["passages"]]
        areas = {
            who: position_at([it for it in passages if it.user_id == who], 0).area_id
            for who in people
        }
        return Occupancy(limits, {who for who, area in areas.items() if area == limits.area_id})

    def _admit(self, tables: Tables, step: Row) -> AdmissionStep:
        if self._compiled is None or self._compiled[0] is not tables:
            self._compiled = tables, policy_of(tables)
        policy = self._compiled[1]
        entered = [PassageEntered(**it) for it in step["passages"] if it["user_id"] == step["user"]]
        attempt = Attempt(
            step["reader"],
            step["portal"],
            Factor(step["factor"]),
            person_of(tables, step, step["user"], step["factor"]),
            step["emergency_card"],
            step["duress"] and Duress(step["duress"]),
        )
        seen = Circumstances(
            Moment(step["stamp"], step["local"], step["trusted"]),
            step["at_ms"],
            Now(step["utc_s"], step["local"]),
            PortalState(step["released"], step["locked_down"], step["interlocked"]),
            position_at(entered, step["portal"]),
            first_holds=not step["first_gone"],
            threat=in_force(policy.threat_levels, step["threat"]),
            first_now=self._first_now(tables, step),
            occupancy=self._occupancy(policy, step),
        )
        return admit(policy, self._settings, self._state, attempt, seen)

    def _first_now(self, tables: Tables, step: Row) -> Person | None:
        """Who waits at the reader, with the first factor as the tables have it now."""
        waiting = self._state.pending.get(step["reader"])
        if waiting is None:
            return None
        kinds = {kind: factor for factor, kind in FACTORS.items()}
        shown = (kinds[terms.kind] for terms in waiting.person.credentials)
        return person_of(tables, step, waiting.person.id, *shown)


def told(outcome: AdmissionOutcome) -> tuple[object, ...]:
    decision = outcome.decision
    allowed = decision.allowed
    return (
        decision.reason.value,
        decision.user_id,
        decision.portal_id,
        decision.rule_ids,
        tuple(action.id for action in decision.actions),
        outcome.portal_rule_ids,
        tuple(person.id for person in outcome.company) if allowed else (),
        outcome.passback_violation,
        outcome.duress and outcome.duress.value,
    )


def wanted(answer: Answer) -> tuple[object, ...]:
    return (
        answer.reason,
        answer.user,
        answer.portal,
        answer.rules,
        answer.actions,
        answer.portal_rules,
        answer.company,
        answer.noted,
        answer.duress,
    )


def same(admission: AdmissionStep, said: Said) -> bool:
    outcomes = [told(outcome) for outcome in admission.outcomes]
    if said.answer is not None and (not outcomes or outcomes.pop() != wanted(said.answer)):
        return False
    changes = [f"{'locked' if it.locked_ms else 'freed'} {it.reader}" for it in admission.keypads]
    late = sorted(map(wanted, said.late), key=repr)
    return sorted(outcomes, key=repr) == late and changes == said.keypads


def play(seed: int, oracle: type[Oracle], seen: Counter[str]) -> int:
    """Play one scenario on both; how many attempts it was."""
    played, entries = scenario(seed), list[Row]()
    passages = played.inside
    engine, law = Engine(played.settings), oracle(played.settings)
    for number, (tables, step) in enumerate(played.steps):
        step["passages"], step["entries"] = passages, entries
        said, admission = law.step(tables, step), engine.step(tables, step)
        if not same(admission, said) or engine.due_ms() != law.due_ms():
            pytest.fail(
                f"scenario {seed}, step {number}: {step}\nlaw:    {said}, due {law.due_ms()}\n"
                f"engine: {[told(it) for it in admission.outcomes]}, {admission.keypads}, due "
                f"{engine.due_ms()}\nsettings {played.settings}\ntables {tables}"
            )
        seen.update(it.reason for it in (*said.late, said.answer) if it is not None)
        if said.answer is not None and step["enters"]:
            enter(passages, said.answer.company, tables, step)
            entries += (
                {"credential": terms.row_id}
                for person in admission.outcomes[-1].company
                for terms in person.credentials
            )
    return sum("reader" in step for _, step in played.steps)


def enter(passages: list[Row], company: Iterable[int], tables: Tables, step: Row) -> None:
    """Let those who were let in go through."""
    for user in company:
        [portal] = [row for row in tables["portals"] if row["id"] == step["portal"]]
        moves = portal["area_from_id"] != portal["area_to_id"]
        passages.append(
            {
                "user_id": user,
                "portal_id": portal["id"],
                "area_id": portal["area_to_id"] if moves else 0,
                "utc_s": step["utc_s"],
                "day": step["local"] // 86_400,
            }
        )


@pytest.mark.hypothesis  # random, and much more of it in `make fuzz`
def test_the_engine_says_what_the_law_says(
    oracle: type[Oracle], capsys: pytest.CaptureFixture[str]
) -> None:
    cases, seed, seen = 0, FIRST, Counter[str]()
    while cases < CASES:
        cases += play(seed, oracle, seen)
        seed += 1
    with capsys.disabled():
        if FUZZ:
            print(f"\n{cases:,} cases, scenarios {FIRST} to {seed - 1}")  # noqa: T201 - the report
            for reason, count in seen.most_common():
                print(f"  {count / cases:7.2%}  {reason}")  # noqa: T201 - the report
    assert set(seen) == WITHOUT_FAILURE
    assert min(seen.values()) >= LEAST_PART * cases, seen
