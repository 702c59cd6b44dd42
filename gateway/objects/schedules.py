"""Time zones ("schedules"), their spans, and holidays."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import worded
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Flag, Id, Int, NameText, Ref, Stored, Time, invalid_member

SECONDS_OF_DAY = 86_400
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
HOLIDAY_GROUPS = ("hol1", "hol2", "hol3")

TIME_ZONES = ObjectType("time_zones", (Id("id"), NameText("name", required=True)), policy=True)

TIME_SPANS = ObjectType(
    "time_spans",
    (
        Id("id"),
        Ref("time_zone_id", "time_zones", required=True),
        # A start after the end spans midnight.
        Int("start", required=True, minimum=0, maximum=SECONDS_OF_DAY - 1),
        Int("end", required=True, minimum=0, maximum=SECONDS_OF_DAY),
        *(Flag(day, required=True) for day in WEEKDAYS),
        *(Flag(group, default=1) for group in HOLIDAY_GROUPS),
    ),
    policy=True,
)


def _check_holiday(row: Mapping[str, Stored]) -> None:
    start, end = row["start"], row["end"]
    if isinstance(start, int) and isinstance(end, int) and end < start:
        why = worded("the end is before the begin")
        raise invalid_member("end", f"time not before 'start', {start},", str(end), why)


HOLIDAYS = ObjectType(
    "holidays",
    (
        Id("id"),
        NameText("name", required=True),
        Time("start", required=True),
        Time("end", required=True),
        *(Flag(group, required=True) for group in HOLIDAY_GROUPS),
        Flag("repeats", required=True),
    ),
    policy=True,
    check=_check_holiday,
)
