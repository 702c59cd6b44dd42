"""What admission remembers between two reads, and the credentials behind it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from gateway.access.admission_values import AdmissionOutcome, AdmissionState, AdmissionStep
from gateway.access.attempt import Attempt
from gateway.access.guessing import Guard
from gateway.access.reasons import Reason
from gateway.controller.access.identifier import Identified, Shown
from gateway.credentials.values import Credential
from gateway.store.journal import CommittedEntry, Timer

_IN_GROUP = frozenset({Reason.WAITING_FOR_PERSONS, Reason.INTERLOCK})
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
        second_factor: bool = False,
    ) -> tuple[tuple[AdmissionOutcome, Credential | None], ...]:
        """Adopt the state after `step`; its outcomes, each with the credential that a log may keep.

        `identified` is the attempt of the step, None if time alone led to it. `second_factor` says
        that the site asks for one: what is keyed then stays out of the log, and the row of a second
        factor shows the first one.
        """
        first = self.first_factor(identified.attempt) if identified else None
        before, self.admission = self.admission, step.state
        kept = identified.shown if identified else None
        if identified and identified.attempt.factor.keyed and second_factor:
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
