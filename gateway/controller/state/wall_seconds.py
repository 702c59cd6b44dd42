"""Ticks at each second of the wall clock, to evaluate schedules."""

from __future__ import annotations

from gateway.clock import Clock

_SECOND_MS = 1000


class WallSeconds:
    """Due at the beginning of each second while enabled."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_ms: int | None = None

    def enable(self, now_ms: int, *, enabled: bool) -> None:
        """Be due at once and then each second, or stop."""
        self._due_ms = now_ms if enabled else None

    def passed(self, now_ms: int) -> bool:
        """True once for each second."""
        if self._due_ms is None or now_ms < self._due_ms:
            return False
        self._due_ms = now_ms + _SECOND_MS - self._clock.utc().microsecond // 1000
        return True

    def restore(self, due_ms: int | None) -> None:
        self._due_ms = due_ms

    def due_ms(self) -> int | None:
        """None while disabled."""
        return self._due_ms
