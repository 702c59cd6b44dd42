"""Detects replayed Wiegand frames by their timing.

Wiegand lines are unencrypted: anybody with access to the wires can record a frame and replay it.
Bits and rhythm do not show it, since the reader's crystal repeats the rhythm to within a few
microseconds. Two signs remain:

- the same bits with the same intervals to the nanosecond. Kernel stamps on a real line differ by
  hundreds of nanoseconds from one interrupt to the next; twenty-five equal intervals in a row come
  from a recording;
- the same card several times with less than 0.3 s between, which no person does. A reader that
  repeats a held card does too; it can be set to read once.

A device on the wires that keeps its own rhythm and waits is not detected. Detection only warns; it
does not affect decisions.
"""

from __future__ import annotations

from collections import deque

from gateway.credentials.wiegand.assembler import Frame

REMEMBERED_NS = 600_000_000_000
"""How long a frame is remembered for comparison."""
_FRAMES_KEPT = 64
HURRY_NS = 300_000_000
"""A person needs at least that long from the end of one frame to the start of the next."""
HURRIED_REPEATS = 3
"""Hurried repeats in a row that are reported; fewer may be a card held unsteadily."""

EXACT = "a frame came twice with identical timing: it may be a replayed recording"
HURRIED = (
    "the same card repeats faster than a person can swipe: it may be a replayed recording, or the "
    "reader repeats a held card (set it to read once)"
)


class ReplayDetector:
    """Checks the frames of one reader."""

    def __init__(self) -> None:
        self._seen: deque[tuple[str, tuple[int, ...], int]] = deque(maxlen=_FRAMES_KEPT)
        self._hurried = 0

    def look(self, frame: Frame) -> str:
        """Return what is suspicious about `frame`, in words for a technician; empty for nothing."""
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
