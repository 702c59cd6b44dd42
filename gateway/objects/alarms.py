"""Alarm zones, the schedules in which they are armed, and scheduled bells."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Choice, Extension, Flag, Id, Int, NameText, Ref
from gateway.objects.links import link
from gateway.objects.schedules import SECONDS_OF_DAY, WEEKDAYS

ALARM_ZONES = ObjectType(
    "alarm_zones",
    (
        Id("zone", auto=False, minimum=1, maximum=5),
        Flag("enabled", required=True),
        Flag("active_level", required=True),
        Int("alarm_delay", required=True, minimum=0, maximum=86_400_000),
        # 1: readers beep when it opens while it is disarmed.
        Flag("chime", default=0, extension=Extension.OURS),
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

# Zones that are armed and disarmed together: ours, the vendor's API has none.
ZONE_SETS = ObjectType(
    "zone_sets",
    (
        Id("id"),
        NameText("name", required=True),
        # Of a zone that is open when the set is armed: 1 refuse all, 2 leave it out.
        Choice("open_zones", default=1, choices=(1, 2)),
    ),
    policy=True,
)

ZONE_SET_ZONES = link("zone_set_zones", "zone_sets", "alarm_zones", policy=True, joins=False)

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
