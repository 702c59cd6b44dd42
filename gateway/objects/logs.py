"""Logs of events and changes.

Their references stay when the row is deleted: a log also tells of deleted people.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import I64, U64, Extension, Id, Int, NameText, OnDelete, Ref, Text, Time

RING = 10_000
"""Rows that are kept of the change log and of door events."""

AUDIT_RING = 25_000
"""Rows that are kept of the audit log."""

ACCESS_LOGS = ObjectType(
    "access_logs",
    (
        Id("id"),
        Time("time", required=True, indexed=True),
        Int("event", required=True),
        Ref("device_id", "devices", default=0, on_delete=OnDelete.KEEP, selective=False),
        Int("identifier_id", default=0),
        # 0, never null, for nobody: clients expect a number.
        Ref("user_id", "users", default=0, on_delete=OnDelete.KEEP),
        Ref("portal_id", "portals", default=0, on_delete=OnDelete.KEEP),
        Ref(
            "identification_rule_id",
            "identification_rules",
            default=0,
            on_delete=OnDelete.KEEP,
            selective=False,
        ),
        U64("card_value", default=0),
        Text("qrcode_value", default=""),
        Text("pin_value", default="", secret=True),
        Text("uhf_tag", default="", extension=Extension.UHF_READER),
        Int("confidence", default=0),
        Int("mask", default=0),
        Ref("log_type_id", "log_types", default=-1, on_delete=OnDelete.KEEP, selective=False),
    ),
    log=True,
)

ACCESS_LOG_ACCESS_RULES = ObjectType(
    "access_log_access_rules",
    (
        Ref("access_log_id", "access_logs", required=True),
        Ref("access_rule_id", "access_rules", required=True, on_delete=OnDelete.KEEP),
    ),
    pairs_unique=(("access_log_id", "access_rule_id"),),
    log=True,
)

ACCESS_EVENTS = ObjectType(
    "access_events",
    (
        Id("id"),
        Text("event", required=True),
        Text("type", required=True),
        Text("identification", required=True),
        I64("device_id", default=0),
        Time("timestamp", required=True),
    ),
    ring=RING,
    log=True,
)

ALARM_LOGS = ObjectType(
    "alarm_logs",
    (
        Id("id"),
        Int("event", required=True),
        Int("cause", required=True),
        Ref("user_id", "users", default=0, on_delete=OnDelete.KEEP),
        Time("time", required=True, indexed=True),
        Ref("access_log_id", "access_logs", default=0, on_delete=OnDelete.KEEP),
        Int("door_id", default=0),
    ),
    log=True,
)

CHANGE_LOGS = ObjectType(
    "change_logs",
    (
        Id("id"),
        Text("operation_type", required=True),
        Text("table_name", required=True),
        I64("table_id", required=True),
        Time("timestamp", required=True),
    ),
    ring=RING,
    log=True,
)

# Read-only for every role, since it records what clients did. It is secret: it shows logins,
# addresses and settings that an operator may not read.
AUDIT_LOGS = ObjectType(
    "audit_logs",
    (
        Id("id"),
        Text("time", required=True),
        Int("type", required=True),
        Text("details", required=True),
    ),
    ring=AUDIT_RING,
    log=True,
    read_only=True,
    secret=True,
)

# Kinds of punch for attendance.
LOG_TYPES = ObjectType("log_types", (Id("id"), NameText("name", required=True)))
