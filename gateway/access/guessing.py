"""Protection against guessing: a keypad locks, a reader of cards and codes slows.

Too many wrong entries lock a keypad for a while. Cards, codes and exit buttons at the same door
keep working, and a right entry gets the same answer as a wrong one.

Too many unknown cards or codes slow their reader. It never locks, so that a guesser cannot shut out
people with valid cards: a pause follows every unknown read and none follows a known one.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """When a keypad locks, and for how long. Raises ValueError for a number below 1."""

    wrong_entries: int = 5
    within_ms: int = 60_000
    locked_ms: int = 90_000

    def __post_init__(self) -> None:
        for name in ("wrong_entries", "within_ms", "locked_ms"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Guard:
    """State of one keypad. All times are milliseconds of the monotonic clock."""

    wrong_at_ms: tuple[int, ...] = ()
    """The newest wrong entries, oldest first."""
    locked_until_ms: int | None = None

    def locked(self, now_ms: int) -> bool:
        """True while the keypad accepts no entry."""
        return self.locked_until_ms is not None and now_ms < self.locked_until_ms

    def after_wrong(self, settings: GuardSettings, now_ms: int) -> Guard:
        """The guard after a wrong entry at `now_ms`, locked if that was one too many."""
        oldest_ms = now_ms - settings.within_ms
        recent = (*(at for at in self.wrong_at_ms if at > oldest_ms), now_ms)
        if len(recent) >= settings.wrong_entries:
            return Guard(locked_until_ms=now_ms + settings.locked_ms)
        return Guard(recent)


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
