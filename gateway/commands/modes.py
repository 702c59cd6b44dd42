"""Exception modes of the device and its doors: who set one, why, and until when.

While the database cannot be written, a mode is put in force all the same: the controller and this
process remember it, and it is stored as soon as that is possible.

An operator may lock down a door or device without a mode. Setting an emergency, and ending or
replacing any mode, needs an administrator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NotRequired

import structlog
from pydantic import Field
from typing_extensions import TypedDict

from gateway.clock import unix_s
from gateway.commands.audit import audited_configuration
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.doors import doors_in_group, groups_of
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right, check_right
from gateway.errors import ControllerUnavailable, InvalidRequest, NotPermitted, StorageError, worded
from gateway.link.messages import EndedMode, KeepModes, UnstoredMode
from gateway.objects.fields import invalid_value
from gateway.objects.modes import DEVICE, LONGEST_REASON, has_mode_key, mode_key
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.tables.audit import AuditType, write_entry
from gateway.store.tables.modes import NO_MODE, read_modes, write_mode

log = structlog.get_logger("commands")

_LOCK_DOWN = "lock_down"
LONGEST_MINUTES = 43_200
"""Thirty days; a mode that must last longer has no end."""


class ModeRequest(RequestModel):
    """`set_exception_mode`, for a door or for a group of doors; door 0 is the whole device."""

    door: Annotated[int, Field(ge=0, lt=1 << 63)] | None = None
    group: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    """In the place of `door`: every door of this group."""
    mode: Literal["none", "emergency", "lock_down"]
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    """Required to set a mode, not to end one."""
    minutes: Annotated[int, Field(ge=1, le=LONGEST_MINUTES)] | None = None
    """Time after which the mode ends; None for never."""


class ModeSet(TypedDict):
    """Answer to a command that sets exception modes."""

    warning: NotRequired[str]
    """Why the modes are in force and not stored yet."""


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


def set_exception_mode(call: Call[ModeRequest]) -> ModeSet:
    """Set the exception mode of the device, of one door or of a group of doors, or end it.

    While the disk is full or read-only, the doors obey at once all the same and the answer has a
    `warning`. The device remembers the mode in memory and stores it as soon as it can.
    """
    context, request = call.context, call.request
    doors = _doors_asked(call)
    if not request.reason and request.mode != NO_MODE:
        raise invalid_value("reason", worded("a mode requires a reason"))
    if request.minutes and request.mode == NO_MODE:
        raise InvalidRequest("minutes: only a mode can end by itself")
    until_utc = _end(context, request.minutes) if request.minutes else None
    now = context.device_time.stamp(context.clock.utc())
    rows = [
        ModeRow(
            door,
            request.mode,
            call.caller.login or "",
            request.reason,
            now,
            context.device_time.stamp(until_utc) if until_utc else 0,
            unix_s(until_utc) if until_utc else 0,
        )
        for door in doors
    ]

    def store() -> None:
        # The transaction that changes the mode also reads it.
        keyed = {mode_key(door): request.mode for door in doors if has_mode_key(door)}
        # The entry of the command itself tells of doors without a key.
        audited = audited_configuration(call, {"general": keyed}) if keyed else nullcontext()
        with audited, context.policy_applied(), context.store.transaction():
            _check_mode_right(call, read_modes(context.store), doors)
            for row in rows:
                write_mode(context.store, row)

    def check_unstored() -> None:
        known: Mapping[int, ModeRow] = {}
        with suppress(StorageError):
            known = _in_force(context)
        _check_mode_right(call, known, doors)

    return _stored_or_kept(context, rows, store, check_unstored)


def _doors_asked(call: Call[ModeRequest]) -> tuple[int, ...]:
    """The doors that the request names, 0 for the device. Raises InvalidRequest."""
    context, request = call.context, call.request
    if (request.door is None) is (request.group is None):
        raise InvalidRequest("either door or group is needed")
    if request.group is not None:
        return doors_in_group(context.site, request.group, groups_of(context.store))
    door = request.door or DEVICE
    if door not in _places(context):
        raise InvalidRequest(f"door: this device has no door {door}")
    return (door,)


def set_configured_modes(
    call: Call[object], modes: Mapping[int, str], store: Callable[[], None]
) -> ModeSet:
    """Run `store`, which sets modes as configuration. If the disk refuses it, `modes` are in force
    all the same and the answer has a `warning`. They are by door; 0 is the device.

    Raises ControllerUnavailable, and StorageError without `modes` or for a door that the site does
    not have.
    """
    context = call.context
    now = context.device_time.stamp(context.clock.utc())
    login = call.caller.login or ""
    rows = [ModeRow(door, mode, login, "", now) for door, mode in modes.items()]
    return _stored_or_kept(context, rows, store, lambda: None)


def _stored_or_kept(
    context: CommandContext,
    rows: Sequence[ModeRow],
    store: Callable[[], None],
    check_unstored: Callable[[], None],
) -> ModeSet:
    """Run `store`; where the database refuses it, have the controller put the modes of `rows` in
    force, unless `check_unstored` raises."""
    unstored = context.unstored_modes
    with unstored.lock:
        try:
            _store_modes(context)
            store()
        except StorageError as error:
            if not rows or not {row.door_id for row in rows} <= set(_places(context)):
                raise
            check_unstored()
            modes = [_unstored(row) for row in rows]
            context.controller.ask(KeepModes(modes=unstored.with_(modes)))
            unstored.put(modes)
            doors = [mode.door for mode in modes]
            log.warning("modes are in force and cannot be stored yet", doors=doors, why=str(error))
            return {"warning": f"in force, and stored once the disk can be written: {error}"}
    return {}


def _check_mode_right(
    call: Call[ModeRequest], known: Mapping[int, ModeRow], doors: Iterable[int]
) -> None:
    """Raise NotPermitted unless the caller may replace the modes of `doors`, where `known`."""
    locks_down = call.request.mode == _LOCK_DOWN
    if not (locks_down and known and all(known[door].mode == NO_MODE for door in doors)):
        check_right(call.caller, Right.ADMINISTRATOR)


def keep_modes(context: CommandContext, reported: Iterable[UnstoredMode]) -> None:
    """Store the modes that are in force and not stored; `reported` are those that the controller
    said it has. Where they cannot be stored, a controller that started anew gets them again.

    Raises ControllerUnavailable.
    """
    unstored = context.unstored_modes
    with unstored.lock:
        if not unstored and not tuple(reported):
            return
        # Asked now, since a command may have changed them after the report.
        known = context.controller.status().modes_unstored
        unstored.learn(known)
        with suppress(StorageError):
            _store_modes(context)
        if set(known) != set(unstored.modes):
            context.controller.ask(KeepModes(modes=unstored.modes))


def _store_modes(context: CommandContext) -> None:
    """Store all modes that are not. Raises StorageError, and then none is."""
    unstored = context.unstored_modes
    if not unstored:
        return
    with context.policy_applied(), context.store.transaction():
        before = read_modes(context.store)
        for mode in unstored.modes:
            row = _row(mode)
            if before[mode.door] != row:
                write_mode(context.store, row)
                was = before[mode.door].mode
                text = (
                    f"{mode.login}: {_named(mode.door)} {was} -> {mode.mode}, {mode.reason!r}, in"
                    " force before the database had it"
                )
                now = context.device_time.local(context.clock.utc())
                write_entry(context.store, AuditType.CONFIG, now, text)
    unstored.settle()
    # Once the controller has the stored ones, which `policy_applied` waits for.
    with suppress(ControllerUnavailable):  # the next report tries again
        context.controller.ask(KeepModes(modes=()))


def _in_force(context: CommandContext) -> Mapping[int, ModeRow]:
    """The mode of each place, with those that are not stored yet. Raises StorageError."""
    unstored = {mode.door: _row(mode) for mode in context.unstored_modes.modes}
    stored = read_modes(context.store)
    return {door: unstored.get(door, stored[door]) for door in _places(context)}


def _named(door: int) -> str:
    """How the audit log names the mode of a door or the device."""
    return f"general.{mode_key(door)}" if has_mode_key(door) else f"the mode of door {door}"


def _row(mode: UnstoredMode) -> ModeRow:
    return ModeRow(mode.door, **mode.model_dump(exclude={"door"}))


def _unstored(row: ModeRow) -> UnstoredMode:
    facts = row._asdict()
    return UnstoredMode(door=facts.pop("door_id"), **facts)


def get_exception_modes(call: Call[NoMembers]) -> ExceptionModes:
    """The modes of the device, as door 0, and of each door: who set them, why and until when.

    A mode that a client set as configuration has no login, reason or times; time 0 is none.
    """
    known = _in_force(call.context)
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
            text = f"this device: {_named(mode.door)} {row.mode} -> none, {over.reason}"
            write_entry(context.store, AuditType.CONFIG, context.device_time.local(now), text)


def _places(context: CommandContext) -> tuple[int, ...]:
    return (DEVICE, *sorted(door.id for door in context.site.doors()))


def _end(context: CommandContext, minutes: int) -> datetime:
    """The end of a mode of `minutes` by the clock of the controller, which ends the mode."""
    status = context.controller.status()
    if not status.clock_trusted:
        why = worded("the clock is not trusted, so a mode cannot end by itself")
        raise InvalidRequest(f"minutes: {why}", members=("minutes",), why=why)
    now = context.clock.utc() + timedelta(seconds=status.clock_shift_s)
    return (now + timedelta(minutes=minutes)).astimezone(UTC)


def _audit_detail(request: ModeRequest) -> str:
    where = f"door {request.door}" if request.door else "the device"
    if request.group is not None:
        where = f"the doors of group {request.group}"
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
