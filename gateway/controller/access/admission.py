"""The desk at which people are let in: remembers factors, gatherings and keypads between reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType

import structlog

from gateway.access.actions import Action
from gateway.access.admission import admit, due_ms, key_pressed, pass_time
from gateway.access.admission_values import (
    AdmissionOutcome,
    AdmissionState,
    AdmissionStep,
    Circumstances,
    KeypadLocked,
)
from gateway.access.attempt import Attempt, Duress, Place
from gateway.access.decision import Decision, refuse
from gateway.access.facts import cut
from gateway.access.keypad_guard import Guard
from gateway.access.passback import UNKNOWN_POSITION, PassbackMode, Strictness
from gateway.access.person import Person
from gateway.access.reasons import Reason
from gateway.clock import Moment
from gateway.controller.access.dynamic_codes import DynamicCodes
from gateway.controller.access.identifier import Identified, Identifier, OutdatedRules, Shown
from gateway.controller.access.passback_positions import PassbackPositions
from gateway.controller.state.component import Emit, KeypadLockChanged
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.credentials.values import Credential, Identification
from gateway.errors import StorageError
from gateway.store.journal import CommittedEntry, EntryKind, Timer

log = structlog.get_logger("admission")


_MAY_WAIT = frozenset({Reason.WAITING_FOR_PERSONS, Reason.INTERLOCK})
"""What somebody is told who goes on waiting with others, if the portal asks for several."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, with what the log wants to know about reader and credential."""

    outcome: AdmissionOutcome
    credential: Credential | None
    """What the log may keep."""
    identifier_id: int

    @property
    def decision(self) -> Decision:
        return self.outcome.decision


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody is let in and has not been seen to enter."""

    people: tuple[int, ...]
    portal_id: int
    area_id: int
    """Where the portal leads, 0 for one that leads from an area to itself."""


@dataclass(frozen=True, slots=True)
class AdmissionDeskState:
    """Who is expected, what they showed, and who was let in."""

    admission: AdmissionState
    first: Mapping[str, Shown]
    """By reader, the credential whose second factor is awaited."""
    waiting: Mapping[int, Mapping[int, tuple[Shown, ...]]]
    """By portal and person, what those showed who wait there for others."""
    grants: Mapping[int, Grant]
    last_grant: int


class AdmissionDesk:
    """Judges identifications. The loop's thread alone uses it."""

    def __init__(
        self,
        identifier: Identifier,
        ways: PassbackPositions,
        recorder: Recorder,
        place_of: Callable[[tuple[Action, ...], EffectiveConfig], Place],
        state: AdmissionState,
        codes: DynamicCodes,
        emit: Emit,
    ) -> None:
        """`place_of` tells how the ways that actions open stand; `state` is what a restart kept."""
        self._identifier = identifier
        self._ways = ways
        self._recorder = recorder
        self._place_of = place_of
        self._state = state
        self._codes = codes
        self._emit = emit
        self._first: dict[str, Shown] = {}
        """By reader, the credential whose second factor is awaited."""
        self._waiting: dict[int, dict[int, tuple[Shown, ...]]] = {}
        """By portal and person, what those showed who wait there for others."""
        self._grants: dict[int, Grant] = {}
        self._last_grant = 0

    def state(self) -> AdmissionDeskState:
        return AdmissionDeskState(
            self._state,
            dict(self._first),
            {portal_id: dict(shown) for portal_id, shown in self._waiting.items()},
            dict(self._grants),
            self._last_grant,
        )

    def restore(self, state: AdmissionDeskState) -> None:
        self._state = state.admission
        self._first = dict(state.first)
        self._waiting = {portal_id: dict(shown) for portal_id, shown in state.waiting.items()}
        self._grants = dict(state.grants)
        self._last_grant = state.last_grant

    def judge(
        self,
        identification: Identification,
        bindings: EffectiveConfig,
        moment: Moment,
        now_ms: int,
        enough: int | None = None,
    ) -> tuple[Verdict, ...]:
        """What an identification leads to; the last verdict is its answer, none where its kind
        is switched off or more has to be keyed.

        Raises OutdatedRules as `Identifier.identify`. An error is a verdict too, and it denies.
        """
        reader = identification.reader
        known: Identified | None = None
        failed = ""
        try:
            known = self._identifier.identify(identification, bindings, self._state, enough)
            if known is None:
                return ()
            seen = self._seen(known.attempt, bindings, moment, now_ms)
            first = self._awaiting(known.attempt)
            policy = bindings.snapshot.policy
            admission = admit(policy, bindings.admission, self._state, known.attempt, seen)
        except OutdatedRules:
            raise
        except StorageError as error:
            failed = str(error)
        except Exception as error:  # whatever fails in a decision - it denies, and the loop goes on
            log.exception("no decision", reader=reader)
            failed = type(error).__name__
        else:
            kept = None if _is_second_factor(known.attempt, bindings) else known.shown
            verdicts = self._taken(admission, kept, now_ms)
            self._keep_waiting(known, first, verdicts[-1].decision.reason)
            return verdicts
        portal_id = self._identifier.portal_of(reader, bindings)
        refused = self._refused(identification, portal_id, failed)
        if known is not None:
            threat = replace(
                refused.outcome, person=known.attempt.person, duress=known.attempt.duress
            )
            refused = replace(refused, outcome=threat)
        return (refused,)

    def give_up(self, identification: Identification) -> Verdict:
        """The denial of an identification that could not be decided in time."""
        return self._refused(identification, 0, "no rules could be put in force in time")

    def threat(
        self, identification: Identification, bindings: EffectiveConfig
    ) -> tuple[Duress, Person] | None:
        """Who identifies under threat, and how, where nothing is decided; None where nobody does,
        or nobody knows."""
        try:
            return self._identifier.threat(identification, bindings)
        except StorageError as error:
            log.warning("nobody looked for", reader=identification.reader, error=str(error))
            return None

    def key_pressed(self, reader: str, bindings: EffectiveConfig, now_ms: int) -> None:
        """Somebody types at `reader`."""
        self._state = key_pressed(bindings.admission, self._state, reader, now_ms)

    def tick(self, bindings: EffectiveConfig, now_ms: int) -> tuple[Verdict, ...]:
        """What time alone leads to."""
        return self._taken(pass_time(bindings.admission, self._state, now_ms), None, now_ms)

    def due_ms(self) -> int | None:
        """When `tick` has something to do."""
        return due_ms(self._state)

    def locked_keypads(self, now_ms: int) -> dict[str, int]:
        """By reader, the milliseconds for which its keypad stays locked."""
        return {
            reader: guard.locked_until_ms - now_ms
            for reader, guard in self._state.guards.items()
            if guard.locked_until_ms is not None and guard.locked(now_ms)
        }

    def granted(self, verdict: Verdict, bindings: EffectiveConfig) -> int:
        """A number for a grant that is being carried out; the doors tell what becomes of it."""
        self._last_grant += 1
        portal = bindings.snapshot.policy.portals[verdict.decision.portal_id]
        by = portal.passage
        people = tuple(person.id for person in verdict.outcome.company if person.id)
        area_id = by.area_to_id if by.between_areas else 0
        self._grants[self._last_grant] = Grant(people, portal.id, area_id)
        for person in verdict.outcome.company:
            if person.spends is not None:
                self._codes.spend(*person.spends)
        return self._last_grant

    def entered(self, grant: int) -> None:
        """The door opened for a grant, or cannot tell; of several doors the first counts."""
        found = self._grants.pop(grant, None)
        if found is None:
            return
        for user_id in found.people:
            self._ways.entered(user_id, found.portal_id, found.area_id)

    def not_entered(self, grant: int, door: int) -> None:
        """No door of a grant opened in its time."""
        found = self._grants.pop(grant, None)
        if found is not None:
            self._recorder.note(
                EntryKind.NO_ENTRY, users=found.people, portal_id=found.portal_id, door=door
            )

    def _seen(
        self, attempt: Attempt, bindings: EffectiveConfig, moment: Moment, now_ms: int
    ) -> Circumstances:
        portal = bindings.snapshot.policy.portals.get(attempt.portal_id)
        place, position = Place(), UNKNOWN_POSITION
        if portal is not None:
            place = self._place_of(portal.actions, bindings)
            watched = (
                bindings.admission.passback.mode is not PassbackMode.OFF
                or portal.passage.strictness is not Strictness.OFF
            )
            if watched and attempt.person is not None:
                position = self._ways.of(attempt.person.id, portal.id)
        waiting = None
        if attempt.portal_id in self._state.gatherings:
            shown = self._waiting.get(attempt.portal_id, {}).values()
            owners = (self._identifier.owner(each, bindings) for each in shown)
            waiting = tuple(owner for owner in owners if owner is not None)
        first = self._awaiting(attempt)
        holds = first is None or self._identifier.owner((first,), bindings) is not None
        return Circumstances(moment, now_ms, self._ways.now(), place, position, waiting, holds)

    def _awaiting(self, attempt: Attempt) -> Shown | None:
        """The first factor to which `attempt` is the second; None where it is none."""
        due = attempt.factor.keyed and attempt.reader in self._state.pending
        return self._first.get(attempt.reader) if due else None

    def _keep_waiting(self, known: Identified, first: Shown | None, reason: Reason) -> None:
        """Remember what the person showed if they wait for others now; forget who waits no more."""
        attempt = known.attempt
        if attempt.person is not None and reason in _MAY_WAIT:
            shown = (known.shown,) if first is None else (first, known.shown)
            self._waiting.setdefault(attempt.portal_id, {})[attempt.person.id] = shown
        present = {
            portal_id: {person.id for person in gathering.people}
            for portal_id, gathering in self._state.gatherings.items()
        }
        self._waiting = {
            portal_id: {id_: each for id_, each in shown_by.items() if id_ in present[portal_id]}
            for portal_id, shown_by in self._waiting.items()
            if portal_id in present
        }

    def _taken(
        self, admission: AdmissionStep, known: Shown | None, now_ms: int
    ) -> tuple[Verdict, ...]:
        """Take over an admission's state, and turn its outcomes into verdicts.

        `known` belongs to the last outcome, unless that ends the wait for a second factor: then
        the row shows what the wait began with.
        """
        before, self._state = self._state, admission.state
        verdicts = []
        for number, outcome in enumerate(admission.outcomes, start=1):
            reader = outcome.reader
            shown = known if number == len(admission.outcomes) else None
            ended = reader in before.pending and reader in self._first
            if ended and outcome.decision.reason is not Reason.KEYPAD_LOCKED:
                shown = self._first.pop(reader)
            elif outcome.decision.reason is Reason.SECOND_FACTOR_DUE and known is not None:
                self._first[reader] = known
            credential = shown.credential if shown else None
            verdicts.append(Verdict(outcome, credential, self._identifier.identifier_id(reader)))
        for change in admission.keypads:
            locked = isinstance(change, KeypadLocked)
            for_ms = change.for_ms if isinstance(change, KeypadLocked) else 0
            self._recorder.note(EntryKind.KEYPAD, reader=change.reader, locked_ms=for_ms)
            self._emit(KeypadLockChanged(change.reader, locked), now_ms)
        return tuple(verdicts)

    def _refused(self, identification: Identification, portal_id: int, failed: str) -> Verdict:
        reader = identification.reader
        refusal = refuse(Reason.INTERNAL_ERROR, portal_id=portal_id)
        known = {Reason.INTERNAL_ERROR.value: {"error": cut(failed)}}
        outcome = AdmissionOutcome(refusal, reader, facts=known)
        return Verdict(outcome, identification.credential, self._identifier.identifier_id(reader))


def kept_state(entries: Iterable[CommittedEntry], timer: Timer, now_ms: int) -> AdmissionState:
    """What a restart kept: the keypads that are locked, from the newest journal entries on them.

    While nobody can tell how much time has passed, the whole time runs again: guessing must not
    gain by a power cut, or by a clock that is wrong.
    """
    newest: dict[str, CommittedEntry] = {}
    for entry in entries:
        newest.setdefault(entry.body["reader"], entry)
    guards = {}
    for reader, entry in newest.items():
        passed = timer.passed_since(entry) or timedelta()
        left_ms = entry.body["locked_ms"] - passed // timedelta(milliseconds=1)
        if left_ms > 0:
            guards[reader] = Guard(locked_until_ms=now_ms + left_ms)
    return AdmissionState(guards=MappingProxyType(guards))


def _is_second_factor(attempt: Attempt, bindings: EffectiveConfig) -> bool:
    """Whether what was keyed counts as a second factor, which no log keeps."""
    return attempt.factor.keyed and bindings.admission.second_factor
