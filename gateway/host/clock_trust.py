"""Whether the wall clock may be believed.

A Pi without a battery clock starts in the past, and a clock that is wrong lets everyone in or
nobody. Untrusted is a state of its own, with its own rules for schedules.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.host.boot import boot_id

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that shows an earlier time than this software's release can be right."""

SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""Exists once systemd-timesyncd has set the clock from the network since boot."""
BATTERY_CLOCK = Path("/dev/rtc0")

BACKWARD_STEP = timedelta(minutes=5)
"""How far the clock may be behind the last journalled instant and still be called a correction."""


class ClockTrust:
    """Judges the clock by its release date, by the last instant known, and by its source."""

    def __init__(
        self,
        floor: datetime | None,
        *,
        has_source: bool | None = None,
        synchronised: Path = SYNCHRONISED,
        battery_clock: Path = BATTERY_CLOCK,
        set_by_hand: Path | None = None,
    ) -> None:
        """`floor` is the last instant in the journal while the clock was trusted.

        `has_source` True takes it for granted that something sets the clock (a simulated board);
        None looks for a battery clock, a network synchronisation, or the mark that
        `note_set_by_hand` left since the machine started.
        """
        self._floor = floor
        self._has_source = has_source
        self._synchronised = synchronised
        self._battery_clock = battery_clock
        self._set_by_hand = set_by_hand

    def trusted(self, now: datetime) -> bool:
        """Whether `now`, read from the wall clock, may decide over dates and schedules."""
        if now < RELEASED:
            return False
        if self._floor is not None and now < self._floor - BACKWARD_STEP:
            return False
        if self._has_source is not None:
            return self._has_source
        return (
            self._battery_clock.exists() or self._synchronised.exists() or self._was_set_by_hand()
        )

    def _was_set_by_hand(self) -> bool:
        """A mark of an earlier start says nothing: the clock stood still in between."""
        if self._set_by_hand is None:
            return False
        try:
            return self._set_by_hand.read_text(encoding="ascii") == boot_id()
        except (OSError, ValueError):
            return False


def note_set_by_hand(mark: Path) -> None:
    """Leave a mark that somebody has set the clock since the machine started. Raises OSError."""
    mark.write_text(boot_id(), encoding="ascii")
