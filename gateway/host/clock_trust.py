"""Whether the wall clock may be believed.

A Pi without a battery clock starts in the past, and a clock that is wrong lets everyone in or
nobody. Untrusted is a state of its own, with its own rules for schedules.

The journal's newest trusted instant is a floor: a clock that shows less has lost its time. Whoever
set the clock since the machine started, a person or a time server, knows better than a journal
that was written while the clock was ahead, so the floor does not count then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from gateway.host.boot import boot_id

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that shows an earlier time than this software's release can be right."""
CEILING = RELEASED.replace(year=RELEASED.year + 20)
"""Nor one that shows a later time than this, whoever has set it."""

SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""Exists once systemd-timesyncd has set the clock from the network since boot."""
BATTERY_CLOCK = Path("/dev/rtc0")

BACKWARD_STEP = timedelta(minutes=5)
"""How far the clock may be behind the floor and still be called a correction."""


class ClockVerdict(StrEnum):
    """Why the clock is trusted, or why not; the values are stable."""

    SET_BY_HAND = "set_by_hand"
    NETWORK_TIME = "network_time"
    BATTERY_CLOCK = "battery_clock"
    SIMULATED = "simulated"
    """The machine of a simulated board has some source of time."""
    BEFORE_RELEASE = "before_release"
    BEYOND_CEILING = "beyond_ceiling"
    BEHIND_FLOOR = "behind_floor"
    NO_SOURCE = "no_source"
    """Nothing has set the clock since the machine started."""

    @property
    def trusted(self) -> bool:
        """Whether dates and schedules may go by the clock."""
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
    """What has set the clock, as far as that can be seen."""

    by_hand: bool = False
    """A person, since the machine started."""
    network: bool = False
    """A time server, since the machine started."""
    battery: bool = False
    simulated: bool = False


def judge(now: datetime, floor: datetime | None, sources: ClockSources) -> ClockVerdict:
    """Whether `now`, read from the wall clock, may decide over dates and schedules, and why.

    `floor` is the newest instant in the journal while the clock was trusted, None without one.
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
    """Whether `now` is further behind `floor` than a correction of the clock takes it."""
    return floor is not None and now < floor - BACKWARD_STEP


class ClockTrust:
    """Judges the machine's clock by its release date, by the journal and by its sources."""

    def __init__(
        self,
        floor: datetime | None,
        *,
        simulated: bool = False,
        synchronised: Path | None = None,
        battery_clock: Path | None = None,
        set_by_hand: Path | None = None,
    ) -> None:
        """`floor` as in `judge`; `set_by_hand` is the mark that `note_set_by_hand` leaves.

        With `simulated` the board is, and its machine's battery clock says nothing.
        """
        self.floor = floor
        self._simulated = simulated
        self._synchronised = synchronised or SYNCHRONISED
        self._battery_clock = battery_clock or BATTERY_CLOCK
        self._mark = set_by_hand
        self._was_set = False

    def judge(self, now: datetime) -> ClockVerdict:
        """As the function of this name, by the sources that there are at this instant."""
        return judge(now, self.floor, self._sources())

    def trusted(self, now: datetime) -> bool:
        """Whether `now`, read from the wall clock, may decide over dates and schedules."""
        return self.judge(now).trusted

    def note_set(self) -> None:
        """Somebody set the clock of this process, which no other process and no restart knows."""
        self._was_set = True

    def _sources(self) -> ClockSources:
        return ClockSources(
            by_hand=self._was_set or self._is_marked(),
            network=self._synchronised.exists(),
            battery=not self._simulated and self._battery_clock.exists(),
            simulated=self._simulated,
        )

    def _is_marked(self) -> bool:
        """A mark of an earlier start says nothing: the clock stood still in between."""
        if self._mark is None:
            return False
        try:
            return self._mark.read_text(encoding="ascii") == boot_id()
        except (OSError, ValueError):
            return False


def note_set_by_hand(mark: Path) -> None:
    """Leave a mark that somebody has set the clock since the machine started. Raises OSError."""
    mark.write_text(boot_id(), encoding="ascii")
