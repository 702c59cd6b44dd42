"""Where people are, for anti-passback, and when that is forgotten."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import structlog

from gateway.access.occupancy import AreaLimits
from gateway.access.passback import Now, PassbackPosition
from gateway.clock import Clock, DeviceTime, unix_s
from gateway.controller.state.component import OpeningId
from gateway.controller.state.ports import Passages
from gateway.controller.state.recorder import Recorder
from gateway.doors.values import Mode
from gateway.errors import StorageError
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.store.journal.passages import (
    AreaEmptied,
    PassageChange,
    PassageEntered,
    PassageForgiven,
    position_at,
)


@dataclass(frozen=True, slots=True)
class PassbackPositionsState:
    """Changes that the journal file does not hold yet."""

    uncommitted: tuple[tuple[int, PassageChange], ...]
    """Each with the ticket of its entry, oldest first."""
    inside: tuple[tuple[int, tuple[PassageEntered, ...]], ...] = ()
    """By area with limits."""


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
        self._inside: dict[int, dict[int, PassageEntered]] = {}
        """By area with limits and by person, how they came there."""
        self._limits: Mapping[int, AreaLimits] = {}

    def state(self) -> PassbackPositionsState:
        inside = ((area, tuple(people.values())) for area, people in self._inside.items())
        return PassbackPositionsState(tuple(self._uncommitted), tuple(inside))

    def restore(self, state: PassbackPositionsState) -> None:
        self._uncommitted = deque(state.uncommitted)
        self._inside = {
            area: {passage.user_id: passage for passage in people} for area, people in state.inside
        }

    def watch(self, limits: Mapping[int, AreaLimits]) -> None:
        """Count from now on who is in the areas with `limits`, and in no others.

        An area that cannot be read begins as empty, as after everyone was forgotten.
        """
        for area in self._inside.keys() - limits.keys():
            if self._limits[area].too_few(len(self._inside.pop(area))):
                self._note_too_few(self._limits[area], 0, on=False)
        self._limits = limits
        for area in limits.keys() - self._inside.keys():
            try:
                found = self._passages.inside(area)
            except StorageError as error:
                log.warning("positions cannot be read", area=area, why=str(error))
                found = []
            people = {passage.user_id: passage for passage in found}
            for _ticket, change in self._uncommitted:
                _apply(people, area, change)
            self._inside[area] = people

    def configure(self, limits: Mapping[int, AreaLimits]) -> None:
        """As `watch`, for areas whose people are known already: nothing is read."""
        self._limits = limits

    def inside(self, area_id: int) -> Collection[int]:
        """The people in an area with limits."""
        return self._inside.get(area_id, {}).keys()

    def empty(self, area_id: int, why: str, before_s: int | None = None, **more: str) -> int:
        """Have nobody count as inside an area, or any (0), who entered before `before_s`; the
        entry's ticket."""
        before = self.now().utc_s + 1 if before_s is None else before_s
        ticket = self._recorder.note(
            EntryKind.PASSAGE, emptied=area_id, before_s=before, why=why, **more
        )
        self._change((ticket, AreaEmptied(area_id, before)))
        return ticket

    def empty_before(self, area_id: int, before_s: int, why: str) -> None:
        """Empty an area with limits of whoever entered before an instant, if anybody did."""
        change = AreaEmptied(area_id, before_s)
        if any(change.empties(it) for it in self._inside.get(area_id, {}).values()):
            self.empty(area_id, why, before_s)

    def _change(self, *changes: tuple[int, PassageChange]) -> None:
        """Take over changes on their way to the file, each with its ticket; tell where too few are
        left by them."""
        self._uncommitted.extend(changes)
        for area, people in self._inside.items():
            limits, before = self._limits[area], len(people)
            for _ticket, change in changes:
                _apply(people, area, change)
            few = limits.too_few(len(people))
            if few is not limits.too_few(before):
                self._note_too_few(limits, len(people), on=few)

    def _note_too_few(self, limits: AreaLimits, inside: int, *, on: bool) -> None:
        self._recorder.note(
            EntryKind.OCCUPANCY,
            area_id=limits.area_id,
            inside=inside,
            minimum=limits.minimum,
            on=on,
        )

    def now(self) -> Now:
        """The present instant, as a check needs it."""
        utc = self._clock.utc()
        return Now(unix_s(utc), self._device_time.local(utc))

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
                case AreaEmptied():
                    known = _emptied(known, change)
                case _:
                    pass
        return position_at(known, portal_id)

    def entered(self, user_ids: Iterable[int], portal_id: int, area_id: int) -> None:
        """Record that people entered `area_id` together, 0 for a portal from an area to itself."""
        now = self.now()
        changes = []
        for user_id in user_ids:
            change = PassageEntered(user_id, portal_id, area_id, now.utc_s, now.day)
            ticket = self._recorder.note(
                EntryKind.PASSAGE,
                user_id=user_id,
                portal_id=portal_id,
                area_id=area_id,
                utc_s=change.utc_s,
                day=change.day,
            )
            changes.append((ticket, change))
        self._change(*changes)

    def position(self, user_id: int) -> PassbackPosition:
        """The area in which a person is, and since when. Raises StorageError."""
        return self.of(user_id, portal_id=0)

    def forgive(self, user_id: int | None, why: str) -> int:
        """Forget the position of a person, or of everyone (None); returns the entry's ticket."""
        ticket = self._recorder.note(EntryKind.PASSAGE, user_id=user_id, why=why)
        self._change((ticket, PassageForgiven(user_id)))
        return ticket

    def forgive_before(self, day: int, why: str) -> None:
        """Forget entries before the local day `day`, if there are any. Raises StorageError."""
        entries = (
            change for _ticket, change in self._uncommitted if isinstance(change, PassageEntered)
        )
        if self._passages.any_before(day) or any(change.day < day for change in entries):
            ticket = self._recorder.note(EntryKind.PASSAGE, user_id=None, why=why, before_day=day)
            self._change((ticket, PassageForgiven(None, day)))

    def committed(self, ticket: int) -> None:
        """Drop changes up to `ticket`, which the file holds now."""
        while self._uncommitted and self._uncommitted[0][0] <= ticket:
            self._uncommitted.popleft()


def _apply(people: dict[int, PassageEntered], area: int, change: PassageChange) -> None:
    """Have `people`, who are in `area`, follow a change."""
    match change:
        case PassageEntered(area_id=0):
            # It leads from an area to itself; where it led to another one before, that is lost.
            known = people.get(change.user_id)
            if known is not None and known.portal_id == change.portal_id:
                del people[change.user_id]
        case PassageEntered():
            people.pop(change.user_id, None)
            if change.area_id == area:
                people[change.user_id] = change
        case PassageForgiven():
            for passage in [it for it in people.values() if change.forgets(it)]:
                del people[passage.user_id]
        case AreaEmptied():
            for passage in [it for it in people.values() if change.empties(it)]:
                del people[passage.user_id]


def _emptied(known: list[PassageEntered], change: AreaEmptied) -> list[PassageEntered]:
    """The passages of a person after an area was emptied: the entries by each portal stay."""
    there = next((it for it in reversed(known) if it.area_id), None)
    if there is None or not change.empties(there):
        return known
    return [replace(passage, area_id=0) for passage in known]


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
