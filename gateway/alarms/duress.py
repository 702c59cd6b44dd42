"""Alarms that come some time after somebody identified under threat. Pure.

All times are whole milliseconds of the monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.alarms.register import AlarmSource


@dataclass(frozen=True, slots=True)
class PendingDuress:
    """One alarm on its way: neither a stop nor disarming holds it up."""

    source: AlarmSource
    due_ms: int


@dataclass(frozen=True, slots=True)
class DuressQueue:
    """All that are on their way. Each change gives a new one."""

    pending: tuple[PendingDuress, ...] = ()

    def presented(self, source: AlarmSource, due_ms: int) -> DuressQueue:
        """Somebody identified under threat; the same person in the same way again, while that is
        on its way, is the same alarm.
        """
        if self.holds(source):
            return self
        return DuressQueue((*self.pending, PendingDuress(source, due_ms)))

    def holds(self, source: AlarmSource) -> bool:
        """True when the alarm of that person and kind is on its way."""
        return any(same_threat(waiting.source, source) for waiting in self.pending)

    def elapsed(self, now_ms: int) -> tuple[DuressQueue, tuple[AlarmSource, ...]]:
        """The rest, and the alarms that begin now, oldest first."""
        due = tuple(waiting.source for waiting in self.pending if waiting.due_ms <= now_ms)
        if not due:
            return self, ()
        return DuressQueue(tuple(w for w in self.pending if w.due_ms > now_ms)), due

    def due_ms(self) -> int | None:
        """When the next one begins."""
        return min((waiting.due_ms for waiting in self.pending), default=None)


def same_threat(one: AlarmSource, other: AlarmSource) -> bool:
    """True for two alarms of one person and kind: a second read of the card that was held up, or
    the PIN after it.
    """
    return (one.cause, one.user_id) == (other.cause, other.user_id)


def left_ms(delay_ms: int, passed_ms: int | None) -> int:
    """What a restart leaves of a delay; all of it when nobody knows what passed (None), and never
    more than all of it.
    """
    if passed_ms is None:
        return delay_ms
    return min(delay_ms, max(0, delay_ms - passed_ms))
