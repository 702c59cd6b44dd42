"""When a rule is in force: the union of its time zones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.access.calendar import ScheduleInstant
from gateway.access.schedule import CompiledZone
from gateway.access.trace import TimeVerdict


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
