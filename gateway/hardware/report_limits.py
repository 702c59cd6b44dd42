"""Limits how many bad frames and replay warnings are reported.

Noise, a wrong baud rate, a card at the edge of the field or a scanner without its prefix make many
bad frames a second, which would push access logs out of the journal.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.credentials.placeholders import placeholder
from gateway.credentials.values import BadFrame, Identification

AT_ONCE = 20
"""Reports that pass without delay, so that each of several attempts with a card is visible."""
EVERY_NS = 30_000_000_000
"""Afterwards one report passes in this time."""
LONGEST = 512
"""Bits or hexadecimal digits of a frame that are reported."""


class RateLimit:
    """A limit for reports of one kind: `at_once` without delay, then one per pause."""

    def __init__(self, pause_ns: int = EVERY_NS, at_once: int = AT_ONCE) -> None:
        self._pause_ns = pause_ns
        self._at_once = at_once
        self._free_ns: int | None = None
        """When the full burst is available again."""
        self._omitted = 0

    def allow(self, at_ns: int) -> int | None:
        """Return the number of reports omitted before this one, or None to omit it too."""
        free_ns = at_ns if self._free_ns is None else max(self._free_ns, at_ns)
        if free_ns - at_ns > (self._at_once - 1) * self._pause_ns:
            self._omitted += 1
            return None
        self._free_ns = free_ns + self._pause_ns
        omitted, self._omitted = self._omitted, 0
        return omitted


def with_omitted(why: str, omitted: int) -> str:
    """Return `why` with the number of reports omitted before it."""
    return f"{why} (and {omitted} more before)" if omitted else why


def reject_placeholder(read: Identification) -> Identification | BadFrame:
    """Return the identification, or a bad frame if its credential is a placeholder."""
    why = placeholder(read.credential)
    return BadFrame(read.reader, "", why, read.at_ns) if why else read


class BadFrameLimiter:
    """Limits the bad frames of each reader; the next report counts the omitted ones."""

    def __init__(self) -> None:
        self._limits: dict[str, RateLimit] = {}

    def limit(self, frame: BadFrame) -> BadFrame | None:
        """Return the report for `frame`; None to omit it."""
        omitted = self._limits.setdefault(frame.reader, RateLimit()).allow(frame.at_ns)
        if omitted is None:
            return None
        return replace(frame, bits=frame.bits[:LONGEST], why=with_omitted(frame.why, omitted))
