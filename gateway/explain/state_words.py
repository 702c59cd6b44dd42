"""Words for the states in force: fire, modes, locked keypads, doors held unlocked, alarms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gateway.alarms.causes import CAUSE_WORDS, AlarmCause
from gateway.explain.names import SiteNames
from gateway.explain.reason_words import threat_words
from gateway.explain.time_words import wall_words
from gateway.link.messages import (
    AlarmStatus,
    ControllerStatus,
    DoorStatus,
    OnlineStatus,
    ThreatStatus,
)

SERVER = "server"
"""The subject of a server of the online modes that cannot be asked."""
FIRE_RESET = "run `gateway alarm reset --data {data}`, or send fire_reset"
_END_MODE = 'set_exception_mode with {{"door":{door},"mode":"none"}} ends it'
_MODES = {
    "lock_down": "lock-down: cards and API openings are refused",
    "emergency": "emergency: the door is held unlocked",
}


def states_in_force(
    status: ControllerStatus, names: SiteNames, now: datetime, data: str = "DIR"
) -> Iterator[tuple[str, str]]:
    """Pairs of the door, reader or part and its state, with what ends the state.

    `data` is the data directory in the command lines that the words name.
    """
    near = names.local(now)
    if status.fire is not None:
        reads = "its input still reports it" if status.fire.reported else "its input is normal"
        since = wall_words(names.wall(status.fire.since_utc), near)
        cure = FIRE_RESET.format(data=data)
        free = f"{names.freed_by_fire} until somebody resets it: {cure}"
        yield "fire", f"reported at {since}, {reads}; {free}"
    if status.threat.level:
        yield "threat level", _threat(status.threat, names, near)
    for door in status.doors:
        yield from _door(door, names, near)
    if status.online is not None and not status.online.reachable:
        yield SERVER, _server(status.online, names, near)
    turnstile = status.turnstile
    if turnstile is not None and turnstile.mode in _MODES:
        yield f"turnstile {names.turnstile}", f"{_MODES[turnstile.mode].replace('door', 'arm')}"
    for reader, left_ms in sorted(status.keypads_locked_ms.items()):
        if left_ms > 0:
            until = wall_words(names.local(now + timedelta(milliseconds=left_ms)), near)
            yield (
                f"keypad {names.device(reader)}",
                f"locked until {until} after too many wrong entries; cards count meanwhile",
            )
    for alarm in status.alarms:
        yield "alarm", _alarm(alarm, names)


def _threat(threat: ThreatStatus, names: SiteNames, near: int) -> str:
    """The level in force; one without a definition lets nobody pass."""
    by = f", set by {threat.login}" if threat.login else ""
    because = f" ({threat.reason})" if threat.reason else ""
    until = (
        f"until {wall_words(names.wall(threat.until_utc), near)}"
        if threat.until_utc
        else "without an end"
    )
    undefined = "" if threat.name else "; no row of threat_levels defines it, so nobody passes"
    ends = 'set_threat_level with {"level":0} ends it'
    return f"{threat_words(threat.level, threat.name)}{by}{because}, {until}; {ends}{undefined}"


def _door(door: DoorStatus, names: SiteNames, near: int) -> Iterator[tuple[str, str]]:
    subject = f"door {names.door(door.id)}"
    if door.mode in _MODES:
        by = f", set by {door.mode_by}" if door.mode_by else ""
        because = f" ({door.mode_reason})" if door.mode_reason else ""
        until = (
            f"until {wall_words(names.wall(door.mode_until_utc), near)}"
            if door.mode_until_utc
            else "without an end"
        )
        ends = _END_MODE.format(door=door.mode_place)
        yield subject, f"{_MODES[door.mode]}{by}{because}, {until}; {ends}"
    if door.held:
        text = (
            "held unlocked by a command until another closes it: execute_actions with "
            f'"parameters":"door={door.id},timeout=-1"'
        )
        yield subject, text


def _server(online: OnlineStatus, names: SiteNames, near: int) -> str:
    """Why the server cannot be asked, and who decides meanwhile."""
    since = f" since {wall_words(names.wall(online.since_utc), near)}" if online.since_utc else ""
    meanwhile = (
        "this device decides meanwhile (contingency)"
        if online.contingency
        else "everybody is denied meanwhile (online_client.contingency_enabled is 0)"
    )
    return f"cannot be asked{since}: {online.why}; {meanwhile}"


def _alarm(alarm: AlarmStatus, names: SiteNames) -> str:
    where = names.door(alarm.door_id) if alarm.door_id else alarm.part or "device"
    part = f" ({alarm.part})" if alarm.door_id and alarm.part else ""
    who = f", {names.person(alarm.user_id)}" if alarm.user_id else ""
    silenced = ", silenced" if alarm.silenced else ""
    return f"{where}: {CAUSE_WORDS[AlarmCause(alarm.cause)]}{part}{who}{silenced}"
