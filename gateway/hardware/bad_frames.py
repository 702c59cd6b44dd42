"""Reports of what counts for nothing, few enough for a log and a journal.

Readers repeat what they read many times a second; a card at the edge of the field, a wrong baud
rate, or a motor beside a data line would fill a journal, and drive out of it who passed.
"""

from __future__ import annotations

from gateway.credentials.values import BadFrame

BYTES_SHOWN = 256
"""Of a bad frame's bytes, the first so many are reported."""
PAUSE_NS = 1_000_000_000
"""From one report to the next of the same reader."""


class Ration:
    """How many reports of one kind are told: some at once, and one more after each pause."""

    def __init__(self, pause_ns: int, at_once: int = 1) -> None:
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


class BadFrames:
    """The bad frames of one reader; what comes too soon is counted and told with the next one."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._ration = Ration(PAUSE_NS)

    def report(self, data: bytes, why: str, at_ns: int) -> list[BadFrame]:
        """The report of a frame that came at `at_ns`; none when the last one was a moment ago."""
        left_out = self._ration.grant(at_ns)
        if left_out is None:
            return []
        shown = data[:BYTES_SHOWN].hex()
        return [BadFrame(self._reader, shown, after(why, left_out), at_ns)]
