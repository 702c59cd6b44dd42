"""Runs under Home Assistant's Python: Home Assistant at the broker of a device.

`BROKER_PORT` is the broker's, `LOCK_TOPIC` the topic of the state of door 1 of the demo site.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry, entity_registry
from pytest_homeassistant_custom_component.common import MockConfigEntry

DOOR = os.environ["LOCK_TOPIC"].removesuffix("/lock")
ENTITIES = {
    "alarm_control_panel": 2,
    "binary_sensor": 2 + 2 * 3 + 2 + 1,  # tamper, fire; of each door; readers; the clock
    "button": 2,
    "event": 3,
    "lock": 2,
    "select": 2,
    "sensor": 3,
}


async def until(look: Callable[[], Any], what: str) -> Any:
    """The first truthy answer of `look`; fails at the end of a generous time."""
    end = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)
    return found


async def test_it_discovers_shows_and_commands_the_device(
    hass: HomeAssistant,
    socket_enabled: None,  # noqa: ARG001 - a fixture that opens what the package closes
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The package brings no configuration.yaml.
    monkeypatch.setattr("homeassistant.config.load_yaml_config_file", lambda *_, **__: {})
    entry = MockConfigEntry(
        domain="mqtt",
        version=1,
        minor_version=2,
        data={"broker": "127.0.0.1", "port": int(os.environ["BROKER_PORT"]), "protocol": "5"},
        options={"discovery": True},
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)

    def state(entity: str) -> str:
        found = hass.states.get(entity)
        return found.state if found else ""

    async def call(domain: str, service: str, entity: str) -> None:
        await hass.services.async_call(domain, service, {"entity_id": entity}, blocking=True)

    def counted() -> dict[str, int]:
        entities = entity_registry.async_get(hass).entities.values()
        domains = [it.domain for it in entities]
        return {domain: domains.count(domain) for domain in sorted(set(domains))}

    await until(lambda: counted() == ENTITIES, "every entity")
    devices = device_registry.async_get(hass).devices.values()
    names = {it.name: it.via_device_id for it in devices}
    assert set(names) == {"Demo", "front", "back"}
    assert names["Demo"] is None
    assert names["front"] == names["back"] is not None

    await until(lambda: state("lock.front") == "locked", "the lock's state")
    await call("lock", "open", "lock.front")
    await until(lambda: state("lock.front") == "unlocked", "the opening")
    event = await until(lambda: hass.states.get("event.front_event"), "the event")
    await until(
        lambda: (
            (event := hass.states.get("event.front_event"))
            and event.attributes.get("event_type") == "opened_by_command"
        ),
        f"the event of the opening, not {event}",
    )
    await until(lambda: state("lock.front") == "locked", "the relock")

    panel = hass.states.async_entity_ids("alarm_control_panel")[0]
    await call("alarm_control_panel", "alarm_disarm", panel)
    await until(lambda: state(panel) == "disarmed", "the disarmed zone")
    await call("alarm_control_panel", "alarm_arm_away", panel)
    await until(lambda: state(panel) == "armed_away", "the armed zone")

    answers: list[Any] = []
    stop = await mqtt.async_subscribe(
        hass, f"{DOOR}/result", lambda message: answers.append(json.loads(message.payload))
    )
    stale = {"do": "open", "at": time.time() - 30, "id": "stale"}

    async def refused() -> Any:
        # The subscription may take a moment to reach the broker.
        await mqtt.async_publish(hass, f"{DOOR}/set", json.dumps(stale), 1)
        await asyncio.sleep(0.2)
        return next((it for it in answers if it.get("id") == "stale"), None)

    end = time.monotonic() + 30
    while (found := await refused()) is None:
        assert time.monotonic() < end, "the refusal"
    assert found["ok"] is False
    assert state("lock.front") == "locked"
    stop()
    assert await hass.config_entries.async_unload(entry.entry_id)
