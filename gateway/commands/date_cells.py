"""Dates as spreadsheets write them, read as device time where they have one meaning alone."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time

READ = "Unix seconds, or a date such as 2026-12-31 18:00, 31.12.2026 or 31/12/2026 18:00"
"""The forms that are read."""

_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ] *(.+))?")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([./])([0-9]{1,2})\2([0-9]{4})(?: +(.+))?")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_LAST_TIME = time(23, 59, 59)


def seconds_of_date(text: str, *, is_end: bool) -> int:
    """`text` in seconds of device time, to the second. A date alone is the begin of its day, and
    the end of it where `is_end`.

    Day and month with slashes are told apart by a day above 12. Raises ValueError, which says what
    was found and what is read.
    """
    day, hours = _parts(text)
    if hours is None:
        of_day = _LAST_TIME if is_end else time()
    else:
        found = _TIME.fullmatch(hours)
        if found is None:
            raise _unread(text)
        try:
            hour, minute, second = (int(part or 0) for part in found.groups())
            of_day = time(hour, minute, second)
        except ValueError:
            raise _unread(text) from None
    return int(datetime.combine(day, of_day, UTC).timestamp())


def _parts(text: str) -> tuple[date, str | None]:
    """The day, and what follows it."""
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day, hours = found.groups()
        readings = [(day, month)]
    elif found := _YEAR_LAST.fullmatch(text):
        day, mark, month, year, hours = found.groups()
        readings = [(day, month), (month, day)] if mark == "/" else [(day, month)]
    else:
        raise _unread(text)
    days: list[date] = []
    for day, month in readings:
        with suppress(ValueError):
            days.append(date(int(year), int(month), int(day)))
    if not days:
        raise _unread(text)
    if len(set(days)) > 1:
        raise ValueError(f"{text!r} may be {days[0]} or {days[1]}: write one of these")
    return days[0], hours


def _unread(text: str) -> ValueError:
    return ValueError(f"{READ} expected, got {text[:40]!r}")
