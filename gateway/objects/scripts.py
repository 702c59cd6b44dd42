"""Identification scripts, their parameters and their rules.

As on the vendor's devices (Control iD Access API, 2.4), reader N belongs to the portal in the N-th
parameter of the script whose name starts with `card`.

This device runs no other script. It cannot evaluate identification rules, so it refuses people who
have one, directly or by a group.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Field, Id, Int, NameText, Ref, Text
from gateway.objects.links import link

SCRIPTS = ObjectType("scripts", (Id("id"), Text("script", required=True)), policy=True)

SCRIPT_PARAMETERS = ObjectType(
    "script_parameters",
    (
        Id("id"),
        Ref("script_id", "scripts", required=True),
        Int("type", required=True),
        NameText("name", required=True),
    ),
    policy=True,
)

SCRIPT_INSTANCES = ObjectType(
    "script_instances",
    (Id("id"), Ref("script_id", "scripts", required=True)),
    policy=True,
)


def _parameters(name: str, value: Field, *, policy: bool = False) -> ObjectType:
    """A table of the values of script parameters of one kind."""
    fields = (
        Ref("script_parameter_id", "script_parameters", required=True),
        Ref("script_instance_id", "script_instances", required=True),
        Int("sequence", default=0),
        value,
    )
    unique = ("script_parameter_id", "script_instance_id", "sequence")
    return ObjectType(name, fields, pairs_unique=(unique,), policy=policy)


PORTAL_SCRIPT_PARAMETERS = _parameters(
    "portal_script_parameters", Ref("value", "portals", required=True, joins=False), policy=True
)
INTEGER_SCRIPT_PARAMETERS = _parameters("integer_script_parameters", Int("value", required=True))
TEXT_SCRIPT_PARAMETERS = _parameters("text_script_parameters", Text("value", required=True))

IDENTIFICATION_RULES = ObjectType(
    "identification_rules",
    (
        Id("id"),
        NameText("name", required=True),
        Ref("script_instance_id", "script_instances", required=True),
    ),
)
DEVICE_IDENTIFICATION_RULES = link("device_identification_rules", "devices", "identification_rules")
USER_IDENTIFICATION_RULES = link(
    "user_identification_rules",
    "users",
    "identification_rules",
    Int("type", default=0),
    policy=True,
)
GROUP_IDENTIFICATION_RULES = link(
    "group_identification_rules",
    "groups",
    "identification_rules",
    Int("type", default=0),
    policy=True,
)
