"""The manual's page on MQTT says what the code does."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from gateway.settings import MqttSettings, parse_site
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.uplink.mqtt.events import DEVICE_EVENTS, DOOR_EVENTS, EventTeller
from gateway.uplink.mqtt.guards import (
    BrokerCommand,
    CommandGuard,
    CommandTarget,
    Incoming,
    TargetKind,
)
from gateway.uplink.mqtt.orders import command_targets
from gateway.uplink.mqtt.state import state_messages
from gateway.uplink.mqtt.topics import Topics
from tests.mqtt.device import DEMO, report

PAGE = (Path(__file__).parents[3] / "gateway/docs/mqtt.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)]


def words(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def first_cells(heading: str) -> set[str]:
    """The code in the first cells of the table below `heading`."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = (line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    return {word for cell in rows for word in words(cell)}


def test_every_setting_is_named_with_its_default() -> None:
    assert first_cells("Set-up") == set(MqttSettings.model_fields)
    for name, field in MqttSettings.model_fields.items():
        if isinstance(field.default, bool) and name != "discovery":
            assert f"| `{name}` | `{str(field.default).lower()}` |" in PAGE


def test_every_topic_is_named() -> None:
    topics, site = Topics("gateway", 1), parse_site(DEMO, "demo")
    published = {*state_messages(topics, site, report()), topics.status, topics.of("diag")}
    published |= {topics.of("event"), topics.door(1, "event"), *command_targets(topics, site)}
    general = {
        re.sub(r"reader/\w+/", "reader/NAME/", re.sub(r"(door|zone)/\d+", r"\1/N", it))
        for it in published
    }
    assert first_cells("Topics") == {it.removeprefix("gateway/1/") for it in general} | {
        ".../result"
    }


def test_the_lists_of_events_are_those_of_the_code() -> None:
    listed = PAGE.split("list that only grows.")[1].split("## Commands")[0]
    door, device = (words(part) for part in listed.split("Of the device"))
    assert (tuple(door), tuple(device)) == (DOOR_EVENTS, DEVICE_EVENTS)


def test_the_example_of_an_event_is_one() -> None:
    row = {"event": 7, "user_id": 3, "portal_id": 1, "card_value": 5}
    body = {"row": row, "reason": "granted", "facts": {"reader": "front", "doors": [1]}}
    entry = CommittedEntry(519, EntryKind.ACCESS, body, datetime.fromtimestamp(1705523584, UTC))
    teller = EventTeller([1], lambda _: [], str, persons=False, cards=False)
    assert [event for _, event in teller.events(entry)] == [EXAMPLES[0]]


def test_the_example_of_a_command_is_carried_out() -> None:
    payload = json.dumps(EXAMPLES[1]).encode()
    guard = CommandGuard(require_at=True, allow_unlock=False)
    door = CommandTarget(TargetKind.DOOR, 1)
    judged = guard.judge(Incoming("t", payload, 1.0), door, 1.0, EXAMPLES[1]["at"] + 1.0)
    assert judged == BrokerCommand(door, "open", "a1")
