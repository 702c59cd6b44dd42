"""A client of the api process: it logs in, writes, and exports without end."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

PIECE = 1 << 16
PATIENCE_S = 60.0
TABLES = ("users", "cards")


class Client:
    """One logged-in connection."""

    def __init__(self, url: str, password: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)
        self.session = ""
        login = {"login": "admin", "password": password}
        self.session = str(json.loads(self.post("login", login))["session"])

    def post(self, command: str, body: Mapping[str, Any] | bytes, query: str = "") -> bytes:
        """The answer to one command; raises RuntimeError when it is refused."""
        return b"".join(self.stream(command, body, query))

    def stream(
        self, command: str, body: Mapping[str, Any] | bytes, query: str = ""
    ) -> Iterator[bytes]:
        """The answer to one command, piece by piece; bytes are sent as they are."""
        path = f"/{command}.fcgi?{query}" + (f"&session={self.session}" if self.session else "")
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        headers = {"Content-Type": kind}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._connection.request("POST", path, data, headers)
        response = self._connection.getresponse()
        if response.status != http.client.OK:
            raise RuntimeError(f"{command}: {response.status} {response.read(500)!r}")
        while piece := response.read(PIECE):
            yield piece

    def close(self) -> None:
        self._connection.close()


class Export:
    """A thread that loads every row of `users` and `cards`, over and over, while it is told to."""

    def __init__(self, url: str, password: str) -> None:
        self._client = Client(url, password)
        self._going = False
        self._flowing = threading.Event()
        self.bytes = 0
        self.whole = 0
        """Tables that came to their end."""
        self.seconds = 0.0
        """Bytes exported in this time, all in all."""
        self._client.close()  # the server would, for being idle

    @contextmanager
    def running(self) -> Iterator[None]:
        """Export until left; broken off then, in the middle of whatever is on its way."""
        self._going = True
        self._flowing.clear()
        with ThreadPoolExecutor(1, "export") as pool:
            began = time.monotonic()
            exporting = pool.submit(self._run)
            try:
                self._flowing.wait(PATIENCE_S)
                yield
            finally:
                self._going = False
            exporting.result()
            self.seconds += time.monotonic() - began
        # An answer that was broken off would meet the next question.
        self._client.close()

    def _run(self) -> None:
        while True:
            for table in TABLES:
                for piece in self._client.stream("load_objects", {"object": table}):
                    self.bytes += len(piece)
                    self._flowing.set()
                    if not self._going:
                        return
                self.whole += 1

    def close(self) -> None:
        self._client.close()
