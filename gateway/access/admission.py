"""Admission: what an attempt at a reader leads to.

Pure: (state, attempt, time) in, (state, outcomes) out. The order is fixed: fire or emergency,
lock-down, identification, validity and rules (`decide`), the second factor and the rules again,
anti-passback, multi-person rules, interlock. Only the last outcome of an attempt can be a grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from gateway.access import facts
from gateway.access.admission_values import (
    AdmissionOutcome,
    AdmissionSettings,
    AdmissionState,
    AdmissionStep,
    Circumstances,
    KeypadChange,
    PendingFactor,
)
from gateway.access.attempt import Attempt
from gateway.access.decision import Decision, decide, refuse
from gateway.access.guessing import Guard
from gateway.access.multi_person import MultiPersonGroup, PortalRule, complete, has_place, shortage
from gateway.access.passback import Strictness, violation
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal
from gateway.access.reasons import Reason


def admit(
    policy: Policy,
    settings: AdmissionSettings,
    state: AdmissionState,
    attempt: Attempt,
    seen: Circumstances,
) -> AdmissionStep:
    """The outcomes of `attempt`, after those that fell due before it."""
    step = _Step(settings, state, seen.now_ms)
    step.pass_time()
    step.take(policy, attempt, seen)
    return step.done()


def pass_time(settings: AdmissionSettings, state: AdmissionState, now_ms: int) -> AdmissionStep:
    """Time out second factors and multi-person groups, and unlock keypads."""
    due = due_ms(state)
    if due is None or now_ms < due:
        return AdmissionStep(state)
    step = _Step(settings, state, now_ms)
    step.pass_time()
    return step.done()


def key_pressed(
    settings: AdmissionSettings, state: AdmissionState, reader: str, now_ms: int
) -> AdmissionState:
    """Extend the time of a second factor awaited at `reader`, where a key was pressed."""
    waiting = state.pending.get(reader)
    if waiting is None:
        return state
    typing = replace(waiting, next_key_until_ms=now_ms + settings.next_key_ms)
    return replace(state, pending=MappingProxyType({**state.pending, reader: typing}))


def due_ms(state: AdmissionState) -> int | None:
    """When `pass_time` must be called next; None if nothing is pending."""
    instants = [
        *(waiting.due_ms for waiting in state.pending.values()),
        *(group.until_ms for group in state.groups.values()),
        *(guard.locked_until_ms for guard in state.guards.values()),
    ]
    return min((instant for instant in instants if instant is not None), default=None)


class _Step:
    """One step, on copies of the state's mappings."""

    def __init__(self, settings: AdmissionSettings, state: AdmissionState, now_ms: int) -> None:
        self._settings = settings
        self._now_ms = now_ms
        self._pending = dict(state.pending)
        self._guards = dict(state.guards)
        self._groups = dict(state.groups)
        self._outcomes: list[AdmissionOutcome] = []
        self._keypads: list[KeypadChange] = []

    def done(self) -> AdmissionStep:
        """The result of the step."""
        state = AdmissionState(
            MappingProxyType(self._pending),
            MappingProxyType(self._guards),
            MappingProxyType(self._groups),
        )
        return AdmissionStep(state, tuple(self._outcomes), tuple(self._keypads))

    def pass_time(self) -> None:
        for reader, waiting in list(self._pending.items()):
            if waiting.due_ms <= self._now_ms:
                self._time_out_factor(reader)
        for portal_id, group in list(self._groups.items()):
            if group.until_ms <= self._now_ms:
                self._time_out_group(portal_id)
        for reader, guard in list(self._guards.items()):
            if guard.locked_until_ms is not None and not guard.locked(self._now_ms):
                del self._guards[reader]
                self._keypads.append(KeypadChange(reader, 0))

    def take(self, policy: Policy, attempt: Attempt, seen: Circumstances) -> None:
        """Handle one attempt; its answer is the last outcome."""
        portal = policy.portals.get(attempt.portal_id)
        if portal is None:
            nowhere = refuse(Reason.READER_WITHOUT_PORTAL, portal_id=attempt.portal_id)
            self._outcomes.append(
                AdmissionOutcome(nowhere, attempt.reader, attempt.person, attempt.duress)
            )
        elif attempt.factor.keyed and self._guard(attempt.reader).locked(self._now_ms):
            # The refusal names no person, but a duress alarm is still raised.
            locked = refuse(Reason.KEYPAD_LOCKED, 0, portal.id)
            until_s = seen.now.utc_s + self._left_s(self._guard(attempt.reader).locked_until_ms)
            self._outcomes.append(
                AdmissionOutcome(
                    locked,
                    attempt.reader,
                    attempt.person,
                    attempt.duress,
                    facts=facts.of_keypad(until_s),
                )
            )
        elif attempt.factor.keyed and attempt.reader in self._pending:
            self._second_factor(policy, portal, attempt, seen)
        else:
            if attempt.reader in self._pending:
                self._time_out_factor(attempt.reader)
            self._first_factor(policy, portal, attempt, seen)

    def _first_factor(
        self, policy: Policy, portal: Portal, attempt: Attempt, seen: Circumstances
    ) -> None:
        person = self._identified(policy, attempt)
        if person is None:
            if attempt.factor.keyed:
                self._count_wrong_entry(attempt.reader)
            self._refuse(Reason.UNKNOWN_CREDENTIAL, attempt)
            return
        decision = self._decide(policy, person, portal, seen)
        # A contingency card has no owner, so it has no second factor.
        if not decision.allowed or not self._settings.second_factor or not person.id:
            self._conclude(policy, portal, attempt, person, decision, seen)
        elif attempt.factor.keyed:
            self._refuse(Reason.FIRST_FACTOR_MISSING, attempt, decision)
        elif attempt.reader not in self._settings.keypads:
            self._refuse(Reason.NO_SECOND_FACTOR_HERE, attempt, decision)
        else:
            whole = attempt.reader in self._settings.whole_pins
            first_key_ms = self._settings.second_factor_ms if whole else self._settings.next_key_ms
            self._pending[attempt.reader] = PendingFactor(
                person,
                portal.id,
                self._now_ms + self._settings.second_factor_ms,
                self._now_ms + first_key_ms,
                attempt.duress,
            )
            self._refuse(Reason.SECOND_FACTOR_DUE, attempt, decision)

    def _second_factor(
        self, policy: Policy, portal: Portal, attempt: Attempt, seen: Circumstances
    ) -> None:
        waiting = self._pending.pop(attempt.reader)
        first = waiting.person
        right = attempt.person is not None and attempt.person.id == first.id
        if not right:
            self._count_wrong_entry(attempt.reader)
        if attempt.person is None or not right or not seen.first_holds:
            # The row names the person of the first factor, no matter who keyed the second. If the
            # first was revoked, the answer does not show whether the second was right.
            revoked = not seen.first_holds
            why = Reason.CREDENTIAL_REVOKED if revoked else Reason.SECOND_FACTOR_WRONG
            duress = attempt.duress or waiting.duress
            denied = refuse(why, first.id, portal.id)
            self._outcomes.append(AdmissionOutcome(denied, attempt.reader, first, duress))
            return
        # The rules may have changed, or their time may be over, since the first factor. The
        # person as read now counts.
        person = replace(attempt.person, spends=first.spends)
        decision = self._decide(policy, person, portal, seen)
        both = replace(attempt, person=person, duress=attempt.duress or waiting.duress)
        self._conclude(policy, portal, both, person, decision, seen)

    def _identified(self, policy: Policy, attempt: Attempt) -> Person | None:
        if attempt.person is None and attempt.contingency and self._settings.contingency:
            return Person(0, own_rule_ids=policy.contingency_rules)
        return attempt.person

    def _decide(
        self, policy: Policy, person: Person, portal: Portal, seen: Circumstances
    ) -> Decision:
        if seen.portal_state.released:
            return Decision(Reason.FREE_PASSAGE, person.id, portal.id)
        if seen.portal_state.locked_down:
            return refuse(Reason.LOCK_DOWN, person.id, portal.id)
        if seen.portal_state.side_locked:
            return refuse(Reason.TURNSTILE_BLOCKED, person.id, portal.id)
        return decide(policy, person, portal.id, seen.moment)

    def _conclude(
        self,
        policy: Policy,
        portal: Portal,
        attempt: Attempt,
        person: Person,
        decision: Decision,
        seen: Circumstances,
    ) -> None:
        """Check anti-passback, multi-person rules and interlock after a grant of the rules."""
        if not decision.allowed:
            known = facts.of_refusal(decision.reason, person, seen.portal_state)
            self._outcomes.append(
                AdmissionOutcome(decision, attempt.reader, person, attempt.duress, facts=known)
            )
            return
        found = None
        if not person.passback_exempt and person.id:
            found = violation(self._settings.passback, portal.passage, seen.position, seen.now)
        if found is not None and found.strictness is Strictness.HARD:
            self._refuse(Reason.PASSBACK, attempt, decision, known=facts.of_passback(found))
            return
        self._recheck_group(policy, portal, seen)
        in_force = policy.portal_rules_at(portal, seen.moment)
        complete_rules: tuple[PortalRule, ...] = ()
        if in_force:
            complete_rules = self._multi_person(portal, in_force, person, attempt, decision, seen)
            if not complete_rules:
                return
        if seen.portal_state.interlocked:
            known = facts.of_refusal(Reason.INTERLOCK, person, seen.portal_state)
            self._refuse(Reason.INTERLOCK, attempt, decision, known=known)
            return
        company = self._people_entering(portal.id, person, together=bool(complete_rules))
        self._outcomes.append(
            AdmissionOutcome(
                _with_actions(decision, complete_rules),
                attempt.reader,
                person,
                attempt.duress,
                tuple(rule.id for rule in complete_rules),
                company=company,
                passback_violation=found is not None,
                facts=facts.of_passback(found) if found else facts.NOTHING,
            )
        )

    def _multi_person(
        self,
        portal: Portal,
        in_force: tuple[PortalRule, ...],
        person: Person,
        attempt: Attempt,
        decision: Decision,
        seen: Circumstances,
    ) -> tuple[PortalRule, ...]:
        """The rules that `person` completes; none while the group waits, which adds an outcome."""
        in_force = tuple(rule for rule in in_force if not rule.unknown)
        if not in_force:
            self._refuse(Reason.UNKNOWN_CONDITION, attempt, decision)
            return ()
        if not has_place(in_force, person):
            known = facts.of_persons((), tuple(shortage(rule, ()) for rule in in_force))
            self._refuse(Reason.NO_PLACE_AMONG_PERSONS, attempt, decision, known=known)
            return ()
        until_ms = self._now_ms + self._settings.persons_ms
        group = self._groups.get(portal.id, MultiPersonGroup(until_ms, ())).joined_by(person)
        done = tuple(rule for rule in in_force if complete(rule, group.people))
        if not done:
            missing = tuple(shortage(rule, group.people) for rule in in_force)
            group = replace(group, missing=missing)
            waiting = tuple(rule.id for rule in in_force)
            until_s = seen.now.utc_s + self._left_s(group.until_ms)
            known = facts.of_persons(group.people, missing, until_s)
            self._refuse(Reason.WAITING_FOR_PERSONS, attempt, decision, waiting, known)
        self._groups[portal.id] = group
        return done

    def _recheck_group(self, policy: Policy, portal: Portal, seen: Circumstances) -> None:
        """Remove people from the group who lost their right while they waited."""
        group = self._groups.get(portal.id)
        if group is None or seen.waiting is None:
            return
        now = {person.id: person for person in seen.waiting}
        staying = []
        for person in group.people:
            if person.id not in now:
                revoked = refuse(Reason.CREDENTIAL_REVOKED, person.id, portal.id)
                self._outcomes.append(AdmissionOutcome(revoked, person=person))
                continue
            decision = self._decide(policy, now[person.id], portal, seen)
            if decision.allowed:
                staying.append(now[person.id])
            else:
                known = facts.of_refusal(decision.reason, now[person.id], seen.portal_state)
                self._outcomes.append(
                    AdmissionOutcome(decision, person=now[person.id], facts=known)
                )
        self._groups[portal.id] = replace(group, people=tuple(staying))
        if not staying:
            del self._groups[portal.id]

    def _people_entering(
        self, portal_id: int, person: Person, *, together: bool
    ) -> tuple[Person, ...]:
        """Who enters by this grant; removes them from the group that waits."""
        group = self._groups.pop(portal_id, None)
        if group is None:
            return (person,)
        if together:
            return group.people
        # No rule needs several people any more: the others in the group must identify again.
        remaining = group.left_by(person)
        if remaining.people:
            self._groups[portal_id] = remaining
        return (person,)

    def _refuse(
        self,
        reason: Reason,
        attempt: Attempt,
        decision: Decision | None = None,
        portal_rule_ids: tuple[int, ...] = (),
        known: Mapping[str, Any] = facts.NOTHING,
    ) -> None:
        """Add a refusal, with the trace of `decision` if the rules were asked."""
        user_id = attempt.person.id if attempt.person else 0
        refusal = refuse(reason, user_id, attempt.portal_id)
        if decision is not None:
            refusal = replace(refusal, trace=decision.trace)
        self._outcomes.append(
            AdmissionOutcome(
                refusal,
                attempt.reader,
                attempt.person,
                attempt.duress,
                portal_rule_ids,
                facts=known,
            )
        )

    def _time_out_factor(self, reader: str) -> None:
        waiting = self._pending.pop(reader)
        late = refuse(Reason.SECOND_FACTOR_TIMED_OUT, waiting.person.id, waiting.portal_id)
        self._outcomes.append(AdmissionOutcome(late, reader, waiting.person))

    def _time_out_group(self, portal_id: int) -> None:
        group = self._groups.pop(portal_id)
        known = facts.of_persons(group.people, group.missing)
        for person in group.people:
            late = refuse(Reason.PERSONS_MISSING, person.id, portal_id)
            self._outcomes.append(AdmissionOutcome(late, person=person, facts=known))

    def _left_s(self, until_ms: int | None) -> int:
        """Whole seconds from now until then, rounded up."""
        return -((self._now_ms - (until_ms or self._now_ms)) // 1000)

    def _guard(self, reader: str) -> Guard:
        return self._guards.get(reader, _NO_ENTRIES)

    def _count_wrong_entry(self, reader: str) -> None:
        after = self._guard(reader).after_wrong(self._settings.guard, self._now_ms)
        self._guards[reader] = after
        if after.locked(self._now_ms):
            self._keypads.append(KeypadChange(reader, self._settings.guard.locked_ms))


_NO_ENTRIES = Guard()


def _with_actions(decision: Decision, rules: tuple[PortalRule, ...]) -> Decision:
    """The decision with the actions of the portal rules after its own, each once."""
    actions = {action.id: action for action in decision.actions}
    for rule in rules:
        actions.update({action.id: action for action in rule.actions})
    return replace(decision, actions=tuple(actions.values()))
