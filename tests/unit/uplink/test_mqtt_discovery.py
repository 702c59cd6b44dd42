"""What Home Assistant is told of the device: that it takes it, and that it fits what we do."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from itertools import product
from typing import Any

import jinja2
import pytest

from gateway.settings import SiteFile
from gateway.uplink.mqtt.connection import Outgoing
from gateway.uplink.mqtt.discovery import BridgeIdentity, discovery_messages
from gateway.uplink.mqtt.guards import BrokerCommand, CommandGuard, Incoming
from gateway.uplink.mqtt.orders import command_targets
from gateway.uplink.mqtt.retained import RetainedPublisher
from gateway.uplink.mqtt.state import JAMMED, LEVELS, LOCKED, MODES, UNLOCKED, state_messages
from gateway.uplink.mqtt.topics import Topics
from tests.mqtt.device import ID, StrawMemory, report, site_with
from tests.mqtt.home_assistant import complaints

IDENTITY = BridgeIdentity(ID, "A95V", "1.0")
TOPICS = Topics("gateway", ID)
DEVICE = f"homeassistant/device/gateway_{ID}/config"
FRONT = f"homeassistant/device/gateway_{ID}_door_1/config"
SETTINGS = [
    {"commands": commands, **({"allow_unlock": True} if unlock else {})}
    for commands, unlock in product((False, True), repeat=2)
    if commands or not unlock
]


def messages(**settings: Any) -> dict[str, dict[str, Any]]:
    return of_site(site_with("mqtts://b", **settings))


def of_site(site: SiteFile) -> dict[str, dict[str, Any]]:
    assert site.mqtt is not None
    return discovery_messages(TOPICS, site, IDENTITY, site.mqtt)


def entities(**settings: Any) -> dict[str, dict[str, Any]]:
    return {
        component["unique_id"]: component
        for config in messages(**settings).values()
        for component in config["components"].values()
    }


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_home_assistant_takes_every_message(settings: dict[str, bool]) -> None:
    found = messages(**settings)
    assert [topic.split("/")[2] for topic in found] == [
        f"gateway_{ID}", f"gateway_{ID}_door_1", f"gateway_{ID}_door_2"
    ]  # fmt: skip
    assert all(re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", it) for it in found)
    assert complaints(found) == []


def test_the_rules_refuse_what_home_assistant_refuses() -> None:
    good = messages(commands=True)
    config = good[FRONT]
    for wrong in (
        {**config, "child_devices": {}},
        {**config, "message_expiry_interval": 5},
        {key: it for key, it in config.items() if key != "origin"},
        {**config, "components": {"lock": {"platform": "lock"}}},
        {**config, "components": {"a b": config["components"]["contact"]}},
        {**config, "device": {**config["device"], "via_device": "nobody"}},
    ):
        assert complaints({**good, FRONT: wrong})
    assert complaints({**good, "again": config})


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_topic_that_is_named_is_one_of_the_device(settings: dict[str, bool]) -> None:
    site = site_with("mqtts://b")
    state = {*state_messages(TOPICS, site, report()), TOPICS.status, TOPICS.of("diag")}
    state |= {TOPICS.of("event"), TOPICS.door(1, "event"), TOPICS.door(2, "event")}
    orders = command_targets(TOPICS, site) if settings["commands"] else {}
    found = entities(**settings).values()
    assert {it["state_topic"] for it in found if "state_topic" in it} <= state
    assert {it["command_topic"] for it in found if "command_topic" in it} == set(orders)
    for config in messages(**settings).values():
        assert {it["topic"] for it in config["availability"]} <= state


def rendered(component: dict[str, Any], **given: str) -> bytes:
    """The payload that Home Assistant makes of the template."""
    template = jinja2.Environment(autoescape=False).from_string(component["command_template"])  # noqa: S701 - no page
    return template.render(now=lambda: datetime(2026, 11, 27, tzinfo=UTC), **given).encode()


@pytest.mark.parametrize(
    ("key", "given", "do"),
    [
        ("door_1_lock", {"value": "payload_open"}, "open"),
        ("door_1_lock", {"value": "payload_unlock"}, "unlock"),
        ("door_1_lock", {"value": "LOCK"}, "lock"),
        ("zone_1", {"action": "ARM_AWAY"}, "arm"),
        ("zone_1", {"action": "DISARM"}, "disarm"),
        ("silence", {"value": "payload_press"}, "silence"),
        ("identify", {"value": "payload_press"}, "identify"),
        *(("mode", {"value": mode}, mode) for mode in MODES),
        *(("threat_level", {"value": level}, level) for level in LEVELS),
    ],
)
def test_what_home_assistant_sends_is_understood(key: str, given: dict[str, str], do: str) -> None:
    component = entities(commands=True, allow_unlock=True)[f"gateway_{ID}_{key}"]
    payload = rendered(component, **{it: component.get(word, word) for it, word in given.items()})
    targets = command_targets(TOPICS, site_with("mqtts://b"))
    judged = CommandGuard(require_at=True, allow_unlock=True).judge(
        Incoming(component["command_topic"], payload, 1.0),
        targets[component["command_topic"]],
        1.0,
        datetime(2026, 11, 27, tzinfo=UTC).timestamp(),
    )
    assert isinstance(judged, BrokerCommand)
    assert judged.do == do


def test_without_leave_to_hold_a_door_home_assistants_unlock_opens_it_for_its_own_time() -> None:
    lock = entities(commands=True)[f"gateway_{ID}_door_1_lock"]
    assert (lock["payload_unlock"], lock["payload_open"]) == ("OPEN", "OPEN")
    assert lock["name"] is None
    assert lock["default_entity_id"] == "lock.front"
    assert {LOCKED, UNLOCKED, JAMMED} == {"LOCKED", "UNLOCKED", "JAMMED"}  # its defaults


def test_a_device_without_commands_offers_none() -> None:
    found = entities(commands=False).values()
    assert not any("command_topic" in it for it in found)
    shown = entities(commands=False)[f"gateway_{ID}_door_1_unlocked"]["value_template"]
    template = jinja2.Environment(autoescape=False).from_string(shown)  # noqa: S701 - no page
    assert [template.render(value=it) for it in (LOCKED, UNLOCKED, JAMMED)] == ["OFF", "ON", "ON"]


class Sink:
    def __init__(self) -> None:
        self.got: list[Outgoing] = []

    def publish(self, message: Outgoing) -> int:
        self.got.append(message)
        return len(self.got)

    def of(self, topic: str) -> list[str]:
        return [it.payload for it in self.got if it.topic == topic]


def test_a_configuration_is_published_once_and_again_when_it_changes() -> None:
    sink, publisher = Sink(), RetainedPublisher(StrawMemory())
    for _ in range(2):
        publisher.describe(sink, messages())
    assert len(sink.of(FRONT)) == 1
    site = site_with("mqtts://b")
    newer = BridgeIdentity(ID, "A95V", "2.0")
    assert site.mqtt is not None
    publisher.describe(sink, discovery_messages(TOPICS, site, newer, site.mqtt))
    assert [json.loads(text)["device"]["sw_version"] for text in sink.of(FRONT)] == ["1.0", "2.0"]


def test_an_entity_that_is_no_more_is_taken_away_once() -> None:
    sink, memory = Sink(), StrawMemory()
    RetainedPublisher(memory).describe(sink, messages(commands=True))
    sink.got.clear()
    for _ in range(2):  # two more starts
        RetainedPublisher(memory).describe(sink, messages(commands=False))
    first, second, third = (json.loads(text)["components"] for text in sink.of(FRONT))
    assert first.pop("lock") == {"platform": "lock"}
    assert first == second == third


def test_doors_that_are_no_more_and_discovery_that_is_off_clear_their_topics() -> None:
    sink, memory = Sink(), StrawMemory()
    RetainedPublisher(memory).describe(sink, messages())
    sink.got.clear()
    RetainedPublisher(memory).clear_others(sink, {DEVICE, FRONT})
    assert [(it.topic, it.payload, it.retain) for it in sink.got] == [
        (FRONT.replace("door_1", "door_2"), "", True)
    ]
    assert set(memory.topics) == {DEVICE, FRONT}
