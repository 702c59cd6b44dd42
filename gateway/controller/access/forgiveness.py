"""When anti-passback forgets by itself: at midnight where the site wants it, after an emergency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from gateway.controller.access.passback_positions import PassbackPositions
from gateway.controller.state.component import OpeningId
from gateway.controller.state.recorder import Recorder
from gateway.doors.values import Mode
from gateway.errors import StorageError
from gateway.store.journal import CommittedEntry, EntryKind

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
