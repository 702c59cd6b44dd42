"""Where a Wiegand reader's bits come from: falling edges of two lines, stamped and, if the kernel
reports them, numbered, so that a lost one is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.hardware.pins.pin import Pin, PinFactory
from gateway.settings import Pull

_NS = 1_000_000_000
EDGES_KEPT = 4096
"""Edges that wait for the loop; 0.8 s of the fastest reader."""
_NUMBERS = 1 << 32
"""The kernel's numbers begin again after so many."""
_MISSING_KEPT = 65_536
"""Missing numbers that are remembered one by one; a loop that stood still loses no more before the
next frame is refused all the same."""


@dataclass(slots=True)
class EdgeCounts:
    """What a source has seen since its start."""

    d0: int = 0
    d1: int = 0
    lost: int = 0
    """Edges that are known to have been there and never came."""
    largest_batch: int = 0
    """The most edges that were waiting at once; over 256 the reading thread is held up too long."""

    @property
    def edges(self) -> int:
        """Edges that came, of both lines."""
        return self.d0 + self.d1

    def count(self, bit: int) -> None:
        """An edge came."""
        if bit:
            self.d1 += 1
        else:
            self.d0 += 1


class EdgeSource(Protocol):
    """Where a reader's bits come from: falling edges, stamped by whoever saw them."""

    edge_lag_ns: int
    """How long an edge may be on its way, counted from its stamp."""
    counts: EdgeCounts

    @property
    def failure(self) -> str:
        """Why nothing can be heard, in words for a technician; empty while all is well."""

    def drain(self) -> list[tuple[int, int]]:
        """Take what came since the last call: (monotonic ns, bit), in order of arrival."""

    def lost_until(self, stamp_ns: int) -> int:
        """How many edges are missing in front of those that are stamped up to `stamp_ns`, and
        were not told by an earlier call: whatever frame they belong to is not whole."""

    def levels(self) -> tuple[bool, bool]:
        """The levels of D0 and D1 now; both are high while nothing is sent.

        Raises OSError or DeviceUnavailable when they cannot be read.
        """

    def responsive(self, now_ns: int) -> bool:
        """Whether its thread, if it has one of its own, still goes round."""

    def close(self) -> None:
        """Stop listening."""


class PinEdgeSource:
    """Both lines as pins; the pin level of the library, since its devices drop the stamps.

    An edge that the library or the kernel loses is not noticed here.
    """

    failure = ""

    def __init__(self, factory: PinFactory, d0: int, d1: int, wake: Callable[[], None]) -> None:
        self.edge_lag_ns = factory.edge_lag_ns
        self.counts = EdgeCounts()
        self._wake = wake
        self._edges: deque[tuple[int, int]] = deque(maxlen=EDGES_KEPT)
        self._pins: list[Pin] = []
        for number, callback in ((d0, self._zero), (d1, self._one)):
            pin = factory.pin(number)
            # Idle lines are high; the pull keeps those of an unplugged reader from floating.
            pin.input_with_pull(Pull.UP.value)
            pin.edges = "falling"
            pin.when_changed = callback
            self._pins.append(pin)

    def drain(self) -> list[tuple[int, int]]:
        taken = []
        while self._edges:
            edge = self._edges.popleft()
            self.counts.count(edge[1])
            taken.append(edge)
        self.counts.largest_batch = max(self.counts.largest_batch, len(taken))
        return taken

    def lost_until(self, stamp_ns: int) -> int:  # noqa: ARG002 - nothing numbers these edges
        return 0

    def responsive(self, now_ns: int) -> bool:  # noqa: ARG002 - the library's thread serves all pins
        return True

    def levels(self) -> tuple[bool, bool]:
        d0, d1 = (bool(pin.state) for pin in self._pins)
        return d0, d1

    def close(self) -> None:
        for pin in self._pins:
            pin.close()

    def _zero(self, ticks: float, state: int) -> None:  # noqa: ARG002 - a falling edge is low
        self._edges.append((round(ticks * _NS), 0))
        self._wake()

    def _one(self, ticks: float, state: int) -> None:  # noqa: ARG002 - a falling edge is low
        self._edges.append((round(ticks * _NS), 1))
        self._wake()


class EdgeNumbers:
    """Finds out which edges of a reader never came, by the numbers that the kernel gave them.

    Numbers are given in the interrupt, in the order of both lines' edges, beginning at 1; the
    edges of the two lines may arrive in another order. So a number that is passed over is missing
    until it turns up, and lost when a frame ends first (Linux, gpiolib-cdev: an edge that comes
    before the one ahead of it was taken over replaces it, and a full buffer drops its oldest: in
    both cases a later edge arrives and shows the gap).
    """

    def __init__(self) -> None:
        self._next = 1
        self._missing: dict[int, int] = {}
        """Number -> stamp of the edge at which it was missed."""

    def arrived(self, number: int, stamp_ns: int) -> bool:
        """Take note of an edge; False for one that was given up as lost, whose frame is over."""
        number %= _NUMBERS
        ahead = (number - self._next) % _NUMBERS
        if ahead >= _NUMBERS // 2:
            return self._missing.pop(number, None) is not None
        for passed in range(min(ahead, _MISSING_KEPT - len(self._missing))):
            self._missing[(self._next + passed) % _NUMBERS] = stamp_ns
        self._next = (number + 1) % _NUMBERS
        return True

    def lost_until(self, stamp_ns: int) -> int:
        """How many are missing in front of edges that are stamped up to `stamp_ns`; from now on
        they are lost for good."""
        lost = [number for number, missed_ns in self._missing.items() if missed_ns <= stamp_ns]
        for number in lost:
            del self._missing[number]
        return len(lost)
