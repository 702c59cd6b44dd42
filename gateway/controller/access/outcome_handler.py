"""Carries out decisions on credentials: the lock first, then the record, then the lights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from gateway.access.admission_values import AdmissionOutcome
from gateway.access.decision import refuse
from gateway.access.facts import cut, of_credential
from gateway.access.floors import FloorChoices, of_floors
from gateway.access.person import Person
from gateway.access.reasons import Reason
from gateway.clock import Clock, monotonic_ms
from gateway.controller.access.identifier import Identifier
from gateway.controller.access.pending import PendingGrants
from gateway.controller.access.portal_opener import (
    NOTHING_OPENED,
    Opened,
    PortalOpener,
    PortalOpening,
)
from gateway.controller.doors.clearances import Clearances, WaitingGrant
from gateway.controller.doors.elevators import Elevators
from gateway.controller.doors.operators import DoorOperators
from gateway.controller.state.component import Decided, Emit, GrantUsed, ThreatSensed
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Receipt, Recorder
from gateway.credentials.values import Credential
from gateway.errors import StorageError


class GrantOutputs(NamedTuple):
    """What a grant moves beside locks and the turnstile."""

    operators: DoorOperators
    elevators: Elevators


class OutcomeHandler:
    """Lets people in or refuses them, as decided. The loop's thread alone uses it."""

    def __init__(
        self,
        identifier: Identifier,
        opener: PortalOpener,
        clearances: Clearances,
        grants: PendingGrants,
        outputs: GrantOutputs,
        recorder: Recorder,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._identifier = identifier
        self._opener = opener
        self._clearances = clearances
        self._grants = grants
        self._operators, self._elevators = outputs
        self._recorder = recorder
        self._clock = clock
        self._emit = emit

    def carry_out(
        self,
        outcome: AdmissionOutcome,
        credential: Credential | None,
        portal: PortalOpening,
        config: EffectiveConfig,
    ) -> None:
        """Carry out one decision; `credential` may be logged, `portal` as in `_let_in`."""
        if outcome.decision.allowed:
            self._let_in(outcome, credential, portal, config)
        else:
            self.record(outcome, credential)

    def _let_in(
        self,
        outcome: AdmissionOutcome,
        credential: Credential | None,
        portal: PortalOpening,
        config: EffectiveConfig,
    ) -> None:
        """Carry out a grant, unless something that it opens must stay locked.

        `portal` is what the portal opens, whose state was part of the decision, or what a server
        named in its place.
        """
        opening = portal
        if portal.named is None:
            opening = self._opener.opening(outcome.decision.actions, config, portal)
        if self._hindered(outcome, credential, opening):
            return
        if not self._opener.asks_peers(opening):
            self._open(outcome, credential, opening, config)
            return
        waiting = WaitingGrant(outcome, credential, opening.named, opening.sides)
        why = self._clearances.hold_grant(waiting)
        if why:
            self.not_cleared(waiting, {"peer": "", "why": why})

    def cleared(self, grant: WaitingGrant, config: EffectiveConfig) -> None:
        """Carry out a grant that other devices let open, unless something here bars it by now."""
        opening = (
            self._opener.opening(grant.outcome.decision.actions, config)
            if grant.named is None
            else self._opener.named(grant.named, grant.sides, config)
        )
        if not self._hindered(grant.outcome, grant.credential, opening):
            self._open(grant.outcome, grant.credential, opening, config)

    def not_cleared(self, grant: WaitingGrant, known: Mapping[str, Any]) -> None:
        """Refuse a grant that other devices do not let open; `known` names the peer and says why
        not."""
        facts = {"door": 0, "by": 0, **known}
        self.record(_barred(grant.outcome, Reason.INTERLOCK, facts), grant.credential)

    def _hindered(
        self, outcome: AdmissionOutcome, credential: Credential | None, opening: PortalOpening
    ) -> bool:
        """Whether something here keeps `opening` locked; then it is recorded."""
        barred = opening.state.barred_by
        if barred is not None:
            self.record(_barred(outcome, barred, opening.state.facts.get(barred)), credential)
            return True
        if self._used_up(outcome, credential):
            return True
        nothing = self._nothing_to_choose(outcome, opening)
        if nothing is not None:
            refused = _barred(outcome, Reason.NO_FLOOR, None)
            self.record(replace(refused, facts=nothing), credential)
            return True
        unreachable = self._opener.unreachable(opening)
        if unreachable is not None:
            self.record(_barred(outcome, Reason.DOOR_UNREACHABLE, unreachable), credential)
        return unreachable is not None

    def _nothing_to_choose(
        self, outcome: AdmissionOutcome, opening: PortalOpening
    ) -> Mapping[str, Any] | None:
        """The facts if the grant would open nothing but a lift, and no floor of it; else None."""
        if not opening.elevators or opening.doors or opening.sides or opening.state.released:
            return None
        choices = self._choices(outcome, opening, self._now_ms())
        return None if any(its.released for its in choices.values()) else of_floors(choices)

    def _choices(
        self, outcome: AdmissionOutcome, opening: PortalOpening, now_ms: int
    ) -> Mapping[int, FloorChoices]:
        return self._elevators.choices(
            opening.elevators, _people(outcome), self._grants.occupancy, now_ms
        )

    def _used_up(self, outcome: AdmissionOutcome, credential: Credential | None) -> bool:
        """Whether what was presented has been used up elsewhere meanwhile; then it is recorded."""
        try:
            spent = self._grants.unusable(outcome)
        except StorageError as error:
            known = {"error": cut(str(error))}
            self.record(_barred(outcome, Reason.INTERNAL_ERROR, known), credential)
            return True
        if spent is not None:
            refused = _barred(outcome, Reason.CREDENTIAL_USED_UP, None)
            self.record(replace(refused, facts=of_credential(spent)), credential)
        return spent is not None

    def _open(
        self,
        outcome: AdmissionOutcome,
        credential: Credential | None,
        opening: PortalOpening,
        config: EffectiveConfig,
    ) -> None:
        now_ms = self._now_ms()
        # Before the grant, by which these people count as entering where the cab's portal leads.
        choices = self._choices(outcome, opening, now_ms)
        grant = self._grants.add(outcome, config)
        self._elevators.grant(choices, _people(outcome), now_ms)
        if opening.elevators:
            outcome = replace(outcome, facts={**outcome.facts, **of_floors(choices)})
        opened = self._opener.open(opening, outcome.person, grant, now_ms, company=outcome.company)
        if opened.away:
            outcome = replace(outcome, facts={**outcome.facts, "away": list(opened.away)})
        everybody = (outcome.person, *outcome.company)
        extended = any(person.extended_times for person in everybody if person)
        by_operator = self._operators.let_in(
            opened.doors, outcome.reader, now_ms, extended=extended
        )
        if by_operator:
            outcome = replace(outcome, facts={**outcome.facts, "operator": list(by_operator)})
        if opened.extended:
            outcome = replace(outcome, facts={**outcome.facts, "extended": True})
        access = self.record(outcome, credential, opened)
        self._opener.recorded(opened, access.id, grant)
        if not opened.reports:
            # Nothing can report an entry by a portal that opens nothing.
            self._emit(GrantUsed(grant), now_ms)

    def record(
        self,
        outcome: AdmissionOutcome,
        credential: Credential | None,
        opened: Opened = NOTHING_OPENED,
    ) -> Receipt:
        """Record a decision, and report it and its duress to the other components."""
        receipt = self._recorder.decision(
            outcome,
            credential,
            self._identifier.identifier_id(outcome.reader),
            opened.doors,
            turnstile=bool(opened.release),
        )
        if outcome.duress is not None:
            # Granted or refused; nothing else here may differ from an ordinary read.
            user_id = outcome.person.id if outcome.person else outcome.decision.user_id
            sensed = ThreatSensed(outcome.duress, user_id, receipt.id, outcome.reader)
            self._emit(sensed, self._now_ms())
        self._emit(Decided(outcome, opened.unlocked_ms), self._now_ms())
        return receipt

    def _now_ms(self) -> int:
        return monotonic_ms(self._clock)


def _people(outcome: AdmissionOutcome) -> tuple[Person, ...]:
    """Everyone who enters by a grant."""
    return outcome.company or ((outcome.person,) if outcome.person else ())


def _barred(
    outcome: AdmissionOutcome, reason: Reason, known: Mapping[str, Any] | None
) -> AdmissionOutcome:
    """The refusal in place of a grant, since a door that it opens must stay locked."""
    granted = outcome.decision
    refusal = replace(refuse(reason, granted.user_id, granted.portal_id), trace=granted.trace)
    facts = {reason.value: dict(known)} if known else {}
    return replace(outcome, decision=refusal, company=(), passback_violation=False, facts=facts)
