"""The fire input: frees the doors that it is to free, until it is normal again *and* reset.

It reports only. What cuts a lock's power in a fire is the fire panel's own contact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import structlog

from gateway.controller.recorder import Recorder
from gateway.settings import FixedInput, Level
from gateway.store.journal import EntryKind

log = structlog.get_logger("fire")


class FireSink(Protocol):
    """Who hears of a fire."""

    def __call__(self, at_ms: int, *, on: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class FireLatchState:
    """The input and the latch that it sets."""

    active: bool
    on: bool


class FireLatch:
    """Set by the input's active level, let go by a reset while the input is normal."""

    def __init__(
        self,
        contact: FixedInput | None,
        recorder: Recorder,
        tell: FireSink,
        now_ms: int,
        *,
        latched: bool,
    ) -> None:
        """`latched` is how the journal left it: a fire outlives a restart."""
        self.idle_high = contact is not None and contact.idle is Level.HIGH
        self._recorder = recorder
        self._tell = tell
        self._active = False
        self.on = latched
        if latched:
            tell(now_ms, on=True)

    def state(self) -> FireLatchState:
        return FireLatchState(self._active, self.on)

    def restore(self, state: FireLatchState) -> None:
        self._active, self.on = state.active, state.on

    def level(self, now_ms: int, *, high: bool) -> None:
        """The input was read; a broken wire of a normally-closed loop reads as fire."""
        self._active = high is not self.idle_high
        if self._active and not self.on:
            self._set(now_ms, on=True)

    def reset(self, now_ms: int) -> None:
        """Somebody acknowledged: ends the fire, unless the input still reports it."""
        if self.on and not self._active:
            self._set(now_ms, on=False)

    def _set(self, now_ms: int, *, on: bool) -> None:
        self.on = on
        self._tell(now_ms, on=on)
        self._recorder.note(EntryKind.FIRE, on=on)
