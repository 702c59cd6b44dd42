"""Holidays: the kind of day of a moment.

A holiday holds for whole days of the site's wall clock, from the day of its start to the day of
end, both included. A holiday in no group has no effect; the groups of several add up.
A repeating holiday ignores the years: it runs over the 31st of December if its end is earlier in
the year than its start, and the 29th of February exists in leap years only. If the API's columns
hold UTC instead of local time, start and end are converted with the UTC offset at the moment of
the decision.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate

from gateway.access.rows import HolidayRow
from gateway.access.slices import drain, sliced
from gateway.clock import Moment

_DAY_S = 86_400
_THURSDAY = 4  # 1 January 1970
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_CYCLE_DAYS = 146_097  # the Gregorian calendar repeats after 400 years
_LEAP_YEAR_DAYS = 366
_MONTHS = tuple(accumulate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30), initial=0))
_HOLIDAY_KINDS = tuple(
    tuple(7 + group for group in range(3) if mask >> group & 1) for mask in range(8)
)
_KEPT_SHIFTS = 4


@dataclass(frozen=True, slots=True)
class ScheduleInstant:
    """A moment as second of the day and kind of day.

    Kinds of days: 0 to 6 are sunday to saturday, 7 to 9 are hol1 to hol3.
    """

    second: int
    """Of the local day, 0 to 86399."""
    today: tuple[int, ...]
    yesterday: tuple[int, ...]
    trusted: bool


@dataclass(frozen=True, slots=True)
class HolidayDays:
    """Holidays by day: a step function for those of one year, a table for those of every year."""

    starts: tuple[int, ...]
    """Days since 1970 from which `masks` of the same place holds."""
    masks: tuple[int, ...]
    yearly: tuple[int, ...]
    """Mask of each day of a leap year; empty when no holiday repeats."""

    def kinds(self, day: int) -> tuple[int, ...]:
        """Kinds of `day` (since 1970): its holiday groups, or its weekday."""
        mask = self.yearly[_day_of_year(day)] if self.yearly else 0
        at = bisect_right(self.starts, day)
        if at:
            mask |= self.masks[at - 1]
        return _HOLIDAY_KINDS[mask] or ((day + _THURSDAY) % 7,)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The holidays of a policy."""

    holidays: tuple[HolidayRow, ...]
    _by_shift: dict[int, HolidayDays] = field(compare=False, repr=False)
    """A cache: local time minus device time in seconds -> compiled days. The difference is 0
    unless the site stores UTC."""

    def instant(self, moment: Moment) -> ScheduleInstant:
        """`moment` as second of the day and kinds of day."""
        days = self._days(moment.local - moment.stamp)
        day, second = divmod(moment.local, _DAY_S)
        return ScheduleInstant(second, days.kinds(day), days.kinds(day - 1), moment.trusted)

    def _days(self, shift_s: int) -> HolidayDays:
        days = self._by_shift.get(shift_s)
        if days is None:
            if len(self._by_shift) >= _KEPT_SHIFTS:
                self._by_shift.clear()
            days = self._by_shift[shift_s] = drain(_compile_days(self.holidays, shift_s))
        return days


def compile_calendar(rows: Iterable[HolidayRow]) -> Generator[None, None, Calendar]:
    """Build the calendar from its rows; yields after every slice."""
    holidays: list[HolidayRow] = []
    for slice_of_rows in sliced(rows):
        holidays += slice_of_rows
        yield
    days = yield from _compile_days(holidays, 0)
    return Calendar(tuple(holidays), {0: days})


def _compile_days(
    holidays: Sequence[HolidayRow], shift_s: int
) -> Generator[None, None, HolidayDays]:
    once: dict[int, list[int]] = {}
    yearly = [[0, 0, 0] for _ in range(_LEAP_YEAR_DAYS + 1)]
    for slice_of_rows in sliced(holidays):
        for row in slice_of_rows:
            first = (row.start + shift_s) // _DAY_S
            last = (row.end + shift_s) // _DAY_S
            if row.repeats:
                _add_yearly(yearly, row, _day_of_year(first), _day_of_year(last))
            elif first <= last:
                _count(once.setdefault(first, [0, 0, 0]), row, 1)
                _count(once.setdefault(last + 1, [0, 0, 0]), row, -1)
        yield
    starts = sorted(once)
    masks = yield from _masks([once[day] for day in starts])
    table = yield from _masks(yearly[:-1])
    return HolidayDays(tuple(starts), masks, table if any(table) else ())


def _add_yearly(yearly: list[list[int]], row: HolidayRow, first: int, last: int) -> None:
    _count(yearly[first], row, 1)
    _count(yearly[last + 1], row, -1)
    if first > last:
        _count(yearly[0], row, 1)


def _count(counts: list[int], row: HolidayRow, by: int) -> None:
    """Note in `counts` that, from this day on, `by` more holidays of the row's groups hold."""
    for group, member in enumerate((row.hol1, row.hol2, row.hol3)):
        if member:
            counts[group] += by


def _masks(changes: Sequence[Sequence[int]]) -> Generator[None, None, tuple[int, ...]]:
    """The groups in force after each of the `changes`, as bits."""
    masks = []
    hol1 = hol2 = hol3 = 0
    for slice_of_changes in sliced(changes):
        for change in slice_of_changes:
            hol1, hol2, hol3 = hol1 + change[0], hol2 + change[1], hol3 + change[2]
            masks.append((hol1 > 0) | (hol2 > 0) << 1 | (hol3 > 0) << 2)
        yield
    return tuple(masks)


def _day_of_year(day: int) -> int:
    """Index of `day` (since 1970) in a leap year, from 0."""
    found = date.fromordinal((day + _EPOCH_ORDINAL - 1) % _CYCLE_DAYS + 1)
    return _MONTHS[found.month - 1] + found.day - 1
