"""What Home Assistant accepts as device discovery, as rules of our own.

From its documentation of MQTT discovery and of each platform, for 2025.4 to 2026.11: required keys,
closed lists, and no key beside the components that any of these versions does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

_TOPIC = {"type": "string", "pattern": r"^[^+#\u0000]+$", "minLength": 1}
_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True}
_AVAILABILITY = {
    "type": "object",
    "required": ["topic"],
    "additionalProperties": False,
    "properties": {"topic": _TOPIC},
}
CLASSES = {
    "binary_sensor": ["tamper", "safety", "door", "problem", "connectivity", "lock"],
    "button": ["identify", "restart", "update"],
    "sensor": ["enum"],
}
"""Those of Home Assistant's device classes that a door controller can have."""
_NEEDS = {
    "alarm_control_panel": ["state_topic", "command_topic"],
    "binary_sensor": ["state_topic"],
    "button": ["command_topic"],
    "event": ["state_topic", "event_types"],
    "lock": ["command_topic"],
    "select": ["command_topic", "options"],
    "sensor": ["state_topic"],
}
"""Platform -> keys without which it refuses a component."""
_COMPONENT = {
    "type": "object",
    "required": ["platform", "unique_id", "name", "default_entity_id"],
    "properties": {
        "platform": {"enum": list(_NEEDS)},
        "unique_id": _TEXT,
        "name": {"type": ["string", "null"]},
        "default_entity_id": {"type": "string", "pattern": r"^[a-z_]+\.[a-z0-9_]+$"},
        "state_topic": _TOPIC,
        "command_topic": _TOPIC,
        "command_template": _TEXT,
        "value_template": _TEXT,
        "qos": {"const": 1},
        "options": _TEXTS,
        "event_types": _TEXTS,
        "entity_category": {"enum": ["config", "diagnostic"]},
        "enabled_by_default": {"type": "boolean"},
        "state_class": {"const": "measurement"},
        "supported_features": {
            "type": "array",
            "items": {"enum": ["arm_home", "arm_away", "arm_night", "trigger"]},
        },
        "code_arm_required": {"const": False},
        "code_disarm_required": {"const": False},
    },
    "not": {"anyOf": [{"required": ["object_id"]}, {"required": ["availability"]}]},
    "allOf": [
        *(
            {
                "if": {"properties": {"platform": {"const": platform}}},
                "then": {"required": needed},
            }
            for platform, needed in _NEEDS.items()
        ),
        *(
            {
                "if": {"properties": {"platform": {"const": platform}}},
                "then": {"properties": {"device_class": {"enum": classes}}},
            }
            for platform, classes in CLASSES.items()
        ),
        {
            "if": {"required": ["command_topic"]},
            "then": {"required": ["qos", "command_template", "message_expiry_interval"]},
        },
        {
            "if": {"properties": {"device_class": {"const": "enum"}}, "required": ["device_class"]},
            "then": {"required": ["options"], "not": {"required": ["state_class"]}},
        },
    ],
}
_MESSAGE = jsonschema_rs.validator_for(
    {
        "type": "object",
        "required": ["device", "origin", "components"],
        "additionalProperties": False,
        "properties": {
            "device": {
                "type": "object",
                "required": ["identifiers", "name"],
                "additionalProperties": False,
                "properties": {
                    "identifiers": _TEXTS,
                    **dict.fromkeys(
                        (
                            "name",
                            "manufacturer",
                            "model",
                            "model_id",
                            "serial_number",
                            "sw_version",
                            "hw_version",
                            "suggested_area",
                            "via_device",
                        ),
                        _TEXT,
                    ),
                },
            },
            "origin": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": dict.fromkeys(("name", "sw_version", "support_url"), _TEXT),
            },
            "availability": {"type": "array", "items": _AVAILABILITY, "minItems": 1},
            "availability_mode": {"enum": ["all", "any", "latest"]},
            "components": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": "^[a-zA-Z0-9_-]+$"},
                "additionalProperties": _COMPONENT,
            },
        },
    }
)


def complaints(messages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What Home Assistant would refuse in the messages of one device, by topic."""
    found = [
        f"{topic}: {error.message} at {list(error.instance_path)}"
        for topic, config in messages.items()
        for error in _MESSAGE.iter_errors(config)
    ]
    if found:
        return found
    uniques = [
        component["unique_id"]
        for config in messages.values()
        for component in config["components"].values()
    ]
    found = [f"unique_id {it} is used twice" for it in uniques if uniques.count(it) > 1]
    known = {it for config in messages.values() for it in config["device"]["identifiers"]}
    for topic, config in messages.items():
        if config["device"].get("via_device", next(iter(known))) not in known:
            found.append(f"{topic}: via_device is no device")
        for name, component in config["components"].items():
            domain = component["default_entity_id"].partition(".")[0]
            if domain != component["platform"]:
                found.append(f"{topic}: {name} has an entity id of another platform")
    return found
