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
        self._omitted = 0

    def allow(self, at_ns: int) -> int | None:
        """Whether one may be told at `at_ns`: how many were left out before it, or None, which
        leaves it out."""
        free_ns = at_ns if self._free_ns is None else max(self._free_ns, at_ns)
        if free_ns - at_ns > (self._at_once - 1) * self._pause_ns:
            self._omitted += 1
            return None
        self._free_ns = free_ns + self._pause_ns
        omitted, self._omitted = self._omitted, 0
        return omitted


def with_omitted(why: str, omitted: int) -> str:
    """`why`, with how many were left out before it."""
    return f"{why} (and {omitted} more before)" if omitted else why


def reject_placeholder(read: Identification) -> Identification | BadFrame:
    """What was read; a bad frame where it is a placeholder, which identifies nobody."""
    why = placeholder(read.credential)
    return BadFrame(read.reader, "", why, read.at_ns) if why else read


class BadFrameLimiter:
    """Lets some of the bad frames of each reader through; the others are counted and told with the
    next one."""

    def __init__(self) -> None:
        self._limits: dict[str, RateLimit] = {}

    def limit(self, frame: BadFrame) -> BadFrame | None:
        """What is told of `frame`; None when too much was told of its reader."""
        omitted = self._limits.setdefault(frame.reader, RateLimit()).allow(frame.at_ns)
        if omitted is None:
            return None
        return replace(frame, bits=frame.bits[:LONGEST], why=with_omitted(frame.why, omitted))
