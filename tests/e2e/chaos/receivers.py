"""What the servers of every destination got, by the numbers of the events."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from tests.mqtt.broker import BrokerClient, Mosquitto, await_true

MONITOR, MINOP, ONLINE, MQTT = "monitor", "minop", "online", "mqtt"


class HttpReceivers:
    """Takes everything; `/NAME/...` is the destination NAME."""

    def __init__(self, numbers: dict[str, Callable[[str, Any], int | None]]) -> None:
        """`numbers` tells, for each destination, the event that a path and body are about."""
        self.got: dict[str, list[int]] = {name: [] for name in numbers}
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # status, headers and body in one packet

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                text = self.rfile.read(length)
                if len(text) < length:  # its sender was killed
                    self.close_connection = True
                    return
                name, _, path = self.path.lstrip("/").partition("/")
                number = numbers[name](path, json.loads(text or b"null"))
                if number is not None:
                    receivers.got[name].append(number)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class KilledBroker:
    """A broker that dies, and a client of it that hears each event that the broker confirmed.

    The broker writes an event to its subscribers before it confirms it, and without a quality of
    service the client writes nothing that could reset the connection before all is read.
    """

    TOPIC = "gateway/+/door/1/event"

    def __init__(self, directory: Path) -> None:
        self.broker = Mosquitto(directory)
        self._before: list[int] = []
        self._client = self._listen()

    def _listen(self) -> BrokerClient:
        return self.broker.client(self.TOPIC, qos=0)

    @property
    def got(self) -> list[int]:
        """The numbers of the journal's entries."""
        return [*self._before, *(json.loads(it.text)["id"] for it in self._client.got)]

    @property
    def last(self) -> int:
        """The latest; 0 for none since it was killed."""
        return int(json.loads(self._client.got[-1].text)["id"]) if self._client.got else 0

    @property
    def count(self) -> int:
        return len(self._before) + len(self._client.got)

    def kill(self) -> None:
        self.broker.kill()
        await_true(lambda: not self._client.connected, "the end of the connection")
        self._before = self.got
        self._client.close()
        self._client.got.clear()

    def start(self) -> None:
        """Start it, with the client before all others that wait until it is back."""
        self.broker.start()
        self._client = self._listen()

    def close(self) -> None:
        self._client.close()
        self.broker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def judged(name: str, got: Sequence[int], expected: Sequence[int]) -> str:
    """A line of the summary; AssertionError where an event is missing, unknown or out of order.

    A sender that was killed may go back and repeat. It never leaves an event out, not even to send
    it later.
    """
    places = {number: place for place, number in enumerate(expected)}
    came = [places[number] for number in got]
    skips = [(a, b) for a, b in pairwise([-1, *came]) if b > a + 1]
    assert not skips, f"{name}: left out after, and gone on with: {skips[:5]}"
    assert max(came) == len(expected) - 1, f"{name}: the last events are missing"
    back = sum(b <= a for a, b in pairwise(came))
    repeated = len(came) - len(expected)
    return f"{name:<10}{len(expected):>8} events{repeated:>8} duplicates{back:>6} times gone back"
