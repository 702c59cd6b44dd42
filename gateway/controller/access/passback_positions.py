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
    """Changes that the journal file does not hold yet."""

    uncommitted: tuple[tuple[int, PassageChange], ...]
    """Each with the ticket of its entry, oldest first."""


class PassbackPositions:
    """Positions of people: those in the journal file, and changes on their way to it.

    The loop's thread alone uses it.
    """

    def __init__(
        self, passages: Passages, recorder: Recorder, clock: Clock, device_time: DeviceTime
    ) -> None:
        self._passages = passages
        self._recorder = recorder
        self._clock = clock
        self._device_time = device_time
        self._uncommitted: deque[tuple[int, PassageChange]] = deque()
        """Each with the ticket of its entry, oldest first."""

    def state(self) -> PassbackPositionsState:
        return PassbackPositionsState(tuple(self._uncommitted))

    def restore(self, state: PassbackPositionsState) -> None:
        self._uncommitted = deque(state.uncommitted)

    def now(self) -> Now:
        """The present instant, as a check needs it."""
        utc = self._clock.utc()
        return Now((utc - _EPOCH) // timedelta(seconds=1), self._device_time.local(utc))

    def of(self, user_id: int, portal_id: int) -> PassbackPosition:
        """Position of a person as a portal sees it. Raises StorageError."""
        known = self._passages.of(user_id)
        for _ticket, change in self._uncommitted:
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
        """Record that a person entered `area_id`, 0 for a portal from an area to itself."""
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
        self._uncommitted.append((ticket, change))

    def position(self, user_id: int) -> PassbackPosition:
        """The area in which a person is, and since when. Raises StorageError."""
        return self.of(user_id, portal_id=0)

    def forgive(self, user_id: int | None, why: str) -> int:
        """Forget the position of a person, or of everyone (None); returns the entry's ticket."""
        ticket = self._recorder.note(EntryKind.PASSAGE, user_id=user_id, why=why)
        self._uncommitted.append((ticket, PassageForgiven(user_id)))
        return ticket

    def forgive_before(self, day: int, why: str) -> None:
        """Forget entries before the local day `day`, if there are any. Raises StorageError."""
        entries = (
            change for _ticket, change in self._uncommitted if isinstance(change, PassageEntered)
        )
        if self._passages.any_before(day) or any(change.day < day for change in entries):
            ticket = self._recorder.note(EntryKind.PASSAGE, user_id=None, why=why, before_day=day)
            self._uncommitted.append((ticket, PassageForgiven(None, day)))

    def committed(self, ticket: int) -> None:
        """Drop changes up to `ticket`, which the file holds now."""
        while self._uncommitted and self._uncommitted[0][0] <= ticket:
            self._uncommitted.popleft()


MIDNIGHT = "midnight"
EMERGENCY_OVER = "emergency_over"
"""Why positions were forgotten, as the journal has it."""

log = structlog.get_logger("anti-passback")


@dataclass(frozen=True, slots=True)
class ForgivenessState:
    """The modes and the day seen last."""

    released: tuple[OpeningId, ...]
    looked: bool
    day: int | None


class Forgiveness:
    """Forgives everyone at midnight, if the site asks for it, and after an emergency.

    The loop's thread alone uses it.
    """

    def __init__(
        self, positions: PassbackPositions, recorder: Recorder, released: Iterable[OpeningId]
    ) -> None:
        """`released` are what an emergency or fire held open when the last run ended."""
        self._positions = positions
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
        """Forgive everyone if an emergency has ended anywhere since the last call.

        People who left by a door that was held open were not recorded.
        """
        released = frozenset(opening for opening, mode in modes.items() if mode.releases)
        over = self._released - released
        if over:
            self._positions.forgive(None, EMERGENCY_OVER)
        if self._first_look:
            # It ended while the controller was off, so the journal lacks the entry.
            for kind, name in sorted(over, key=str):
                mode = modes.get((kind, name), Mode.NORMAL)
                self._recorder.note(EntryKind.MODE, **{kind: name}, mode=mode.value)
        self._first_look = False
        self._released = released

    def see_day(self, day: int) -> None:
        """Forget earlier days at the first call of each day; `day` is local, counted from 1970.

        Call it only while the clock is trusted.
        """
        if self._day is not None and day <= self._day:
            return
        try:
            self._positions.forgive_before(day, MIDNIGHT)
        except StorageError as error:
            log.warning("positions cannot be read", why=str(error))
            return
        self._day = day


def held_open(entries: Iterable[CommittedEntry]) -> frozenset[OpeningId]:
    """What an emergency or fire held open, from the journal's entries on modes, newest first."""
    newest: dict[OpeningId, Mode] = {}
    for entry in entries:
        for kind in ("door", "turnstile"):
            if kind in entry.body:
                newest.setdefault((kind, entry.body[kind]), Mode(entry.body["mode"]))
    return frozenset(opening for opening, mode in newest.items() if mode.releases)
