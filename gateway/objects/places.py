"""Areas, the portals between them, what opens, and the rules that say who may pass.

An area that a portal leads to or from cannot be deleted: the portal would lead nowhere, and
deleting a door because its room was renamed away would be worse.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Blob, Choice, Id, Int, OnDelete, Ref, Text

AREAS = ObjectType("areas", (Id("id"), Text("name", required=True)), policy=True)

PORTALS = ObjectType(
    "portals",
    (
        Id("id"),
        Text("name", required=True),
        Ref("area_from_id", "areas", required=True, on_delete=OnDelete.RESTRICT, joins=False),
        Ref("area_to_id", "areas", required=True, on_delete=OnDelete.RESTRICT),
    ),
    policy=True,
)

ACTIONS = ObjectType(
    "actions",
    (
        Id("id"),
        Text("name", required=True),
        Text("action", required=True),
        Text("parameters", default=""),
        Choice("run_at", default=0, choices=(0, 1, 2)),
    ),
    # The vendor's documentation names the key "group_id", its devices use "id".
    aliases={"group_id": "id"},
    policy=True,
)

ACCESS_RULES = ObjectType(
    "access_rules",
    (
        Id("id"),
        Text("name", required=True),
        Choice("type", required=True, choices=(0, 1)),
        Int("priority", default=0),
    ),
    policy=True,
)


def _link(name: str, left: str, right: str, *, policy: bool = True) -> ObjectType:
    """A table of pairs: `left` and `right` are objects, whose names in the singular plus `_id`
    are the fields.
    """
    fields = tuple(Ref(f"{target[:-1]}_id", target, required=True) for target in (left, right))
    return ObjectType(name, fields, pairs_unique=((fields[0].name, fields[1].name),), policy=policy)


PORTAL_ACTIONS = _link("portal_actions", "portals", "actions")
ACCESS_RULE_ACTIONS = _link("access_rule_actions", "access_rules", "actions")
PORTAL_ACCESS_RULES = _link("portal_access_rules", "portals", "access_rules")
AREA_ACCESS_RULES = _link("area_access_rules", "areas", "access_rules")
GROUP_ACCESS_RULES = _link("group_access_rules", "groups", "access_rules")
# Read for the person at each decision, so a change of it is no change of the compiled policy.
USER_ACCESS_RULES = _link("user_access_rules", "users", "access_rules", policy=False)
ACCESS_RULE_TIME_ZONES = _link("access_rule_time_zones", "access_rules", "time_zones")

DEVICES = ObjectType(
    "devices",
    (
        Id("id"),
        Text("name", required=True),
        Text("ip", required=True),
        Blob("public_key", default=b""),
    ),
)
