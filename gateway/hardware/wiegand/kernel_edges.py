"""Edges as the kernel's GPIO character device reports them: stamped in the interrupt, numbered.

Only `factory.open_edges` imports this module: the package gpiod is not there off a board.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import gpiod
import structlog
from gpiod.line import Bias, Clock, Direction, Edge, Value

from gateway.errors import DeviceUnavailable
from gateway.hardware.wiegand.edges import EDGES_KEPT, EdgeCounts, EdgeNumbers

BUFFER = 1024
"""Edges that the kernel keeps until they are read: 200 ms of the fastest reader."""
LARGE_BATCH = 256
"""More than this at once means that the reading thread does not get its turn."""

_DEVICES = Path("/dev")

log = structlog.get_logger("edges")


def find_chip(label: str, devices: Path = _DEVICES) -> str:
    """The device path of the GPIO chip with this label; its number differs between boards and
    kernels.

    Raises DeviceUnavailable naming the chips that are there.
    """
    found = []
    for path in sorted(devices.glob("gpiochip*")):
        try:
            with gpiod.Chip(str(path)) as chip:
                name = chip.get_info().label
        except OSError as error:
            found.append(f"{path.name} cannot be opened: {error.strerror}")
            continue
        if name == label:
            return str(path)
        found.append(f"{path.name} is {name}")
    there = ", ".join(found) or "none"
    raise DeviceUnavailable(f"no GPIO chip has the label {label!r} (found: {there})")


class KernelEdgeSource:
    """Both lines of a reader in one request. `read`, `drop` and `reopen` belong to the thread that
    reads for all; everything else to the loop's."""

    edge_lag_ns = 10_000_000
    """Edges pass a thread and the interpreter's lock: p99 of 5.5 ms was measured under a busy
    thread."""

    def __init__(self, reader: str, chip: str, d0: int, d1: int, wake: Callable[[], None]) -> None:
        """Request the lines of `chip` (a device path). Raises DeviceUnavailable when they cannot be
        had, such as when another program uses one."""
        self.reader = reader
        self.counts = EdgeCounts()
        self.failure = ""
        self._chip = chip
        self._lines = (d0, d1)
        self._wake = wake
        self._numbers = EdgeNumbers()
        # What overflows here was numbered: it is missed like any other lost edge.
        self._edges: deque[tuple[int, int, int]] = deque(maxlen=EDGES_KEPT)
        self._base = 0
        self._last = 0
        self._guard = threading.Lock()
        self._request: gpiod.LineRequest | None = None
        try:
            self._request = self._opened()
        except OSError as error:
            raise DeviceUnavailable(
                f"reader {reader!r}: lines {d0} and {d1} of {chip} cannot be had: {error.strerror}"
            ) from error

    def drain(self) -> list[tuple[int, int]]:
        taken = []
        while self._edges:
            stamp_ns, bit, number = self._edges.popleft()
            self.counts.count(bit)
            if self._numbers.arrived(number, stamp_ns):
                taken.append((stamp_ns, bit))
        return taken

    def lost_until(self, stamp_ns: int) -> int:
        lost = self._numbers.lost_until(stamp_ns)
        self.counts.lost += lost
        return lost

    def levels(self) -> tuple[bool, bool]:
        with self._guard:
            if self._request is None:
                raise OSError(self.failure or "not open")
            d0, d1 = self._request.get_values(self._lines)
        return d0 is Value.ACTIVE, d1 is Value.ACTIVE

    def turns(self, now_ns: int) -> bool:  # noqa: ARG002 - the thread that serves all tells
        return True

    def close(self) -> None:
        """Give the lines back; the thread must have ended, or never have begun."""
        with self._guard:
            if self._request is not None:
                self._request.release()
                self._request = None

    # From here on: the thread's side.

    def fileno(self) -> int | None:
        """What to poll; None while the lines are not open."""
        return None if self._request is None else self._request.fd

    def read(self) -> None:
        """Take the edges that wait in the kernel. Raises OSError."""
        if self._request is None:
            return
        events = self._request.read_edge_events(BUFFER)
        for event in events:
            self._last = self._base + event.global_seqno
            bit = self._lines.index(event.line_offset)
            self._edges.append((event.timestamp_ns, bit, self._last))
        self._note_batch(len(events))
        self._wake()

    def drop(self, why: str) -> None:
        """Give up lines that fail."""
        self.failure = why
        self.close()
        self._wake()

    def reopen(self) -> None:
        """Try once more to have lines that failed."""
        try:
            request = self._opened()
        except OSError as error:
            self.failure = f"lines cannot be had: {error.strerror}"
            return
        # A new request counts from 1 again.
        self._base = self._last
        with self._guard:
            self._request = request
        self.failure = ""
        self._wake()

    def _opened(self) -> gpiod.LineRequest:
        lines = gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=Edge.FALLING,
            # Idle lines are high; the pull keeps those of an unplugged reader from floating.
            bias=Bias.PULL_UP,
            # The clock that the loop goes by. No debounce: it would swallow pulses of 50 us.
            event_clock=Clock.MONOTONIC,
        )
        with gpiod.Chip(self._chip) as chip:
            return chip.request_lines(
                {self._lines: lines},
                consumer=f"gateway {self.reader}",
                event_buffer_size=BUFFER,
            )

    def _note_batch(self, size: int) -> None:
        if size > self.counts.largest_batch:
            self.counts.largest_batch = size
            if size > LARGE_BATCH:
                log.warning("many edges at once", reader=self.reader, edges=size)
