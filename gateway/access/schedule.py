"""Time zones made of spans: when a rule is in force.

A span admits whole seconds of the day, both ends included; 86399 and 86400 both mean the end of
the day. A span whose start is later than its end runs past midnight, and belongs to the weekday
and the holiday of the day it began on. On a holiday the flags of its groups decide, instead of
that of the weekday.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from gateway.access.calendar import ScheduleInstant
from gateway.access.rows import TimeSpanRow
from gateway.access.trace import TimeVerdict

LAST_SECOND = 86_399
_NEVER = -1


@dataclass(frozen=True, slots=True)
class _Kind:
    """The spans of one kind of day (a weekday or a holiday group), merged and in order."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    spill: int
    """The last second of the following day that a span past midnight reaches, or -1."""


@dataclass(frozen=True, slots=True)
class CompiledZone:
    """A compiled time zone."""

    kinds: tuple[_Kind, ...]
    """One of each: sunday to saturday, hol1 to hol3."""
    usable: bool
    """True when some day opens it."""
    full_week: bool
    """It holds on every weekday and in every holiday group, at every second, so the
    clock does not matter."""
    lifts_blocks: bool
    """False when a blocking rule must not rely on it: a zone that is deleted, has no span that any
    day could open, or has one that cannot be read."""

    def holds(self, instant: ScheduleInstant) -> bool:
        """True when a span admits `instant`."""
        second = instant.second
        for kind in instant.today:
            spans = self.kinds[kind]
            at = bisect_right(spans.starts, second)
            if at and second <= spans.ends[at - 1]:
                return True
        return any(second <= self.kinds[kind].spill for kind in instant.yesterday)


NO_ZONE = CompiledZone(
    (_Kind((), (), _NEVER),) * 10, usable=False, full_week=False, lifts_blocks=False
)
"""Stands for a zone that is empty or does not exist."""


def compile_zone(spans: Sequence[TimeSpanRow]) -> Generator[None, None, CompiledZone]:
    """Build a zone from its spans, giving way between the kinds of days."""
    readable = [span for span in spans if _readable(span)]
    kinds = []
    # Most zones treat most days alike.
    known: dict[tuple[tuple[int, int], ...], _Kind] = {}
    for kind in range(10):
        pairs = tuple(sorted([(span.start, span.end) for span in readable if span[4 + kind]]))
        if pairs not in known:
            known[pairs] = _compile_kind(pairs)
        kinds.append(known[pairs])
        yield
    if not any(kind.starts for kind in kinds):
        return NO_ZONE
    return CompiledZone(
        kinds=tuple(kinds),
        usable=True,
        full_week=_full_week(kinds),
        lifts_blocks=len(readable) == len(spans),
    )


def _full_week(kinds: Sequence[_Kind]) -> bool:
    """Whether any kind of day after any other is covered from its first second to its last."""
    morning = min(kind.spill for kind in kinds)
    return all(
        bool(kind.starts) and kind.starts[-1] <= morning + 1 and kind.ends[-1] == LAST_SECOND
        for kind in kinds
    )


def _readable(span: TimeSpanRow) -> bool:
    return 0 <= span.start <= LAST_SECOND and 0 <= span.end <= LAST_SECOND + 1


def _compile_kind(spans: Sequence[tuple[int, int]]) -> _Kind:
    """The spans of one kind of day, which come as start and end in order."""
    starts: list[int] = []
    ends: list[int] = []
    spill = _NEVER
    for start, end in spans:
        if start > end:
            spill = max(spill, end)
        last = min(end, LAST_SECOND) if start <= end else LAST_SECOND
        if ends and start <= ends[-1] + 1:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(start)
            ends.append(last)
    return _Kind(tuple(starts), tuple(ends), spill)


@dataclass(frozen=True, slots=True)
class Condition:
    """Compiled time zones; one that holds is enough."""

    zones: tuple[CompiledZone, ...]
    """The usable ones."""
    fixed: TimeVerdict | None
    """The answer for every moment, if it does not depend on the moment."""

    def at(self, instant: ScheduleInstant) -> TimeVerdict:
        """Whether they hold at `instant`, and if not, why."""
        if self.fixed is not None:
            return self.fixed
        if not instant.trusted:
            return TimeVerdict.CLOCK_NOT_TRUSTED
        in_time = any(zone.holds(instant) for zone in self.zones)
        return TimeVerdict.IN_TIME if in_time else TimeVerdict.OUT_OF_TIME

    def holds(self, instant: ScheduleInstant) -> bool:
        """True if they certainly hold: no schedule and an untrusted clock count as not."""
        return self.at(instant) in (TimeVerdict.ALWAYS, TimeVerdict.IN_TIME)


NOT_ASKED = Condition((), TimeVerdict.NOT_CHECKED)
"""For a rule that never has an effect."""


def releasing(zones: Sequence[CompiledZone]) -> Condition:
    """Condition of a releasing rule: without a usable zone it never holds."""
    return _condition(zones, relied_on=True)


def restricting(zones: Sequence[CompiledZone]) -> Condition:
    """Condition of a blocking rule: a missing, empty or invalid zone never lifts the block."""
    return _condition(zones, relied_on=all(zone.lifts_blocks for zone in zones))


def _condition(zones: Sequence[CompiledZone], *, relied_on: bool) -> Condition:
    usable = tuple(zone for zone in zones if zone.usable)
    if not usable or not relied_on:
        return Condition(usable, TimeVerdict.NO_SCHEDULE)
    always = any(zone.full_week for zone in usable)
    return Condition(usable, TimeVerdict.ALWAYS if always else None)
