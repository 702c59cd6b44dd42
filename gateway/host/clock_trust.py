"""Decides whether the wall clock can be trusted.

A Pi without a battery clock starts with a time in the past, and schedules checked against a wrong
clock admit everyone or nobody. An untrusted clock is a state of its own, with its own rules for
schedules.

The newest trusted instant in the journal is a floor: a clock behind it has lost its time. The floor
does not apply once a person or a time server has set the clock since boot, because the journal may
have been written while the clock was ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from gateway.clock import boot_id
from gateway.files import read_whole

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""Release date of this software; an earlier time is wrong."""
CEILING = RELEASED.replace(year=RELEASED.year + 20)
"""A later time is wrong, even when a person or a server has set it."""

SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd creates this file when it has set the clock from the network."""
BATTERY_CLOCK = Path("/dev/rtc0")

BACKWARD_STEP = timedelta(minutes=5)
"""A clock that is behind the floor by at most this counts as corrected."""


class ClockVerdict(StrEnum):
    """Why the clock is trusted, or why not; the values are stable."""

    SET_BY_HAND = "set_by_hand"
    NETWORK_TIME = "network_time"
    BATTERY_CLOCK = "battery_clock"
    SIMULATED = "simulated"
    """The board is simulated; its host keeps the time."""
    BEFORE_RELEASE = "before_release"
    BEYOND_CEILING = "beyond_ceiling"
    BEHIND_FLOOR = "behind_floor"
    NO_SOURCE = "no_source"
    """Nothing has set the clock since the machine started."""

    @property
    def trusted(self) -> bool:
        """Whether dates and schedules may use the clock."""
        return self in _TRUSTED


_TRUSTED = frozenset(
    {
        ClockVerdict.SET_BY_HAND,
        ClockVerdict.NETWORK_TIME,
        ClockVerdict.BATTERY_CLOCK,
        ClockVerdict.SIMULATED,
    }
)


@dataclass(frozen=True, slots=True)
class ClockSources:
    """What has set the clock, as far as this is known."""

    by_hand: bool = False
    """A person, since the machine started."""
    network: bool = False
    """A time server, since the machine started."""
    battery: bool = False
    simulated: bool = False


def judge(now: datetime, floor: datetime | None, sources: ClockSources) -> ClockVerdict:
    """Return whether the wall clock reading `now` is trusted for dates and schedules, and why.

    `floor` is the newest trusted instant in the journal, None without one.
    """
    first_that_holds = (
        (now < RELEASED, ClockVerdict.BEFORE_RELEASE),
        (now > CEILING, ClockVerdict.BEYOND_CEILING),
        (sources.by_hand, ClockVerdict.SET_BY_HAND),
        (sources.network, ClockVerdict.NETWORK_TIME),
        (is_behind(now, floor), ClockVerdict.BEHIND_FLOOR),
        (sources.battery, ClockVerdict.BATTERY_CLOCK),
        (sources.simulated, ClockVerdict.SIMULATED),
        (True, ClockVerdict.NO_SOURCE),
    )
    return next(verdict for holds, verdict in first_that_holds if holds)


def is_behind(now: datetime, floor: datetime | None) -> bool:
    """Return whether `now` is behind `floor` by more than BACKWARD_STEP."""
    return floor is not None and now < floor - BACKWARD_STEP


class ClockTrust:
    """Judges the machine's clock by the release date, the journal and the clock's sources."""

    def __init__(
        self,
        floor: datetime | None,
        *,
        simulated: bool = False,
        synchronised: Path | None = None,
        battery_clock: Path | None = None,
        set_by_hand: Path | None = None,
    ) -> None:
        """`floor` is as in `judge`; `set_by_hand` is the mark that `note_set_by_hand` writes.

        With `simulated` the host's battery clock is ignored.
        """
        self.floor = floor
        self._simulated = simulated
        self._synchronised = synchronised or SYNCHRONISED
        self._battery_clock = battery_clock or BATTERY_CLOCK
        self._mark = set_by_hand
        self._was_set = False

    def judge(self, now: datetime) -> ClockVerdict:
        """Like the function `judge`, with the current floor and sources."""
        return judge(now, self.floor, self._sources())

    def trusted(self, now: datetime) -> bool:
        """Return whether the wall clock reading `now` is trusted for dates and schedules."""
        return self.judge(now).trusted

    def note_set(self) -> None:
        """Note that a person set the clock of this process; other processes do not see it."""
        self._was_set = True

    def _sources(self) -> ClockSources:
        return ClockSources(
            by_hand=self._was_set or self._is_marked(),
            network=self._synchronised.exists(),
            battery=not self._simulated and self._battery_clock.exists(),
            simulated=self._simulated,
        )

    def _is_marked(self) -> bool:
        """Return whether a person set the clock in this boot; an older mark does not count."""
        if self._mark is None:
            return False
        try:
            return read_whole(self._mark, _LONGEST_MARK).decode("ascii") == boot_id()
        except (OSError, ValueError):
            return False


_LONGEST_MARK = 100
"""Bytes of the mark that a person has set the clock."""


def note_set_by_hand(mark: Path) -> None:
    """Write the mark that a person has set the clock in this boot. Raises OSError."""
    mark.write_text(boot_id(), encoding="ascii")
