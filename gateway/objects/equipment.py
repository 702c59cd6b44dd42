"""Modules, turnstiles, and other devices.

`sec_boxs` is the vendor's spelling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import worded
from gateway.objects.configuration_keys import RELAY_TIMEOUT_MAX_MS
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import (
    I64,
    Blob,
    Extension,
    Flag,
    Id,
    Int,
    NameText,
    PortNumber,
    Ref,
    Text,
    invalid_member,
)
from gateway.objects.links import link

_LISTED = re.compile(r"[1-9][0-9]{0,17}( *, *[1-9][0-9]{0,17})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class DoorList(Text):
    """A comma list of numbers of doors, in order and each once; empty for none."""

    def decode(self, value: object) -> str:
        text = Text.decode(self, value).strip()
        if text and not _LISTED.fullmatch(text):
            expected = "comma list of doors, such as 1,2"
            raise invalid_member(
                self.name, expected, repr(text[:40]), worded("it names doors only")
            )
        numbers = {int(word) for word in text.split(",")} if text else set[int]()
        return ",".join(str(number) for number in sorted(numbers))


DEVICES = ObjectType(
    "devices",
    (
        Id("id"),
        NameText("name", required=True),
        Text("ip", required=True),
        Blob("public_key", default=b""),
        # How this device logs in there, to have actions carried out and doors kept closed.
        Text("login", default="", extension=Extension.OURS),
        Text(
            "password",
            default="",
            secret=True,
            sent_to=("ip", "fingerprint"),
            extension=Extension.OURS,
        ),
        # SHA-256 of its certificate, 64 hexadecimal digits with or without colons; empty for one
        # that this machine's authorities verify.
        Text("fingerprint", default="", max_length=95, extension=Extension.OURS),
    ),
    administered=True,
)

# Not for joins: a device that carries out an action is not tied to the action's portals.
DEVICE_ACTIONS = link("device_actions", "devices", "actions", joins=False)

DEVICE_CLIENTS = ObjectType(
    "device_clients",
    (Ref("device_id", "devices", required=True), I64("client_id", required=True)),
    pairs_unique=(("device_id", "client_id"),),
)

NETWORK_INTERLOCKING_RULES = ObjectType(
    "network_interlocking_rules",
    (
        Id("id"),
        Text("ip", required=True),
        Text("login", required=True),
        Text("password", required=True, secret=True, sent_to=("ip", "port", "fingerprint")),
        Text("portal_name", default=""),
        Flag("enabled", default=1),
        Text("session_hash", default="", secret=True),
        PortNumber("port", default=""),
        Text("fingerprint", default="", max_length=95, extension=Extension.OURS),
    ),
    administered=True,
)

SEC_BOXS = ObjectType(
    "sec_boxs",
    (
        Id("id"),
        Int("version", required=True),
        NameText("name", required=True),
        Flag("enabled", required=True),
        # Milliseconds.
        Int("relay_timeout", required=True, minimum=0, maximum=RELAY_TIMEOUT_MAX_MS),
        Flag("door_sensor_enabled", required=True),
        Flag("door_sensor_idle", required=True),
        Flag("auto_close_enabled", required=True),
        # Undocumented, but some firmware has it: clients may omit it.
        Int("rex_mode", default=0),
        # The doors that must be free before this one opens, as `doorN_interlock` has them.
        DoorList("interlock", default="", max_length=200, extension=Extension.OURS),
    ),
    policy=True,
)

TURNS = ("left_turns", "right_turns", "entrance_turns", "exit_turns")
# One row, which changes with every person who passes: too often for the change log.
CATRA_INFOS = ObjectType(
    "catra_infos", (Id("id"), *(I64(turns, default=0, quiet=True) for turns in TURNS))
)
