"""HTTP clients for several requests at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.uplink.http_client import HttpClient


class HttpClients:
    """HTTP clients, each with a connection of its own. Those used last go first, so that few
    connections are kept."""

    def __init__(self, ca_file: Path | None) -> None:
        """`ca_file` as in HttpClient."""
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._idle: list[HttpClient] = []
        self._all: list[HttpClient] = []
        self._aborted = False

    @contextmanager
    def one(self) -> Iterator[HttpClient]:
        """A client that nobody else uses until the end of the block."""
        with self._lock:
            if self._idle:
                client = self._idle.pop()
            else:
                client = HttpClient(self._ca_file)
                self._all.append(client)
                if self._aborted:
                    client.abort()
        try:
            yield client
        finally:
            with self._lock:
                self._idle.append(client)

    def abort(self) -> None:
        """End the running requests, and refuse others."""
        with self._lock:
            self._aborted = True
            for client in self._all:
                client.abort()

    def close(self) -> None:
        for client in self._all:
            client.close()
