"""A schedule's week, as it is painted and written. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import StrictInt, TypeAdapter, ValidationError

from gateway.errors import InvalidRequest
from gateway.objects.schedules import HOLIDAY_GROUPS, WEEKDAYS
from gateway.web.languages import noted

DAYS = (*WEEKDAYS[1:], WEEKDAYS[0], *HOLIDAY_GROUPS)
"""The columns of a week, Monday first, then the three groups of holidays."""
DAY_WORDS = {
    "mon": noted("Mon"),
    "tue": noted("Tue"),
    "wed": noted("Wed"),
    "thu": noted("Thu"),
    "fri": noted("Fri"),
    "sat": noted("Sat"),
    "sun": noted("Sun"),
    "hol1": noted("Holiday 1"),
    "hol2": noted("Holiday 2"),
    "hol3": noted("Holiday 3"),
}
LONGEST_PAINTED = 20_000
"""Characters of a painted week."""
_PAINTED = TypeAdapter(dict[str, list[tuple[StrictInt, StrictInt]]])


def spans_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[list[int]]]:
    """Rows of `time_spans` as pairs of first and last second by day, in order."""
    found: dict[str, list[list[int]]] = {day: [] for day in DAYS}
    for row in rows:
        for day in DAYS:
            if row[day]:
                found[day].append([row["start"], row["end"]])
    return {day: sorted(spans) for day, spans in found.items()}


def rows_of(text: str) -> list[dict[str, Any]]:
    """The spans for `set_schedule` of a week in the form of `spans_of`, as JSON: what several days
    have in common is one span. Raises InvalidRequest."""
    days_of: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    try:
        week = _PAINTED.validate_json(text[:LONGEST_PAINTED])
    except ValidationError as error:
        raise InvalidRequest("week: must be the painted week") from error
    for day in DAYS:
        for span in week.get(day, ()):
            days_of[span].append(day)
    return [
        {"start": start, "end": end, "days": days} for (start, end), days in sorted(days_of.items())
    ]
