"""When a rule is in force: the time zones tied to it, taken together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.access.calendar import ScheduleInstant
from gateway.access.schedule import CompiledZone
from gateway.access.trace import TimeVerdict


@dataclass(frozen=True, slots=True)
class Condition:
    """Compiled time zones, any of which will do."""

    zones: tuple[CompiledZone, ...]
    """Those that some day opens."""
    fixed: TimeVerdict | None
    """What they say at every moment, where that does not depend on the moment."""

    def at(self, instant: ScheduleInstant) -> TimeVerdict:
        """What they say at `instant`."""
        if self.fixed is not None:
            return self.fixed
        if not instant.trusted:
            return TimeVerdict.CLOCK_NOT_TRUSTED
        in_time = any(zone.holds(instant) for zone in self.zones)
        return TimeVerdict.IN_TIME if in_time else TimeVerdict.OUT_OF_TIME

    def holds(self, instant: ScheduleInstant) -> bool:
        """True when they are certain to be in force: no schedule, or an untrusted clock, is not."""
        return self.at(instant) in (TimeVerdict.ALWAYS, TimeVerdict.IN_TIME)


NOT_ASKED = Condition((), TimeVerdict.NOT_CHECKED)
"""For a rule that does nothing, whatever the time."""


def releasing(zones: Sequence[CompiledZone]) -> Condition:
    """For what opens: without a usable zone it never does."""
    return _condition(zones, relied_on=True)


def restricting(zones: Sequence[CompiledZone]) -> Condition:
    """For what blocks: a zone that is missing, empty or cannot be read never lifts it."""
    return _condition(zones, relied_on=all(zone.lifts_blocks for zone in zones))


def _condition(zones: Sequence[CompiledZone], *, relied_on: bool) -> Condition:
    usable = tuple(zone for zone in zones if zone.usable)
    if not usable or not relied_on:
        return Condition(usable, TimeVerdict.NO_SCHEDULE)
    always = any(zone.full_week for zone in usable)
    return Condition(usable, TimeVerdict.ALWAYS if always else None)
