"""What a Wiegand frame on a real board's lines costs: the edge thread and a rig's turns.

Everything is the product's own but the chip: a stand-in for gpiod's, whose edges a thread puts
there in real time. What the kernel does for an edge is not in these figures; `make test-vm` has it.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import gpiod
from gpiod.line import Value

from gateway.clock import SystemClock
from gateway.credentials.values import Identification
from gateway.credentials.wiegand import FORMATS, encode
from gateway.hardware.boards import chips
from gateway.hardware.boards.profiles import load_profile
from gateway.hardware.events import HardwareEvent
from gateway.hardware.rig import open_rig
from gateway.settings import SiteFile

from .figures import Expectations, p50, p99, say, table

FRAMES = 100
INTERVALS_US = (200, 2_000)
PAUSE_S = 0.06
"""Between two frames; longer than the silence that ends one."""
MOST_MS = 1.0
SITE: dict[str, Any] = {
    "site": {"name": "Bench", "timezone": "UTC", "board": "pi4"},
    "door": [
        {
            "id": 1,
            "name": "front",
            "egress": "mechanical",
            "strike": {"pin": 17, "locked": "low", "unlocked": "high"},
            "rex": {"pin": 22},
        }
    ],
    "reader": [
        {"name": "front", "index": 1, "portal": 1, "kind": "wiegand", "d0": 5, "d1": 6},
    ],
}


class Lines:
    """A request of lines that stay high; `edges` waits for who reads."""

    last: dict[int, Lines] = {}  # noqa: RUF012 - a board's lines

    def __init__(self, config: dict[Any, Any]) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.edges: list[gpiod.EdgeEvent] = []
        ((lines, _),) = config.items()
        self.last.update(dict.fromkeys(lines if isinstance(lines, tuple) else (lines,), self))

    def tell(self, edge: gpiod.EdgeEvent) -> None:
        self.edges.append(edge)
        os.eventfd_write(self.fd, 1)

    def read_edge_events(self, most: int) -> list[gpiod.EdgeEvent]:
        os.eventfd_read(self.fd)
        taken, self.edges = self.edges[:most], self.edges[most:]
        return taken

    def get_values(self, lines: Any) -> list[Value]:
        return [Value.ACTIVE for _ in lines]

    def get_value(self, line: int) -> Value:  # noqa: ARG002 - gpiod's signature
        return Value.INACTIVE

    def reconfigure_lines(self, config: dict[Any, Any]) -> None:
        """Nothing depends on it."""

    def release(self) -> None:
        os.close(self.fd)


class Chip:
    """The only chip."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_info(self) -> Any:
        return SimpleNamespace(label="pinctrl-bcm2711", num_lines=0)

    def request_lines(self, config: dict[Any, Any], **_asked: Any) -> Lines:
        return Lines(config)


@contextmanager
def _stand_in(directory: Path) -> Iterator[None]:
    (directory / "gpiochip0").touch()
    really, where = gpiod.Chip, chips.DEVICES
    gpiod.Chip, chips.DEVICES = Chip, directory  # type: ignore[misc,assignment]
    try:
        yield
    finally:
        gpiod.Chip, chips.DEVICES = really, where  # type: ignore[misc]


class Sender(threading.Thread):
    """Sends random cards; `cpu_ns` is what it took."""

    def __init__(self, interval_us: int) -> None:
        super().__init__(name="sender")
        self._interval_ns = interval_us * 1_000
        self.cpu_ns = 0

    def run(self) -> None:
        draw, lines = random.Random(4), Lines.last[5]  # noqa: S311 - a sample
        kind, number = gpiod.EdgeEvent.Type.FALLING_EDGE.value, 0
        for _ in range(FRAMES):
            due_ns = time.monotonic_ns()
            for bit in encode(FORMATS["w26"], draw.randrange(1, 256), draw.randrange(1, 65_536)):
                number += 1
                time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
                due_ns = max(due_ns, time.monotonic_ns() - self._interval_ns // 2)
                stamp_ns = time.monotonic_ns()
                lines.tell(gpiod.EdgeEvent(kind, stamp_ns, 5 + int(bit), number, number))
                due_ns += self._interval_ns
            time.sleep(PAUSE_S)
        self.cpu_ns = time.thread_time_ns()


def measure(directory: Path, expected: Expectations) -> None:
    """Send cards of two speeds, and print what they cost."""
    say()
    say(f"Wiegand on kernel lines, {FRAMES} cards of 26 bits each; milliseconds")
    rows = []
    directory.mkdir()
    with _stand_in(directory):
        for interval_us in INTERVALS_US:
            cost, turns, waits = _round(directory, interval_us)
            figures = (len(waits), cost, turns, p50(waits), p99(waits))
            rows.append((f"{interval_us} us", *figures))
            expected.below(f"frame of bits of {interval_us} us: CPU", cost, MOST_MS, " ms")
    table(("bits", "read", "CPU a frame", "turns of the loop", "p50", "p99"), rows)


def _round(directory: Path, interval_us: int) -> tuple[float, float, list[int]]:
    """CPU milliseconds and turns of the loop for a frame, and the time from each last bit to its
    event in nanoseconds."""
    woken, clock, waits = threading.Event(), SystemClock(), list[int]()

    def post(event: HardwareEvent) -> None:
        if isinstance(event, Identification):
            waits.append(clock.monotonic_ns() - event.at_ns)

    site = SiteFile.model_validate(SITE)
    rig = open_rig(site, load_profile("pi4"), clock, directory, directory, post, woken.set)
    sender = Sender(interval_us)
    turns, before_ns = 0, time.process_time_ns()
    sender.start()
    while sender.is_alive():
        due_ns = rig.due_ns()
        wait_s = 0.5 if due_ns is None else min(max(0, due_ns - clock.monotonic_ns()) / 1e9, 0.5)
        woken.wait(wait_s)
        woken.clear()
        rig.service(clock.monotonic_ns())
        turns += 1
    spent_ns = time.process_time_ns() - before_ns - sender.cpu_ns
    rig.close()
    return spent_ns / FRAMES / 1e6, turns / FRAMES, waits
