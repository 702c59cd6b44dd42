"""Which factors a portal asks for, by time zone.

A mode is the set of what must be shown, so that modes that hold together add up: a card only and a
PIN only are a card and a PIN. A schedule that cannot be evaluated counts to the stricter side.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from gateway.access.calendar import ScheduleInstant
from gateway.access.rows import FactorModeRow
from gateway.access.schedule import NO_ZONE, CompiledZone, Condition, restricting
from gateway.access.slices import sliced
from gateway.access.trace import TimeVerdict


class FactorMode(IntEnum):
    """What a person must show; the numbers are those of the API.

    Cards, QR codes and UHF tags are cards here; a PIN, or a user id with its password, is a PIN.
    """

    CARD_OR_PIN = 0
    """Either is enough."""
    CARD = 1
    """A PIN alone is refused."""
    PIN = 2
    """A card alone is refused, and so is a card before a PIN."""
    CARD_AND_PIN = 3
    """First the card, then the same person's PIN."""

    @property
    def needs_card(self) -> bool:
        """True if a PIN alone is not enough."""
        return bool(self & FactorMode.CARD)

    @property
    def needs_pin(self) -> bool:
        """True if a card alone is not enough; such a portal needs readers with a keypad."""
        return bool(self & FactorMode.PIN)

    @property
    def word(self) -> str:
        """A stable name for journals and explanations."""
        return self.name.lower()


def factor_mode(number: int) -> FactorMode:
    """The mode with this number; one that is not known asks for everything."""
    known = number in FactorMode.__members__.values()
    return FactorMode(number) if known else FactorMode.CARD_AND_PIN


def strictest(modes: Iterable[FactorMode]) -> FactorMode:
    """The mode that meets every one of `modes`; CARD_OR_PIN for none."""
    found = 0
    for mode in modes:
        found |= mode
    return FactorMode(found)


@dataclass(frozen=True, slots=True)
class FactorSchedule:
    """A compiled row of `portal_factor_modes`."""

    id: int
    mode: FactorMode
    when: Condition


@dataclass(frozen=True, slots=True)
class FactorRuling:
    """The mode that holds at a portal, and why."""

    mode: FactorMode
    row_ids: tuple[int, ...] = ()
    """The rows of `portal_factor_modes` that count; none for the default of the site."""
    doubtful: bool = False
    """A schedule could not be evaluated, so that the stricter side counts."""
    threat_level: int = 0
    """The threat level that asks for more than the rows; 0 for none."""

    def under(self, level: int, mode: FactorMode) -> FactorRuling:
        """The ruling while a threat level asks for `mode`: the stricter of both."""
        both = strictest((self.mode, mode))
        return self if both is self.mode else replace(self, mode=both, threat_level=level)


def ruling_at(
    schedules: Iterable[FactorSchedule], instant: ScheduleInstant, default: FactorMode
) -> FactorRuling:
    """The mode at `instant`: that of the rows in time together, else the `default` of the site.

    A row whose schedule cannot be evaluated counts beside what would hold without it.
    """
    certain: list[FactorSchedule] = []
    doubtful: list[FactorSchedule] = []
    for schedule in schedules:
        match schedule.when.at(instant):
            case TimeVerdict.ALWAYS | TimeVerdict.IN_TIME:
                certain.append(schedule)
            case TimeVerdict.OUT_OF_TIME:
                pass
            case _:
                doubtful.append(schedule)
    base = strictest(row.mode for row in certain) if certain else default
    mode = strictest((base, *(row.mode for row in doubtful)))
    ids = tuple(sorted(row.id for row in (*certain, *doubtful)))
    return FactorRuling(mode, ids, doubtful=bool(doubtful))


def compile_factor_modes(
    rows: Iterable[FactorModeRow], zones: Mapping[int, CompiledZone]
) -> Generator[None, None, dict[int, tuple[FactorSchedule, ...]]]:
    """The schedules of each portal."""
    found: dict[int, tuple[FactorSchedule, ...]] = {}
    for part in sliced(rows):
        for row in part:
            mode = factor_mode(row.mode)
            when = restricting((zones.get(row.time_zone_id, NO_ZONE),))
            schedule = FactorSchedule(row.id, mode, when)
            found[row.portal_id] = (*found.get(row.portal_id, ()), schedule)
        yield
    return found
