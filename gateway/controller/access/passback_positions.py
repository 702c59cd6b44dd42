"""Where people are, for anti-passback: what is committed, and what is on its way there."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.access.passback import Now, PassbackPosition
from gateway.clock import Clock, DeviceTime
from gateway.controller.state.ports import Passages
from gateway.controller.state.recorder import Recorder
from gateway.store.journal import EntryKind
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
