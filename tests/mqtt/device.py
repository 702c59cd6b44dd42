"""A device of straw for the bridge, with two doors, two readers and two zones."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from gateway.errors import GatewayError
from gateway.link.messages import ControllerStatus
from gateway.settings import SiteFile, parse_site
from gateway.uplink.mqtt.guards import BrokerCommand

DEMO = files("gateway.cli").joinpath("demo.toml").read_text(encoding="utf-8")
ID = 478435


def site_with(broker: str, **settings: Any) -> SiteFile:
    """The demo site with a broker."""
    values = {"broker": broker, **settings}
    words = {True: "true", False: "false"}
    lines = [f"{key} = {words.get(it, repr(str(it)))}" for key, it in values.items()]
    return parse_site("\n".join((DEMO, "[mqtt]", *lines, "")), "test")


def door(number: int, name: str, **given: Any) -> dict[str, Any]:
    usual = {"open": False, "unlocked": False, "mode": "normal", "sensor_open": False, "alarms": ()}
    return {"id": number, "name": name, **usual, **given}


def zone(number: int, **given: Any) -> dict[str, Any]:
    usual = {"state": "armed", "watched": True, "active": False, "entering": False, "alarm": False}
    return {"zone": number, **usual, **given}


def reader(name: str, **given: Any) -> dict[str, Any]:
    usual = {"kind": "wiegand", "online": True, "health": "online", "why": "", "since_s": 1.0}
    return {"name": name, **usual, **given}


def alarm(cause: int, **given: Any) -> dict[str, Any]:
    usual = {"door_id": 0, "part": "", "user_id": 0, "access_log_id": 0, "silenced": False}
    return {"cause": cause, **usual, **given}


def report(**given: Any) -> ControllerStatus:
    """What the controller of the demo site reports."""
    usual = {
        "pid": 1,
        "board": "simulated",
        "simulated": True,
        "policy_version": 3,
        "journal_seq": 9,
        "journal_waiting": 0,
        "journal_dropped": 0,
        "journal_fault": None,
        "clock_trusted": True,
        "clock_verdict": "simulated",
        "clock_shift_s": 0.0,
        "doors": (door(1, "front"), door(2, "qr")),
        "devices": (reader("front"), reader("qr")),
        "alarm_active": False,
        "alarm_cause": 0,
        "zones": (zone(1), zone(2)),
    }
    return ControllerStatus.model_validate({**usual, **given})


class StrawDevice:
    """Notes each command; what it reports and says to one is the test's."""

    def __init__(self) -> None:
        self.reported: ControllerStatus | None = report()
        self.trusted = True
        self.refusal: GatewayError | None = None
        self.commands: list[BrokerCommand] = []

    def status(self) -> ControllerStatus | None:
        return self.reported

    def utc_s(self) -> float | None:
        return time.time() if self.trusted else None

    def run(self, command: BrokerCommand) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.commands.append(command)

    def backlogs(self) -> Mapping[str, int]:
        return {"mqtt": 0}


class StrawMemory:
    """Remembers topics as the table does."""

    def __init__(self) -> None:
        self.topics: dict[str, dict[str, str]] = {}

    def read(self) -> dict[str, dict[str, str]]:
        return dict(self.topics)

    def keep(self, topics: Mapping[str, Mapping[str, str]]) -> None:
        self.topics |= {topic: dict(components) for topic, components in topics.items()}

    def forget(self, topic: str) -> None:
        self.topics.pop(topic, None)
