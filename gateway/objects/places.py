"""Areas, the portals between them, actions, and access rules.

An area of a portal cannot be deleted: the portal would lead nowhere.
"""

from __future__ import annotations

from gateway.objects.configuration_keys import RELAY_TIMEOUT_MAX_MS
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import (
    I64,
    Choice,
    Extension,
    Id,
    Int,
    NameText,
    OnDelete,
    Ref,
    Text,
    Time,
)
from gateway.objects.links import link

AREAS = ObjectType("areas", (Id("id"), NameText("name", required=True)), policy=True)

PORTALS = ObjectType(
    "portals",
    (
        Id("id"),
        NameText("name", required=True),
        Ref("area_from_id", "areas", required=True, on_delete=OnDelete.RESTRICT, joins=False),
        Ref("area_to_id", "areas", required=True, on_delete=OnDelete.RESTRICT),
    ),
    policy=True,
)

ACTIONS = ObjectType(
    "actions",
    (
        Id("id"),
        NameText("name", required=True),
        Text("action", required=True),
        Text("parameters", default=""),
        Choice("run_at", default=0, choices=(0, 1, 2)),
    ),
    # The vendor's documentation calls the key "group_id", its devices "id".
    aliases={"group_id": "id"},
    policy=True,
)

ACCESS_RULES = ObjectType(
    "access_rules",
    (
        Id("id"),
        NameText("name", required=True),
        Choice("type", required=True, choices=(0, 1)),
        Int("priority", default=0),
    ),
    policy=True,
)

PORTAL_ACTIONS = link("portal_actions", "portals", "actions", policy=True)
ACCESS_RULE_ACTIONS = link("access_rule_actions", "access_rules", "actions", policy=True)
PORTAL_ACCESS_RULES = link("portal_access_rules", "portals", "access_rules", policy=True)
AREA_ACCESS_RULES = link("area_access_rules", "areas", "access_rules", policy=True)
GROUP_ACCESS_RULES = link("group_access_rules", "groups", "access_rules", policy=True)
# Read with the person at each decision, so it is no part of the compiled policy.
USER_ACCESS_RULES = link(
    "user_access_rules",
    "users",
    "access_rules",
    # The last second in which the person has the rule, in device time; 0 for no end.
    Time("end_time", default=0, extension=Extension.OURS),
)
ACCESS_RULE_TIME_ZONES = link("access_rule_time_zones", "access_rules", "time_zones", policy=True)

OPENING_TIMES = ObjectType(
    "opening_times",
    (
        Id("id"),
        Ref("user_id", "users", required=True),
        I64("door_id", required=True, minimum=1),
        # Milliseconds that the door is unlocked for that person.
        Int("time", required=True, minimum=0, maximum=RELAY_TIMEOUT_MAX_MS),
    ),
    pairs_unique=(("user_id", "door_id"),),
)
