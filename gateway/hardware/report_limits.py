"""How much of what counts for nothing is told.

Noise on a line, a wrong baud rate, a card at the edge of the field or a scanner that lacks its
prefix come many times a second; they would fill a journal, and drive out of it who passed.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.credentials.placeholders import placeholder
from gateway.credentials.values import BadFrame, Identification

AT_ONCE = 20
"""So many are told as they come: whoever tries a card again and again sees each attempt."""
EVERY_NS = 30_000_000_000
"""After those, one in so long."""
LONGEST = 512
"""Of a frame's bits or hexadecimal digits, the first so many are told."""


class RateLimit:
    """How many reports of one kind are told: some at once, and one more after each pause."""

    def __init__(self, pause_ns: int = EVERY_NS, at_once: int = AT_ONCE) -> None:
        self._pause_ns = pause_ns
        self._at_once = at_once
        self._free_ns: int | None = None
        """When the whole ration is there again."""
        self._left_out = 0

    def grant(self, at_ns: int) -> int | None:
        """Whether one may be told at `at_ns`: how many were left out before it, or None, which
        leaves it out."""
        free_ns = at_ns if self._free_ns is None else max(self._free_ns, at_ns)
        if free_ns - at_ns > (self._at_once - 1) * self._pause_ns:
            self._left_out += 1
            return None
        self._free_ns = free_ns + self._pause_ns
        left_out, self._left_out = self._left_out, 0
        return left_out


def after(why: str, left_out: int) -> str:
    """`why`, with how many were left out before it."""
    return f"{why} (and {left_out} more before)" if left_out else why


def reject_placeholder(read: Identification) -> Identification | BadFrame:
    """What was read; a bad frame where it is a placeholder, which identifies nobody."""
    why = placeholder(read.credential)
    return BadFrame(read.reader, "", why, read.at_ns) if why else read


class BadFrameLimiter:
    """Lets some of the bad frames of each reader through; the others are counted and told with the
    next one."""

    def __init__(self) -> None:
        self._rations: dict[str, RateLimit] = {}

    def told(self, frame: BadFrame) -> BadFrame | None:
        """What is told of `frame`; None when too much was told of its reader."""
        left_out = self._rations.setdefault(frame.reader, RateLimit()).grant(frame.at_ns)
        if left_out is None:
            return None
        return replace(frame, bits=frame.bits[:LONGEST], why=after(frame.why, left_out))
