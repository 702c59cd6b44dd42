"""The live state of doors, readers, zones and alarms, as the controller has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from typing_extensions import TypedDict

from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.live_changes import STATE
from gateway.commands.requests import NoMembers
from gateway.errors import ControllerUnavailable
from gateway.link.messages import (
    AlarmStatus,
    DeviceStatus,
    DoorStatus,
    Fault,
    FireStatus,
    OnlineStatus,
    ThreatStatus,
    TurnstileStatus,
    ZoneStatus,
)


class LiveStateAnswer(TypedDict):
    """Answer to `live_state`."""

    board: str
    simulated: bool
    now_utc: int
    """The device's clock, in Unix seconds."""
    clock_trusted: bool
    clock_verdict: str
    doors: list[DoorStatus]
    turnstile: TurnstileStatus | None
    devices: list[DeviceStatus]
    zones: list[ZoneStatus]
    alarms: list[AlarmStatus]
    faults: list[Fault]
    siren: bool
    fire: FireStatus | None
    threat: ThreatStatus
    online: OnlineStatus | None


def live_state(call: Call[NoMembers]) -> Annotated[Mapping[str, object], LiveStateAnswer]:
    """The state of all doors, readers, alarm zones, alarms and faults, as the controller has it
    now."""
    status = call.context.controller.status()
    now = call.context.clock.utc().timestamp() + status.clock_shift_s
    return {"now_utc": int(now), **status.model_dump(mode="json", include=set(STATE))}


COMMANDS = (Command(live_state, errors=(ControllerUnavailable,)),)
