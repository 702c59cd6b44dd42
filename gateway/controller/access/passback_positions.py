"""Where people are, for anti-passback, and when that is forgotten."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from gateway.access.passback import Now, PassbackPosition
from gateway.clock import Clock, DeviceTime
from gateway.controller.state.component import OpeningId
from gateway.controller.state.ports import Passages
from gateway.controller.state.recorder import Recorder
from gateway.doors.values import Mode
from gateway.errors import StorageError
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.store.journal.passages import (
    PassageChange,
    PassageEntered,
    PassageForgiven,
    position_at,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PassbackPositionsState:
    """What is not in the file yet."""

    uncommitted: tuple[tuple[int, PassageChange], ...]
    """With the ticket of each entry, oldest first."""


class PassbackPositions:
    """Remembers entries. The loop's thread alone uses it."""

    def __init__(
        self, passages: Passages, recorder: Recorder, clock: Clock, device_time: DeviceTime
    ) -> None:
        self._passages = passages
        self._recorder = recorder
        self._clock = clock
        self._device_time = device_time
        self._under_way: deque[tuple[int, PassageChange]] = deque()
        """With the ticket of its entry: what the file does not show yet."""

    def state(self) -> PassbackPositionsState:
        return PassbackPositionsState(tuple(self._under_way))

    def restore(self, state: PassbackPositionsState) -> None:
        self._under_way = deque(state.uncommitted)

    def now(self) -> Now:
        """The instant of a check."""
        utc = self._clock.utc()
        return Now((utc - _EPOCH) // timedelta(seconds=1), self._device_time.local(utc))

    def of(self, user_id: int, portal_id: int) -> PassbackPosition:
        """What is remembered of a person in front of a portal. Raises StorageError."""
        known = self._passages.of(user_id)
        for _ticket, change in self._under_way:
            match change:
                case PassageEntered(user_id=entered) if entered == user_id:
                    known = [old for old in known if old.portal_id != change.portal_id]
                    known.append(change)
                case PassageForgiven():
                    known = [old for old in known if not change.forgets(old)]
                case _:
                    pass
        return position_at(known, portal_id)

    def entered(self, user_id: int, portal_id: int, area_id: int) -> None:
        """Somebody went through a portal into `area_id` (0: it leads from an area to itself)."""
        now = self.now()
        change = PassageEntered(user_id, portal_id, area_id, now.utc_s, now.day)
        ticket = self._recorder.note(
            EntryKind.PASSAGE,
            user_id=user_id,
            portal_id=portal_id,
            area_id=area_id,
            utc_s=change.utc_s,
            day=change.day,
        )
        self._under_way.append((ticket, change))

    def position(self, user_id: int) -> PassbackPosition:
        """In which area somebody is, and since when. Raises StorageError."""
        return self.of(user_id, portal_id=0)

    def forgive(self, user_id: int | None, why: str) -> int:
        """Where a person is, or everyone, is no longer known; the ticket of the record."""
        ticket = self._recorder.note(EntryKind.PASSAGE, user_id=user_id, why=why)
        self._under_way.append((ticket, PassageForgiven(user_id)))
        return ticket

    def forgive_before(self, day: int, why: str) -> None:
        """What is remembered from before the local day `day` is forgotten, if there is any.

        Raises StorageError.
        """
        waiting = (
            change for _ticket, change in self._under_way if isinstance(change, PassageEntered)
        )
        if self._passages.any_before(day) or any(change.day < day for change in waiting):
            ticket = self._recorder.note(EntryKind.PASSAGE, user_id=None, why=why, before_day=day)
            self._under_way.append((ticket, PassageForgiven(None, day)))

    def committed(self, ticket: int) -> None:
        """Everything up to `ticket` is in the file."""
        while self._under_way and self._under_way[0][0] <= ticket:
            self._under_way.popleft()


MIDNIGHT = "midnight"
EMERGENCY_OVER = "emergency_over"
"""Why, in the journal."""

log = structlog.get_logger("anti-passback")


@dataclass(frozen=True, slots=True)
class ForgivenessState:
    """What was seen last of modes and days."""

    released: tuple[OpeningId, ...]
    looked: bool
    day: int | None


class Forgiveness:
    """Watches days and modes. The loop's thread alone uses it."""

    def __init__(
        self, ways: PassbackPositions, recorder: Recorder, released: Iterable[OpeningId]
    ) -> None:
        """`released` are those that an emergency or fire held open when the last run ended."""
        self._ways = ways
        self._recorder = recorder
        self._released = frozenset(released)
        self._first_look = True
        self._day: int | None = None

    def state(self) -> ForgivenessState:
        released = tuple(sorted(self._released, key=str))
        return ForgivenessState(released, not self._first_look, self._day)

    def restore(self, state: ForgivenessState) -> None:
        self._released = frozenset(state.released)
        self._first_look = not state.looked
        self._day = state.day

    def see_modes(self, modes: Mapping[OpeningId, Mode]) -> None:
        """Take in the present modes: whoever left through a door held open was not seen to, so
        with the end of an emergency at any of them everyone's position is forgotten."""
        released = frozenset(way for way, mode in modes.items() if mode.releases)
        over = self._released - released
        if over:
            self._ways.forgive(None, EMERGENCY_OVER)
        if self._first_look:
            # It ended while nobody looked, so no entry tells of that yet.
            for kind, name in sorted(over, key=str):
                mode = modes.get((kind, name), Mode.NORMAL)
                self._recorder.note(EntryKind.MODE, **{kind: name}, mode=mode.value)
        self._first_look = False
        self._released = released

    def see_day(self, day: int) -> None:
        """Take in the local day, counted from 1970, of a clock that is trusted.

        Once a day, and at the first look after a start: what was remembered before midnight goes.
        """
        if self._day is not None and day <= self._day:
            return
        try:
            self._ways.forgive_before(day, MIDNIGHT)
        except StorageError as error:
            log.warning("positions cannot be read", why=str(error))
            return
        self._day = day


def held_open(entries: Iterable[CommittedEntry]) -> frozenset[OpeningId]:
    """What an emergency or fire held open by the journal's entries on modes, newest first."""
    newest: dict[OpeningId, Mode] = {}
    for entry in entries:
        for kind in ("door", "turnstile"):
            if kind in entry.body:
                newest.setdefault((kind, entry.body[kind]), Mode(entry.body["mode"]))
    return frozenset(way for way, mode in newest.items() if mode.releases)
