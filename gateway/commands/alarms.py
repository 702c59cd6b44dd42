"""Arms and disarms alarm zones, resets a fire. Commands of ours: the vendor's API has none for it.

The vendor's `alarm_status` reports and silences the sounding alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.errors import ControllerUnavailable, NotFound, TooBusy
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

    def numbers(self) -> tuple[int, ...] | None:
        """The numbers of the zones, None for all."""
        return None if self.zones is None else tuple(self.zones)


class ArmRequest(DisarmRequest):
    """`alarm_arm`: by default all zones."""

    exit_delay_s: Annotated[int, Field(ge=0, le=LONGEST_EXIT_S)] = 0
    """The time to leave the zones before they are armed."""


class AlarmState(TypedDict):
    """Answer to `alarm_state`."""

    zones: list[ZoneStatus]
    alarms: list[AlarmStatus]
    faults: list[Fault]
    siren: bool


def alarm_arm(call: Call[ArmRequest]) -> Done:
    """Arm alarm zones after the exit delay; journalled before the answer."""
    zones, exit_delay_s = call.request.numbers(), call.request.exit_delay_s
    call.count_entries()
    call.context.controller.ask(ArmAlarms(zones=zones, exit_delay_s=exit_delay_s))
    call.context.refresh_logs()
    return DONE


def alarm_disarm(call: Call[DisarmRequest]) -> Done:
    """Disarm alarm zones and end their alarms; journalled before the answer."""
    call.context.controller.ask(DisarmAlarms(zones=call.request.numbers()))
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
    leaving = f", {request.exit_delay_s} s to leave" if isinstance(request, ArmRequest) else ""
    return f": {zones}{leaving}"


_ERRORS = (ControllerUnavailable, NotFound)
_AUDIT = Audit(_audit_detail, refusals=True)

COMMANDS = (
    Command(
        alarm_arm,
        errors=(*_ERRORS, TooBusy),
        audit=_AUDIT,
        example={"zones": [1, 2], "exit_delay_s": 30},
    ),
    Command(alarm_disarm, errors=_ERRORS, audit=_AUDIT, example={"zones": [1, 2]}),
    Command(alarm_state, errors=(ControllerUnavailable,)),
    Command(fire_reset, errors=(ControllerUnavailable,), audit=Audit(refusals=True)),
)
