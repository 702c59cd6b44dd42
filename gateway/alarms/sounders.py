"""The siren and the bell: how long they sound, and when the bell rings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DAY_S = 86_400
_THURSDAY = 4  # 1 January 1970, sunday being 0
LONGEST_GAP_S = 60
"""Longest gap between two checks of the wall clock; a longer one skips the bells in between."""


@dataclass(frozen=True, slots=True)
class Sounder:
    """One output that sounds for a time. Times are milliseconds of the monotonic clock."""

    until_ms: int | None = None
    """None while it is not asked to sound."""

    def started(self, now_ms: int, for_ms: int) -> Sounder:
        """Start, or restart, the sounding time."""
        return Sounder(now_ms + for_ms)

    def sounds(self, now_ms: int) -> bool:
        """True until its time is over."""
        return self.until_ms is not None and now_ms < self.until_ms

    def elapsed(self, now_ms: int) -> Sounder:
        """Silent once its time is over."""
        return self if self.sounds(now_ms) else SILENT


SILENT = Sounder()


@dataclass(frozen=True, slots=True)
class TimedAlarm:
    """A row of `timed_alarms`: a bell at a time of some weekdays."""

    start_s: int
    """Seconds from midnight; 86400 is the end of the day."""
    days: tuple[bool, ...]
    """Sunday to saturday."""

    def rings(self, after_s: int, until_s: int) -> bool:
        """True when its instant lies after `after_s` and not after `until_s`, both seconds of the
        local wall clock since 1970.
        """
        today = until_s // DAY_S
        return any(
            after_s < day * DAY_S + self.start_s <= until_s
            and self.days[(day + _THURSDAY) % len(self.days)]
            for day in (today - 1, today)
        )


@dataclass(frozen=True, slots=True)
class BellWatch:
    """The last check of the wall clock for bells."""

    seen_s: int | None = None
    """Local seconds since 1970; None before the first check of a trusted clock."""

    def look(
        self, bells: Iterable[TimedAlarm], local_s: int, *, trusted: bool
    ) -> tuple[BellWatch, bool]:
        """The state after a check of the wall clock, and whether a bell rings.

        Setting the clock ahead skips bells, and a small step back repeats none. The hour that
        daylight saving repeats rings twice.
        """
        if not trusted:
            return BellWatch(), False
        if self.seen_s is None or abs(local_s - self.seen_s) > LONGEST_GAP_S:
            return BellWatch(local_s), False
        if local_s <= self.seen_s:
            return self, False
        rung = any(bell.rings(self.seen_s, local_s) for bell in bells)
        return BellWatch(local_s), rung
