"""Decides on the credentials shown at readers, and carries the decisions out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from gateway.access.admission import admit, due_ms, key_pressed, pass_time
from gateway.access.admission_values import (
    AdmissionOutcome,
    AdmissionStep,
    Circumstances,
)
from gateway.access.attempt import Attempt, PortalState
from gateway.access.decision import refuse
from gateway.access.facts import cut
from gateway.access.passback import UNKNOWN_POSITION
from gateway.access.reasons import Reason
from gateway.clock import Clock, Moment
from gateway.controller.access.identifier import Identified, Identifier, OutdatedRules
from gateway.controller.access.passback_positions import PassbackPositions
from gateway.controller.access.pending import (
    PendingAdmission,
    PendingAdmissionState,
    PendingGrants,
    PendingGrantsState,
)
from gateway.controller.access.portal_opener import (
    NOTHING_OPENED,
    Opened,
    PortalOpener,
    PortalOpening,
)
from gateway.controller.state.component import (
    Component,
    Decided,
    Effect,
    Emit,
    GrantLapsed,
    GrantUsed,
    KeypadLockChanged,
    ThreatSensed,
)
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Receipt, Recorder
from gateway.credentials.values import Credential, Identification
from gateway.errors import StorageError
from gateway.hardware.events import HardwareEvent, KeyPressed
from gateway.store.journal import EntryKind

log = structlog.get_logger("admission")

_Outcomes = tuple[tuple[AdmissionOutcome, Credential | None], ...]
"""Each with the credential that the log may keep."""


@dataclass(frozen=True, slots=True)
class CredentialHandlerState:
    """What is pending between two reads."""

    pending: PendingAdmissionState
    grants: PendingGrantsState


class CredentialHandler(Component):
    """Lets people in or refuses them: the lock first, then the record, then the reader's lights.

    The loop's thread alone uses it.
    """

    def __init__(
        self,
        identifier: Identifier,
        positions: PassbackPositions,
        pending: PendingAdmission,
        opener: PortalOpener,
        grants: PendingGrants,
        recorder: Recorder,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._identifier = identifier
        self._positions = positions
        self._pending = pending
        self._opener = opener
        self._grants = grants
        self._recorder = recorder
        self._clock = clock
        self._emit = emit
        self._config: EffectiveConfig | None = None

    def state(self) -> CredentialHandlerState:
        return CredentialHandlerState(self._pending.state(), self._grants.state())

    def restore(self, state: CredentialHandlerState) -> None:
        self._pending.restore(state.pending)
        self._grants.restore(state.grants)

    def configure(self, config: EffectiveConfig) -> None:
        self._config = config

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Extend the time of a second factor at a key; close grants."""
        match event:
            case KeyPressed(reader=reader) if self._config is not None:
                settings, before = self._config.admission, self._pending.admission
                self._pending.admission = key_pressed(settings, before, reader, now_ms)
            case GrantUsed(grant=grant):
                self._grants.used(grant)
            case GrantLapsed(grant=grant, door=door):
                self._grants.lapsed(grant, door)

    def tick(self, now_ms: int) -> None:
        """Refuse people whose time is over, and unlock keypads."""
        due = self.due_ms()
        if self._config is not None and due is not None and due <= now_ms:
            step = pass_time(self._config.admission, self._pending.admission, now_ms)
            for outcome, credential in self._take(step, now_ms):
                self._record(outcome, credential)

    def due_ms(self) -> int | None:
        """When `tick` is next needed."""
        return due_ms(self._pending.admission)

    def locked_keypads(self, now_ms: int) -> dict[str, int]:
        """Reader -> the milliseconds for which its keypad stays locked."""
        return self._pending.locked_keypads(now_ms)

    def identified(
        self, identification: Identification, config: EffectiveConfig, enough: int | None = None
    ) -> Reason | None:
        """Decide on an identification and carry the decision out.

        Returns the reason; None if nothing is decided, because the kind of credential is switched
        off or more must be keyed. An error is a decision too: it refuses. Raises OutdatedRules as
        `Identifier.identify`, where `enough` is explained.
        """
        outcomes, opening = self._decide(identification, config, enough)
        if not outcomes:
            self.report_threat(identification)
            return None
        for outcome, credential in outcomes:
            if outcome.decision.allowed:
                self._let_in(outcome, credential, opening, config)
            else:
                self._record(outcome, credential)
        answer, _ = outcomes[-1]
        return answer.decision.reason

    def refuse_late(self, identification: Identification) -> None:
        """Refuse an identification that could not be decided in time."""
        late = _failure(identification.reader, 0, "no rules could be put in force in time")
        receipt = self._record(late, identification.credential)
        self.report_threat(identification, receipt.id)

    def report_threat(self, identification: Identification, access_log_id: int = 0) -> None:
        """Raise the duress alarm of an identification that is not decided on."""
        if self._config is None:
            return
        try:
            threat = self._identifier.threat(identification, self._config)
        except StorageError as error:
            reader = identification.reader
            log.warning("duress cannot be checked", reader=reader, error=str(error))
            return
        if threat is not None:
            kind, person = threat
            sensed = ThreatSensed(kind, person.id, access_log_id, identification.reader)
            self._emit(sensed, self._now_ms())

    def _decide(
        self, identification: Identification, config: EffectiveConfig, enough: int | None
    ) -> tuple[_Outcomes, PortalOpening]:
        """The outcomes, of which the last is the answer, and what the portal opens."""
        reader, opening = identification.reader, PortalOpening()
        moment, now_ms = self._recorder.moment(), self._now_ms()
        policy, admission, identified = config.snapshot.policy, self._pending.admission, None
        try:
            identified = self._identifier.identify(identification, config, admission, enough)
            if identified is None:
                return (), opening
            attempt = identified.attempt
            portal = policy.portals.get(attempt.portal_id)
            opening = self._opener.opening(portal.actions if portal else (), config)
            seen = self._circumstances(attempt, opening.state, config, moment, now_ms)
            step = admit(policy, config.admission, admission, attempt, seen)
        except OutdatedRules:
            raise
        except StorageError as error:
            failed = str(error)
        except Exception as error:  # whatever fails, the person is refused and the loop goes on
            log.exception("no decision", reader=reader)
            failed = type(error).__name__
        else:
            return self._take(step, now_ms, identified, config), opening
        failure = _failure(reader, self._identifier.portal_of(reader, config), failed)
        if identified is not None:
            attempt = identified.attempt
            failure = replace(failure, person=attempt.person, duress=attempt.duress)
        return ((failure, identification.credential),), opening

    def _circumstances(
        self,
        attempt: Attempt,
        state: PortalState,
        config: EffectiveConfig,
        moment: Moment,
        now_ms: int,
    ) -> Circumstances:
        portal, person = config.snapshot.policy.portals.get(attempt.portal_id), attempt.person
        position = UNKNOWN_POSITION
        if portal and person and config.admission.passback.applies_to(portal.passage):
            position = self._positions.of(person.id, portal.id)
        group, first = self._pending.group(attempt.portal_id), self._pending.first_factor(attempt)
        owner_of = partial(self._identifier.owner, config=config)
        waiting = None if group is None else tuple(filter(None, map(owner_of, group)))
        holds = first is None or owner_of((first,)) is not None
        now = self._positions.now()
        return Circumstances(moment, now_ms, now, state, position, waiting, holds)

    def _take(
        self,
        step: AdmissionStep,
        now_ms: int,
        identified: Identified | None = None,
        config: EffectiveConfig | None = None,
    ) -> _Outcomes:
        second_factor = config is not None and config.admission.second_factor
        outcomes = self._pending.take(step, identified, second_factor=second_factor)
        for change in step.keypads:
            reader, locked_ms = change.reader, change.locked_ms
            self._recorder.note(EntryKind.KEYPAD, reader=reader, locked_ms=locked_ms)
            self._emit(KeypadLockChanged(reader, on=locked_ms > 0), now_ms)
        return outcomes

    def _let_in(
        self,
        outcome: AdmissionOutcome,
        credential: Credential | None,
        portal: PortalOpening,
        config: EffectiveConfig,
    ) -> None:
        """Carry out a grant, unless something that it opens must stay locked.

        `portal` is what the portal opens, whose state was part of the decision.
        """
        opening = self._opener.opening(outcome.decision.actions, config, portal)
        barred = opening.state.barred_by
        if barred is not None:
            self._record(_barred(outcome, barred, opening.state.facts.get(barred)), credential)
            return
        unreachable = self._opener.unreachable(opening)
        if unreachable is not None:
            self._record(_barred(outcome, Reason.DOOR_UNREACHABLE, unreachable), credential)
            return
        grant = self._grants.add(outcome, config)
        now_ms = self._now_ms()
        opened = self._opener.open(opening, outcome.person, grant, now_ms)
        if opened.away:
            outcome = replace(outcome, facts={**outcome.facts, "away": list(opened.away)})
        access = self._record(outcome, credential, opened)
        self._opener.recorded(opened, access.id, grant)
        if not opened.doors and not opened.release:
            # Nothing can report an entry by a portal that opens nothing.
            self._emit(GrantUsed(grant), now_ms)

    def _record(
        self,
        outcome: AdmissionOutcome,
        credential: Credential | None,
        opened: Opened = NOTHING_OPENED,
    ) -> Receipt:
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
        return self._clock.monotonic_ns() // 1_000_000


def _failure(reader: str, portal_id: int, failed: str) -> AdmissionOutcome:
    """A refusal because something failed."""
    reason = Reason.INTERNAL_ERROR
    known = {reason.value: {"error": cut(failed)}}
    return AdmissionOutcome(refuse(reason, portal_id=portal_id), reader, facts=known)


def _barred(
    outcome: AdmissionOutcome, reason: Reason, known: Mapping[str, Any] | None
) -> AdmissionOutcome:
    """The refusal in place of a grant, since a door that it opens must stay locked."""
    granted = outcome.decision
    refusal = replace(refuse(reason, granted.user_id, granted.portal_id), trace=granted.trace)
    facts = {reason.value: dict(known)} if known else {}
    return replace(outcome, decision=refusal, company=(), passback_violation=False, facts=facts)
