"""How many of the bad frames of a reader are told.

Noise on a line, a wrong baud rate, a card at the edge of the field or a scanner that lacks its
prefix would fill a journal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.credentials.values import BadFrame

AT_ONCE = 10
"""So many are told as they come: whoever tries a card again and again sees each attempt."""
EVERY_NS = 30_000_000_000
"""After those, one in so long."""
LONGEST = 512
"""Of a frame's bits or hexadecimal digits, the first so many are told."""


@dataclass(slots=True)
class _Told:
    """What was told of one reader."""

    free_ns: int
    """When all that may be told at once may be told again."""
    left_out: int = 0


class BadFrames:
    """Lets some of the bad frames through; the others are counted and told with the next one."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}

    def told(self, frame: BadFrame) -> BadFrame | None:
        """What is told of `frame`; None when too much was told of its reader."""
        at_ns = frame.at_ns
        told = self._told.setdefault(frame.reader, _Told(at_ns))
        free_ns = max(told.free_ns, at_ns) + EVERY_NS
        if free_ns - at_ns > AT_ONCE * EVERY_NS:
            told.left_out += 1
            return None
        more = f" (and {told.left_out} more before)" if told.left_out else ""
        self._told[frame.reader] = _Told(free_ns)
        return replace(frame, bits=frame.bits[:LONGEST], why=frame.why + more)
