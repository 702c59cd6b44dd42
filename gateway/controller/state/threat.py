"""Keeps the threat level in force, and ends one whose time is over.

The newest entry of the journal is the level: it outlasts power cuts, with author, reason and end. A
level lasts as long as it was set for: its time is counted on the monotonic clock, so setting the
wall clock neither shortens nor prolongs it. While the clock is not trusted, no level ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.clock import Clock, monotonic_ms, unix_s, wall_ahead_ms
from gateway.controller.state.recorder import Recorder
from gateway.errors import InvalidRequest
from gateway.link.messages import SetThreatLevel
from gateway.store.journal import CommittedEntry, EntryKind, Timer

_STEP_MS = 5_000
"""A step of the wall clock that makes the journal keep the remaining time anew: after a power-off
only the wall clock shows how much time has passed."""


@dataclass(frozen=True, slots=True)
class ThreatInForce:
    """The level, and who set it, why, and until when. Times are Unix seconds, 0 for none."""

    level: int = 0
    login: str = ""
    reason: str = ""
    since_utc: int = 0
    until_utc: int = 0


@dataclass(frozen=True, slots=True)
class ThreatKept:
    """The remaining time by an entry of an earlier run, while nobody can tell how much is over."""

    left_ms: int
    utc: datetime
    monotonic_ns: int
    this_boot: bool
    trusted: bool


@dataclass(frozen=True, slots=True)
class ThreatKeeperState:
    """The level in force, and when it ends (monotonic)."""

    now: ThreatInForce
    end_ms: int | None
    kept: ThreatKept | None
    ahead_ms: int


class ThreatKeeper:
    """The threat level in force. The loop's thread alone uses it."""

    def __init__(
        self, recorder: Recorder, clock: Clock, timer: Timer, past: CommittedEntry | None = None
    ) -> None:
        """`past` is the journal's newest entry about the level."""
        self._recorder = recorder
        self._clock = clock
        self._timer = timer
        self._now = ThreatInForce()
        self._end_ms: int | None = None
        self._kept: CommittedEntry | None = None
        if past is not None:
            facts = {name: past.body.get(name) for name in ThreatInForce.__slots__}
            self._now = ThreatInForce(**{name: it for name, it in facts.items() if it is not None})
            # Without what is left of its time, it lasts until somebody lowers it.
            self._kept = past if self._now.until_utc and "left_ms" in past.body else None
        self._ahead_ms = wall_ahead_ms(self._clock)

    def state(self) -> ThreatKeeperState:
        kept = None
        if self._kept is not None:
            kept = ThreatKept(
                int(self._kept.body["left_ms"]),
                self._kept.utc,
                self._kept.monotonic_ns,
                self._kept.boot_id == self._timer.boot_id,
                self._kept.clock_trusted,
            )
        return ThreatKeeperState(self._now, self._end_ms, kept, self._ahead_ms)

    def restore(self, state: ThreatKeeperState) -> None:
        kept, self._kept = state.kept, None
        self._now, self._end_ms, self._ahead_ms = state.now, state.end_ms, state.ahead_ms
        if kept is not None:
            self._kept = CommittedEntry(
                0,
                EntryKind.THREAT_LEVEL,
                {"left_ms": kept.left_ms},
                kept.utc,
                kept.monotonic_ns,
                self._timer.boot_id if kept.this_boot else "",
                kept.trusted,
            )

    @property
    def known(self) -> ThreatInForce:
        """As of the last look, without reading the clock."""
        return self._now

    def set(self, command: SetThreatLevel) -> int:
        """Put a level in force; the ticket of its entry.

        Raises InvalidRequest for one that is to end by a clock that is not trusted.
        """
        if command.minutes and not self._timer.trusted():
            raise InvalidRequest(
                "minutes: the clock is not trusted, so a level cannot end by itself"
            )
        before, utc_s = self._now.level, unix_s(self._clock.utc())
        left_ms = (command.minutes or 0) * 60_000 if command.level else 0
        until_utc = utc_s + left_ms // 1000 if left_ms else 0
        self._now = ThreatInForce(command.level, command.login, command.reason, utc_s, until_utc)
        self._end_ms, self._kept = (self._now_ms() + left_ms if left_ms else None), None
        return self._note(was=before)

    def look(self) -> ThreatInForce:
        """The level now; one whose time is over has ended."""
        if not self._now.until_utc:
            return self._now
        self._begin()
        stepped = abs(wall_ahead_ms(self._clock) - self._ahead_ms) >= _STEP_MS
        if self._end_ms is not None and self._end_ms <= self._now_ms() and self._timer.trusted():
            before = self._now.level
            since_utc = unix_s(self._clock.utc())
            self._now, self._end_ms = ThreatInForce(since_utc=since_utc), None
            self._note(was=before, ended=True)
        elif self._end_ms is not None and stepped:
            self._note(again=True)
        return self._now

    def _begin(self) -> None:
        """Count on what an earlier run left of the time, once that can be told."""
        if self._kept is None:
            return
        passed = self._timer.passed_since(self._kept)
        if passed is None:
            return
        left_ms = int(self._kept.body["left_ms"]) - passed // timedelta(milliseconds=1)
        self._end_ms, self._kept = self._now_ms() + left_ms, None
        if left_ms > 0:
            self._note(again=True)

    def _note(self, **more: int | bool) -> int:
        """Journal the level as it is; `again` is for what only the next start needs."""
        self._ahead_ms = wall_ahead_ms(self._clock)
        now = self._now
        left = {} if self._end_ms is None else {"left_ms": self._end_ms - self._now_ms()}
        return self._recorder.note(
            EntryKind.THREAT_LEVEL,
            level=now.level,
            login=now.login,
            reason=now.reason,
            since_utc=now.since_utc,
            until_utc=now.until_utc,
            **left,
            **more,
        )

    def _now_ms(self) -> int:
        return monotonic_ms(self._clock)
