"""Codes that come without a silence between them are one read.

The text of a QR code may hold line ends, and a reader sends them as they are: one code would be
hundreds of tries.
"""

from __future__ import annotations

from gateway.credentials.values import BadFrame, Identification


class BurstFilter:
    """Lets the first identification since a silence count; those that follow it are counted."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._last: Identification | None = None
        self._refused = 0

    def take(self, read: Identification) -> list[Identification]:
        """What counts of `read`."""
        first, self._last = self._last is None, read
        self._refused += not first
        return [read] if first else []

    def silence(self) -> list[BadFrame]:
        """What follows is another read. What is told of those that were refused."""
        last, refused = self._last, self._refused
        self._last, self._refused = None, 0
        if last is None or not refused:
            return []
        why = f"{refused} more came with it, without a silence: a code is one read"
        return [BadFrame(self._reader, "", why, last.at_ns)]
