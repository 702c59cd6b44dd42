"""What belongs to calls: stored and given back, since this device makes none."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Id, Int, NameText, Ref, Text, Time

CONTACTS = ObjectType(
    "contacts",
    (
        Id("id"),
        NameText("name", required=True),
        Text("number", required=True),
        Ref("user_id", "users"),
    ),
)

WHITELIST = ObjectType(
    "whitelist",
    (Id("id"), NameText("name", required=True), Text("number", required=True)),
)

CALL_LOGS = ObjectType(
    "call_logs",
    (
        Id("id"),
        Time("time", required=True),
        # 0 made by the device, 1 received.
        Int("role", default=0),
        Text("remote_uri", default=""),
        Int("connection_time", default=0),
        # 1: the other side opened the door by a DTMF key.
        Int("dtmf_event", default=0),
        Int("p2p_enable", default=0),
        # 0 missed, 1 answered.
        Int("call_status", default=0),
    ),
    log=True,
)
