"""The retained state of a device: topics and payloads, from what the controller reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.alarms.causes import AlarmCause
from gateway.doors.values import DoorAlarm, Mode, effective_mode
from gateway.link.messages import ControllerStatus, DoorStatus, ZoneStatus
from gateway.objects.threat import HIGHEST_LEVEL
from gateway.settings import SiteFile
from gateway.uplink.mqtt.topics import OFF, OFFLINE, ON, ONLINE, UNKNOWN, Topics

ARMED, BYPASSED, DISARMED, ARMING, PENDING, TRIGGERED = (
    "armed_away",
    "armed_custom_bypass",
    "disarmed",
    "arming",
    "pending",
    "triggered",
)
LOCKED, UNLOCKED, JAMMED = "LOCKED", "UNLOCKED", "JAMMED"
MODES = tuple(mode.value for mode in (Mode.NORMAL, Mode.LOCK_DOWN, Mode.EMERGENCY))
"""Of the device; a fire has a topic of its own."""
LEVELS = tuple(str(level) for level in range(HIGHEST_LEVEL + 1))
"""The threat levels."""

_HELD, _FORCED, _WELDED = (
    alarm.name.lower() for alarm in (DoorAlarm.HELD_OPEN, DoorAlarm.FORCED_OPEN, DoorAlarm.WELDED)
)


def state_messages(topics: Topics, site: SiteFile, status: ControllerStatus) -> dict[str, str]:
    """Topic -> payload of all that the controller reports."""
    said = {topics.controller: ONLINE, topics.of("mode"): _mode(status)}
    tampered = any(alarm.cause == AlarmCause.TAMPER for alarm in status.alarms)
    said[topics.of("tamper")] = _flag(tampered)
    said[topics.of("fire")] = _flag(status.fire is not None)
    said[topics.of("threat_level")] = str(status.threat.level)
    for door in status.doors:
        said |= _door(topics, door)
    for zone in status.zones:
        said[topics.zone(zone.zone)] = zone_state(zone)
    readers = {reader.name for reader in site.reader}
    for device in status.devices:
        if device.name in readers:
            said[topics.reader(device.name)] = _flag(device.online)
            said[topics.last_read(device.name)] = _instant(device.last_read_utc)
    return said


def away_messages(topics: Topics, site: SiteFile) -> dict[str, str]:
    """What changes while the controller does not answer."""
    doors = {topics.door(door.id, "status"): OFFLINE for door in site.doors()}
    return {topics.controller: OFFLINE, **doors}


def diagnosis(
    status: ControllerStatus | None,
    version: str,
    backlogs: Mapping[str, int],
    commands: Mapping[str, int],
) -> str:
    """The payload of `diag`: figures for a technician, as JSON.

    `backlogs` is what waits for each destination, `commands` how many commands ended how.
    """
    figures: dict[str, Any] = {
        "version": version,
        "backlog": dict(backlogs),
        "commands": dict(commands),
    }
    if status is not None:
        figures |= {
            "board": status.board,
            "clock_trusted": status.clock_trusted,
            "clock_verdict": status.clock_verdict,
            "journal_waiting": status.journal_waiting,
            "journal_dropped": status.journal_dropped,
            "journal_fault": status.journal_fault,
            "policy_version": status.policy_version,
            "alarms": len(status.alarms),
            "faults": len(status.faults),
            "siren": status.siren,
        }
    return json.dumps(figures, separators=(",", ":"))


def zone_state(zone: ZoneStatus) -> str:
    """A zone in the words of Home Assistant's alarm panels."""
    if zone.alarm:
        return TRIGGERED
    if zone.entering:
        return PENDING
    return {"armed": ARMED, "exit": ARMING, "disarmed": DISARMED, "bypassed": BYPASSED}[zone.state]


def _door(topics: Topics, door: DoorStatus) -> dict[str, str]:
    lock = UNLOCKED if door.unlocked else LOCKED
    contact = UNKNOWN if door.sensor_open is None else _flag(door.sensor_open)
    said = {
        "lock": JAMMED if _WELDED in door.alarms else lock,
        "contact": contact,
        "held": _flag(_HELD in door.alarms),
        "forced": _flag(_FORCED in door.alarms),
        "status": OFFLINE if door.away else ONLINE,
        "lock_since": _instant(door.lock_since_utc),
        "contact_since": _instant(door.leaf_since_utc),
    }
    return {topics.door(door.id, leaf): payload for leaf, payload in said.items()}


def _mode(status: ControllerStatus) -> str:
    """The mode that was set for the whole device."""
    device = (Mode(door.mode) for door in status.doors if door.mode_place == 0)
    mode = effective_mode(*(mode for mode in device if mode is not Mode.FIRE))
    return mode.value


def _instant(utc_s: int) -> str:
    """In ISO 8601, UTC; UNKNOWN for 0."""
    return datetime.fromtimestamp(utc_s, UTC).isoformat() if utc_s else UNKNOWN


def _flag(on: bool) -> str:  # noqa: FBT001 - the value itself
    return ON if on else OFF
