"""The bridge at a real broker: what is published, and which commands are carried out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.errors import NotPermitted
from gateway.uplink.delivery import SendOutcome
from gateway.uplink.mqtt.bridge import MqttBridge
from gateway.uplink.mqtt.connection import Outgoing
from gateway.uplink.mqtt.discovery import BridgeIdentity
from gateway.uplink.mqtt.guards import (
    BURST,
    LARGEST_PAYLOAD,
    CommandOutcome,
    CommandTarget,
    TargetKind,
)
from tests.mqtt.broker import BrokerClient, Mosquitto, await_true
from tests.mqtt.device import ID, StrawDevice, StrawMemory, door, report, site_with

ROOT = f"gateway/{ID}"
SET = f"{ROOT}/door/1/set"
RESULT = f"{ROOT}/door/1/result"


class Bridged:
    """A bridge with a device of straw."""

    def __init__(self, broker: str, memory: StrawMemory | None = None, **settings: Any) -> None:
        self.device = StrawDevice()
        self.memory = memory or StrawMemory()
        self.connections = 0
        self.bridge = MqttBridge(
            site_with(broker).mqtt.model_copy(update=settings),  # type: ignore[union-attr] # is there
            site_with(broker),
            BridgeIdentity(ID, "A95V", "1.0"),
            self.device,
            self.memory,
            SystemClock(),
        )
        self.bridge.on_connected = self._connected

    def _connected(self) -> None:
        self.connections += 1

    def count(self, outcome: CommandOutcome) -> int:
        return self.bridge.guard.counts[outcome]

    def connected(self, times: int = 1) -> None:
        await_true(lambda: self.connections >= times, f"connection {times}")


Connect = Callable[..., Bridged]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path_factory.mktemp("broker"))
    yield made
    made.close()


@pytest.fixture
def connect(broker: Mosquitto) -> Iterator[Connect]:
    """Starts bridges that end with the test; what they retain is cleared."""
    with ExitStack() as stack:

        def start(address: str = "", **settings: Any) -> Bridged:
            made = Bridged(address or f"mqtt://127.0.0.1:{broker.port}", **settings)
            made.bridge.start()
            stack.callback(made.bridge.close)
            return made

        yield start
    with broker.client() as client:
        for topic in broker.retained():
            client.publish(topic, "", retain=True)


@pytest.fixture
def bridged(connect: Connect) -> Bridged:
    made = connect(commands=True)
    made.connected()
    return made


@pytest.fixture
def client(broker: Mosquitto) -> Iterator[BrokerClient]:
    with broker.client(f"{ROOT}/#") as made:
        yield made


def order(do: str = "open", age_s: float = 0.0, **more: Any) -> str:
    return json.dumps({"do": do, "at": time.time() - age_s, **more})


def answers(client: BrokerClient, count: int = 1) -> list[dict[str, Any]]:
    await_true(lambda: len(client.of(RESULT)) >= count, f"{count} answers")
    return [json.loads(text) for text in client.of(RESULT)]


def test_state_is_retained_and_published_on_change(bridged: Bridged, broker: Mosquitto) -> None:
    await_true(lambda: f"{ROOT}/diag" in broker.retained(), "the state")
    found = broker.retained()
    described = {topic for topic in found if topic.startswith("homeassistant/device/")}
    assert len(described) == 3
    assert {
        topic: it
        for topic, it in found.items()
        if topic not in described and topic != f"{ROOT}/diag"
    } == {
        f"{ROOT}/status": "online",
        f"{ROOT}/controller": "online",
        f"{ROOT}/mode": "normal",
        f"{ROOT}/threat_level": "0",
        f"{ROOT}/tamper": "OFF",
        f"{ROOT}/fire": "OFF",
        **{
            f"{ROOT}/door/{number}/{leaf}": payload
            for number in (1, 2)
            for leaf, payload in (
                ("lock", "LOCKED"),
                ("contact", "OFF"),
                ("lock_since", "None"),
                ("contact_since", "None"),
                ("held", "OFF"),
                ("forced", "OFF"),
                ("status", "online"),
            )
        },
        f"{ROOT}/zone/1": "armed_away",
        f"{ROOT}/zone/2": "armed_away",
        f"{ROOT}/reader/front/online": "ON",
        f"{ROOT}/reader/qr/online": "ON",
        f"{ROOT}/reader/front/last_read": "None",
        f"{ROOT}/reader/qr/last_read": "None",
    }
    with broker.client(f"{ROOT}/#") as client:
        await_true(lambda: client.last(f"{ROOT}/status"), "what is retained")
        client.got.clear()
        bridged.device.reported = report(
            doors=(door(1, "front", unlocked=True), door(2, "back", away="no answer"))
        )
        bridged.bridge.wake()
        await_true(lambda: client.last(f"{ROOT}/door/2/status") == "offline", "the change")
        assert {
            it.topic: it.text for it in client.got if not it.retain and it.topic != f"{ROOT}/diag"
        } == {
            f"{ROOT}/door/1/lock": "UNLOCKED",
            f"{ROOT}/door/2/status": "offline",
        }


def test_without_the_controller_its_doors_are_offline(
    bridged: Bridged, client: BrokerClient
) -> None:
    bridged.device.reported = None
    bridged.bridge.wake()
    await_true(lambda: client.last(f"{ROOT}/controller") == "offline", "the loss")
    await_true(lambda: client.last(f"{ROOT}/door/2/status") == "offline", "its doors")


def test_a_stop_says_offline_and_a_lost_connection_has_the_broker_say_it(
    connect: Connect, client: BrokerClient
) -> None:
    first = connect()
    first.connected()
    first.bridge.close()
    await_true(lambda: client.last(f"{ROOT}/status") == "offline", "the farewell")
    second = connect()
    second.connected()
    await_true(lambda: client.last(f"{ROOT}/status") == "online", "the return")
    client.got.clear()
    second.bridge._connection._client.socket().close()  # type: ignore[union-attr] # is there
    await_true(lambda: client.of(f"{ROOT}/status")[:2] == ["offline", "online"], "will and return")


def test_everything_is_published_again_to_a_broker_that_lost_it(
    tmp_path: Path, connect: Connect
) -> None:
    mortal = Mosquitto(tmp_path)
    bridged = connect(f"mqtt://127.0.0.1:{mortal.port}")
    bridged.connected()
    await_true(lambda: len(mortal.retained()) > 15, "the state")
    before = mortal.retained()
    mortal.kill()
    bridged.device.reported = report(doors=(door(1, "front", unlocked=True), door(2, "back")))
    mortal.start()
    after = {**before, f"{ROOT}/door/1/lock": "UNLOCKED"}
    await_true(
        lambda: mortal.retained().keys() == after.keys() and mortal.retained(), "the state again"
    )
    found = mortal.retained()
    assert found | {f"{ROOT}/diag": ""} == after | {f"{ROOT}/diag": ""}
    bridged.bridge.close()
    mortal.close()


def test_everything_is_published_again_when_home_assistant_starts(
    connect: Connect, client: BrokerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.uplink.mqtt.bridge.BIRTH_WAIT_S", 0.0)
    bridged = connect()
    bridged.connected()
    await_true(lambda: client.last(f"{ROOT}/diag"), "the state")
    client.got.clear()
    client.publish("homeassistant/status", "online")
    await_true(lambda: client.last(f"{ROOT}/diag"), "the state again")
    assert {f"{ROOT}/door/1/lock", f"{ROOT}/mode", f"{ROOT}/status"} <= {
        it.topic for it in client.got
    }


def test_a_command_is_carried_out_once_and_answered_with_its_id(
    bridged: Bridged, client: BrokerClient
) -> None:
    text = order(id="a1")
    client.publish(SET, text, correlation=b"\x01\x02")
    (answer,) = answers(client)
    assert answer == {"id": "a1", "do": "open", "ok": True}
    assert next(it for it in client.got if it.topic == RESULT).correlation == b"\x01\x02"
    client.publish(SET, text)
    await_true(lambda: bridged.count(CommandOutcome.REPEATED) == 1, "the repetition")
    (command,) = bridged.device.commands
    assert (command.target, command.do) == (CommandTarget(TargetKind.DOOR, 1), "open")


def test_the_answer_goes_to_a_topic_below_the_usual_one_and_to_no_other(
    bridged: Bridged, broker: Mosquitto
) -> None:
    del bridged
    with broker.client("#") as client:
        client.publish(SET, order(id="a"), response_topic=f"{RESULT}/me")
        client.publish(SET, order(id="b"), response_topic="homeassistant/lock/x/config")
        client.publish(SET, order(id="c"), response_topic=f"{ROOT}/door/1/lock")
        await_true(lambda: len(client.of(RESULT)) == 2, "the answers")
        assert [json.loads(text)["id"] for text in client.of(f"{RESULT}/me")] == ["a"]
        assert not client.of("homeassistant/lock/x/config")


def test_a_command_that_was_retained_before_does_not_arrive(
    connect: Connect, client: BrokerClient
) -> None:
    client.publish(SET, order(id="old"), retain=True)
    bridged = connect(commands=True)
    bridged.connected()
    client.publish(SET, order(id="new"))
    answers(client)
    assert [it.id for it in bridged.device.commands] == ["new"]


def test_a_live_command_that_is_retained_is_dropped_and_cleared(
    bridged: Bridged, broker: Mosquitto, client: BrokerClient
) -> None:
    client.publish(SET, order(), retain=True)
    await_true(lambda: bridged.count(CommandOutcome.RETAINED) == 1, "the guard")
    await_true(lambda: SET not in broker.retained(), "the clearing")
    assert not bridged.device.commands


def test_what_was_sent_while_the_device_was_away_does_not_arrive(
    connect: Connect, client: BrokerClient
) -> None:
    first = connect(commands=True)
    first.connected()
    first.bridge.close()
    client.publish(SET, order(id="missed"))
    second = connect(commands=True)
    second.connected()
    client.publish(SET, order(id="live"))
    answers(client)
    assert [it.id for it in second.device.commands] == ["live"]


def test_a_session_that_the_broker_kept_under_the_same_name_delivers_nothing(
    connect: Connect, broker: Mosquitto, client: BrokerClient
) -> None:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    keeper = Client(CallbackAPIVersion.VERSION2, f"gateway-{ID}", clean_session=False)
    subscribed: list[int] = []
    keeper.on_connect = lambda *_: subscribed.clear() if keeper.subscribe(SET, 1)[0] else None
    keeper.on_subscribe = lambda *_: subscribed.append(1)
    keeper.connect("127.0.0.1", broker.port)
    keeper.loop_start()
    await_true(lambda: subscribed, "the kept session")
    keeper.disconnect()
    keeper.loop_stop()
    client.publish(SET, order(id="kept"))
    bridged = connect(commands=True)
    bridged.connected()
    client.publish(SET, order(id="live"))
    answers(client)
    assert [it.id for it in bridged.device.commands] == ["live"]


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (lambda: order(age_s=6), CommandOutcome.STALE),
        (lambda: order(age_s=-60), CommandOutcome.STALE),
        (lambda: '{"do":"open"}', CommandOutcome.UNTIMED),
        (lambda: "OPEN", CommandOutcome.UNTIMED),
        (lambda: order("unlock"), CommandOutcome.NOT_ALLOWED),
        (lambda: order("explode"), CommandOutcome.MALFORMED),
        (lambda: order() + "x" * LARGEST_PAYLOAD, CommandOutcome.MALFORMED),
        (lambda: '{"do":"open","at":NaN}', CommandOutcome.MALFORMED),
        (lambda: '{"do":"open","at":1,"door":2}', CommandOutcome.MALFORMED),
        (lambda: "{" * 900, CommandOutcome.MALFORMED),
        (lambda: b"\xff\xfe\x00", CommandOutcome.MALFORMED),
    ],
)
def test_a_command_that_is_late_or_unclear_is_answered_and_not_carried_out(
    bridged: Bridged,
    client: BrokerClient,
    payload: Callable[[], str | bytes],
    outcome: CommandOutcome,
) -> None:
    client.publish(SET, payload())
    (answer,) = answers(client)
    assert answer["ok"] is False
    assert answer["error"]
    assert bridged.count(outcome) == 1
    assert not bridged.device.commands


def test_a_time_counts_for_nothing_while_the_clock_is_not_trusted(
    bridged: Bridged, client: BrokerClient
) -> None:
    bridged.device.trusted = False
    client.publish(SET, order())
    (answer,) = answers(client)
    assert "clock" in answer["error"]
    client.publish(SET, "LOCK")
    assert answers(client, 2)[1]["ok"] is True
    assert [it.do for it in bridged.device.commands] == ["lock"]


def test_a_flood_is_cut_off(bridged: Bridged, client: BrokerClient) -> None:
    for number in range(BURST + 30):
        client.publish(SET, order(id=str(number)))
    await_true(lambda: bridged.count(CommandOutcome.FLOODED) >= 20, "the flood")
    assert len(bridged.device.commands) <= BURST + 10


def test_other_topics_and_wildcards_reach_no_command(
    bridged: Bridged, client: BrokerClient
) -> None:
    for topic in (
        f"{ROOT}/door/set",
        f"{ROOT}/door/99/set",
        f"{ROOT}/door/1/set/more",
        f"{ROOT}//door/1/set",
        f"{ROOT}/DOOR/1/set",
        f"gateway/{ID + 1}/door/1/set",
    ):
        client.publish(topic, order())
    client.publish(SET, order(id="last"))
    answers(client)
    assert [it.id for it in bridged.device.commands] == ["last"]


def test_what_the_device_refuses_is_answered_with_its_words(
    bridged: Bridged, client: BrokerClient
) -> None:
    bridged.device.refusal = NotPermitted("Invalid access level")
    client.publish(SET, order(id="x"))
    assert answers(client) == [
        {"id": "x", "do": "open", "ok": False, "error": "Invalid access level"}
    ]
    assert bridged.count(CommandOutcome.FAILED) == 1


def test_without_permission_no_command_is_listened_to(
    connect: Connect, client: BrokerClient
) -> None:
    bridged = connect(commands=False)
    bridged.connected()
    client.publish(SET, order())
    await_true(lambda: client.last(f"{ROOT}/diag"), "the state")
    bridged.device.reported = report(doors=(door(1, "front", unlocked=True), door(2, "back")))
    await_true(lambda: client.last(f"{ROOT}/door/1/lock") == "UNLOCKED", "a later message")
    assert not bridged.device.commands
    assert not client.of(RESULT)


def test_topics_of_doors_that_are_no_more_are_cleared(connect: Connect, broker: Mosquitto) -> None:
    first = connect()
    first.connected()
    await_true(lambda: f"{ROOT}/door/2/lock" in first.memory.topics, "the memory")
    first.bridge.close()
    second = Bridged(f"mqtt://127.0.0.1:{broker.port}", memory=first.memory)
    second.device.reported = report(doors=(door(1, "front"),))
    second.bridge.start()
    await_true(lambda: f"{ROOT}/door/2/lock" not in broker.retained(), "the clearing")
    assert f"{ROOT}/door/1/lock" in broker.retained()
    second.bridge.close()


def test_discovery_that_is_switched_off_is_cleared_at_the_broker(
    connect: Connect, broker: Mosquitto
) -> None:
    first = connect(discovery=True)
    topic = f"homeassistant/device/gateway_{ID}/config"
    await_true(lambda: topic in first.memory.topics, "the memory")
    await_true(lambda: topic in broker.retained(), "the description")
    first.bridge.close()
    second = Bridged(f"mqtt://127.0.0.1:{broker.port}", memory=first.memory, discovery=False)
    second.bridge.start()
    await_true(lambda: topic not in broker.retained(), "the clearing")
    assert f"{ROOT}/door/1/lock" in broker.retained()
    second.bridge.close()


def test_a_delivery_is_confirmed_by_the_broker_and_fails_without_one(
    connect: Connect, client: BrokerClient
) -> None:
    bridged = connect()
    bridged.connected()
    assert bridged.bridge.deliver(Outgoing(f"{ROOT}/event", "one")) == (SendOutcome.ACCEPTED, "")
    await_true(lambda: client.of(f"{ROOT}/event") == ["one"], "the event")
    bridged.bridge.close()
    outcome, why = bridged.bridge.deliver(Outgoing(f"{ROOT}/event", "two"))
    assert outcome is SendOutcome.FAILED
    assert why is not None


def test_a_broker_without_a_listener_is_tried_again_and_the_reason_is_known(
    connect: Connect,
) -> None:
    bridged = connect("mqtt://127.0.0.1:1")
    await_true(lambda: "refused" in bridged.bridge.deliver(Outgoing("a", "b"))[1], "the reason")
    assert bridged.bridge.alive
