"""Arms and disarms alarm zones, resets a fire. Commands of ours: the vendor's API has none for it.

The vendor's `alarm_status` reports and silences the sounding alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.errors import ControllerUnavailable, NotFound, NotPermitted, TooBusy
from gateway.link.messages import (
    LONGEST_EXIT_S,
    AlarmStatus,
    ArmAlarms,
    DisarmAlarms,
    Fault,
    ResetFire,
    ZoneNumber,
    ZoneStatus,
)

Zones = Annotated[list[ZoneNumber], Field(min_length=1, max_length=5)]


class DisarmRequest(RequestModel):
    """`alarm_disarm`: by default all zones."""

    zones: Zones | None = None
    zone_set: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    """The id of a row of `zone_sets`, in the place of `zones`."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.zones is not None and self.zone_set is not None:
            raise ValueError("zone_set: takes the place of zones, so only one of them is needed")
        return self

    def numbers(self) -> tuple[int, ...] | None:
        """The numbers of the zones, None for all."""
        return None if self.zones is None else tuple(self.zones)


class ArmRequest(DisarmRequest):
    """`alarm_arm`: by default all zones."""

    exit_delay_s: Annotated[int, Field(ge=0, le=LONGEST_EXIT_S)] = 0
    """The time to leave the zones before they are armed."""
    open_zones: Literal["refuse", "bypass"] | None = None
    """What becomes of zones that are open: none is armed, or the open ones are left out. By default
    what the set says, and without one `refuse`."""


class ArmedState(TypedDict):
    """Answer to `alarm_arm`."""

    bypassed: list[int]
    """The zones that are left out, since they were open."""


class AlarmState(TypedDict):
    """Answer to `alarm_state`."""

    zones: list[ZoneStatus]
    alarms: list[AlarmStatus]
    faults: list[Fault]
    siren: bool


def alarm_arm(call: Call[ArmRequest]) -> ArmedState:
    """Arm alarm zones after the exit delay; journalled before the answer.

    A zone that is open, or cannot be read, is refused by its number, or left out until it is armed
    again or disarmed. With an exit delay, zones with an entry delay may be open.
    """
    request = call.request
    call.count_entries()
    order = ArmAlarms(
        zones=request.numbers(),
        zone_set=request.zone_set,
        exit_delay_s=request.exit_delay_s,
        open_zones=request.open_zones,
    )
    call.context.controller.ask(order)
    call.context.refresh_logs()
    zones = call.context.controller.status().zones
    return {"bypassed": [zone.zone for zone in zones if zone.state == "bypassed"]}


def alarm_disarm(call: Call[DisarmRequest]) -> Done:
    """Disarm alarm zones and end their alarms; journalled before the answer."""
    request = call.request
    order = DisarmAlarms(zones=request.numbers(), zone_set=request.zone_set)
    call.context.controller.ask(order)
    call.context.refresh_logs()
    return DONE


def alarm_state(call: Call[NoMembers]) -> Annotated[Mapping[str, object], AlarmState]:
    """The state of each alarm zone, the active alarms, the faults, and whether the siren sounds."""
    status = call.context.controller.status()
    return {
        "zones": [zone.model_dump() for zone in status.zones],
        "alarms": [alarm.model_dump() for alarm in status.alarms],
        "faults": [fault.model_dump() for fault in status.faults],
        "siren": status.siren,
    }


class FireState(TypedDict):
    """Answer to `fire_reset`."""

    fire: bool
    """Whether a fire is still in force: its input reports it."""


def fire_reset(call: Call[NoMembers]) -> FireState:
    """Reset a fire whose input is normal again: the doors that it freed lock.

    Without effect while the input still reports the fire. Silencing alarms does not reset a fire,
    unless the site file says so (`fire.reset_by_stop`).
    """
    call.context.controller.ask(ResetFire())
    call.context.refresh_logs()
    return {"fire": call.context.controller.status().fire is not None}


def _audit_detail(request: DisarmRequest) -> str:
    zones = "all zones" if request.zones is None else f"zones {sorted(set(request.zones))}"
    if request.zone_set is not None:
        zones = f"zone set {request.zone_set}"
    leaving = f", {request.exit_delay_s} s to leave" if isinstance(request, ArmRequest) else ""
    return f": {zones}{leaving}"


_ERRORS = (ControllerUnavailable, NotFound)
_AUDIT = Audit(_audit_detail, refusals=True)

COMMANDS = (
    Command(
        alarm_arm,
        errors=(*_ERRORS, NotPermitted, TooBusy),
        audit=_AUDIT,
        example={"zones": [1, 2], "exit_delay_s": 30},
    ),
    Command(alarm_disarm, errors=_ERRORS, audit=_AUDIT, example={"zones": [1, 2]}),
    Command(alarm_state, errors=(ControllerUnavailable,)),
    Command(fire_reset, errors=(ControllerUnavailable,), audit=Audit(refusals=True)),
)
