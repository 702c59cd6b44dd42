"""Tells when the wall clock begins a new second, for what goes by schedules."""

from __future__ import annotations

from gateway.clock import Clock

_SECOND_MS = 1000


class WallSeconds:
    """Due at the beginning of each second while somebody wants to know."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_ms: int | None = None

    def want(self, now_ms: int, *, wanted: bool) -> None:
        """Begin at once, or stop."""
        self._due_ms = now_ms if wanted else None

    def passed(self, now_ms: int) -> bool:
        """True once for each second that began."""
        if self._due_ms is None or now_ms < self._due_ms:
            return False
        self._due_ms = now_ms + _SECOND_MS - self._clock.utc().microsecond // 1000
        return True

    def restore(self, due_ms: int | None) -> None:
        """Be due as `due_ms` told."""
        self._due_ms = due_ms

    def due_ms(self) -> int | None:
        """When to ask again; None while nobody wants to know."""
        return self._due_ms
