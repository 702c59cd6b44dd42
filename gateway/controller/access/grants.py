"""Grants between the unlocking and the entry, which a door or a turnstile reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.access.admission_values import AdmissionOutcome
from gateway.controller.access.dynamic_codes import DynamicCodes
from gateway.controller.access.passback_positions import PassbackPositions
from gateway.controller.doors.opening_hours import OpeningHours
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.store.journal import EntryKind


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
        hours: OpeningHours,
        recorder: Recorder,
    ) -> None:
        self._positions = positions
        self._codes = codes
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
        self._hours.granted(self._last, outcome, config)
        return self._last

    def used(self, number: int) -> None:
        """Record the entry. If a grant opened several doors, the first that reports counts."""
        grant = self._grants.pop(number, None)
        if grant is None:
            return
        for user_id in grant.people:
            self._positions.entered(user_id, grant.portal_id, grant.area_id)

    def lapsed(self, number: int, door: int) -> None:
        """Record that nobody entered in time; `door` is 0 for a turnstile."""
        grant = self._grants.pop(number, None)
        if grant is not None:
            self._recorder.note(
                EntryKind.NO_ENTRY, users=grant.people, portal_id=grant.portal_id, door=door
            )
