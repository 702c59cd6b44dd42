"""What a step of admission is built from, whoever decides: this device or a server."""

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
)
from gateway.access.attempt import Attempt
from gateway.access.decision import Decision, refuse
from gateway.access.guessing import Guard
from gateway.access.passback import Violation, violation
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal
from gateway.access.reasons import Reason


class StepBuilder:
    """One step, on copies of the state's mappings: what a decision of any kind needs."""

    def __init__(self, settings: AdmissionSettings, state: AdmissionState, now_ms: int) -> None:
        self.settings = settings
        self.now_ms = now_ms
        self.pending = dict(state.pending)
        self._guards = dict(state.guards)
        self.groups = dict(state.groups)
        self.hosts = dict(state.hosts)
        self.outcomes: list[AdmissionOutcome] = []
        self._keypads: list[KeypadChange] = []

    def done(self) -> AdmissionStep:
        """The result of the step."""
        state = AdmissionState(
            MappingProxyType(self.pending),
            MappingProxyType(self._guards),
            MappingProxyType(self.groups),
            MappingProxyType(self.hosts),
        )
        return AdmissionStep(state, tuple(self.outcomes), tuple(self._keypads))

    def pass_time(self) -> None:
        """Time out what is due, and unlock keypads."""
        for reader, waiting in list(self.pending.items()):
            if waiting.due_ms <= self.now_ms:
                self.time_out_factor(reader)
        for portal_id, group in list(self.groups.items()):
            if group.until_ms <= self.now_ms:
                self._time_out_group(portal_id)
        for reader, guard in list(self._guards.items()):
            if guard.locked_until_ms is not None and not guard.locked(self.now_ms):
                del self._guards[reader]
                self._keypads.append(KeypadChange(reader, 0))

    def portal_of(self, policy: Policy, attempt: Attempt, seen: Circumstances) -> Portal | None:
        """The portal of `attempt`; None, after a refusal, without one or at a locked keypad."""
        portal = policy.portals.get(attempt.portal_id)
        if portal is None:
            nowhere = refuse(Reason.READER_WITHOUT_PORTAL, portal_id=attempt.portal_id)
            self.outcomes.append(
                AdmissionOutcome(nowhere, attempt.reader, attempt.person, attempt.duress)
            )
        elif attempt.factor.keyed and self._guard(attempt.reader).locked(self.now_ms):
            # The refusal names no person, but a duress alarm is still raised.
            locked = refuse(Reason.KEYPAD_LOCKED, 0, portal.id)
            until_s = seen.now.utc_s + self.left_s(self._guard(attempt.reader).locked_until_ms)
            self.outcomes.append(
                AdmissionOutcome(
                    locked,
                    attempt.reader,
                    attempt.person,
                    attempt.duress,
                    facts=facts.of_keypad(until_s),
                )
            )
            return None
        return portal

    def by_mode(self, person: Person, portal: Portal, seen: Circumstances) -> Decision | None:
        """The decision of fire, emergency, lock-down, a blocked turnstile or the threat level,
        which refuses nobody at the way out; None without them."""
        if seen.portal_state.released:
            return Decision(Reason.FREE_PASSAGE, person.id, portal.id)
        if seen.portal_state.locked_down:
            return refuse(Reason.LOCK_DOWN, person.id, portal.id)
        if seen.portal_state.side_locked:
            return refuse(Reason.TURNSTILE_BLOCKED, person.id, portal.id)
        if seen.threat is None or portal.passage.leads_out:
            return None
        if seen.threat.admits(person.at(seen.moment).group_ids):
            return None
        return refuse(Reason.THREAT_LEVEL, person.id, portal.id)

    def add_denial(
        self, decision: Decision, attempt: Attempt, person: Person, seen: Circumstances
    ) -> None:
        """Add a decision that is no grant, with the facts of validity or of the doors."""
        known = facts.of_refusal(
            decision.reason, person, seen.portal_state, seen.moment, seen.threat
        )
        self.outcomes.append(
            AdmissionOutcome(decision, attempt.reader, person, attempt.duress, facts=known)
        )

    def passback(self, person: Person, portal: Portal, seen: Circumstances) -> Violation | None:
        """The violation of anti-passback by `person`, None without one."""
        if person.passback_exempt or not person.id:
            return None
        return violation(self.settings.passback, portal.passage, seen.position, seen.now)

    def add_refusal(
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
        self.outcomes.append(
            AdmissionOutcome(
                refusal,
                attempt.reader,
                attempt.person,
                attempt.duress,
                portal_rule_ids,
                facts=known,
            )
        )

    def time_out_factor(self, reader: str) -> None:
        """Refuse the person whose second factor `reader` awaits."""
        waiting = self.pending.pop(reader)
        late = refuse(Reason.SECOND_FACTOR_TIMED_OUT, waiting.person.id, waiting.portal_id)
        self.outcomes.append(AdmissionOutcome(late, reader, waiting.person))

    def _time_out_group(self, portal_id: int) -> None:
        group = self.groups.pop(portal_id)
        known = facts.of_persons(group.people, group.missing)
        for person in group.people:
            alone = person.id in group.hostless
            why = Reason.HOST_MISSING if alone else Reason.PERSONS_MISSING
            late = refuse(why, person.id, portal_id)
            its = facts.NOTHING if alone else known
            self.outcomes.append(AdmissionOutcome(late, person=person, facts=its))

    def left_s(self, until_ms: int | None) -> int:
        """Whole seconds from now until then, rounded up."""
        return -((self.now_ms - (until_ms or self.now_ms)) // 1000)

    def _guard(self, reader: str) -> Guard:
        return self._guards.get(reader, _NO_ENTRIES)

    def count_wrong_entry(self, reader: str) -> None:
        """Count a wrong entry at the keypad of `reader`, which may lock it."""
        after = self._guard(reader).after_wrong(self.settings.guard, self.now_ms)
        self._guards[reader] = after
        if after.locked(self.now_ms):
            self._keypads.append(KeypadChange(reader, self.settings.guard.locked_ms))


_NO_ENTRIES = Guard()
