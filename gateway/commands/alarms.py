"""Arming and disarming of alarm zones: commands of our own, since the vendor's API has none.

What sounds is told and silenced by `alarm_status`, the vendor's.
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
from gateway.errors import ControllerUnavailable, NotFound
from gateway.link.messages import (
    LONGEST_EXIT_S,
    AlarmStatus,
    ArmAlarms,
    DisarmAlarms,
    Fault,
    ZoneNumber,
    ZoneStatus,
)
from gateway.store.tables.audit import AuditType

Zones = Annotated[list[ZoneNumber], Field(min_length=1, max_length=5)]


class ArmRequest(RequestModel):
    """`alarm_arm`: without zones all of the device's."""

    zones: Zones | None = None
    exit_delay_s: Annotated[int, Field(ge=0, le=LONGEST_EXIT_S)] = 0
    """The time to leave: zones that are not armed yet are when it is over."""


class DisarmRequest(RequestModel):
    """`alarm_disarm`: without zones all of the device's."""

    zones: Zones | None = None


class AlarmState(TypedDict):
    """Answer to `alarm_state`."""

    zones: list[ZoneStatus]
    alarms: list[AlarmStatus]
    faults: list[Fault]
    siren: bool


def alarm_arm(call: Call[ArmRequest]) -> Done:
    """Arm alarm zones, after a time to leave; it is journalled when this answers."""
    zones = _chosen(call.request)
    call.context.controller.ask(ArmAlarms(zones=zones, exit_delay_s=call.request.exit_delay_s))
    call.context.refresh_logs()
    return DONE


def alarm_disarm(call: Call[DisarmRequest]) -> Done:
    """Disarm alarm zones, and end their alarms; it is journalled when this answers."""
    call.context.controller.ask(DisarmAlarms(zones=_chosen(call.request)))
    call.context.refresh_logs()
    return DONE


def alarm_state(call: Call[NoMembers]) -> Annotated[Mapping[str, object], AlarmState]:
    """How each alarm zone stands, every alarm that is on, every part that is faulty, and whether
    the siren sounds."""
    status = call.context.controller.status()
    return {
        "zones": [zone.model_dump() for zone in status.zones],
        "alarms": [alarm.model_dump() for alarm in status.alarms],
        "faults": [fault.model_dump() for fault in status.faults],
        "siren": status.siren,
    }


def _chosen(request: ArmRequest | DisarmRequest) -> tuple[int, ...] | None:
    return None if request.zones is None else tuple(request.zones)


def _asked(request: ArmRequest | DisarmRequest) -> str:
    zones = "all zones" if request.zones is None else f"zones {sorted(set(request.zones))}"
    leaving = f", {request.exit_delay_s} s to leave" if isinstance(request, ArmRequest) else ""
    return f": {zones}{leaving}"


_ERRORS = (ControllerUnavailable, NotFound)
_AUDIT = Audit(AuditType.API, _asked, refusals=True)

COMMANDS = (
    Command(alarm_arm, errors=_ERRORS, audit=_AUDIT, example={"zones": [1, 2], "exit_delay_s": 30}),
    Command(alarm_disarm, errors=_ERRORS, audit=_AUDIT, example={"zones": [1, 2]}),
    Command(alarm_state, errors=(ControllerUnavailable,)),
)
