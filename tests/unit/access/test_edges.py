"""The first and last values that a row may have, and rows that meet on one day."""

from __future__ import annotations

import pytest

from gateway.access.calendar import compile_calendar
from gateway.access.rows import HolidayRow, TimeSpanRow
from gateway.access.schedule import compile_zone
from gateway.access.slices import drain
from gateway.clock import Moment

EVERY_DAY = (1,) * 10
DAY_S = 86_400


@pytest.mark.parametrize(
    ("start", "end", "relied_on"),
    [
        (86_399, 86_399, True),
        (86_400, 86_400, False),
        (0, 0, True),
        (-1, 0, False),
        (100, 86_400, True),
        (100, 86_401, False),
        (100, -1, False),
    ],
)
def test_a_block_relies_on_a_span_within_the_day_alone(
    start: int, end: int, *, relied_on: bool
) -> None:
    good = TimeSpanRow(1, 1, 10, 20, *EVERY_DAY)
    zone = drain(compile_zone([good, TimeSpanRow(2, 1, start, end, *EVERY_DAY)]))
    assert zone.lifts_blocks is relied_on


def test_holidays_that_begin_on_one_day_end_each_on_its_own() -> None:
    week = HolidayRow(1, "week", 0, 6 * DAY_S, 1, 0, 0, 0)
    days = HolidayRow(2, "two days", 0, 1 * DAY_S, 1, 0, 0, 0)
    calendar = drain(compile_calendar([week, days]))
    hol1 = (7,)
    found = [calendar.instant(Moment(day * DAY_S, day * DAY_S)).today for day in range(8)]
    assert [kinds == hol1 for kinds in found] == [True] * 7 + [False]
