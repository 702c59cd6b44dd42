"""What is pending between two reads: second factors, groups, locked keypads and grants."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType

from gateway.access.admission_values import (
    AdmissionOutcome,
    AdmissionState,
    AdmissionStep,
    PendingFactor,
)
from gateway.access.attempt import Attempt
from gateway.access.credential_terms import CredentialTerms
from gateway.access.guessing import Guard
from gateway.access.occupancy import AreaLimits, Occupancy
from gateway.access.reasons import Reason
from gateway.controller.access.credential_uses import CredentialUses
from gateway.controller.access.dynamic_codes import DynamicCodes
from gateway.controller.access.identifier import Identified, Shown
from gateway.controller.access.passback_positions import PassbackPositions
from gateway.controller.doors.opening_hours import OpeningHours
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.credentials.values import Credential
from gateway.store.journal import CommittedEntry, EntryKind, Timer

_IN_GROUP = frozenset(
    {
        Reason.WAITING_FOR_PERSONS,
        Reason.WAITING_FOR_HOST,
        Reason.AREA_FULL,
        Reason.INTERLOCK,
    }
)
"""The answers after which a person may wait in a multi-person group."""


@dataclass(frozen=True, slots=True)
class PendingAdmissionState:
    """The state of admission, with the credentials that people showed who wait."""

    admission: AdmissionState
    first_factors: Mapping[str, Shown]
    """By reader."""
    groups: Mapping[int, Mapping[int, tuple[Shown, ...]]]
    """By portal and person."""


class PendingAdmission:
    """Pending second factors, multi-person groups and locked keypads, with what people showed.

    The loop's thread alone uses it.
    """

    def __init__(self, admission: AdmissionState) -> None:
        """`admission` is what a restart kept."""
        self.admission = admission
        self._first_factors: dict[str, Shown] = {}
        """By reader, the credential whose second factor is due."""
        self._groups: dict[int, dict[int, tuple[Shown, ...]]] = {}
        """By portal and person, the credentials of those who wait for others."""

    def state(self) -> PendingAdmissionState:
        groups = {portal_id: dict(shown) for portal_id, shown in self._groups.items()}
        return PendingAdmissionState(self.admission, dict(self._first_factors), groups)

    def restore(self, state: PendingAdmissionState) -> None:
        self.admission = state.admission
        self._first_factors = dict(state.first_factors)
        self._groups = {portal_id: dict(shown) for portal_id, shown in state.groups.items()}

    def first_factor(self, attempt: Attempt) -> Shown | None:
        """The first factor to which `attempt` is the second; None if it is no second factor."""
        due = attempt.factor.keyed and attempt.reader in self.admission.pending
        return self._first_factors.get(attempt.reader) if due else None

    def shown_first(self, reader: str) -> Shown | None:
        """What was shown at `reader` as the first factor that waits there; None if not known."""
        return self._first_factors.get(reader)

    def show_first(self, reader: str, shown: Shown) -> None:
        """Remember `shown` as the first factor that waits at `reader`."""
        self._first_factors[reader] = shown

    def forget_first(self, reader: str) -> None:
        """Forget the first factor at `reader`: the second one has come."""
        self._first_factors.pop(reader, None)

    def await_again(
        self, reader: str, first: PendingFactor, shown: Shown | None, now_ms: int
    ) -> None:
        """Put back a first factor, for a second one that is decided on at this instant.

        Nothing changes if `reader` awaits another second factor by now.
        """
        if reader in self.admission.pending:
            return
        first = replace(first, until_ms=now_ms + 1, next_key_until_ms=now_ms + 1)
        pending = MappingProxyType({**self.admission.pending, reader: first})
        self.admission = replace(self.admission, pending=pending)
        if shown is not None:
            self._first_factors[reader] = shown

    def group(self, portal_id: int) -> Collection[tuple[Shown, ...]] | None:
        """What each person of the group at a portal showed; None without a group."""
        if portal_id not in self.admission.groups:
            return None
        return self._groups.get(portal_id, {}).values()

    def locked_keypads(self, now_ms: int) -> dict[str, int]:
        """Reader -> the milliseconds for which its keypad stays locked."""
        return {
            reader: guard.locked_until_ms - now_ms
            for reader, guard in self.admission.guards.items()
            if guard.locked_until_ms is not None and guard.locked(now_ms)
        }

    def take(
        self,
        step: AdmissionStep,
        identified: Identified | None = None,
        *,
        keyed_hidden: bool = False,
    ) -> tuple[tuple[AdmissionOutcome, Credential | None], ...]:
        """Adopt the state after `step`; its outcomes, each with the credential that a log may keep.

        `identified` is the attempt of the step, None if time alone led to it. With `keyed_hidden`
        what is keyed stays out of the log, since it counts after a card only; the row of a second
        factor shows the first one.
        """
        first = self.first_factor(identified.attempt) if identified else None
        before, self.admission = self.admission, step.state
        kept = identified.shown if identified else None
        if identified and identified.attempt.factor.keyed and keyed_hidden:
            kept = None
        decided = []
        for number, outcome in enumerate(step.outcomes, start=1):
            reader, reason = outcome.reader, outcome.decision.reason
            shown = kept if number == len(step.outcomes) else None
            ended = reader in before.pending and reader in self._first_factors
            if ended and reason is not Reason.KEYPAD_LOCKED:
                shown = self._first_factors.pop(reader)
            elif reason is Reason.SECOND_FACTOR_DUE and kept is not None:
                self._first_factors[reader] = kept
            decided.append((outcome, shown.credential if shown else None))
        if identified:
            shown_by = (identified.shown,) if first is None else (first, identified.shown)
            self._update_groups(identified.attempt, shown_by, decided[-1][0].decision.reason)
        return tuple(decided)

    def _update_groups(self, attempt: Attempt, shown: tuple[Shown, ...], reason: Reason) -> None:
        """Remember what the person of `attempt` showed, and forget those who left a group."""
        if attempt.person is not None and reason in _IN_GROUP:
            self._groups.setdefault(attempt.portal_id, {})[attempt.person.id] = shown
        present = {
            portal_id: {person.id for person in group.people}
            for portal_id, group in self.admission.groups.items()
        }
        self._groups = {
            portal_id: {id_: each for id_, each in by.items() if id_ in present[portal_id]}
            for portal_id, by in self._groups.items()
            if portal_id in present
        }


@dataclass(frozen=True, slots=True)
class Grant:
    """People who were let in and have not been seen to enter."""

    people: tuple[int, ...]
    portal_id: int
    area_id: int
    """Where the portal leads, 0 for a portal that leads from an area to itself."""


@dataclass(frozen=True, slots=True)
class PendingGrantsState:
    """The grants by number, and the number of the last one."""

    grants: Mapping[int, Grant]
    last: int


class PendingGrants:
    """Numbers grants and records what becomes of them. The loop's thread alone uses it."""

    def __init__(
        self,
        positions: PassbackPositions,
        codes: DynamicCodes,
        uses: CredentialUses,
        hours: OpeningHours,
        recorder: Recorder,
    ) -> None:
        self._positions = positions
        self._codes = codes
        self._uses = uses
        self._hours = hours
        self._recorder = recorder
        self._grants: dict[int, Grant] = {}
        self._last = 0

    def state(self) -> PendingGrantsState:
        return PendingGrantsState(dict(self._grants), self._last)

    def restore(self, state: PendingGrantsState) -> None:
        self._grants = dict(state.grants)
        self._last = state.last

    def add(self, outcome: AdmissionOutcome, config: EffectiveConfig) -> int:
        """The number of a new grant. From now on single-use cards of its people are spent."""
        self._last += 1
        portal = config.snapshot.policy.portals[outcome.decision.portal_id]
        passage = portal.passage
        people = tuple(person.id for person in outcome.company if person.id)
        area_id = passage.area_to_id if passage.between_areas else 0
        self._grants[self._last] = Grant(people, portal.id, area_id)
        for person in outcome.company:
            if person.spends is not None:
                self._codes.spend(*person.spends)
        self._uses.reserve(self._last, portal.id, outcome.company)
        self._hours.granted(self._last, outcome, config)
        return self._last

    def unusable(self, outcome: AdmissionOutcome) -> CredentialTerms | None:
        """A credential of the people of a grant that was used up since it was decided; None
        without one. Raises StorageError."""
        for person in outcome.company:
            now = self._uses.counted(person, outcome.decision.portal_id)
            spent = (terms for terms in now.credentials if terms.left == 0)
            found = next(spent, None)
            if found is not None:
                return found
        return None

    def entering(self, area_id: int) -> frozenset[int]:
        """The people who were let in to an area and have not been seen to enter."""
        grants = (grant for grant in self._grants.values() if grant.area_id == area_id)
        return frozenset(user_id for grant in grants for user_id in grant.people)

    def occupancy(self, limits: AreaLimits) -> Occupancy:
        """Who is in an area with limits, or was let in to it."""
        inside: Collection[int] = self._positions.inside(limits.area_id)
        entering = self.entering(limits.area_id)
        return Occupancy(limits, entering.union(inside) if entering else inside)

    def used(self, number: int) -> None:
        """Record the entry. If a grant opened several doors, the first that reports counts."""
        grant = self._grants.pop(number, None)
        if grant is None:
            return
        self._positions.entered(grant.people, grant.portal_id, grant.area_id)
        self._uses.entered(number)

    def lapsed(self, number: int, door: int) -> None:
        """Record that nobody entered in time; `door` is 0 for a turnstile."""
        grant = self._grants.pop(number, None)
        if grant is not None:
            self._uses.lapsed(number)
            self._recorder.note(
                EntryKind.NO_ENTRY, users=grant.people, portal_id=grant.portal_id, door=door
            )


def kept_state(entries: Iterable[CommittedEntry], timer: Timer, now_ms: int) -> AdmissionState:
    """The keypads that are still locked after a restart, from the newest entry on each.

    If the time that has passed is unknown, the whole time runs again: a power cut or a wrong clock
    must not help a guesser.
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
