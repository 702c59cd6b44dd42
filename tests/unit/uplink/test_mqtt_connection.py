"""Brokers of every kind at the other end: TLS, passwords, old versions, nonsense."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway.clock import SystemClock
from gateway.errors import SettingsError
from gateway.settings import MqttSettings
from gateway.uplink.delivery import SendOutcome
from gateway.uplink.mqtt.bridge import MqttBridge
from gateway.uplink.mqtt.connection import BrokerAway, BrokerConnection, OldBroker, Outgoing
from gateway.uplink.mqtt.discovery import BridgeIdentity
from gateway.uplink.mqtt.guards import CommandOutcome, Incoming
from tests.mqtt.broker import PROGRAM, Mosquitto, await_true
from tests.mqtt.device import ID, StrawDevice, StrawMemory, site_with

SET = f"gateway/{ID}/door/1/set"
RESULT = f"gateway/{ID}/door/1/result"
WILL = f"gateway/{ID}/status"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def settings_of(broker: str, **given: Any) -> MqttSettings:
    found = site_with(broker, **given).mqtt
    assert found is not None
    return found


def connection(
    settings: MqttSettings, got: list[Incoming] | None = None, *, mqtt5: bool = True
) -> BrokerConnection:
    take = (got if got is not None else []).append
    return BrokerConnection(settings, "device", WILL, SystemClock(), take, mqtt5=mqtt5)


class Certificates:
    """An authority of the test's own, with files of what it issued."""

    def __init__(self, directory: Path, name: str = "127.0.0.1") -> None:
        self.authority = trustme.CA()
        self.ca_file = directory / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca_file))
        self.certificate, self.key = self._issue(directory, "server", name)
        self.client = self._issue(directory, "client", "device.example")

    def _issue(self, directory: Path, what: str, name: str) -> tuple[Path, Path]:
        issued = self.authority.issue_cert(name)
        certificate, key = directory / f"{what}.pem", directory / f"{what}.key"
        certificate.write_bytes(b"".join(it.bytes() for it in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return certificate, key

    def lines(self) -> tuple[str, ...]:
        return (
            f"cafile {self.ca_file}",
            f"certfile {self.certificate}",
            f"keyfile {self.key}",
        )


UNCLOSED = pytest.mark.filterwarnings(
    # The client library leaves a socket whose TLS failed to the garbage collector.
    "ignore:unclosed:ResourceWarning"
)


@UNCLOSED
def test_tls_reaches_a_broker_of_a_trusted_authority_and_no_other(
    tmp_path: Path, stack: ExitStack
) -> None:
    made = Certificates(tmp_path)
    broker = Mosquitto(tmp_path, *made.lines())
    stack.callback(broker.close)
    address = f"mqtts://127.0.0.1:{broker.port}"
    good = connection(settings_of(address, ca_file=made.ca_file))
    stack.callback(good.close)
    good.open()
    assert good.deliver(Outgoing("a", "b")) == (SendOutcome.ACCEPTED, "")
    stranger = connection(settings_of(address))
    with pytest.raises(BrokerAway, match="certificate verify failed"):
        stranger.open()


@UNCLOSED
def test_a_certificate_of_another_host_is_refused(tmp_path: Path, stack: ExitStack) -> None:
    made = Certificates(tmp_path, "elsewhere.example")
    broker = Mosquitto(tmp_path, *made.lines())
    stack.callback(broker.close)
    wrong = connection(settings_of(f"mqtts://127.0.0.1:{broker.port}", ca_file=made.ca_file))
    with pytest.raises(BrokerAway, match="certificate verify failed"):
        wrong.open()


@UNCLOSED
def test_a_broker_that_asks_for_a_certificate_gets_that_of_the_device(
    tmp_path: Path, stack: ExitStack
) -> None:
    made = Certificates(tmp_path)
    broker = Mosquitto(tmp_path, *made.lines(), "require_certificate true")
    stack.callback(broker.close)
    address = f"mqtts://127.0.0.1:{broker.port}"
    certificate, key = made.client
    known = connection(settings_of(address, ca_file=made.ca_file, certificate=certificate, key=key))
    stack.callback(known.close)
    known.open()
    assert known.deliver(Outgoing("a", "b"))[0] is SendOutcome.ACCEPTED
    with pytest.raises(BrokerAway):
        connection(settings_of(address, ca_file=made.ca_file)).open()


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    with pytest.raises(SettingsError, match=r"ca_file .*junk\.pem cannot be used"):
        connection(settings_of("mqtts://b", ca_file=junk))
    password = tmp_path / "password"
    given = {"user": "door", "password_file": password}
    with pytest.raises(SettingsError, match=r"password_file .* cannot be read: No such file"):
        connection(settings_of("mqtts://b", **given))
    password.write_text("hunter2")
    password.chmod(0o640)
    with pytest.raises(SettingsError, match="open to others: chmod 600") as refused:
        connection(settings_of("mqtts://b", **given))
    assert "hunter2" not in str(refused.value)


def test_a_password_is_that_of_its_file(tmp_path: Path, stack: ExitStack) -> None:
    if PROGRAM is None:
        pytest.skip("mosquitto is not installed")
    users = tmp_path / "users"
    users.write_text("door:hunter2\n")
    subprocess.run(["mosquitto_passwd", "-U", str(users)], check=True)
    broker = Mosquitto(tmp_path, f"password_file {users}", "allow_anonymous false")
    stack.callback(broker.close)
    password = tmp_path / "password"
    password.touch(0o600)
    given = settings_of(f"mqtt://127.0.0.1:{broker.port}", user="door", password_file=password)
    password.write_text("hunter2\n")
    good = connection(given)
    stack.callback(good.close)
    good.open()
    password.write_text("wrong")
    with pytest.raises(BrokerAway, match="Not authorized") as refused:
        connection(given).open()
    assert not isinstance(refused.value, OldBroker)


class OldFront:
    """Stands before a broker and knows MQTT 3.1.1 alone."""

    def __init__(self, port: int, answer: bytes) -> None:
        self._target = port
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.versions: list[int] = []
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
        for each in (self._listener, *self._open):
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                first = client.recv(4_096)
                version = first[first.index(b"MQTT") + 4]
                self.versions.append(version)
                if version == 5:
                    client.sendall(self._answer)
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open.append(server)
                server.sendall(first)
                for pair in ((client, server), (server, client)):
                    self._threads.append(threading.Thread(target=_carry, args=pair, daemon=True))
                    self._threads[-1].start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(4_096):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    "answer",
    [b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00", b""],
    ids=["refused as 3.1.1 does", "refused as 5 does", "closed"],
)
def test_a_broker_that_refuses_mqtt_5_is_spoken_to_in_3_1_1(
    tmp_path: Path, stack: ExitStack, answer: bytes
) -> None:
    broker = Mosquitto(tmp_path)
    stack.callback(broker.close)
    front = OldFront(broker.port, answer)
    stack.callback(front.close)
    device = StrawDevice()
    site = site_with(f"mqtt://127.0.0.1:{front.port}", commands=True)
    assert site.mqtt is not None
    client = stack.enter_context(broker.client(RESULT))
    # On 3.1.1 the broker delivers it, marked as retained.
    client.publish(SET, json.dumps({"do": "open", "at": time.time()}), retain=True)
    bridge = MqttBridge(
        site.mqtt, site, BridgeIdentity(ID, "A95V", "1"), device, StrawMemory(), SystemClock()
    )
    connected = threading.Event()
    bridge.on_connected = connected.set
    bridge.start()
    stack.callback(bridge.close)
    assert connected.wait(30)
    assert front.versions == [5, 4]
    await_true(lambda: bridge.guard.counts[CommandOutcome.RETAINED] == 1, "the guard")
    await_true(lambda: SET not in broker.retained(), "the clearing")
    client.publish(SET, json.dumps({"do": "open", "at": time.time(), "id": "x"}))
    await_true(lambda: client.of(RESULT), "the answer")
    assert [it.id for it in device.commands] == ["x"]


@pytest.mark.parametrize("noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64, b"\x20\x00"])
def test_a_server_that_is_no_broker_ends_the_attempt_and_nothing_else(
    stack: ExitStack, noise: bytes
) -> None:
    front = OldFront(1, noise)
    stack.callback(front.close)
    wrong = connection(settings_of(f"mqtt://127.0.0.1:{front.port}"))
    with pytest.raises(BrokerAway):
        wrong.open()
    assert not wrong.alive
    assert wrong.deliver(Outgoing("a", "b"))[0] is SendOutcome.FAILED


def test_an_error_at_one_message_skips_that_message_alone(tmp_path: Path, stack: ExitStack) -> None:
    broker = Mosquitto(tmp_path)
    stack.callback(broker.close)
    got: list[str] = []

    def take(incoming: Incoming) -> None:
        got.append(incoming.payload.decode())

    here = BrokerConnection(
        settings_of(f"mqtt://127.0.0.1:{broker.port}"), "device", WILL, SystemClock(), take
    )
    stack.callback(here.close)
    here.open()
    here.subscribe(["to/me"])
    client = stack.enter_context(broker.client())
    client.publish("to/me", b"\xff")
    client.publish("to/me", "good")
    await_true(lambda: got == ["good"], "the next message")
    assert (here.errors, here.alive) == (1, True)


def test_a_topic_that_the_broker_forbids_is_given_up_and_others_are_not(
    tmp_path: Path, stack: ExitStack
) -> None:
    rights = tmp_path / "acl"
    rights.write_text("topic readwrite allowed/#\n")
    broker = Mosquitto(tmp_path, f"acl_file {rights}")
    stack.callback(broker.close)
    here = connection(settings_of(f"mqtt://127.0.0.1:{broker.port}"))
    stack.callback(here.close)
    here.open()
    outcome, why = here.deliver(Outgoing("forbidden/x", "1"))
    assert outcome is SendOutcome.UNKNOWN
    assert "0x87" in why
    assert here.deliver(Outgoing("allowed/x", "1")) == (SendOutcome.ACCEPTED, "")


def test_a_device_without_a_broker_does_not_load_the_client_library() -> None:
    loaded = "import sys, gateway.api.process, gateway.uplink.uplink; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, check=True, text=True
    )
    modules = done.stdout.split()
    assert "gateway.uplink.mqtt.bridge" in modules
    assert "paho" not in modules
