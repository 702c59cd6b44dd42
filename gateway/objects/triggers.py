"""Triggers: what happens, or a time, sets off an action. An object of ours.

`event` with its restrictions (`door_id`, `reader`, `user_id`, `group_id`, `cause`, within a time
zone) sets it off; after `delay_ms`, unless `cancel_event` comes first, `action` is done, and
`message` told. A trigger that refers to a person, group or time zone goes with it.
`gateway.triggers.site_fit` says which fields go together, and what the site cannot do.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import ID_LIMIT, Flag, Id, Int, NameText, Ref, Text, Word
from gateway.objects.schedules import HOLIDAY_GROUPS, SECONDS_OF_DAY, WEEKDAYS
from gateway.triggers.words import TRIGGER_EVENTS, MessageDestination, TriggerAction

LONGEST_DELAY_MS = 86_400_000
LONGEST_DURATION_MS = 86_400_000
LONGEST_MESSAGE = 200

TRIGGERS = ObjectType(
    "triggers",
    (
        Id("id"),
        NameText("name", required=True, max_length=100),
        Flag("enabled", default=1),
        Word("event", required=True, words=tuple(TRIGGER_EVENTS)),
        Int("door_id", default=0, minimum=0, maximum=ID_LIMIT),
        Text("reader", default="", max_length=100),
        Ref("user_id", "users", joins=False),
        Ref("group_id", "groups", joins=False),
        Int("cause", default=0, minimum=0, maximum=1_000),
        Ref("time_zone_id", "time_zones", joins=False),
        Int("start", default=0, minimum=0, maximum=SECONDS_OF_DAY - 1),
        *(Flag(day, default=1) for day in WEEKDAYS),
        *(Flag(group, default=1) for group in HOLIDAY_GROUPS),
        Int("delay_ms", default=0, minimum=0, maximum=LONGEST_DELAY_MS),
        Word("cancel_event", default="", words=("", *TRIGGER_EVENTS)),
        Word("action", required=True, words=tuple(TriggerAction)),
        Text("output", default="", max_length=100),
        Int("target_door_id", default=0, minimum=0, maximum=ID_LIMIT),
        Int("alarm_zone", default=0, minimum=0, maximum=5),
        Int("duration_ms", default=0, minimum=0, maximum=LONGEST_DURATION_MS),
        NameText("message", default="", max_length=LONGEST_MESSAGE),
        Word("destination", default=MessageDestination.MQTT.value, words=tuple(MessageDestination)),
    ),
    policy=True,
    administered=True,
)
