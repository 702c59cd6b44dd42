"""A real broker on a port of its own, and a client of it that is not ours."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

T = TypeVar("T")

DEADLINE_S = 30.0
"""Far more than anything here takes."""
PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def await_true(look: Callable[[], T], what: str) -> T:
    """The first truthy answer of `look`; fails at the end of a generous time."""
    end = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come about; last seen: {found!r}")
        pause.wait(0.01)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Mosquitto:
    """Runs in `directory`, with `lines` in its configuration, until closed."""

    def __init__(self, directory: Path, *lines: str) -> None:
        if PROGRAM is None:
            pytest.skip("mosquitto is not installed")
        self.port = free_port()
        self._log = directory / "mosquitto.log"
        self._configuration = directory / "mosquitto.conf"
        usual = () if any("password_file" in line for line in lines) else ("allow_anonymous true",)
        whole = (f"listener {self.port} 127.0.0.1", "user root", *usual, *lines)
        self._configuration.write_text("\n".join(whole) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, on the same port as before."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(PROGRAM), "-c", str(self._configuration)], stdout=log, stderr=log
            )
        await_true(self._answers, "a broker that listens")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        """`kill -9`: what it retained is gone."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(DEADLINE_S)

    def client(self, *topics: str, **given: Any) -> BrokerClient:
        """A client that has subscribed to `topics`."""
        return BrokerClient(self.port, *topics, **given)

    def retained(self) -> dict[str, str]:
        """Every retained message."""
        with self.client("#") as client:
            client.publish("end", "of what is retained")
            await_true(lambda: client.of("end"), "the end")
            return {it.topic: it.text for it in client.got if it.retain}


@dataclass(frozen=True)
class Got:
    """A message that came."""

    topic: str
    text: str
    retain: bool
    correlation: bytes | None


class BrokerClient:
    """Connected by MQTT 5 until closed."""

    def __init__(
        self, port: int, *topics: str, user: str = "", password: str = "", qos: int = 1
    ) -> None:
        self.got: list[Got] = []
        self._subscribed = threading.Event()
        self._connected = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._received
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        if user:
            self._client.username_pw_set(user, password)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._connected.wait(DEADLINE_S)
        if topics:
            self._client.subscribe(
                [(topic, SubscribeOptions(qos=qos, retainAsPublished=False)) for topic in topics]
            )
            assert self._subscribed.wait(DEADLINE_S)

    @property
    def connected(self) -> bool:
        """False once the broker is gone and everything that it had sent is in `got`."""
        return self._client.is_connected()

    def _received(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        text = message.payload.decode(errors="replace")
        self.got.append(Got(message.topic, text, message.retain, correlation))

    def publish(
        self,
        topic: str,
        payload: str | bytes,
        *,
        retain: bool = False,
        correlation: bytes | None = None,
        response_topic: str = "",
    ) -> None:
        """Publish, and wait until the broker has it."""
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # has none
        if correlation is not None:
            properties.CorrelationData = correlation
        if response_topic:
            properties.ResponseTopic = response_topic
        info = self._client.publish(topic, payload, 1, retain, properties)
        info.wait_for_publish(DEADLINE_S)
        assert info.is_published()

    def of(self, topic: str) -> list[str]:
        """The payloads of one topic, in order."""
        return [it.text for it in self.got if it.topic == topic]

    def last(self, topic: str) -> str | None:
        return next(iter(self.of(topic)[-1:]), None)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
