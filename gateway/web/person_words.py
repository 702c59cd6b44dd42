"""What a person may do, in one sentence; pure but for the language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.web.languages import gettext as _
from gateway.web.languages import ngettext, noted

_DAYS = (
    *(noted("Mon"), noted("Tue"), noted("Wed"), noted("Thu")),
    *(noted("Fri"), noted("Sat"), noted("Sun")),
)
_NAMED = 4
"""Groups of doors with the same times that a sentence has."""
_DAY_MIN = 24 * 60
_DATE = "%Y-%m-%d %H:%M"

Spans = tuple[tuple[int, int], ...]
"""Beginnings and ends in minutes of a day."""


def may_pass(
    week: Mapping[str, Any], begin: datetime | None, end: datetime | None, now: datetime
) -> str:
    """Where and when the person of an answer of `when_can` may pass.

    `begin` and `end` bound their validity; all three are wall times.
    """
    if end is not None and end < now:
        return _("Not valid any more: ended %(date)s.", date=end.strftime(_DATE))
    if begin is not None and begin > now:
        return _("Not valid yet: begins %(date)s.", date=begin.strftime(_DATE))
    places: dict[tuple[Spans, ...], list[str]] = {}
    days = [day["date"] for day in week["days"]]
    for portal in week["portals"]:
        times = _times(days, portal["passes"])
        if any(times):
            places.setdefault(times, []).append(portal["name"])
    if not places:
        return _("May pass no door this week.")
    parts = [
        _("%(doors)s %(times)s", doors=", ".join(names), times=_words(times))
        for times, names in list(places.items())[:_NAMED]
    ]
    if len(places) > _NAMED:
        left = sum(len(names) for names in list(places.values())[_NAMED:])
        parts.append(ngettext("%(num)s door more", "%(num)s doors more", left))
    text = _("May pass %(places)s", places="; ".join(parts))
    if end is not None:
        text = _("%(text)s, until %(date)s", text=text, date=end.strftime(_DATE))
    return f"{text}."


def _times(days: Sequence[str], passes: Iterable[Mapping[str, Any]]) -> tuple[Spans, ...]:
    """The spans of each day of a week from its Monday."""
    spans: dict[str, list[tuple[int, int]]] = {day: [] for day in days}
    for interval in passes:
        begin = datetime.fromisoformat(interval["from"])
        # Both ends are included.
        end = datetime.fromisoformat(interval["to"]) + timedelta(seconds=1)
        while begin < end:
            midnight = datetime.combine(begin.date(), datetime.min.time()) + timedelta(days=1)
            last = min(end, midnight)
            first_min = begin.hour * 60 + begin.minute
            length_min = round((last - begin).total_seconds() / 60)
            if begin.date().isoformat() in spans:
                spans[begin.date().isoformat()].append((first_min, first_min + length_min))
            begin = last
    return tuple(tuple(spans[day]) for day in days)


def _words(times: Sequence[Spans]) -> str:
    """The days with the same times together, such as `Mon-Fri 08:00-18:00`."""
    runs: list[tuple[int, int]] = []
    for day, spans in enumerate(times):
        if runs and times[runs[-1][1]] == spans:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return ", ".join(
        _("%(days)s, all day", days=_run(first, last))
        if times[first] == ((0, _DAY_MIN),)
        else f"{_run(first, last)} {_clock(times[first])}"
        for first, last in runs
        if times[first]
    )


def _run(first: int, last: int) -> str:
    if (first, last) == (0, len(_DAYS) - 1):
        return _("every day")
    if first == last:
        return _(_DAYS[first])
    return f"{_(_DAYS[first])}-{_(_DAYS[last])}"


def _clock(spans: Spans) -> str:
    return ", ".join(f"{_minute(first)}-{_minute(last)}" for first, last in spans)


def _minute(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
