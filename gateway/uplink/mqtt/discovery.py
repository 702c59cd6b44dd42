"""Home Assistant's device discovery: one message for the device, and one for each door.

The form is that of Home Assistant 2025.4 and later (its documentation, MQTT, device discovery): an
unknown key beside `components` makes older versions refuse the whole message, one inside a
component is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.settings import MqttSettings, SiteFile
from gateway.uplink.mqtt.events import DEVICE_EVENTS, DOOR_EVENTS
from gateway.uplink.mqtt.guards import OLDEST_S
from gateway.uplink.mqtt.state import (
    ARMED,
    ARMING,
    DISARMED,
    LEVELS,
    LOCKED,
    MODES,
    PENDING,
    TRIGGERED,
)
from gateway.uplink.mqtt.topics import Topics

Config = dict[str, Any]

_TEMPLATE = '{{"do":"{{{{ {} }}}}","at":{{{{ now().timestamp() | round(0) }}}}}}'
_EXPIRY_S = int(OLDEST_S)


@dataclass(frozen=True, slots=True)
class BridgeIdentity:
    """The device as others know it."""

    device_id: int
    serial: str
    version: str


def discovery_messages(
    topics: Topics, site: SiteFile, identity: BridgeIdentity, settings: MqttSettings
) -> dict[str, Config]:
    """Topic -> configuration of everything that the site has."""
    made = _Describer(topics, site, identity, settings)
    return {
        f"{settings.discovery_prefix}/device/{name}/config": config
        for name, config in [
            (made.name, made.device()),
            *((made.door_name(door.id), made.door(door.id)) for door in site.doors()),
        ]
    }


def components_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Id -> platform of the entities in a configuration."""
    return {name: component["platform"] for name, component in config["components"].items()}


