"""Assembles Wiegand frames from stamped edges; a silence by the edges' stamps ends a frame."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

MAX_BITS = 256
"""Longest frame kept; a longer one is noise."""

RINGING_NS = 20_000
"""Edges of a line closer than that are ringing (SIA AC-01: pulses of 20 to 100 us, 200 us to 20 ms
from one to the next)."""

LONGEST_PULSE_NS = 20_000_000
"""A line that is low for longer is no pulse."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The bits between two silences of the lines."""

    bits: str
    stamps_ns: tuple[int, ...]
    """Monotonic nanoseconds of each bit."""
    taken: int = 0
    """Number of leading bits that were used as a complete frame before the silence."""

    @property
    def first_ns(self) -> int:
        """Monotonic nanoseconds of the first bit."""
        return self.stamps_ns[0]

    @property
    def last_ns(self) -> int:
        """Monotonic nanoseconds of the last bit."""
        return self.stamps_ns[-1]

    @property
    def intervals_ns(self) -> tuple[int, ...]:
        """Time from each bit to the next."""
        return tuple(after - before for before, after in pairwise(self.stamps_ns))

    @property
    def together(self) -> bool:
        """Whether both lines pulsed at once, which no reader does; the bits are invalid."""
        neighbours = zip(self.intervals_ns, pairwise(self.bits), strict=True)
        return any(gap < RINGING_NS and before != after for gap, (before, after) in neighbours)


def pulse_widths_ns(frame: Frame, rises: Iterable[tuple[int, int]]) -> tuple[int | None, ...]:
    """Return the width of each pulse of `frame`, None if its end is unknown.

    `rises` are the ends of pulses as (stamp, bit), in any order; a pulse ends before its line's
    next pulse.
    """
    ends: dict[str, list[int]] = {"0": [], "1": []}
    for stamp_ns, line in sorted(rises):
        ends[str(line)].append(stamp_ns)
    widths: list[int | None] = []
    next_ns: dict[str, int] = {}
    for start_ns, bit in reversed(list(zip(frame.stamps_ns, frame.bits, strict=True))):
        latest_ns = min(next_ns.get(bit, start_ns + LONGEST_PULSE_NS), start_ns + LONGEST_PULSE_NS)
        at = bisect_left(ends[bit], start_ns)
        end_ns = ends[bit][at] if at < len(ends[bit]) else latest_ns + 1
        widths.append(end_ns - start_ns if end_ns <= latest_ns else None)
        next_ns[bit] = start_ns
    return tuple(reversed(widths))


class FrameAssembler:
    """Assembles stamped edges into frames.

    Edges are sorted by stamp, since those of two lines may arrive out of order. An edge within
    RINGING_NS of another edge of its line is not a bit. A frame longer than MAX_BITS is returned at
    once with one bit more than that, and the rest up to the next gap is dropped: noise makes one
    bad frame, not many.
    """

    def __init__(self, gap_ns: int) -> None:
        """`gap_ns` is the longest silence inside a frame."""
        self._gap_ns = gap_ns
        self._edges: list[tuple[int, int]] = []
        self._last_ns: int | None = None
        self._line_ns: dict[int, int] = {}
        self._taken = 0
        self._noise = False
        self.ringing = 0
        """Number of edges that were ringing."""

    def edge(self, stamp_ns: int, bit: int) -> Frame | None:
        """Take one edge; returns the frame that its arrival ends, if any."""
        ended = None
        if self._last_ns is not None and stamp_ns - self._last_ns > self._gap_ns:
            ended = self._end()
        self._last_ns = stamp_ns if self._last_ns is None else max(self._last_ns, stamp_ns)
        before_ns, self._line_ns[bit] = self._line_ns.get(bit), stamp_ns
        if before_ns is not None and abs(stamp_ns - before_ns) < RINGING_NS:
            self.ringing += 1
        elif not self._noise:
            insort(self._edges, (stamp_ns, bit))
            if len(self._edges) > MAX_BITS:
                self._noise = True
                return self._frame()
        return ended

    def whole(self, bits: int) -> Frame | None:
        """Return the current frame if it has `bits` bits, without waiting for the gap."""
        return self.so_far() if len(self._edges) == bits and not self._taken else None

    def so_far(self) -> Frame:
        """Return the current frame."""
        bits = "".join(str(bit) for _, bit in self._edges)
        return Frame(bits, tuple(stamp for stamp, _ in self._edges), self._taken)

    def take(self) -> None:
        """Mark the current frame as used; more bits before the gap make it a bad frame."""
        self._taken = len(self._edges)

    @property
    def due_ns(self) -> int | None:
        """When the current frame ends if no edge comes; None without a frame to return."""
        if self._last_ns is None or len(self._edges) == self._taken:
            return None
        return self._last_ns + self._gap_ns + 1

    def close(self, now_ns: int) -> Frame | None:
        """End the current frame if the gap has passed at `now_ns`; returns it, else None."""
        due_ns = self.due_ns
        return self._end() if due_ns is not None and now_ns >= due_ns else None

    def _end(self) -> Frame | None:
        frame = self._frame() if len(self._edges) > self._taken else None
        self._edges.clear()
        self._taken = 0
        self._last_ns = None
        self._noise = False
        return frame

    def _frame(self) -> Frame:
        frame = self.so_far()
        self._edges.clear()
        self._taken = 0
        return frame
