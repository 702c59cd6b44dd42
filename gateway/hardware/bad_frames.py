"""Reports of frames that count for nothing, few enough for a log.

Readers repeat what they read many times a second; a card at the edge of the field, or a wrong baud
rate, would fill a journal.
"""

from __future__ import annotations

from gateway.credentials.values import BadFrame

BYTES_SHOWN = 256
"""Of a bad frame's bytes, the first so many are reported."""
PAUSE_NS = 1_000_000_000
"""From one report to the next of the same reader."""


class BadFrames:
    """The bad frames of one reader; what comes too soon is counted and told with the next one."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._told_ns: int | None = None
        self._left_out = 0

    def report(self, data: bytes, why: str, at_ns: int) -> list[BadFrame]:
        """The report of a frame that came at `at_ns`; none when the last one was a moment ago."""
        if self._told_ns is not None and at_ns - self._told_ns < PAUSE_NS:
            self._left_out += 1
            return []
        more = f" (and {self._left_out} more before)" if self._left_out else ""
        self._told_ns, self._left_out = at_ns, 0
        return [BadFrame(self._reader, data[:BYTES_SHOWN].hex(), why + more, at_ns)]
