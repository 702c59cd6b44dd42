"""Fingerprint and face templates: stored and served, never matched on this device."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Blob, Id, Int, Ref

TEMPLATES = ObjectType(
    "templates",
    (
        Id("id"),
        Int("finger_position", default=0),
        # 0 ordinary finger, 1 raises the panic alarm.
        Int("finger_type", default=0, secret=True, duress=True),
        Blob("template", required=True),
        Ref("user_id", "users", required=True),
    ),
    change_logged=True,
)

FACE_TEMPLATES = ObjectType(
    "face_templates",
    (
        Id("id"),
        Int("face_type", default=0),
        Blob("template", required=True),
        Ref("user_id", "users", required=True),
        # As given by the client; not compared with the template.
        Int("length", required=True, minimum=0),
    ),
    change_logged=True,
)

CUSTOM_THRESHOLDS = ObjectType(
    "custom_thresholds",
    (
        Id("id"),
        Ref("user_id", "users", required=True),
        Int("threshold", required=True),
    ),
)
