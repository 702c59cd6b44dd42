"""When doors stand unlocked for everyone: unlock schedules, and what a first card started.

A door belongs to every portal whose actions name it. It is asked about each whole second of the
wall clock, so a door locks within a second of the end of its schedule; a second that the clocks
skip is none, so an end in there comes when they have gone forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from gateway.access.admission_values import AdmissionOutcome
from gateway.access.calendar import ScheduleInstant
from gateway.access.policy import Policy, Portal
from gateway.access.trace import TimeVerdict
from gateway.access.unlocks import FirstCard, unlocked_by
from gateway.clock import Clock, DeviceTime
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.doors.interlock import Interlock
from gateway.controller.state.component import (
    Component,
    Effect,
    Emit,
    GrantLapsed,
    GrantUsed,
    PolicyApplied,
)
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.doors.values import Schedule
from gateway.hardware.events import HardwareEvent
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.store.policy.topology import Topology

_STEP = timedelta(minutes=1)
"""A schedule that lets go for less than this during an outage is taken to have gone on."""
_LONGEST_OUTAGE = timedelta(days=8)

_OVER = (TimeVerdict.OUT_OF_TIME, TimeVerdict.NO_SCHEDULE)

log = structlog.get_logger("hours")


@dataclass(frozen=True, slots=True)
class KeptHours:
    """What the journal knows, with the instant from which it was so."""

    ended: Mapping[int, datetime]
    """By door: a schedule that was ended before its time."""
    started: Mapping[int, datetime]
    """By first-card unlock: somebody's entry has started it."""


def kept_hours(
    schedules: Iterable[CommittedEntry], first_cards: Iterable[CommittedEntry]
) -> KeptHours:
    """What a restart kept, from the newest journal entries of both kinds, the newest first."""
    ended = _newest(schedules, "door", lambda body: body["schedule"] == Schedule.ENDED)
    return KeptHours(ended, _newest(first_cards, "first_card", lambda body: body["on"]))


def _newest(
    entries: Iterable[CommittedEntry], key: str, counts: Callable[[Mapping[str, Any]], bool]
) -> dict[int, datetime]:
    newest: dict[int, CommittedEntry] = {}
    for entry in entries:
        newest.setdefault(entry.body[key], entry)
    return {id_: entry.utc for id_, entry in newest.items() if counts(entry.body)}


@dataclass(frozen=True, slots=True)
class OpeningHoursState:
    """What first cards started, who may start more, and what a restart kept."""

    started: tuple[int, ...]
    kept: KeptHours | None
    openers: Mapping[int, tuple[int, frozenset[int]]]
    due_ms: int | None


