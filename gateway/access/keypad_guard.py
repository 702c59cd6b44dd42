"""Locks a keypad for a while after too many wrong entries, against guessing.

Cards, codes and exit buttons at the same door keep working. While the keypad is locked, a right
entry gets the same answer as a wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass


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
