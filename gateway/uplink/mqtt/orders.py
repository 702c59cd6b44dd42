"""Command topics, and the command of `gateway.commands` that each order is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.settings import SiteFile
from gateway.uplink.mqtt.guards import BrokerCommand, CommandTarget, TargetKind
from gateway.uplink.mqtt.topics import Topics

REASON = "set over MQTT"
"""`reason` of an exception mode and of a threat level."""
_TIMEOUTS = {"open": "", "unlock": "timeout=0", "lock": "timeout=-1"}
"""Parameter of an opening (Access API, actions): none is the door's own time."""
_BUZZ = {"frequency": 4_000, "duty_cycle": 50, "timeout": 1_000}


def command_targets(topics: Topics, site: SiteFile) -> dict[str, CommandTarget]:
    """What each command topic of the site is about."""
    doors = {
        topics.door(it.id, "set"): CommandTarget(TargetKind.DOOR, it.id) for it in site.doors()
    }
    zones = {
        f"{topics.zone(zone.number)}/set": CommandTarget(TargetKind.ZONE, zone.number)
        for zone in site.zone
    }
    device = {
        topics.of(f"{kind}/set"): CommandTarget(kind)
        for kind in (
            TargetKind.MODE,
            TargetKind.THREAT_LEVEL,
            TargetKind.SILENCE,
            TargetKind.IDENTIFY,
        )
    }
    return {**doors, **zones, **device}


def request_of(command: BrokerCommand, site: SiteFile) -> tuple[str, Mapping[str, Any]]:
    """The name of the command, and its request."""
    zones = {"zones": [command.target.number]}
    match command.target.kind, command.do:
        case TargetKind.DOOR, _:
            return "execute_actions", {"actions": [_action(command, site)]}
        case TargetKind.ZONE, do:
            arming = {**zones, "exit_delay_s": command.exit_delay_s}
            return ("alarm_arm", arming) if do == "arm" else ("alarm_disarm", zones)
        case TargetKind.MODE, _:
            mode = "none" if command.do == "normal" else command.do
            return "set_exception_mode", {"door": 0, "mode": mode, "reason": REASON}
        case TargetKind.THREAT_LEVEL, level:
            return "set_threat_level", {"level": int(level), "reason": REASON}
        case TargetKind.SILENCE, _:
            return "alarm_status", {"stop": True}
    return "buzzer_buzz", _BUZZ


def _action(command: BrokerCommand, site: SiteFile) -> Mapping[str, str]:
    number = command.target.number
    on_module = any(box.id == number for box in site.sec_box)
    action, key = ("sec_box", "id") if on_module else ("door", "door")
    given = filter(None, (f"{key}={number}", _TIMEOUTS[command.do]))
    return {"action": action, "parameters": ",".join(given)}
