"""Against guessing with cards and codes: too many unknown ones, and the reader is slowed.

It is slowed and never locked: whoever has a valid card must not be shut out by somebody without. An
unknown read is followed by a pause, in which the next one waits; a known one is not, so that people
pass as fast as ever. Pure; keypads have a guard of their own.
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
"""A slowed reader is as before when no other unknown one came for so long."""
_KEPT = 4 * UNKNOWN
"""Unknown ones that are remembered; whichever comes again is no further guess."""


Shown = TypeVar("Shown", bound=Hashable)
"""What is shown at the reader."""


@dataclass(frozen=True, slots=True)
class Throttle(Generic[Shown]):
    """What is remembered of one reader. All times are milliseconds of the monotonic clock."""

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
        """When the reader will be as before, if it stays quiet; None while it is not slowed."""
        return max(at_ms for _, at_ms in self.unknown) + QUIET_MS if self.slow else None
