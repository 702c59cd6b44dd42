"""The interlock with the doors of other devices (Access API, network interlocking)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, cast

from pydantic import AliasChoices, Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.audit import audited_configuration
from gateway.commands.clearance import Clearance
from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import Flag, RequestModel
from gateway.commands.rights import Right
from gateway.doors.peer_interlock import LEASE_MS, WAIT_MS

MODULE = "network_interlock"
"""Of the configuration; its keys are the members of `set_network_interlock`."""


class NetworkInterlockRequest(RequestModel):
    """`set_network_interlock`: all three members are required."""

    interlock_enabled: Flag
    api_bypass_enabled: Flag
    # The vendor's collection of requests has the second name.
    rex_bypass_enabled: Annotated[
        Flag, Field(validation_alias=AliasChoices("rex_bypass_enabled", "button_bypass_enabled"))
    ]


class OpeningAnnouncement(RequestModel):
    """`announce_opening`."""

    device_id: Annotated[int, Field(ge=0, lt=1 << 53)]
    """Of the device that announces."""


class AnnouncementAnswer(TypedDict):
    """Answer to `announce_opening`: `free` lets the other device open a door within a second."""

    state: Literal["free", "occupied", "claimed"]


def set_network_interlock(call: Call[NetworkInterlockRequest]) -> Done:
    """Enable or disable the interlock with the devices in `network_interlocking_rules`, and whether
    clients and exit buttons ask them."""
    values = {key: str(int(value)) for key, value in call.request.model_dump().items()}
    with audited_configuration(call, {MODULE: values}):
        call.context.store.set_configuration({MODULE: values})
    return DONE


def announce_opening(call: Call[OpeningAnnouncement]) -> AnnouncementAnswer:
    """Tell that another device wants to open a door. `free` keeps all doors here locked until it
    has; of two that announce at the same time the one with the lower `device_id` goes first."""
    state = call.context.peers.announced(call.request.device_id)
    return {"state": cast("Literal['free', 'occupied', 'claimed']", state)}


def asks_peers(context: CommandContext) -> bool:
    """Whether the network interlock is enabled. Raises StorageError."""
    return context.setting(MODULE, "interlock_enabled") == "1"


def cleared(context: CommandContext) -> Clearance:
    """What the peers say to an opening by a client; free where it does not ask them.

    Raises StorageError.
    """
    if not asks_peers(context) or context.setting(MODULE, "api_bypass_enabled") == "1":
        return Clearance(free=True)
    return replace(context.peers.clear(), within_s=(LEASE_MS - WAIT_MS) / 1000)


COMMANDS = (
    Command(
        set_network_interlock,
        Right.ADMINISTRATOR,
        example={
            "interlock_enabled": False,
            "api_bypass_enabled": False,
            "rex_bypass_enabled": True,
        },
    ),
    Command(announce_opening, Right.DOOR_STATE, example={"device_id": 7}),
)
