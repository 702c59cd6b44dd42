"""Alarm zones and the schedules in which they are armed."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Flag, Id, Int, Ref

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
