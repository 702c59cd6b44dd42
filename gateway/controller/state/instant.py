"""Holds one instant for a whole step: a replay must not depend on how often a clock is read."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.clock import AdjustableClock
from gateway.controller.state.ports import SettableTrust
from gateway.host.clock_trust import ClockVerdict


class Instant:
    """A clock, with the trust in it, that can be held. The loop's thread alone uses it.

    While it is not held, it passes its clock's time on.
    """

    def __init__(self, clock: AdjustableClock, trust: SettableTrust | None = None) -> None:
        self._clock = clock
        self.trust = trust
        """Set before anything asks for trust."""
        self._held: tuple[int, datetime, ClockVerdict] | None = None

    def hold(self) -> tuple[int, datetime, ClockVerdict]:
        """Hold the instant; return monotonic nanoseconds, wall clock and the trust in it."""
        utc = self._clock.utc()
        self._held = (self._clock.monotonic_ns(), utc, self._judge(utc))
        return self._held

    def let_go(self) -> None:
        """Stop holding."""
        self._held = None

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns() if self._held is None else self._held[0]

    def running_ns(self) -> int:
        """Monotonic nanoseconds now, also while an instant is held: for figures that decide
        nothing."""
        return self._clock.monotonic_ns()

    def utc(self) -> datetime:
        return self._clock.utc() if self._held is None else self._held[1]

    def judge(self, now: datetime) -> ClockVerdict:
        """Whether the clock, which shows `now`, is trusted."""
        return self._judge(now) if self._held is None else self._held[2]

    @property
    def trusted(self) -> bool:
        """Whether the clock is trusted at this instant."""
        return self.judge(self.utc()).trusted

    def _judge(self, now: datetime) -> ClockVerdict:
        return ClockVerdict.NO_SOURCE if self.trust is None else self.trust.judge(now)

    def set_utc(self, moment: datetime | None) -> None:
        """Set the clock as a person does, which makes it trusted."""
        self._clock.set_utc(moment)
        if self.trust is not None:
            self.trust.note_set()

    @property
    def shift(self) -> timedelta:
        return self._clock.shift
