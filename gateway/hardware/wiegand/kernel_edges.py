"""Edges from the kernel's GPIO character device: stamped and numbered in the interrupt.

Only `factory.open_edges` imports this module: gpiod is installed on boards only.
"""

from __future__ import annotations

import threading

import gpiod
import structlog
from gpiod.line import Bias, Clock, Direction, Edge, Value

from gateway.hardware.pins.polled import FLOOD, FloodGuard
from gateway.hardware.wiegand.edges import EdgeCounts, EdgeNumbers, PulseEnds

BUFFER = 1024
"""Edges that the kernel buffers: 200 ms of the fastest reader."""
LARGE_BATCH = 256
"""More edges at once mean that the reading thread is delayed."""

log = structlog.get_logger("edges")


class KernelEdgeSource:
    """Both lines of a reader in one request. The edge thread reads, drops and reopens it and takes
    its edges; the loop's thread calls all else."""

    stamp_lag_ns = 2_000_000
    """The kernel queues an edge in a thread, after the interrupt that stamps it."""

    def __init__(self, reader: str, chip: str, d0: int, d1: int) -> None:
        """Request the lines of `chip` (a device path). Unavailable lines, such as lines in use by
        another program, are a failure and retried; other doors do not wait for them."""
        self.name = reader
        self.counts = EdgeCounts()
        self.failure = ""
        self._chip = chip
        self._lines = (d0, d1)
        self._numbers = EdgeNumbers()
        self._edges: list[tuple[int, int]] = []
        self._ends = PulseEnds()
        self._measuring = False
        self._base = 0
        self._last = 0
        self._flood = FloodGuard()
        self._guard = threading.Lock()
        self._request: gpiod.LineRequest | None = None
        self._open()

    def drain(self) -> list[tuple[int, int]]:
        taken, self._edges = self._edges, []
        return taken

    def lost_until(self, stamp_ns: int) -> int:
        lost = self._numbers.lost_until(stamp_ns)
        self.counts.lost += lost
        return lost

    @property
    def measuring(self) -> bool:
        return self._measuring

    def measure(self, *, on: bool) -> None:
        self._measuring = on
        self._ends.rises.clear()
        with self._guard:
            if self._request is None:
                return  # it opens with the new setting
            try:
                self._request.reconfigure_lines({self._lines: self._settings()})
            except OSError as error:
                log.warning("pulse widths cannot be measured", reader=self.name, why=str(error))

    def rises(self) -> list[tuple[int, int]]:
        return list(self._ends.rises)

    def levels(self) -> tuple[bool, bool]:
        with self._guard:
            if self._request is None:
                raise OSError(self.failure or "not open")
            d0, d1 = self._request.get_values(self._lines)
        return d0 is Value.ACTIVE, d1 is Value.ACTIVE

    def responsive(self, now_ns: int) -> bool:  # noqa: ARG002 - the thread that serves all tells
        return True

    def close(self) -> None:
        """Release the lines; the edge thread must not run."""
        with self._guard:
            if self._request is not None:
                self._request.release()
                self._request = None

    # Called by the edge thread.

    def fileno(self) -> int | None:
        """Return the descriptor to poll; None while the lines are not open."""
        return None if self._request is None else self._request.fd

    def read(self) -> None:
        """Read the waiting edges from the kernel. Raises OSError, also for more than FLOOD."""
        if self._request is None:
            return
        events = self._request.read_edge_events(BUFFER)
        for event in events:
            self._last = self._base + event.global_seqno
            bit = self._lines.index(event.line_offset)
            self._note(event.timestamp_ns, bit, event.event_type is event.Type.RISING_EDGE)
        self._note_batch(len(events))
        if events:
            most = 2 * FLOOD if self._measuring else FLOOD
            self._flood.note(len(events), events[-1].timestamp_ns, most)

    def _note(self, stamp_ns: int, bit: int, rising: bool) -> None:  # noqa: FBT001 - of an edge
        if not self._ends.is_pulse(stamp_ns, bit, rising=rising):
            self._numbers.arrived(self._last, stamp_ns)
            return
        self.counts.count(bit)
        if rising:
            # This end replaced the start of its pulse before the kernel reported it.
            self._numbers.replaced(self._last, stamp_ns)
        if self._numbers.arrived(self._last, stamp_ns):
            self._edges.append((stamp_ns, bit))

    def drop(self, why: str) -> None:
        """Close failed lines; `why` is their failure."""
        self.failure = why
        self.close()

    def reopen(self) -> None:
        """Request failed lines again."""
        self._open()

    def _open(self) -> None:
        try:
            request = self._requested()
        except OSError as error:
            d0, d1 = self._lines
            self.failure = (
                f"lines {d0} and {d1} of {self._chip} are not available: {error.strerror}"
            )
            return
        # Each request numbers its edges from 1.
        self._base = self._last
        with self._guard:
            self._request = request
        self.failure = ""

    def _settings(self) -> gpiod.LineSettings:
        return gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=Edge.BOTH if self._measuring else Edge.FALLING,
            # Idle lines are high; the pull-up keeps the lines of an unplugged reader from floating.
            bias=Bias.PULL_UP,
            # The loop's clock. No debounce: it would suppress pulses of 50 us.
            event_clock=Clock.MONOTONIC,
        )

    def _requested(self) -> gpiod.LineRequest:
        with gpiod.Chip(self._chip) as chip:
            return chip.request_lines(
                {self._lines: self._settings()},
                consumer=f"gateway {self.name}",
                event_buffer_size=BUFFER,
            )

    def _note_batch(self, size: int) -> None:
        if size > self.counts.largest_batch:
            self.counts.largest_batch = size
            if size > LARGE_BATCH:
                log.warning(
                    "many edges were read at once: the reading thread was delayed",
                    reader=self.name,
                    edges=size,
                )
