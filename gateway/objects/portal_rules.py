"""Portal rules and scheduled unlocks.

A portal rule lists groups, with the number of people of each who must identify before the portal
opens. `validations` are conditions of rules. Those of the vendor are scripts, which this device
cannot run: a rule with one never releases. `gateway.access.validations` has those that count for
access rules. A portal rule with people (`portal_rule_users`) never releases either, since its
meaning is not documented. A scheduled unlock lets everybody pass; the time zones of its access
rules are its schedule, and their portals have its doors.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Id, Int, NameText, OnDelete, Ref, Text, Time
from gateway.objects.links import link

PORTAL_RULES = ObjectType(
    "portal_rules",
    (
        Id("id"),
        NameText("name", required=True),
        Int("type", required=True),
        Int("priority", default=0),
    ),
    policy=True,
)
PORTAL_PORTAL_RULES = link("portal_portal_rules", "portals", "portal_rules", policy=True)
PORTAL_RULE_ACTIONS = link("portal_rule_actions", "portal_rules", "actions", policy=True)
PORTAL_RULE_GROUPS = link(
    "portal_rule_groups",
    "portal_rules",
    "groups",
    Int("quantity", required=True, minimum=1),
    policy=True,
)
PORTAL_RULE_TIME_ZONES = link("portal_rule_time_zones", "portal_rules", "time_zones", policy=True)
PORTAL_RULE_USERS = link("portal_rule_users", "portal_rules", "users", policy=True)
PORTAL_RULE_VALIDATIONS = link(
    "portal_rule_validations", "portal_rules", "validations", policy=True
)

ACCESS_LOG_PORTAL_RULES = ObjectType(
    "access_log_portal_rules",
    (
        Ref("access_log_id", "access_logs", required=True),
        Ref("portal_rule_id", "portal_rules", required=True, on_delete=OnDelete.KEEP),
    ),
    pairs_unique=(("access_log_id", "portal_rule_id"),),
    log=True,
)

VALIDATIONS = ObjectType(
    "validations",
    (
        Id("id"),
        NameText("name", required=True),
        Text("validation", required=True),
        Text("parameters", default=""),
    ),
    policy=True,
)
ACCESS_RULE_VALIDATIONS = link(
    "access_rule_validations", "access_rules", "validations", policy=True
)

SCHEDULED_UNLOCKS = ObjectType(
    "scheduled_unlocks",
    (
        Id("id"),
        NameText("name", required=True),
        Text("message", default=""),
        Time("timestamp", default=0),
    ),
    policy=True,
)
SCHEDULED_UNLOCK_ACCESS_RULES = link(
    "scheduled_unlock_access_rules", "scheduled_unlocks", "access_rules", policy=True
)
