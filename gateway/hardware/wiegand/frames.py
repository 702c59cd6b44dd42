"""Collects stamped edges into frames: on the edge thread of a real board, so that an edge costs no
turn of the controller's loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.credentials.wiegand import Frame, FrameAssembler
from gateway.hardware.wiegand.edges import EdgeSource

FRAMES_KEPT = 256
"""Frames queued for the loop; 6 s of noise that makes one after each silence."""
_SILENT_INTERVALS = 2
"""A silence of so many of its longest intervals ends a frame."""


@dataclass(frozen=True, slots=True)
class CollectedFrame:
    """A frame, and what is known of its edges."""

    frame: Frame
    lost: int
    """Edges missing in it."""
    rises: tuple[tuple[int, int], ...]
    """Ends of the latest pulses, while they are measured."""


class FrameCollector:
    """The frames of one reader; a gap in the edges' stamps ends a frame.

    A frame of a given length ends early, after a silence of two of its own intervals, if it
    decodes. The silence distinguishes it from the start of a longer card. Other frames wait for the
    gap.

    `due_ns` and `service` belong to whoever reads the source, `configure` and `take` to the loop.
    """

    def __init__(self, source: EdgeSource, gap_ns: int, wake: Callable[[], None]) -> None:
        """`wake` is called for each frame, from the thread that calls `service`."""
        self._source = source
        self._gap_ns = gap_ns
        self._wake = wake
        self._assembler = FrameAssembler(gap_ns)
        self._frames: deque[CollectedFrame] = deque()
        self._early: tuple[int, Callable[[str], bool]] = (0, bool)
        """Length of frames that may end early, 0 for none, and whether such bits decode."""
        self._judged_ns = 0
        """Stamp of the last bit of the frame that was last decoded early."""
        self._lost = 0
        """Edges missing in the current frame."""

    def configure(self, early_bits: int, decodes: Callable[[str], bool]) -> None:
        """Let frames of `early_bits` bits end early, 0 for none. Any thread calls `decodes`."""
        self._early = (early_bits, decodes)

    def take(self) -> Iterator[CollectedFrame]:
        """Yield the frames since the last call."""
        while self._frames:
            yield self._frames.popleft()

    @property
    def ringing(self) -> int:
        """Number of edges that were ringing."""
        return self._assembler.ringing

    @property
    def due_ns(self) -> int | None:
        """When the current frame may end; None without one."""
        dues = (self._assembler.due_ns, self._whole_ns())
        return min((due for due in dues if due is not None), default=None)

    def service(self, now_ns: int) -> None:
        """Take new edges, and end the frame that is over at `now_ns`. All edges stamped before
        `now_ns` must have been read."""
        for stamp_ns, bit in sorted(self._source.drain()):
            self._end(self._assembler.edge(stamp_ns, bit))
        self._end_early(now_ns)
        self._end(self._assembler.close(now_ns))

    def _whole_ns(self) -> int | None:
        """Return when the current frame may end early; None if it may not."""
        bits, _ = self._early
        frame = self._assembler.whole(bits) if bits else None
        if frame is None or frame.last_ns == self._judged_ns:
            return None
        silence_ns = min(_SILENT_INTERVALS * max(frame.intervals_ns), self._gap_ns)
        return frame.last_ns + silence_ns + self._source.stamp_lag_ns

    def _end_early(self, now_ns: int) -> None:
        """End the current frame if it may end early and decodes without an error."""
        whole_ns = self._whole_ns()
        if whole_ns is None or now_ns < whole_ns:
            return
        frame = self._assembler.so_far()
        self._judged_ns = frame.last_ns
        self._lost += self._source.lost_until(frame.last_ns)
        _, decodes = self._early
        if not (self._lost or frame.together) and decodes(frame.bits):
            self._assembler.take()
            self._end(frame)

    def _end(self, frame: Frame | None) -> None:
        if frame is None:
            return
        lost = self._lost + self._source.lost_until(frame.last_ns)
        self._lost = 0
        if len(self._frames) >= FRAMES_KEPT:
            # The loop is held up; the reader's state shows it.
            self._source.counts.lost += len(frame.bits)
            return
        rises = tuple(self._source.rises()) if self._source.measuring else ()
        self._frames.append(CollectedFrame(frame, lost, rises))
        self._wake()
