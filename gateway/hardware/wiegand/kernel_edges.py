"""Edges as the kernel's GPIO character device reports them: stamped in the interrupt, numbered.

Only `factory.open_edges` imports this module: the package gpiod is not there off a board.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import gpiod
import structlog
from gpiod.line import Bias, Clock, Direction, Edge, Value

from gateway.hardware.wiegand.edges import EDGES_KEPT, EdgeCounts, EdgeNumbers

BUFFER = 1024
"""Edges that the kernel keeps until they are read: 200 ms of the fastest reader."""
LARGE_BATCH = 256
"""More than this at once means that the reading thread does not get its turn."""

FLOOD = 3_000
"""More edges than that within a second come from no reader: forty-five cards of 66 bits would have
to follow each other at once. They are noise, or somebody at the wires, and must not take the
processor from the doors."""
_NS = 1_000_000_000

log = structlog.get_logger("edges")


class KernelEdgeSource:
    """Both lines of a reader in one request. `read`, `drop` and `reopen` belong to the thread that
    reads for all; everything else to the loop's."""

    edge_lag_ns = 10_000_000
    """Edges pass a thread and the interpreter's lock: p99 of 5.5 ms was measured under a busy
    thread."""

    def __init__(self, reader: str, chip: str, d0: int, d1: int, wake: Callable[[], None]) -> None:
        """Request the lines of `chip` (a device path). Lines that cannot be had, such as one that
        another program uses, are a failure, and tried again: other doors need not wait for them."""
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
        self._second_ns = 0
        """Stamp with which the present second began."""
        self._in_second = 0
        self._guard = threading.Lock()
        self._request: gpiod.LineRequest | None = None
        self._open()

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

    def responsive(self, now_ns: int) -> bool:  # noqa: ARG002 - the thread that serves all tells
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
        """Take the edges that wait in the kernel. Raises OSError, also for too many of them."""
        if self._request is None:
            return
        events = self._request.read_edge_events(BUFFER)
        for event in events:
            self._last = self._base + event.global_seqno
            bit = self._lines.index(event.line_offset)
            self._edges.append((event.timestamp_ns, bit, self._last))
        self._note_batch(len(events))
        self._wake()
        if events and self._floods(len(events), events[-1].timestamp_ns):
            raise OSError("more of them than any reader sends: noise, or somebody at the wires")

    def drop(self, why: str) -> None:
        """Give up lines that fail."""
        self.failure = why
        self.close()
        self._wake()

    def reopen(self) -> None:
        """Try once more to have lines that failed."""
        self._open()
        if not self.failure:
            self._wake()

    def _open(self) -> None:
        try:
            request = self._requested()
        except OSError as error:
            d0, d1 = self._lines
            self.failure = f"lines {d0} and {d1} of {self._chip} cannot be had: {error.strerror}"
            return
        # Each request counts from 1 again.
        self._base = self._last
        with self._guard:
            self._request = request
        self.failure = ""

    def _requested(self) -> gpiod.LineRequest:
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

    def _floods(self, edges: int, last_ns: int) -> bool:
        if last_ns - self._second_ns > _NS:
            self._second_ns, self._in_second = last_ns, 0
        self._in_second += edges
        return self._in_second > FLOOD

    def _note_batch(self, size: int) -> None:
        if size > self.counts.largest_batch:
            self.counts.largest_batch = size
            if size > LARGE_BATCH:
                log.warning("many edges at once", reader=self.reader, edges=size)
