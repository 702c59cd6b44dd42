"""From stamped edges to frames: a frame ends by a silence in the edges' own time."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from itertools import pairwise

MAX_BITS = 256
"""Longest frame kept; a line that goes on is noise, and must not grow memory."""

RINGING_NS = 20_000
"""Two pulses of a reader are further apart than that: a pulse alone lasts longer (SIA AC-01: pulses
of 20 to 100 us, 200 us to 20 ms from one to the next)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The bits between two silences of the lines."""

    bits: str
    stamps_ns: tuple[int, ...]
    """When each came."""
    taken: int = 0
    """How many of them were handed out as a whole frame before the silence; the rest came after."""

    @property
    def first_ns(self) -> int:
        """When its first bit came."""
        return self.stamps_ns[0]

    @property
    def last_ns(self) -> int:
        """When its last bit came."""
        return self.stamps_ns[-1]

    @property
    def intervals_ns(self) -> tuple[int, ...]:
        """From each bit to the next."""
        return tuple(after - before for before, after in pairwise(self.stamps_ns))

    @property
    def together(self) -> bool:
        """Whether both lines pulsed at once, which no reader does: such bits mean nothing."""
        neighbours = zip(self.intervals_ns, pairwise(self.bits), strict=True)
        return any(gap < RINGING_NS and before != after for gap, (before, after) in neighbours)


class FrameAssembler:
    """Turns stamped edges into frames.

    The edges of a frame are put in the order of their stamps, since two lines may deliver theirs
    out of order. An edge that comes within RINGING_NS of another one of its line is no bit. A frame
    that passes MAX_BITS is handed out at once, one bit longer than that, and the rest up to the
    next gap is dropped: noise makes one bad frame, not many.
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
        """Edges that were no bits."""

    def edge(self, stamp_ns: int, bit: int) -> Frame | None:
        """Take one edge; the frame that its arrival ends, if any."""
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
        """The running frame if it has `bits` bits, for somebody who need not wait for the gap."""
        return self.so_far() if len(self._edges) == bits and not self._taken else None

    def so_far(self) -> Frame:
        """The running frame."""
        bits = "".join(str(bit) for _, bit in self._edges)
        return Frame(bits, tuple(stamp for stamp, _ in self._edges), self._taken)

    def take(self) -> None:
        """The running frame was used as it is. What still comes before the gap makes it a bad one;
        without that, nothing is heard of it any more."""
        self._taken = len(self._edges)

    @property
    def due_ns(self) -> int | None:
        """When the running frame ends if no edge comes; None without a frame to hand out."""
        if self._last_ns is None or len(self._edges) == self._taken:
            return None
        return self._last_ns + self._gap_ns + 1

    def close(self, now_ns: int) -> Frame | None:
        """The running frame once the gap has passed at `now_ns`, else None."""
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
