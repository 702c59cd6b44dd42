"""Unlocks doors for everyone: unlock schedules, and schedules that a first card starts.

A door belongs to every portal whose actions name it. Schedules are evaluated at each full second of
the wall clock, so a door locks within a second of the end of its schedule. An end within an hour
that summer time skips takes effect once the clock has gone forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gateway.access.admission_values import AdmissionOutcome
from gateway.access.calendar import ScheduleInstant
from gateway.access.policy import Policy, Portal
from gateway.access.threat import ThreatLevel
from gateway.access.trace import TimeVerdict
from gateway.access.unlocks import FirstCard, unlocked_by
from gateway.clock import EARLIEST, Clock, DeviceTime
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
from gateway.doors.values import EndHold, Schedule
from gateway.hardware.events import HardwareEvent
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.store.journal.history import History
from gateway.store.policy.topology import Topology

_STEP = timedelta(minutes=1)
"""An interruption of a schedule that is shorter than this, during an outage, is ignored."""
_LONGEST_OUTAGE = timedelta(days=8)

_OVER = (TimeVerdict.OUT_OF_TIME, TimeVerdict.NO_SCHEDULE)


@dataclass(frozen=True, slots=True)
class KeptHours:
    """What the journal holds at a start, with the instant of each entry."""

    ended: Mapping[int, datetime]
    """By door: a command ended its schedule early."""
    started: Mapping[int, datetime]
    """By first card: an entry started its schedule."""


def kept_hours(history: History) -> KeptHours:
    """What a restart kept. Raises StorageError.

    Where the newest entry cannot be read, nothing unlocks by what is older: the schedule of that
    door counts as ended before its time since long ago, and the first card as not there yet.
    """
    ended = _newest(
        history.newest_of_each(EntryKind.SCHEDULE),
        "door",
        lambda body: body["schedule"] == Schedule.ENDED,
    )
    doors = (int(door) for door in history.unreadable(EntryKind.SCHEDULE) if door.isdecimal())
    started = _newest(
        history.newest_of_each(EntryKind.FIRST_CARD), "first_card", lambda body: body["on"]
    )
    unknown = set(history.unreadable(EntryKind.FIRST_CARD))
    return KeptHours(
        {**ended, **dict.fromkeys(doors, EARLIEST)},
        {card: since for card, since in started.items() if str(card) not in unknown},
    )


def _newest(
    entries: Iterable[CommittedEntry], key: str, counts: Callable[[Mapping[str, Any]], bool]
) -> dict[int, datetime]:
    newest: dict[int, CommittedEntry] = {}
    for entry in entries:
        newest.setdefault(entry.body[key], entry)
    return {id_: entry.utc for id_, entry in newest.items() if counts(entry.body)}


@dataclass(frozen=True, slots=True)
class OpeningHoursState:
    """The schedules that first cards started, the grants that may start more, and KeptHours."""

    started: tuple[int, ...]
    kept: KeptHours | None
    openers: Mapping[int, tuple[int, frozenset[int]]]
    due_ms: int | None


class OpeningHours(Component):
    """Unlocks doors by schedule and locks them again."""

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
        self._threat: ThreatLevel | None = None
        """What the threat level in force does."""
        self._locked_at: int | None = None
        """The level if it stops unlock schedules, else 0; None before the first rules."""
        self._cards: Mapping[int, FirstCard] = {}
        """Of that policy, by id."""
        self._started: set[int] = set()
        """First-card unlocks."""
        self._kept: KeptHours | None = kept
        """Applies only if the schedule has held ever since; None once that was checked."""
        self._openers: dict[int, tuple[int, frozenset[int]]] = {}
        """By grant: the portal, and the departments of the people granted."""
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
        self._topology, self._threat = config.topology, config.threat
        if self._locked_at is None:
            # Holds do not outlast a restart, and a replay begins with those that are there.
            self._locked_at = self._locks()
        policy = config.snapshot.policy
        if policy is not self._policy:
            self._policy, self._cards = policy, _cards_by_id(policy)

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the rules of a new snapshot, and unlock and lock doors by them."""
        self.configure(config)
        self._end_holds(now_ms)
        self._look(config.topology, config.snapshot.policy, now_ms)
        self._emit(PolicyApplied(), now_ms)

    @property
    def stopped(self) -> bool:
        """Whether the threat level in force stops unlock schedules."""
        return self._threat is not None and self._threat.stops_unlock_schedules

    def _locks(self) -> int:
        return self._threat.level if self._threat is not None and self.stopped else 0

    def _end_holds(self, now_ms: int) -> None:
        """End every hold and long opening, whoever made it, as a threat level that stops unlock
        schedules begins.

        One that somebody makes while the level lasts is theirs.
        """
        before, self._locked_at = self._locked_at, self._locks()
        if self._locked_at in (0, before):
            return
        for panel in self._doors.values():
            panel.feed(EndHold(), now_ms)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """A first card counts once somebody has entered."""
        del now_ms
        match event:
            case GrantUsed(grant=grant):
                self._entered(grant)
            case GrantLapsed(grant=grant):
                self._openers.pop(grant, None)

    def granted(self, grant: int, outcome: AdmissionOutcome, config: EffectiveConfig) -> None:
        """Remember a grant that may start first cards, unless under duress or against
        anti-passback."""
        portal = config.snapshot.policy.portals[outcome.decision.portal_id]
        if portal.first_cards and not outcome.duress and not outcome.passback_violation:
            groups = (group for person in outcome.company for group in person.group_ids)
            self._openers[grant] = portal.id, frozenset(groups)

    def _entered(self, grant: int) -> None:
        portal_id, groups = self._openers.pop(grant, (0, frozenset[int]()))
        portal = self._policy.portals.get(portal_id) if self._policy else None
        if portal is None or self._policy is None or self._stops_first_cards:
            return
        instant = self._policy.calendar.instant(self._recorder.moment())
        for card in portal.first_cards:
            new = card.id not in self._started
            if new and card.started_by(groups) and card.when.holds(instant):
                self._started.add(card.id)
                self._note(card.id, on=True)
                # The door that reports the entry is still in its step; `tick` follows in this turn.
                self._due_ms = 0

    def tick(self, now_ms: int) -> None:
        due = self._due_ms
        if self._topology and self._policy and due is not None and due <= now_ms:
            self._look(self._topology, self._policy, now_ms)

    def due_ms(self) -> int | None:
        """None while no door has a schedule."""
        return self._due_ms

    def _look(self, topology: Topology, policy: Policy, now_ms: int) -> None:
        """Apply the schedules of this second to every door."""
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
            unlocking = [portal for portal in portals if self._holds(portal, instant)]
            begins = bool(unlocking) and panel.schedule is Schedule.OFF
            # A door that the interlock keeps locked unlocks once the others are free. A portal of
            # several doors opens all of them or none.
            barred = begins and all(
                self._interlock.obstacle(tuple(topology.doors_of(portal.actions)))
                for portal in unlocking
            )
            # Without a trusted clock, a schedule that was ended early may not be over yet.
            unknown = not (unlocking or instant.trusted) and panel.schedule is Schedule.ENDED
            if not barred and not unknown:
                panel.scheduled(now_ms, unlocked=bool(unlocking))
            scheduled = any(portal.unlocks or portal.first_cards for portal in portals)
            watched = watched or scheduled or panel.schedule is not Schedule.OFF
        self._due_ms = now_ms + 1_000 - utc.microsecond // 1_000 if watched else None

    def _any_holds(self, portals: Iterable[Portal], instant: ScheduleInstant) -> bool:
        return any(self._holds(portal, instant) for portal in portals)

    def _holds(self, portal: Portal, instant: ScheduleInstant) -> bool:
        """Whether a schedule or a first card unlocks the portal at `instant`."""
        unlocks = () if self.stopped else portal.unlocks
        return unlocked_by(unlocks, instant) is not None or any(
            card.id in self._started and card.when.holds(instant) for card in portal.first_cards
        )

    @property
    def _stops_first_cards(self) -> bool:
        return self._threat is not None and self._threat.stops_first_cards

    def _end_cards(self, instant: ScheduleInstant) -> None:
        """Forget schedules that are over: the next window needs another first card, and so does
        the present one after a threat level that stops them."""
        for id_ in sorted(self._started):
            card, stopped = self._cards.get(id_), self._stops_first_cards
            if card is None or stopped or card.when.at(instant) in _OVER:
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
            # In doubt (long ago, or after the clock went back) an early end stays in force.
            first = max(min(since, utc), utc - _LONGEST_OUTAGE)
            held = partial(self._any_holds, portals)
            if door in self._doors and not self._unbroken(policy, first, utc, held):
                self._doors[door].scheduled(now_ms, unlocked=False)

    def _unbroken(
        self,
        policy: Policy,
        since: datetime,
        utc: datetime,
        holds: Callable[[ScheduleInstant], bool],
    ) -> bool:
        """Whether `holds` is true all the time from `since` to `utc`."""
        moments = (
            self._device_time.moment(since + number * _STEP)
            for number in range((utc - since) // _STEP + 1)
        )
        return all(holds(policy.calendar.instant(moment)) for moment in moments)

    def _note(self, first_card: int, *, on: bool) -> None:
        self._recorder.note(EntryKind.FIRST_CARD, first_card=first_card, on=on)


def _cards_by_id(policy: Policy) -> dict[int, FirstCard]:
    return {card.id: card for portal in policy.portals.values() for card in portal.first_cards}
