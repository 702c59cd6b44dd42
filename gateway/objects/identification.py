"""Credentials, and the scripts whose parameters tie readers to portals.

The binding of a reader is the vendor's (Control iD Access API, 2.4): reader N stands for the
portal in the N-th parameter of the script whose name starts with `card`.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import U64, Choice, Id, Int, Ref, Text

CARDS = ObjectType(
    "cards",
    (
        Id("id"),
        U64("value", required=True, unique=True),
        Ref("user_id", "users", required=True),
        Text("secret", default="", secret=True),
    ),
    change_logged=True,
)

QRCODES = ObjectType(
    "qrcodes",
    (
        Id("id"),
        Text("value", required=True, unique=True),
        Ref("user_id", "users", required=True),
    ),
)

PINS = ObjectType(
    "pins",
    (
        Id("id"),
        Text("value", required=True, unique=True, secret=True),
        Ref("user_id", "users", required=True, unique=True),
        Choice("pin_type", default=0, choices=(0, 1)),
    ),
)

SCRIPTS = ObjectType("scripts", (Id("id"), Text("script", required=True)), policy=True)

SCRIPT_PARAMETERS = ObjectType(
    "script_parameters",
    (
        Id("id"),
        Ref("script_id", "scripts", required=True),
        Int("type", required=True),
        Text("name", required=True),
    ),
    policy=True,
)

SCRIPT_INSTANCES = ObjectType(
    "script_instances",
    (Id("id"), Ref("script_id", "scripts", required=True)),
    policy=True,
)

PORTAL_SCRIPT_PARAMETERS = ObjectType(
    "portal_script_parameters",
    (
        Ref("script_parameter_id", "script_parameters", required=True),
        Ref("script_instance_id", "script_instances", required=True),
        Int("sequence", default=0),
        Ref("value", "portals", required=True, joins=False),
    ),
    pairs_unique=(("script_parameter_id", "script_instance_id", "sequence"),),
    policy=True,
)
