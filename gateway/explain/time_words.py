"""Moments, days and schedules in words."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.access.schedule import LAST_SECOND
from gateway.clock import Moment, from_unix_s
from gateway.explain.values import SpanReport, ZoneReport

KINDS = (
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "hol1",
    "hol2",
    "hol3",
)
"""Kinds of days, in the order of the flags of a time span."""

_DAY_S = 86_400
_RUNS = (("monday", "friday"), ("monday", "saturday"), ("monday", "sunday"))
_WEEK = (*KINDS[1:7], KINDS[0])
"""Monday to sunday."""


def when(moment: Moment) -> str:
    """A moment on the wall clock: `saturday 2026-11-21 09:00:00`."""
    at = from_unix_s(moment.local)
    return f"{KINDS[(at.weekday() + 1) % 7]} {at:%Y-%m-%d %H:%M:%S}"


def stamp_words(stamp: int) -> str:
    """A value of one of the API's time columns."""
    try:
        return f"{from_unix_s(stamp):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        return str(stamp)


def clock_words(second: int, *, end: bool = False) -> str:
    """A second of the day; as an `end`, the last second is written 24:00."""
    if end and second >= LAST_SECOND:
        return "24:00"
    minutes, seconds = divmod(second, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text


def wall_words(local: int, near: int) -> str:
    """An instant of the wall clock; without its date if that is the date of `near`."""
    if local // _DAY_S == near // _DAY_S:
        return clock_words(local % _DAY_S)
    return stamp_words(local)


def days_words(days: Sequence[str]) -> str:
    """Days of the week, abbreviated: `monday to friday, hol1`."""
    if len(days) == len(KINDS):
        return "every day"
    week = [day for day in _WEEK if day in days]
    others = [day for day in days if day not in _WEEK]
    for first, last in _RUNS:
        if week == list(_WEEK[_WEEK.index(first) : _WEEK.index(last) + 1]):
            week = [f"{first} to {last}"]
    return ", ".join([*week, *others]) or "no day"


def span_words(span: SpanReport) -> str:
    """One span: `monday to friday 08:00-18:00`."""
    hours = f"{clock_words(span.start)}-{clock_words(span.end, end=True)}"
    return f"{days_words(span.days)} {hours}"


def schedule_words(zones: Sequence[ZoneReport]) -> str:
    """The spans of all time zones together."""
    spans = dict.fromkeys(span_words(span) for zone in zones for span in zone.spans)
    return "; ".join(spans) or "never"
