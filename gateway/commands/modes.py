"""Exception modes of the device and its doors: who set one, why, and until when.

An operator may lock down a door or device without a mode. Setting an emergency, and ending or
replacing any mode, needs an administrator.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.audit import audited_configuration
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import NoMembers, RequestModel, invalid_value
from gateway.commands.rights import Right, check_right
from gateway.errors import ControllerUnavailable, InvalidRequest, NotPermitted
from gateway.link.messages import EndedMode
from gateway.objects.modes import DEVICE, LONGEST_REASON, mode_key
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.tables.audit import AuditType, write_entry
from gateway.store.tables.modes import NO_MODE, read_modes, write_mode

_LOCK_DOWN = "lock_down"
LONGEST_MINUTES = 43_200
"""Thirty days; a mode that must last longer has no end."""


class ModeRequest(RequestModel):
    """`set_exception_mode`; door 0 is the whole device."""

    door: Annotated[int, Field(ge=0)]
    mode: Literal["none", "emergency", "lock_down"]
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    """Required to set a mode, not to end one."""
    minutes: Annotated[int, Field(ge=1, le=LONGEST_MINUTES)] | None = None
    """Time after which the mode ends; None for never."""


class ExceptionMode(TypedDict):
    """The mode of one door, or of the device."""

    door: int
    mode: str
    login: str
    reason: str
    since: int
    until: int


class ExceptionModes(TypedDict):
    """Answer to `get_exception_modes`."""

    exception_modes: list[ExceptionMode]


def set_exception_mode(call: Call[ModeRequest]) -> Done:
    """Set the exception mode of the device or of one door, or end it."""
    context, request = call.context, call.request
    if request.door not in _places(context):
        raise InvalidRequest(f"door: this device has no door {request.door}")
    if not request.reason and request.mode != NO_MODE:
        raise invalid_value("reason", "a mode requires a reason")
    if request.minutes and request.mode == NO_MODE:
        raise InvalidRequest("minutes: only a mode can end by itself")
    until_utc = _end(context, request.minutes) if request.minutes else None
    now = context.device_time.stamp(context.clock.utc())
    row = ModeRow(
        request.door,
        request.mode,
        call.caller.login or "",
        request.reason,
        now,
        context.device_time.stamp(until_utc) if until_utc else 0,
        int(until_utc.timestamp()) if until_utc else 0,
    )
    # The transaction that changes the mode also reads it.
    values = {"general": {mode_key(request.door): request.mode}}
    with audited_configuration(call, values):
        before = read_modes(context.store)[request.door].mode
        if not (before == NO_MODE and request.mode == _LOCK_DOWN):
            check_right(call.caller, Right.ADMINISTRATOR)
        write_mode(context.store, row)
    return DONE


def get_exception_modes(call: Call[NoMembers]) -> ExceptionModes:
    """The modes of the device, as door 0, and of each door: who set them, why and until when.

    A mode that a client set as configuration has no login, reason or times; time 0 is none.
    """
    known = read_modes(call.context.store)
    return {"exception_modes": [_shown(door, known[door]) for door in _places(call.context)]}


def _shown(door: int, known: ModeRow) -> ExceptionMode:
    return {
        "door": door,
        "mode": known.mode,
        "login": known.login,
        "reason": known.reason,
        "since": known.since,
        "until": known.until,
    }


def end_modes(context: CommandContext, ended: Iterable[EndedMode]) -> None:
    """Store the end of modes that the controller has ended. Raises StorageError.

    A mode that somebody has set since then stays.
    """
    for mode in ended:
        with context.store.transaction():
            row = read_modes(context.store)[mode.door]
            if row.until_utc != mode.until_utc:
                continue
            now = context.clock.utc()
            stamp = context.device_time.stamp(now)
            over = ModeRow(mode.door, NO_MODE, "", "its time was over", stamp)
            write_mode(context.store, over)
            text = f"this device: general.{mode_key(mode.door)} {row.mode} -> none, {over.reason}"
            write_entry(context.store, AuditType.CONFIG, context.device_time.local(now), text)


def _places(context: CommandContext) -> tuple[int, ...]:
    return (DEVICE, *sorted(door.id for door in context.site.door))


def _end(context: CommandContext, minutes: int) -> datetime:
    """The end of a mode of `minutes` by the clock of the controller, which ends the mode."""
    status = context.controller.status()
    if not status.clock_trusted:
        raise InvalidRequest("minutes: the clock is not trusted, so a mode cannot end by itself")
    now = context.clock.utc() + timedelta(seconds=status.clock_shift_s)
    return (now + timedelta(minutes=minutes)).astimezone(UTC)


def _audit_detail(request: ModeRequest) -> str:
    where = f"door {request.door}" if request.door != DEVICE else "the device"
    until = f" for {request.minutes} minutes" if request.minutes else ""
    return f": {request.mode} for {where}{until}, {request.reason!r}"


COMMANDS = (
    Command(
        set_exception_mode,
        errors=(ControllerUnavailable, NotPermitted),
        audit=Audit(_audit_detail, refusals=True),
        example={"door": 1, "mode": "lock_down", "reason": "found open", "minutes": 30},
    ),
    Command(get_exception_modes),
)