class OpeningHours(Component):
    """Tells doors what schedules want of them. The loop's thread alone uses it."""

    def __init__(
        self,
        doors: Mapping[int, DoorPanel],
        interlock: Interlock,
        recorder: Recorder,
        clock: Clock,
        device_time: DeviceTime,
        emit: Emit,
        kept: KeptHours,
    ) -> None:
        self._doors = doors
        self._interlock = interlock
        self._recorder = recorder
        self._clock = clock
        self._device_time = device_time
        self._emit = emit
        self._topology: Topology | None = None
        self._policy: Policy | None = None
        self._cards: Mapping[int, FirstCard] = {}
        """Of that policy, by id."""
        self._started: set[int] = set()
        """First-card unlocks."""
        self._kept: KeptHours | None = kept
        """What counts only if its schedule has not let go since; None once that is known."""
        self._openers: dict[int, tuple[int, frozenset[int]]] = {}
        """By grant: the portal, and the departments of whoever was let in there."""
        self._due_ms: int | None = None

    def state(self) -> OpeningHoursState:
        return OpeningHoursState(
            tuple(sorted(self._started)), self._kept, dict(self._openers), self._due_ms
        )

    def restore(self, state: OpeningHoursState) -> None:
        self._started = set(state.started)
        self._kept = state.kept
        self._openers = dict(state.openers)
        self._due_ms = state.due_ms

    def configure(self, config: EffectiveConfig) -> None:
        """Take over the rules of a snapshot; nothing happens yet."""
        self._topology = config.topology
        policy = config.snapshot.policy
        if policy is not self._policy:
            self._policy, self._cards = policy, _cards_by_id(policy)

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the rules of a new snapshot, and tell the doors what they want."""
        self.configure(config)
        self._look(config.topology, config.snapshot.policy, now_ms)
        self._emit(PolicyApplied(), now_ms)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """A first card counts once somebody went through."""
        del now_ms
        match event:
            case GrantUsed(grant=grant):
                self._entered(grant)
            case GrantLapsed(grant=grant):
                self._openers.pop(grant, None)

    def granted(self, grant: int, outcome: AdmissionOutcome, config: EffectiveConfig) -> None:
        """Somebody is let in: they may open the place, unless under threat or out of turn."""
        portal = config.snapshot.policy.portals[outcome.decision.portal_id]
        if portal.first_cards and not outcome.duress and not outcome.passback_violation:
            groups = (group for person in outcome.company for group in person.group_ids)
            self._openers[grant] = portal.id, frozenset(groups)

    def _entered(self, grant: int) -> None:
        portal_id, groups = self._openers.pop(grant, (0, frozenset[int]()))
        portal = self._policy.portals.get(portal_id) if self._policy else None
        if portal is None or self._policy is None:
            return
        instant = self._policy.calendar.instant(self._recorder.moment())
        for card in portal.first_cards:
            new = card.id not in self._started
            if new and card.started_by(groups) and card.when.holds(instant):
                self._started.add(card.id)
                self._note(card.id, on=True)
                # The door that tells of the entry is busy: it hears of this in the same turn.
                self._due_ms = 0

    def tick(self, now_ms: int) -> None:
        """Look again, if a new second has begun."""
        due = self._due_ms
        if self._topology and self._policy and due is not None and due <= now_ms:
            self._look(self._topology, self._policy, now_ms)

    def due_ms(self) -> int | None:
        """When `tick` is next needed; None where there is no schedule at all."""
        return self._due_ms

    def _look(self, topology: Topology, policy: Policy, now_ms: int) -> None:
        """Tell every door what is wanted of it at this second."""
        utc = self._clock.utc()
        instant = policy.calendar.instant(self._recorder.moment())
        if self._kept and instant.trusted:
            kept, self._kept = self._kept, None
            self._prove_cards(policy, kept, utc)
            self._prove_ended(topology, policy, kept, utc, now_ms)
        self._end_cards(instant)
        watched = False
        for door, panel in self._doors.items():
            portals = topology.portals_of_door(door)
            wanting = [portal for portal in portals if self._wants(portal, instant)]
            wanted = bool(wanting)
            begins = wanted and panel.schedule is Schedule.OFF
            # The turn of a door that an interlock keeps locked comes when the others are free. A
            # portal of several doors opens all of them or none.
            barred = begins and all(
                self._interlock.obstacle(tuple(topology.doors_of(portal.actions)))
                for portal in wanting
            )
            # Without a clock nobody knows whether what was ended is over.
            unknown = not (wanted or instant.trusted) and panel.schedule is Schedule.ENDED
            if not barred and not unknown:
                panel.scheduled(now_ms, unlocked=wanted)
            scheduled = any(portal.unlocks or portal.first_cards for portal in portals)
            watched = watched or scheduled or panel.schedule is not Schedule.OFF
        self._due_ms = now_ms + 1_000 - utc.microsecond // 1_000 if watched else None

    def _wanted(self, portals: Iterable[Portal], instant: ScheduleInstant) -> bool:
        return any(self._wants(portal, instant) for portal in portals)

    def _wants(self, portal: Portal, instant: ScheduleInstant) -> bool:
        """Whether a schedule or a first card lets everyone pass there."""
        return unlocked_by(portal.unlocks, instant) is not None or any(
            card.id in self._started and card.when.holds(instant) for card in portal.first_cards
        )

    def _end_cards(self, instant: ScheduleInstant) -> None:
        """Forget what is over: the next window waits for somebody again."""
        for id_ in sorted(self._started):
            card = self._cards.get(id_)
            if card is None or card.when.at(instant) in _OVER:
                self._started.discard(id_)
                self._note(id_, on=False)

    def _prove_cards(self, policy: Policy, kept: KeptHours, utc: datetime) -> None:
        for id_, since in kept.started.items():
            card = self._cards.get(id_)
            recent = timedelta() <= utc - since <= _LONGEST_OUTAGE
            if card and recent and self._unbroken(policy, since, utc, card.when.holds):
                self._started.add(id_)
            elif id_ not in self._started:
                self._note(id_, on=False)

    def _prove_ended(
        self, topology: Topology, policy: Policy, kept: KeptHours, utc: datetime, now_ms: int
    ) -> None:
        for door, since in kept.ended.items():
            portals = topology.portals_of_door(door)
            # What was ended stays so when in doubt: long ago, or after the clock went back.
            first = max(min(since, utc), utc - _LONGEST_OUTAGE)
            held = partial(self._wanted, portals)
            if door in self._doors and not self._unbroken(policy, first, utc, held):
                self._doors[door].scheduled(now_ms, unlocked=False)

    def _unbroken(
        self,
        policy: Policy,
        since: datetime,
        utc: datetime,
        holds: Callable[[ScheduleInstant], bool],
    ) -> bool:
        """Whether something held all the time from `since` to `utc`."""
        moments = (
            self._device_time.moment(since + number * _STEP)
            for number in range((utc - since) // _STEP + 1)
        )
        return all(holds(policy.calendar.instant(moment)) for moment in moments)

    def _note(self, first_card: int, *, on: bool) -> None:
        self._recorder.note(EntryKind.FIRST_CARD, first_card=first_card, on=on)


def _cards_by_id(policy: Policy) -> dict[int, FirstCard]:
    return {card.id: card for portal in policy.portals.values() for card in portal.first_cards}
