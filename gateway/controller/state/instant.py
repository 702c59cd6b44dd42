"""One instant for one step: what is recorded must not depend on how often a clock was read."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.clock import AdjustableClock
from gateway.controller.state.ports import SettableTrust
from gateway.host.clock_trust import ClockVerdict


class Instant:
    """A clock, and the trust in it, that can be held. The loop's thread alone uses it.

    While nothing holds it, it is the clock that it was made of.
    """

    def __init__(self, clock: AdjustableClock, trust: SettableTrust | None = None) -> None:
        self._clock = clock
        self.trust = trust
        """Named once there is one; nothing may ask before."""
        self._held: tuple[int, datetime, ClockVerdict] | None = None

    def hold(self) -> tuple[int, datetime, ClockVerdict]:
        """Stand still; monotonic nanoseconds, wall clock, and whether that one is trusted."""
        utc = self._clock.utc()
        self._held = (self._clock.monotonic_ns(), utc, self._judge(utc))
        return self._held

    def let_go(self) -> None:
        """Go on."""
        self._held = None

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns() if self._held is None else self._held[0]

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
        """Set the clock as a person does: whatever it shows then is trusted."""
        self._clock.set_utc(moment)
        if self.trust is not None:
            self.trust.note_set()

    @property
    def shift(self) -> timedelta:
        return self._clock.shift
