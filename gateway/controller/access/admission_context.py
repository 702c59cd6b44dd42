"""What a decision on an attempt needs of the controller, whoever takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from gateway.access.admission import admit
from gateway.access.admission_values import AdmissionOutcome, AdmissionStep, Circumstances
from gateway.access.attempt import Attempt
from gateway.access.decision import refuse
from gateway.access.facts import cut
from gateway.access.occupancy import Occupancy
from gateway.access.passback import UNKNOWN_POSITION
from gateway.access.policy import Portal
from gateway.access.reasons import Reason
from gateway.clock import Clock, monotonic_ms
from gateway.controller.access.identifier import (
    Identified,
    Identifier,
    OutdatedRules,
    PeopleUnderRepair,
)
from gateway.controller.access.passback_positions import PassbackPositions
from gateway.controller.access.pending import PendingAdmission, PendingGrants
from gateway.controller.access.portal_opener import PortalOpener, PortalOpening
from gateway.controller.state.component import Emit, KeypadLockChanged
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.credentials.values import Credential
from gateway.errors import StorageError
from gateway.store.journal import EntryKind

log = structlog.get_logger("admission")

Outcomes = tuple[tuple[AdmissionOutcome, Credential | None], ...]
"""Each with the credential that the log may keep."""


class AdmissionContext:
    """Reads the circumstances of attempts and takes over what becomes of them.

    The loop's thread alone uses it.
    """

    def __init__(
        self,
        identifier: Identifier,
        positions: PassbackPositions,
        pending: PendingAdmission,
        grants: PendingGrants,
        opener: PortalOpener,
        recorder: Recorder,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._identifier = identifier
        self._positions = positions
        self.pending = pending
        self._grants = grants
        self._opener = opener
        self._recorder = recorder
        self._clock = clock
        self._emit = emit

    def opening(self, attempt: Attempt, config: EffectiveConfig) -> PortalOpening:
        """What the portal of an attempt opens, with its state now."""
        portal = config.snapshot.policy.portals.get(attempt.portal_id)
        return self._opener.opening(portal.actions if portal else (), config)

    def seen(
        self, attempt: Attempt, opening: PortalOpening, config: EffectiveConfig
    ) -> Circumstances:
        """The circumstances of an attempt, whose person may be at the portal. Raises
        StorageError."""
        portal, person = config.snapshot.policy.portals.get(attempt.portal_id), attempt.person
        position = UNKNOWN_POSITION
        if portal and person and config.admission.passback.applies_to(portal.passage):
            position = self._positions.of(person.id, portal.id)
        group, first = self.pending.group(attempt.portal_id), self.pending.first_factor(attempt)
        owner_of = partial(self._identifier.owner, config=config, portal_id=attempt.portal_id)
        waiting = None if group is None else tuple(filter(None, map(owner_of, group)))
        first_now = None if first is None else owner_of((first,))
        return Circumstances(
            self._recorder.moment(),
            self.now_ms(),
            self._positions.now(),
            opening.state,
            position,
            waiting,
            first_holds=first is None or first_now is not None,
            first_now=first_now,
            threat=config.threat,
            occupancy=self._occupancy(portal, config),
        )

    def _occupancy(self, portal: Portal | None, config: EffectiveConfig) -> Occupancy | None:
        limits = config.snapshot.policy.limits_beyond(portal) if portal else None
        return None if limits is None else self._grants.occupancy(limits)

    def decide(
        self,
        identified: Identified,
        opening: PortalOpening,
        config: EffectiveConfig,
        *,
        contingency: bool = False,
    ) -> Outcomes:
        """Decide by the rules of this device, in contingency with those for its cards.

        The last outcome is the answer. Raises StorageError.
        """
        seen = self.seen(identified.attempt, opening, config)
        settings = replace(config.admission, contingency=contingency)
        policy = config.snapshot.policy
        step = admit(policy, settings, self.pending.admission, identified.attempt, seen)
        portal = policy.portals.get(identified.attempt.portal_id)
        mode = settings.factor_mode
        if portal is not None:
            mode = policy.factors_at(portal, seen.moment, mode, seen.threat).mode
        return self.take(step, identified, keyed_hidden=mode.needs_card)

    def take(
        self,
        step: AdmissionStep,
        identified: Identified | None = None,
        *,
        keyed_hidden: bool = False,
    ) -> Outcomes:
        """Take over a step, as PendingAdmission.take, and journal what it did to keypads."""
        outcomes = self.pending.take(step, identified, keyed_hidden=keyed_hidden)
        for change in step.keypads:
            reader, locked_ms = change.reader, change.locked_ms
            self._recorder.note(EntryKind.KEYPAD, reader=reader, locked_ms=locked_ms)
            self._emit(KeypadLockChanged(reader, on=locked_ms > 0), self.now_ms())
        return outcomes

    def guarded(
        self, decide: Callable[[], Outcomes], refuse_failed: Callable[[str], Outcomes], reader: str
    ) -> Outcomes:
        """What `decide` returns; if it fails, what `refuse_failed` returns for the error in words.

        Raises OutdatedRules and PeopleUnderRepair.
        """
        try:
            return decide()
        except (OutdatedRules, PeopleUnderRepair):
            raise
        except StorageError as error:
            return refuse_failed(str(error))
        except Exception as error:  # whatever fails, the person is refused and the loop goes on
            log.exception("no decision", reader=reader)
            return refuse_failed(type(error).__name__)

    def now_ms(self) -> int:
        """The present instant."""
        return monotonic_ms(self._clock)


def failure(reader: str, portal_id: int, failed: str) -> AdmissionOutcome:
    """A refusal because something failed."""
    reason = Reason.INTERNAL_ERROR
    known = {reason.value: {"error": cut(failed)}}
    return AdmissionOutcome(refuse(reason, portal_id=portal_id), reader, facts=known)
