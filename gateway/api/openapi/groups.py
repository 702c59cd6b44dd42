"""The groups of endpoints in the API's description, in the order of the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Endpoints that belong together."""

    title: str
    text: str
    rooms: frozenset[str]
    """Modules of `gateway.commands`, whose commands are in the group."""


def _group(title: str, text: str, *rooms: str) -> Group:
    return Group(title, text, frozenset(rooms))


ABSENT = _group(
    "Parts that this device does not have",
    "Commands for hardware of other devices: screen, camera, fingerprint, telephony and more.",
    "absent",
)
GROUPS = (
    _group(
        "Sessions and logins",
        "Log in, and manage logins and tokens.",
        *("logins", "accounts"),
    ),
    _group(
        "Objects",
        "Read and write people, cards, rules, logs and every other object; import and export.",
        *("objects", "search", "transfer", "import_undo", "reports", "custom_fields"),
    ),
    _group(
        "Doors and turnstile",
        "Open doors, see their state, and set their modes.",
        *("doors", "live", "peer_interlock", "modes", "threat", "turnstile", "gpio"),
    ),
    _group(
        "Access decisions",
        "Who may pass where and when, what happened, and why somebody was or was not let in.",
        *(
            "explain",
            "explain_event",
            "who_can_open",
            "events",
            "rule_sets",
            "passback",
            "occupancy",
            "authorization",
        ),
    ),
    _group("Wiring", "Watch readers and inputs, and test outputs.", "wiring"),
    _group("Alarms", "Arm and disarm alarm zones, and see active alarms.", "alarms"),
    _group(
        "Enrolment and photos",
        "Read a card or PIN at a reader for a person, and manage people's photos.",
        *("enrolment", "photos"),
    ),
    _group(
        "Configuration",
        "Settings, site file, clock, network and certificate, and tests of the network.",
        *("configuration", "setup", "site_file", "clock", "network", "network_trial"),
        *("certificate", "probes", "first_run"),
    ),
    _group(
        "Device",
        "State, restart, backup and records of the device, and how servers fare.",
        *("simulation", "system", "power", "backup", "audit", "system_log", "diagnostics"),
        *("osdp", "osdp_bus", "outbox", "update"),
    ),
    _group("Commands by name and entity", "The API of a second vendor, at one path.", "minop"),
    _group("Descriptions and figures", "For programs that watch the device.", "description"),
    ABSENT,
)


_BY_ROOM = {room: group for group in GROUPS for room in group.rooms}


def group_of(room: str) -> Group:
    """The group of the commands of the module `room`; raises KeyError where it has none."""
    return _BY_ROOM[room]
