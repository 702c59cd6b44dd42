"""Counts codes that follow each other without a silence as one read.

A QR code may contain line ends, which a reader sends unchanged: one code could make hundreds of
attempts.
"""

from __future__ import annotations

from gateway.credentials.values import BadFrame, Identification


class BurstFilter:
    """Passes the first identification after a silence and counts the others."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._last: Identification | None = None
        self._refused = 0

    def take(self, read: Identification) -> list[Identification]:
        """Return `read` if it is the first since a silence, else nothing."""
        first, self._last = self._last is None, read
        self._refused += not first
        return [read] if first else []

    def silence(self) -> list[BadFrame]:
        """End the burst; returns one bad frame for the identifications that were dropped."""
        last, refused = self._last, self._refused
        self._last, self._refused = None, 0
        if last is None or not refused:
            return []
        why = f"{refused} more codes came without a pause and were ignored: show one at a time"
        return [BadFrame(self._reader, "", why, last.at_ns)]