class _Describer:
    """Describes one site."""

    def __init__(
        self, topics: Topics, site: SiteFile, identity: BridgeIdentity, settings: MqttSettings
    ) -> None:
        self._topics = topics
        self._site = site
        self._identity = identity
        self._settings = settings
        self.name = f"gateway_{identity.device_id}"

    def door_name(self, door: int) -> str:
        return f"{self.name}_door_{door}"

    def device(self) -> Config:
        """The device itself, with what belongs to no door."""
        slug = "".join(it if it.isascii() and it.isalnum() else "_" for it in self._site.site.name)
        of = self._topics.of
        components = {
            "tamper": _sensor("Tamper", of("tamper"), "tamper"),
            "fire": _sensor("Fire", of("fire"), "safety"),
            "event": _event(of("event"), DEVICE_EVENTS),
            **self._mode(),
            **self._threat_level(),
            **self._zones(),
            **self._readers(),
            **self._buttons(),
            **self._figures(),
        }
        about = {
            "identifiers": [self.name],
            "name": self._site.site.name,
            "model": "Door controller",
            "model_id": self._site.site.board,
            "serial_number": self._identity.serial,
        }
        return self._message(self.name, slug, about, self._topics.controller, components)

    def door(self, number: int) -> Config:
        """One door, which belongs to the device and can be elsewhere in the house."""
        door = next(it for it in self._site.doors() if it.id == number)

        def of(leaf: str) -> str:
            return self._topics.door(number, leaf)

        components = {
            **self._lock(number),
            "contact": _sensor("Door", of("contact"), "door"),
            "held": _sensor("Held open", of("held"), "problem"),
            "forced": _sensor("Forced open", of("forced"), "problem"),
            "event": _event(of("event"), DOOR_EVENTS),
        }
        name = self.door_name(number)
        about = {
            "identifiers": [name],
            "name": door.shown,
            "model": "Door",
            "via_device": self.name,
        }
        return self._message(name, door.name, about, of("status"), components)

    def _message(
        self, name: str, slug: str, about: Config, available: str, components: dict[str, Config]
    ) -> Config:
        for key, component in components.items():
            component["unique_id"] = f"{name}_{key}"
            tail = "" if component["name"] is None else f"_{key}"
            entity = f"{slug}{tail}".lower().replace("-", "_")
            component["default_entity_id"] = f"{component['platform']}.{entity}"
        version = self._identity.version
        return {
            "device": {**about, "manufacturer": "gateway", "sw_version": version},
            "origin": {"name": "gateway", "sw_version": version},
            "availability": [{"topic": self._topics.status}, {"topic": available}],
            "availability_mode": "all",
            "components": components,
        }

    def _lock(self, door: int) -> dict[str, Config]:
        state = self._topics.door(door, "lock")
        if not self._settings.commands:
            template = f"{{{{ 'OFF' if value == '{LOCKED}' else 'ON' }}}}"
            return {"unlocked": {**_sensor("Lock", state, "lock"), "value_template": template}}
        lock = {
            "platform": "lock",
            "name": None,
            "state_topic": state,
            # Without leave to hold a door unlocked, both open it for its own time.
            "payload_unlock": "UNLOCK" if self._settings.allow_unlock else "OPEN",
            "payload_open": "OPEN",
            **_commands(self._topics.door(door, "set")),
        }
        return {"lock": lock}

    def _mode(self) -> dict[str, Config]:
        state = self._topics.of("mode")
        if not self._settings.commands:
            return {"mode_shown": _choice("Mode", state, MODES)}
        select = {"platform": "select", "name": "Mode", "state_topic": state}
        return {
            "mode": {**select, "options": list(MODES), **_commands(self._topics.of("mode/set"))}
        }

    def _threat_level(self) -> dict[str, Config]:
        state = self._topics.of("threat_level")
        if not self._settings.commands:
            return {"threat_level_shown": _choice("Threat level", state, LEVELS)}
        select = {"platform": "select", "name": "Threat level", "state_topic": state}
        orders = _commands(self._topics.of("threat_level/set"))
        return {"threat_level": {**select, "options": list(LEVELS), **orders}}

    def _zones(self) -> dict[str, Config]:
        found: dict[str, Config] = {}
        for zone in self._site.zone:
            state = self._topics.zone(zone.number)
            if not self._settings.commands:
                states = (ARMED, ARMING, DISARMED, PENDING, TRIGGERED)
                found[f"zone_{zone.number}_shown"] = _choice(zone.shown, state, states)
                continue
            found[f"zone_{zone.number}"] = {
                "platform": "alarm_control_panel",
                "name": zone.shown,
                "state_topic": state,
                "supported_features": ["arm_away"],
                # Otherwise it asks for a code, which nobody has.
                "code_arm_required": False,
                "code_disarm_required": False,
                **_commands(f"{state}/set", "action"),
            }
        return found

    def _readers(self) -> dict[str, Config]:
        return {
            f"reader_{reader.name}": {
                **_sensor(f"Reader {reader.shown}", self._topics.reader(reader.name)),
                "device_class": "connectivity",
                "entity_category": "diagnostic",
            }
            for reader in self._site.reader
        }

    def _buttons(self) -> dict[str, Config]:
        if not self._settings.commands:
            return {}
        silence = {"platform": "button", "name": "Silence", "payload_press": "press"}
        identify = {
            "platform": "button",
            "name": "Identify",
            "payload_press": "press",
            "device_class": "identify",
            "entity_category": "diagnostic",
        }
        of = self._topics.of
        return {
            "silence": {**silence, **_commands(of("silence/set"))},
            "identify": {**identify, **_commands(of("identify/set"))},
        }

    def _figures(self) -> dict[str, Config]:
        diagnostic = {"entity_category": "diagnostic", "enabled_by_default": False}
        state = self._topics.of("diag")

        def figure(name: str, member: str) -> Config:
            template = f"{{{{ value_json.{member} }}}}"
            number = {"platform": "sensor", "name": name, "state_topic": state}
            return {
                **number,
                "state_class": "measurement",
                "value_template": template,
                **diagnostic,
            }

        trusted = "{{ 'ON' if value_json.clock_trusted | default(false) else 'OFF' }}"
        return {
            "backlog": figure("Events that wait", "backlog.mqtt"),
            "journal_waiting": figure("Journal entries that wait", "journal_waiting"),
            "faults": figure("Faults", "faults"),
            "clock": {
                **_sensor("Clock trusted", state),
                "value_template": trusted,
                **diagnostic,
            },
        }


def _sensor(name: str, topic: str, kind: str = "") -> Config:
    sensor = {"platform": "binary_sensor", "name": name, "state_topic": topic}
    return {**sensor, **({"device_class": kind} if kind else {})}


def _choice(name: str, topic: str, options: tuple[str, ...]) -> Config:
    sensor = {"platform": "sensor", "name": name, "state_topic": topic}
    return {**sensor, "device_class": "enum", "options": list(options)}


def _event(topic: str, types: tuple[str, ...]) -> Config:
    return {"platform": "event", "name": "Event", "state_topic": topic, "event_types": list(types)}


def _commands(topic: str, variable: str = "value") -> Config:
    """How a command is sent: with its time, and forgotten by the broker when it is too old."""
    return {
        "command_topic": topic,
        "command_template": _TEMPLATE.format(variable),
        "qos": 1,
        "message_expiry_interval": _EXPIRY_S,
    }
