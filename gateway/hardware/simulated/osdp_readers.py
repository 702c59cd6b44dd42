"""The simulated OSDP readers of one bus: the controller's end of their process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.errors import DeviceUnavailable

_END_S = 2.0


class OsdpReaders:
    """Readers on a pseudo-terminal, which are there soon after construction."""

    def __init__(self, path: Path, readers: Iterable[Mapping[str, Any]]) -> None:
        """`path` becomes the link to the port. A reader has `name` and `address`, and may have
        `key` (hexadecimal; none: installation mode), `enforce`, `serial`, `baud`, without which it
        hears every speed, `lost`: it does not answer at another address, `store`, the file
        where it keeps the key that it is given, and `resets`: `before` or `after` it has stored the
        first key that it is given it starts again, without an answer."""
        self.path = path
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.hardware.simulated.osdp_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # The pipe takes it; should the process fail at once, the next order says so.
        self.order({"path": str(path), "readers": list(readers)})

    def order(self, order: Mapping[str, Any]) -> None:
        """Have something done, as `osdp_process` describes; raises DeviceUnavailable if the process
        has ended."""
        if self._process.stdin is None or self._process.poll() is not None:
            raise DeviceUnavailable("the simulated OSDP readers have ended: is libosdp installed?")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """Wait for the next line of the process: `ready` is the first."""
        return self._process.stdout.readline().strip() if self._process.stdout else ""

    def told(self) -> dict[str, list[dict[str, Any]]]:
        """The latest commands that each reader got."""
        self.order({"told": True})
        while not (line := self.answer()).startswith("{"):
            if not line:
                raise DeviceUnavailable("the simulated OSDP readers have ended")
        found: dict[str, list[dict[str, Any]]] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
