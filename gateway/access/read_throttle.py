"""Slows a reader after too many unknown cards or codes, against guessing. Pure.

It never locks a reader, so that a guesser cannot shut out people with valid cards. A pause follows
every unknown read and none follows a known one. For keypads see `keypad_guard`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

UNKNOWN = 10
"""More different unknown cards or codes than this within WITHIN_MS slow their reader."""
WITHIN_MS = 60_000
PAUSE_MS = 1_000
"""From an unknown read at a slowed reader to the next one that is looked up."""
QUIET_MS = 60_000
"""A slowed reader recovers after this time without a new unknown card or code."""
_KEPT = 4 * UNKNOWN
"""Unknown cards and codes that are remembered; a repeated one is no new guess."""


Shown = TypeVar("Shown", bound=Hashable)
"""The type of a presented credential."""


@dataclass(frozen=True, slots=True)
class Throttle(Generic[Shown]):
    """State of one reader. All times are milliseconds of the monotonic clock."""

    unknown: tuple[tuple[Shown, int], ...] = ()
    """The latest unknown ones, and when each was read first. The same one again is no guess: a tag
    that lies in the field of a UHF reader is read every few seconds."""
    latest_ms: int = 0
    """The latest unknown read."""
    slow: bool = False

    def after_unknown(self, credential: Shown, now_ms: int) -> Throttle[Shown]:
        """The throttle after an unknown read; one too many slows the reader."""
        known = dict(self.unknown)
        first_ms = known.pop(credential, now_ms)
        kept = (*known.items(), (credential, first_ms))[-_KEPT:]
        recent = sum(at_ms > now_ms - WITHIN_MS for _, at_ms in kept)
        return Throttle(kept, now_ms, self.slow or recent > UNKNOWN)

    @property
    def free_ms(self) -> int:
        """When the next read is looked up."""
        return self.latest_ms + PAUSE_MS if self.slow else 0

    @property
    def ends_ms(self) -> int | None:
        """When the reader recovers if no unknown read comes; None while it is not slowed."""
        return max(at_ms for _, at_ms in self.unknown) + QUIET_MS if self.slow else None
