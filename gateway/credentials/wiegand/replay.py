"""Frames that no card held by a hand sends twice: a sign that somebody plays a recording.

Wiegand lines are open wiring, and what a reader sends can be recorded and sent again. From the bits
this cannot be seen, and the rhythm of a reader is that of its crystal, the same at each swipe to
within a few microseconds. Two things remain that a hand and a reader do not do:

- the same bits with the same intervals to the nanosecond. The kernel's stamps of pulses on a real
  line differ by hundreds of nanoseconds from one interrupt to the next; twenty-five equal ones in a
  row are played from a record;
- the same card again and again with less than 0.3 s between, which no hand does. A reader that
  repeats a card as long as it is held may: it can be set to read once.

A kit on the wires that keeps its own rhythm, and waits, is not noticed. This is a warning and never
a verdict: who may pass is decided by the rules alone.
"""

from __future__ import annotations

from collections import deque

from gateway.credentials.wiegand.assembler import Frame

REMEMBERED_NS = 600_000_000_000
"""How long a frame is compared with."""
_FRAMES_KEPT = 64
HURRY_NS = 300_000_000
"""Less than that from the end of a frame to the beginning of the next is no hand."""
HURRIED_REPEATS = 3
"""So many hurried repeats in a row are told: one may be a card that wobbled."""

EXACT = "a frame came again with the very same timing: somebody may be playing a recording"
HURRIED = (
    "the same card comes again faster than by hand: a recording, or a reader that repeats a card "
    "that is held"
)


class ReplayDetector:
    """Looks at the cards of one reader."""

    def __init__(self) -> None:
        self._seen: deque[tuple[str, tuple[int, ...], int]] = deque(maxlen=_FRAMES_KEPT)
        self._hurried = 0

    def look(self, frame: Frame) -> str:
        """What is suspicious about `frame`, in words for a technician; empty for nothing."""
        intervals_ns = frame.intervals_ns
        exact = any(
            bits == frame.bits
            and known_ns == intervals_ns
            and frame.first_ns - last_ns <= REMEMBERED_NS
            for bits, known_ns, last_ns in self._seen
        )
        previous = self._seen[-1] if self._seen else None
        again = previous is not None and previous[0] == frame.bits
        hurried = previous is not None and frame.first_ns - previous[2] < HURRY_NS
        self._hurried = self._hurried + 1 if again and hurried else 0
        self._seen.append((frame.bits, intervals_ns, frame.last_ns))
        if exact:
            return EXACT
        return HURRIED if self._hurried >= HURRIED_REPEATS else ""
