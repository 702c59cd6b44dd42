"""A device at a real broker: state, events and commands, whatever becomes of the broker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from gateway.settings import SITE_FILE
from gateway.settings.files import END_LINE
from tests.mqtt.broker import BrokerClient, Mosquitto

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

ANA = "123,45678"
FRONT = 17
Eventually = Callable[..., Any]
_IDS = count()


@dataclass
class AtBroker:
    """A demo site at work with a broker of its own."""

    running: Running
    broker: Mosquitto

    @property
    def root(self) -> str:
        return f"gateway/{self.running.api.ask('system_information')['device_id']}"

    def state(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.running.api.ask("outbox_state")["destinations"]
        return next(it for it in found if it["name"] == "mqtt")


@pytest.fixture(scope="module")
def site(make: Maker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtBroker]:
    broker = Mosquitto(tmp_path_factory.mktemp("broker"))
    made = make.demo()
    path = made.data / SITE_FILE
    table = f"[mqtt]\nbroker = 'mqtt://127.0.0.1:{broker.port}'\ncommands = true\n"
    path.write_text(path.read_text().replace(END_LINE, table + END_LINE))
    try:
        with make.run(made) as running:
            yield AtBroker(running, broker)
    finally:
        broker.close()


@pytest.fixture
def client(site: AtBroker, eventually: Eventually) -> Iterator[BrokerClient]:
    with site.broker.client(f"{site.root}/#") as made:
        eventually(lambda: made.last(f"{site.root}/door/1/lock") == "LOCKED", "the state")
        yield made


def events(client: BrokerClient, topic: str) -> list[dict[str, Any]]:
    """What was told on a topic of events, each once."""
    told = [json.loads(text) for text in client.of(topic)]
    return list({event["id"]: event for event in told}.values())


def send(client: BrokerClient, topic: str, do: str, age_s: float = 0) -> str:
    """A command as Home Assistant would send it, with an id; the id."""
    known = f"e{next(_IDS)}"
    client.publish(topic, json.dumps({"do": do, "at": round(time.time() - age_s), "id": known}))
    return known


def answer(client: BrokerClient, topic: str, known: str, eventually: Eventually) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = (json.loads(text) for text in client.of(topic))
        return next((it for it in found if it["id"] == known), None)

    return eventually(look, f"the answer to {known}")  # type: ignore[no-any-return] # as told


def test_the_state_of_the_site_is_retained(
    site: AtBroker, client: BrokerClient, eventually: Eventually
) -> None:
    root = site.root
    eventually(lambda: "clock_trusted" in (client.last(f"{root}/diag") or ""), "the figures")
    found = site.broker.retained()
    assert found[f"{root}/status"] == "online"
    assert found[f"{root}/door/2/contact"] == "OFF"
    assert found[f"{root}/zone/1"] in {"armed_away", "disarmed"}
    assert json.loads(found[f"{root}/diag"])["clock_trusted"] is True


def test_a_command_moves_the_strike_and_is_answered_told_and_audited(
    site: AtBroker, client: BrokerClient, eventually: Eventually
) -> None:
    root, running = site.root, site.running
    before = running.board.edges(FRONT)
    known = send(client, f"{root}/door/1/set", "open")
    found = answer(client, f"{root}/door/1/result", known, eventually)
    assert found == {"id": known, "do": "open", "ok": True}
    eventually(lambda: running.board.edges(FRONT) == before + 2, "open and shut again")
    topic = f"{root}/door/1/event"
    told = eventually(
        lambda: [it for it in events(client, topic) if it["event_type"] == "opened_by_command"],
        "the event",
    )
    assert told[-1]["reason"] == "opened_by_client"
    eventually(lambda: "UNLOCKED" in client.of(f"{root}/door/1/lock"), "the state")
    text = running.api.http.post(
        f"{running.url}/export_audit_logs.fcgi", params={"session": running.api.token}, json={}
    ).text
    assert "mqtt (operator) at mqtt://127.0.0.1" in text


def test_a_stale_command_and_one_beyond_the_rights_move_nothing(
    site: AtBroker, client: BrokerClient, eventually: Eventually
) -> None:
    root, running = site.root, site.running
    running.wait_locked()
    before = running.board.edges(FRONT)
    stale = send(client, f"{root}/door/1/set", "open", age_s=20)
    assert answer(client, f"{root}/door/1/result", stale, eventually)["ok"] is False
    emergency = send(client, f"{root}/mode/set", "emergency")
    found = answer(client, f"{root}/mode/result", emergency, eventually)
    assert found["error"] == "Invalid access level"
    assert running.board.edges(FRONT) == before


def test_a_threat_level_is_shown_raised_and_not_lowered(
    site: AtBroker, client: BrokerClient, eventually: Eventually
) -> None:
    topic, api = f"{site.root}/threat_level", site.running.api
    eventually(lambda: client.last(topic) == "0", "the state")
    api.create("threat_levels", {"id": 2, "level": 2, "name": "guards"})
    known = send(client, f"{topic}/set", "2")
    assert answer(client, f"{topic}/result", known, eventually)["ok"] is True
    eventually(lambda: client.last(topic) == "2", "the state")
    known = send(client, f"{topic}/set", "0")
    found = answer(client, f"{topic}/result", known, eventually)
    assert found["error"] == "Invalid access level"
    api.post("set_threat_level", {"level": 0})
    eventually(lambda: client.last(topic) == "0", "the state")
    levels = eventually(
        lambda: [it["level"] for it in events(client, f"{site.root}/event") if "level" in it],
        "the events",
    )
    assert levels[0] == 2


def test_zones_are_armed_and_disarmed(
    site: AtBroker, client: BrokerClient, eventually: Eventually
) -> None:
    topic = f"{site.root}/zone/1"
    for do, state in (("DISARM", "disarmed"), ("ARM_AWAY", "armed_away")):
        known = send(client, f"{topic}/set", do)
        assert answer(client, f"{topic}/result", known, eventually)["ok"] is True
        eventually(lambda state=state: client.last(topic) == state, state)


def test_a_swipe_is_told_without_person_and_card(
    site: AtBroker, client: BrokerClient, eventually: Eventually
) -> None:
    row = site.running.swiped(ANA)
    granted = eventually(
        lambda: [
            it
            for it in events(client, f"{site.root}/door/1/event")
            if it["event_type"] == "granted"
        ],
        "the event",
    )[-1]
    assert granted.keys() == {
        "event_type", "id", "time", "clock_trusted", "reason", "portal", "reader"
    }  # fmt: skip
    assert granted["portal"] == row["portal_id"]


def test_state_and_events_are_whole_after_the_broker_was_killed(
    site: AtBroker, client: BrokerClient, eventually: Eventually
) -> None:
    running, root = site.running, site.root
    before = site.broker.retained()
    client.close()
    site.broker.kill()
    for _ in range(3):
        running.stranger()
    eventually(lambda: site.state()["failing_since_utc"], "the loss")
    rows = running.api.load("access_logs", order=["id", "descending"], limit=3)
    site.broker.start()
    with site.broker.client(f"{root}/#") as later:
        topic = f"{root}/door/1/event"
        told = eventually(
            lambda: (found := events(later, topic)) and len(found) >= len(rows) and found,
            "what happened meanwhile",
        )
        assert [it["event_type"] for it in told][-3:] == ["unknown"] * 3
        assert [it["id"] for it in told] == sorted(it["id"] for it in told)
        eventually(lambda: site.broker.retained().keys() == before.keys(), "the state")
    eventually(lambda: not site.state()["failing_since_utc"], "the recovery")
    eventually(lambda: site.state()["backlog"] == 0, "the acknowledgement of the last message")
    shown = site.state()
    assert shown["server"] == f"mqtt://127.0.0.1:{site.broker.port}"
    assert (shown["dropped"], shown["refused"]) == (0, 0)
