"""Decides on the credentials shown at readers, and carries the decisions out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import structlog

from gateway.access.admission import due_ms, key_pressed, pass_time
from gateway.access.reasons import Reason
from gateway.clock import Clock, monotonic_ms
from gateway.controller.access.admission_context import AdmissionContext, Outcomes, failure
from gateway.controller.access.identifier import Identified, Identifier
from gateway.controller.access.outcome_handler import OutcomeHandler
from gateway.controller.access.pending import (
    PendingAdmissionState,
    PendingGrants,
    PendingGrantsState,
)
from gateway.controller.access.portal_opener import PortalOpening
from gateway.controller.access.server_decisions import ServerDecisions
from gateway.controller.state.component import (
    Component,
    Effect,
    Emit,
    GrantLapsed,
    GrantUsed,
    ThreatSensed,
)
from gateway.controller.state.config import EffectiveConfig
from gateway.credentials.values import Identification
from gateway.errors import StorageError
from gateway.hardware.events import HardwareEvent, KeyPressed

log = structlog.get_logger("admission")


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
        context: AdmissionContext,
        server: ServerDecisions,
        outcomes: OutcomeHandler,
        grants: PendingGrants,
        clock: Clock,
        emit: Emit,
    ) -> None:
        """`server` decides in place of this device in the online modes."""
        self._identifier = identifier
        self._context = context
        self._pending = context.pending
        self._server = server
        self._outcomes = outcomes
        self._grants = grants
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
            for outcome, credential in self._context.take(step):
                self._outcomes.record(outcome, credential)

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
        off, more must be keyed, or a server was asked. An error is a decision too: it refuses.
        Raises OutdatedRules and PeopleUnderRepair as `Identifier.identify`, where `enough` is
        explained.
        """
        ruling = self._decide(identification, config, enough)
        for outcome, credential in ruling.outcomes:
            self._outcomes.carry_out(outcome, credential, ruling.opening, config)
        if ruling.asked:
            return None
        if not ruling.outcomes:
            self.report_threat(identification)
            return None
        answer, _ = ruling.outcomes[-1]
        return answer.decision.reason

    def refuse_late(self, identification: Identification) -> None:
        """Refuse an identification that could not be decided in time."""
        late = failure(identification.reader, 0, "no rules could be put in force in time")
        receipt = self._outcomes.record(late, identification.credential)
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
    ) -> _Ruling:
        """What becomes of an identification."""
        reader, ruling = identification.reader, _Ruling()

        def decide() -> Outcomes:
            ruling.identified = identified = self._identifier.identify(
                identification, config, self._pending.admission, enough
            )
            if identified is None:
                return ()
            ruling.opening = self._context.opening(identified.attempt, config)
            if config.online is None:
                return self._context.decide(identified, ruling.opening, config)
            outcomes, ruling.asked = self._server.decide(
                identification, identified, ruling.opening, config
            )
            return outcomes

        def refuse_failed(why: str) -> Outcomes:
            failed = failure(reader, self._identifier.portal_of(reader, config), why)
            if ruling.identified is not None:
                attempt = ruling.identified.attempt
                failed = replace(failed, person=attempt.person, duress=attempt.duress)
            return ((failed, identification.credential),)

        ruling.outcomes = self._context.guarded(decide, refuse_failed, reader)
        return ruling

    def _now_ms(self) -> int:
        return monotonic_ms(self._clock)


@dataclass(slots=True)
class _Ruling:
    """What becomes of an identification."""

    identified: Identified | None = None
    outcomes: Outcomes = ()
    """The last one is the answer, unless a server was asked."""
    opening: PortalOpening = field(default_factory=PortalOpening)
    """What the portal opens, with the state that was part of the decision."""
    asked: bool = False
    """A server decides; the read waits for it."""
