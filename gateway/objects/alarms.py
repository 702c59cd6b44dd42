"""Alarm zones, the schedules in which they are armed, and scheduled bells."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Flag, Id, Int, NameText, Ref
from gateway.objects.schedules import SECONDS_OF_DAY, WEEKDAYS

ALARM_ZONES = ObjectType(
    "alarm_zones",
    (
        Id("zone", auto=False, minimum=1, maximum=5),
        Flag("enabled", required=True),
        Flag("active_level", required=True),
        Int("alarm_delay", required=True, minimum=0, maximum=86_400_000),
    ),
    policy=True,
)

ALARM_ZONE_TIME_ZONES = ObjectType(
    "alarm_zone_time_zones",
    (
        Ref("alarm_zone_id", "alarm_zones", required=True),
        Ref("time_zone_id", "time_zones", required=True),
    ),
    pairs_unique=(("alarm_zone_id", "time_zone_id"),),
    policy=True,
)

TIMED_ALARMS = ObjectType(
    "timed_alarms",
    (
        Id("id"),
        NameText("name", required=True),
        Int("start", required=True, minimum=0, maximum=SECONDS_OF_DAY - 1),
        *(Flag(day, default=0) for day in WEEKDAYS),
    ),
    # One edition of the vendor's documentation calls it "time".
    aliases={"time": "start"},
    policy=True,
)
