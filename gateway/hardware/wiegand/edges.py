"""Edge sources of Wiegand readers: stamped falling edges of D0 and D1. The kernel also numbers
them, which shows lost edges."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.credentials.wiegand.assembler import LONGEST_PULSE_NS
from gateway.hardware.pins.pin import Pin, PinFactory
from gateway.settings import Pull

_NS = 1_000_000_000
EDGES_KEPT = 4096
"""Edges of a simulated reader queued for the loop."""
RISES_KEPT = 1024
"""Ends of pulses that are kept for a technician; several frames."""
_PULSE_NS = 150_000
"""Longer than a pulse (100 us) and shorter than the time to the next one (200 us)."""
_NUMBERS = 1 << 32
"""The kernel's edge numbers wrap around at this value."""
_MISSING_KEPT = 65_536
"""Most missing numbers that are remembered; with more the next frame is refused anyway."""


@dataclass(slots=True)
class EdgeCounts:
    """Counters of a source since its start."""

    d0: int = 0
    d1: int = 0
    lost: int = 0
    """Edges that the kernel numbered and that never arrived."""
    largest_batch: int = 0
    """Most edges read at once; more than 256 mean that the reading thread is delayed too long."""

    @property
    def edges(self) -> int:
        """Edges of both lines."""
        return self.d0 + self.d1

    def count(self, bit: int) -> None:
        """Count an edge."""
        if bit:
            self.d1 += 1
        else:
            self.d0 += 1


class EdgeSource(Protocol):
    """A source of stamped falling edges of one reader."""

    stamp_lag_ns: int
    """Delay to allow for from an edge's stamp to the moment when it can be read; a rare edge that
    takes longer makes the frame bad afterwards."""
    counts: EdgeCounts

    @property
    def failure(self) -> str:
        """Why no edges can be read, in words for a technician; empty while they can."""

    def drain(self) -> list[tuple[int, int]]:
        """Return the edges since the last call: (monotonic ns, bit), in order of arrival."""

    def lost_until(self, stamp_ns: int) -> int:
        """Return the number of edges missing before those stamped up to `stamp_ns` that no earlier
        call returned; the frame they belong to is incomplete."""

    @property
    def measuring(self) -> bool:
        """Whether `rises` are collected."""

    def measure(self, *, on: bool) -> None:
        """Begin or end collecting the ends of pulses; without effect on lines that cannot do it."""

    def rises(self) -> list[tuple[int, int]]:
        """Return the ends of the latest pulses: (monotonic ns, bit), in order of arrival."""

    def levels(self) -> tuple[bool, bool]:
        """Return the levels of D0 and D1; both are high when idle.

        Raises OSError or DeviceUnavailable when they cannot be read.
        """

    def responsive(self, now_ns: int) -> bool:
        """Return whether its own thread, if any, responds."""

    def close(self) -> None:
        """Stop reading."""


class PinEdgeSource:
    """Edges of the simulated board's pins, of which none is lost."""

    failure = ""
    stamp_lag_ns = 0

    def __init__(self, factory: PinFactory, d0: int, d1: int, wake: Callable[[], None]) -> None:
        self.counts = EdgeCounts()
        self._wake = wake
        self.measuring = False
        self._edges: deque[tuple[int, int]] = deque(maxlen=EDGES_KEPT)
        self._rises: deque[tuple[int, int]] = deque(maxlen=RISES_KEPT)
        self._pins: list[Pin] = []
        for number, callback in ((d0, self._zero), (d1, self._one)):
            pin = factory.pin(number)
            # Idle lines are high; the pull-up keeps the lines of an unplugged reader from floating.
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

    def measure(self, *, on: bool) -> None:
        self.measuring = on
        for pin in self._pins:
            pin.edges = "both" if on else "falling"
        self._rises.clear()

    def rises(self) -> list[tuple[int, int]]:
        return list(self._rises)

    def responsive(self, now_ns: int) -> bool:  # noqa: ARG002 - there is no thread
        return True

    def levels(self) -> tuple[bool, bool]:
        d0, d1 = (bool(pin.state) for pin in self._pins)
        return d0, d1

    def close(self) -> None:
        for pin in self._pins:
            pin.close()

    def _zero(self, ticks: float, state: int) -> None:
        self._take(ticks, 0, rising=bool(state))

    def _one(self, ticks: float, state: int) -> None:
        self._take(ticks, 1, rising=bool(state))

    def _take(self, ticks: float, bit: int, *, rising: bool) -> None:
        if rising and self.measuring:
            self._rises.append((round(ticks * _NS), bit))
            return
        self._edges.append((round(ticks * _NS), bit))
        self._wake()


class PulseEnds:
    """Tells pulses and their ends apart in the edges of both directions.

    The kernel reads the level, which gives an edge its direction, in a thread that may run after
    the pulse is over. It then reports the start as rising, or the end alone. So each edge that
    ends no known pulse is one.
    """

    def __init__(self) -> None:
        self._begun: dict[int, tuple[int, bool]] = {}
        """Bit -> the pulse that has begun: its stamp, and whether the edge was falling."""
        self.rises: deque[tuple[int, int]] = deque(maxlen=RISES_KEPT)
        """As `EdgeSource.rises`."""

    def is_pulse(self, stamp_ns: int, bit: int, *, rising: bool) -> bool:
        """Note an edge; returns whether it is the pulse of a bit."""
        begun_ns, certain = self._begun.get(bit, (-LONGEST_PULSE_NS, False))
        longest_ns = LONGEST_PULSE_NS if certain else _PULSE_NS
        if rising and stamp_ns - begun_ns < longest_ns:
            del self._begun[bit]
            self.rises.append((stamp_ns, bit))
            return False
        self._begun[bit] = (stamp_ns, not rising)
        return True


class EdgeNumbers:
    """Detects lost edges of a reader by the kernel's edge numbers.

    The interrupt numbers the edges of both lines from 1; they may arrive in another order. A
    skipped number is missing until it arrives, and lost when a frame ends first. (Linux,
    gpiolib-cdev: an edge that comes before the previous one was read replaces it, and a full
    buffer drops its oldest edge; a later edge shows the gap in both cases.)
    """

    def __init__(self) -> None:
        self._next = 1
        self._missing: dict[int, int] = {}
        """Missing number -> stamp of the edge that showed the gap."""

    def arrived(self, number: int, stamp_ns: int) -> bool:
        """Note an edge; returns False for one already counted as lost, whose frame is over."""
        number %= _NUMBERS
        ahead = (number - self._next) % _NUMBERS
        if ahead >= _NUMBERS // 2:
            return self._missing.pop(number, None) is not None
        for passed in range(min(ahead, _MISSING_KEPT - len(self._missing))):
            self._missing[(self._next + passed) % _NUMBERS] = stamp_ns
        self._next = (number + 1) % _NUMBERS
        return True

    def replaced(self, number: int, stamp_ns: int) -> None:
        """Note that the edge `number` replaced the one before it, which is not lost."""
        self.arrived(number - 1, stamp_ns)

    def lost_until(self, stamp_ns: int) -> int:
        """Return the number of edges missing before those stamped up to `stamp_ns`, and count them
        as lost."""
        lost = [number for number, missed_ns in self._missing.items() if missed_ns <= stamp_ns]
        for number in lost:
            del self._missing[number]
        return len(lost)
