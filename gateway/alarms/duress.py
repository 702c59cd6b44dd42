"""Duress alarms, delayed after somebody identified under duress. Pure.

All times are whole milliseconds of the monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.alarms.register import AlarmSource


@dataclass(frozen=True, slots=True)
class PendingDuress:
    """A delayed alarm; neither a stop of the program nor disarming cancels it."""

    source: AlarmSource
    due_ms: int


@dataclass(frozen=True, slots=True)
class DuressQueue:
    """All delayed alarms. Immutable."""

    pending: tuple[PendingDuress, ...] = ()

    def presented(self, source: AlarmSource, due_ms: int) -> DuressQueue:
        """Add an alarm; ignores a repetition by the same person with the same kind of credential
        while the first one is pending.
        """
        if self.holds(source):
            return self
        return DuressQueue((*self.pending, PendingDuress(source, due_ms)))

    def holds(self, source: AlarmSource) -> bool:
        """True if an alarm of that person and kind is pending."""
        return any(same_threat(waiting.source, source) for waiting in self.pending)

    def elapsed(self, now_ms: int) -> tuple[DuressQueue, tuple[AlarmSource, ...]]:
        """The rest, and the alarms that begin now, oldest first."""
        due = tuple(waiting.source for waiting in self.pending if waiting.due_ms <= now_ms)
        if not due:
            return self, ()
        return DuressQueue(tuple(w for w in self.pending if w.due_ms > now_ms)), due

    def due_ms(self) -> int | None:
        """When the next alarm begins; None without one."""
        return min((waiting.due_ms for waiting in self.pending), default=None)


def same_threat(one: AlarmSource, other: AlarmSource) -> bool:
    """True for two alarms of one person and kind, such as two reads of one card."""
    return (one.cause, one.user_id) == (other.cause, other.user_id)


def left_ms(delay_ms: int, passed_ms: int | None) -> int:
    """What is left of a delay after a restart, from 0 to `delay_ms`; all of it if the time that
    passed is unknown (None).
    """
    if passed_ms is None:
        return delay_ms
    return min(delay_ms, max(0, delay_ms - passed_ms))
