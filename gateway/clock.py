"""Wall, monotonic and device time in one place.

Doors and time-outs run on monotonic nanoseconds. Schedules run on the local wall clock of the
site. The API's columns hold *device time*: Unix seconds of the local wall clock, counted as if it
were UTC (Control iD Access API, data conventions), or true UTC where the site chose so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Protocol

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 1, tzinfo=UTC)
"""No clock shows less or more: a day and a month are left for zones, days and outages to be added
or taken away. A clock out there is not trusted anyway (`gateway.host.clock_trust`)."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return the kernel's random id of this boot; monotonic times are valid within one boot."""
    return _BOOT_ID.read_text(encoding="ascii").strip()


def bounded(moment: datetime, shift: timedelta = timedelta()) -> datetime:
    """`moment` plus `shift`, moved to EARLIEST or LATEST where it lies beyond."""
    if shift > LATEST - moment:
        return LATEST
    return max(EARLIEST, moment + max(shift, EARLIEST - moment))


def unix_s(moment: datetime) -> int:
    """Whole seconds from 1970 to `moment`, rounded down."""
    return (moment - EPOCH) // timedelta(seconds=1)


def unix_ms(moment: datetime) -> int:
    """Whole milliseconds from 1970 to `moment`, rounded down."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_unix_s(seconds: float) -> datetime:
    """The instant `seconds` after the begin of 1970, in UTC."""
    return EPOCH + timedelta(seconds=seconds)


class Clock(Protocol):
    """The source of time of every process; only its implementations read the system's clocks."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back and do not jump (CLOCK_MONOTONIC)."""

    def utc(self) -> datetime:
        """The wall clock, aware, in UTC."""


def monotonic_ms(clock: Clock) -> int:
    """Whole milliseconds of the monotonic clock, rounded down."""
    return clock.monotonic_ns() // 1_000_000


def wall_ahead_ms(clock: Clock) -> int:
    """Milliseconds by which the wall clock is ahead of the monotonic one; a step changes them."""
    return unix_ms(clock.utc()) - monotonic_ms(clock)


class AdjustableClock(Clock, Protocol):
    """A clock whose wall time a simulation may set."""

    def set_utc(self, moment: datetime | None) -> None:
        """Set the wall clock to `moment`; None restores the machine's time."""

    @property
    def shift(self) -> timedelta:
        """How far the wall clock is set ahead of the machine's."""


class SystemClock:
    """The machine's own clocks, with a wall clock that a simulation may shift."""

    def __init__(self) -> None:
        self._shift = timedelta()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def utc(self) -> datetime:
        return bounded(_machine_utc(), self._shift)

    def set_utc(self, moment: datetime | None) -> None:
        self._shift = timedelta() if moment is None else moment - _machine_utc()

    @property
    def shift(self) -> timedelta:
        return self._shift


class ManualClock:
    """A clock that moves only by `advance`, for tests and replays."""

    def __init__(self, utc: datetime, monotonic_ns: int = 1_000_000_000) -> None:
        self._utc = utc
        self._shift = timedelta()
        self._monotonic_ns = monotonic_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def utc(self) -> datetime:
        return bounded(self._utc, self._shift)

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds`."""
        self._utc = bounded(self._utc, timedelta(seconds=seconds))
        self._monotonic_ns += round(seconds * 1_000_000_000)

    def set_utc(self, moment: datetime | None) -> None:
        self._shift = timedelta() if moment is None else moment - self._utc

    @property
    def shift(self) -> timedelta:
        return self._shift


def _machine_utc() -> datetime:
    try:
        return datetime.now(UTC)
    except (OverflowError, ValueError):  # a year above 9999
        return LATEST


def next_round_ns(now_ns: int, every_ns: int) -> int:
    """The next whole multiple of `every_ns` after the monotonic instant `now_ns`.

    Periodic checks at such instants coincide, so that an idle loop wakes up once for all of them.
    """
    return (now_ns // every_ns + 1) * every_ns


class WireTime(StrEnum):
    """What the time columns of the API hold."""

    LOCAL = "local"
    """Seconds of the local wall clock counted as if it were UTC: the vendor's convention."""
    UTC = "utc"
    """True Unix seconds."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant as access decisions need it."""

    stamp: int
    """Device time in seconds, as the API's columns hold it: validity and holidays compare
    with this."""
    local: int
    """Seconds of the local wall clock counted as if UTC: weekdays and spans derive from this."""
    trusted: bool = True
    """False while the clock may be wrong (no RTC, no network time yet)."""


_FARTHEST_OFFSET = 12
"""UTC-12 to UTC+12 (Access API, module ntp)."""
_FIXED_OFFSET = re.compile(r"UTC([+-]\d{1,2})")


class SiteZone:
    """The site's time zone, which a fixed offset in the configuration may override."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._override: tzinfo | None = None

    def override(self, offset: str) -> None:
        """Use `offset`, such as `UTC-3` (three hours behind UTC); an empty text restores the zone.

        Text of any other form counts as empty: a schedule must not depend on a typo.
        """
        found = _FIXED_OFFSET.fullmatch(offset)
        hours = int(found[1]) if found else None
        known = hours is not None and abs(hours) <= _FARTHEST_OFFSET
        self._override = timezone(timedelta(hours=hours or 0)) if known else None

    def __call__(self) -> tzinfo:
        return self._override or self._zone


class DeviceTime:
    """Turns instants into device time: the one function behind every time column of the API."""

    def __init__(self, zone: Callable[[], tzinfo], wire: WireTime = WireTime.LOCAL) -> None:
        """`zone` is called for every stamp, since configuration may override the site's zone."""
        self._zone = zone
        self._wire = wire

    def wall(self, utc: datetime) -> datetime:
        """The instant `utc` in the site's zone."""
        return utc.astimezone(self._zone())

    def local(self, utc: datetime) -> int:
        """Seconds of the site's wall clock at `utc`, counted as if they were UTC."""
        wall = utc.astimezone(self._zone()).replace(tzinfo=UTC)
        return unix_s(wall)

    def instants(self, wall: datetime) -> tuple[datetime, ...]:
        """When the site's wall clock shows `wall`, which is given as if it were UTC, in UTC.

        Empty if the clocks skip it, two instants if they repeat it.
        """
        zone = self._zone()
        found = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return tuple(
            dict.fromkeys(
                instant
                for instant in found
                if instant.astimezone(zone).replace(tzinfo=UTC, fold=0) == wall
            )
        )

    def stamp(self, utc: datetime) -> int:
        """What a time column holds for the instant `utc`."""
        if self._wire is WireTime.LOCAL:
            return self.local(utc)
        return unix_s(utc)

    def local_of(self, stamp: int) -> int:
        """As `local`, for what a time column holds."""
        if self._wire is WireTime.LOCAL:
            return stamp
        return self.local(from_unix_s(stamp))

    def midnight(self, day: date) -> int:
        """What a time column holds for the first second of `day` on the site's wall clock."""
        zone = UTC if self._wire is WireTime.LOCAL else self._zone()
        return unix_s(datetime(day.year, day.month, day.day, tzinfo=zone))

    def moment(self, utc: datetime, *, trusted: bool = True) -> Moment:
        """The instant `utc` as access decisions need it."""
        return Moment(self.stamp(utc), self.local(utc), trusted)
