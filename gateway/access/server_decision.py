"""Admission while a server decides: what goes before its answer, and what the answer leads to.

Pure, as `admission`. The answer replaces the person's validity, rules, factors and portal rules.
Portal, locked keypad, fire, emergency, lock-down, turnstile and what is known here of a credential
(its status, validity and uses) are this device's, before the question and again after the answer;
so is anti-passback after it. The caller checks the interlock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gateway.access import facts
from gateway.access.admission_step import StepBuilder
from gateway.access.admission_values import (
    AdmissionOutcome,
    AdmissionSettings,
    AdmissionState,
    AdmissionStep,
    Circumstances,
    PendingFactor,
    Undecided,
)
from gateway.access.attempt import Attempt, Factor
from gateway.access.decision import Decision, refuse, unusable
from gateway.access.log_events import AccessEvent
from gateway.access.passback import Strictness
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal
from gateway.access.reasons import Reason

NOBODY = Person(0)

_KEYED = (Factor.PIN, Factor.PASSWORD)
_REFUSALS: Mapping[AccessEvent, Reason] = MappingProxyType(
    {
        AccessEvent.NOT_IDENTIFIED: Reason.SERVER_NOT_IDENTIFIED,
        AccessEvent.DENIED: Reason.SERVER_DENIED,
        AccessEvent.NO_ANSWER: Reason.SERVER_UNDECIDED,
    }
)


@dataclass(frozen=True, slots=True)
class ServerVerdict:
    """What a server decided on an attempt, which has the duress that either side knows of."""

    event: AccessEvent
    """NOT_IDENTIFIED, PENDING_IDENTIFICATION, DENIED, GRANTED or NO_ANSWER."""
    person: Person = NOBODY
    """Whom it names; with an id alone if this device does not know them."""
    next_factor: Factor | None = None
    """What it asks for with PENDING_IDENTIFICATION; None for any other factor."""
    portal_actions: bool = True
    """A grant runs the actions of the portal; otherwise the server named what to open."""
    logged_portal_id: int = 0
    """As in AdmissionOutcome."""
    facts: Mapping[str, Any] = field(default_factory=lambda: facts.NOTHING)


@dataclass(frozen=True, slots=True)
class Unasked:
    """A refusal without the server."""

    reason: Reason
    facts: Mapping[str, Any]
    identifies: bool
    """This device identifies people, so that an unknown credential is refused as one."""


def before_question(
    policy: Policy,
    settings: AdmissionSettings,
    state: AdmissionState,
    attempt: Attempt,
    seen: Circumstances,
) -> AdmissionStep:
    """What is decided without the server; the step is `undecided` if it must be asked."""
    step = _ServerStep(settings, state, seen.now_ms)
    step.pass_time()
    undecided = step.before(policy, attempt, seen)
    return replace(step.done(), undecided=undecided)


def refuse_unasked(
    policy: Policy,
    settings: AdmissionSettings,
    state: AdmissionState,
    attempt: Attempt,
    seen: Circumstances,
    refusal: Unasked,
) -> AdmissionStep:
    """Refuse an attempt on which the server would decide, but cannot be asked or did not answer."""
    step = _ServerStep(settings, state, seen.now_ms)
    step.pass_time()
    undecided = step.before(policy, attempt, seen)
    if undecided is not None:
        step.refuse_unasked(undecided.attempt, refusal)
    return step.done()


def after_answer(
    policy: Policy,
    settings: AdmissionSettings,
    state: AdmissionState,
    attempt: Attempt,
    seen: Circumstances,
    verdict: ServerVerdict,
) -> AdmissionStep:
    """What `verdict` on `attempt` leads to; the last outcome is the answer.

    `seen` has the position of the person whom the server names.
    """
    step = _ServerStep(settings, state, seen.now_ms)
    step.pass_time()
    step.after(policy, attempt, seen, verdict)
    return step.done()


class _ServerStep(StepBuilder):
    """A step in which a server decides."""

    def before(self, policy: Policy, attempt: Attempt, seen: Circumstances) -> Undecided | None:
        """What to ask about; None after an outcome that needs no question."""
        portal = self.portal_of(policy, attempt, seen)
        if portal is None:
            return None
        first = self.pending.get(attempt.reader)
        if first is not None and attempt.factor in first.wanted:
            del self.pending[attempt.reader]
            person = attempt.person
            if person is not None:
                person = _with_shown(person, first.person, person)
            alone = first.person if person is None else None
            duress = attempt.duress or first.duress
            attempt = replace(attempt, person=person, duress=duress, first=alone)
        elif first is not None:
            self.time_out_factor(attempt.reader)
            first = None
        if self._decided_by_mode(portal, attempt, attempt.person or NOBODY, seen):
            return None
        if self._unusable(attempt, seen):
            return None
        return Undecided(attempt, first)

    def refuse_unasked(self, attempt: Attempt, refusal: Unasked) -> None:
        if refusal.identifies and attempt.person is None:
            self._count_if_keyed(attempt)
            self.add_refusal(Reason.UNKNOWN_CREDENTIAL, attempt)
        else:
            self.add_refusal(refusal.reason, attempt, known=refusal.facts)

    def after(
        self, policy: Policy, attempt: Attempt, seen: Circumstances, verdict: ServerVerdict
    ) -> None:
        portal = self.portal_of(policy, attempt, seen)
        if portal is None or self._decided_by_mode(portal, attempt, verdict.person, seen):
            return
        if self._unusable(attempt, seen):
            return
        match verdict.event:
            case AccessEvent.GRANTED:
                self._grant(portal, attempt, seen, verdict)
            case AccessEvent.PENDING_IDENTIFICATION:
                self._await_factor(portal, attempt, verdict)
                self._add(Reason.SERVER_FACTOR_DUE, attempt, verdict)
            case event:
                if event is not AccessEvent.NO_ANSWER:
                    self._count_if_keyed(attempt)
                self._add(_REFUSALS[event], attempt, verdict)

    def _decided_by_mode(
        self, portal: Portal, attempt: Attempt, person: Person, seen: Circumstances
    ) -> bool:
        decision = self.by_mode(person, portal, seen)
        if decision is not None:
            self.add_denial(decision, attempt, person, seen)
        return decision is not None

    def _unusable(self, attempt: Attempt, seen: Circumstances) -> bool:
        """Refuse a credential that opens nothing by itself: this device alone knows of that."""
        person = attempt.person or attempt.first
        reason = None if person is None else unusable(person, seen.moment)
        if person is None or reason is None:
            return False
        self.add_denial(refuse(reason, person.id, attempt.portal_id), attempt, person, seen)
        return True

    def _count_if_keyed(self, attempt: Attempt) -> None:
        if attempt.factor.keyed:
            self.count_wrong_entry(attempt.reader)

    def _add(self, reason: Reason, attempt: Attempt, verdict: ServerVerdict) -> None:
        user_id = 0 if reason is Reason.SERVER_NOT_IDENTIFIED else verdict.person.id
        self.outcomes.append(
            AdmissionOutcome(
                refuse(reason, user_id, attempt.portal_id),
                attempt.reader,
                verdict.person,
                attempt.duress,
                facts=verdict.facts,
                logged_portal_id=verdict.logged_portal_id,
            )
        )

    def _await_factor(self, portal: Portal, attempt: Attempt, verdict: ServerVerdict) -> None:
        """Have the reader await what the server asks for, in place of what it awaited."""
        if attempt.reader in self.pending:
            self.time_out_factor(attempt.reader)
        wanted = _wanted(attempt.factor, verdict.next_factor)
        whole = attempt.reader in self.settings.whole_pins
        until_ms = self.now_ms + self.settings.second_factor_ms
        keys = set(_KEYED).issuperset(wanted) and not whole
        self.pending[attempt.reader] = PendingFactor(
            _with_shown(verdict.person, attempt.first, attempt.person),
            portal.id,
            until_ms,
            self.now_ms + self.settings.next_key_ms if keys else until_ms,
            attempt.duress,
            wanted,
        )

    def _grant(
        self, portal: Portal, attempt: Attempt, seen: Circumstances, verdict: ServerVerdict
    ) -> None:
        person = _with_shown(verdict.person.at(seen.moment), attempt.first, attempt.person)
        found = self.passback(person, portal, seen)
        violates = facts.of_passback(found) if found else facts.NOTHING
        if found is not None and found.strictness is Strictness.HARD:
            self._add(Reason.PASSBACK, attempt, replace(verdict, facts=violates))
            return
        if seen.occupancy is not None and seen.occupancy.full_for((person,)):
            known = facts.of_occupancy(seen.occupancy)
            self._add(Reason.AREA_FULL, attempt, replace(verdict, facts=known))
            return
        actions = portal.actions if verdict.portal_actions else ()
        self.outcomes.append(
            AdmissionOutcome(
                Decision(Reason.SERVER_GRANTED, person.id, portal.id, actions=actions),
                attempt.reader,
                person,
                attempt.duress,
                company=(person,),
                passback_violation=found is not None,
                facts={**verdict.facts, **violates},
                logged_portal_id=verdict.logged_portal_id,
            )
        )


def _with_shown(person: Person, *shown_by: Person | None) -> Person:
    """`person` with what was shown by these, as far as this device knows them."""
    known = [each for each in shown_by if each is not None]
    return replace(
        person,
        credentials=tuple(terms for each in known for terms in each.credentials),
        by_password=any(each.by_password for each in known),
    )


def _wanted(shown: Factor, asked: Factor | None) -> tuple[Factor, ...]:
    """The factors that count after `shown`: never the same one by chance, and a password where a
    PIN is asked for, since a reader takes one of them."""
    if asked is None:
        return tuple(factor for factor in Factor if factor is not shown)
    return _KEYED if asked.keyed and not shown.keyed else (asked,)
