"""The fire input: frees the doors that it is to free, until it is normal again *and* reset.

It reports only. What cuts a lock's power in a fire is the fire panel's own contact.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from gateway.clock import Clock
from gateway.controller.state.component import Component, Effect, Emit, FireChanged
from gateway.controller.state.recorder import Recorder
from gateway.hardware.events import HardwareEvent, InputKind, InputLevel, InputName
from gateway.link.messages import FireStatus
from gateway.settings import FixedInput, Level
from gateway.store.journal import EntryKind

log = structlog.get_logger("fire")


@dataclass(frozen=True, slots=True)
class FireLatchState:
    """The input and the latch that it sets."""

    active: bool | None
    since_utc: int


class FireLatch(Component):
    """Set by the input's active level, let go by a reset while the input is normal."""

    def __init__(
        self,
        contact: FixedInput | None,
        recorder: Recorder,
        emit: Emit,
        clock: Clock,
        *,
        since_utc: int,
    ) -> None:
        """`since_utc` is when the fire that the journal left on was reported, in Unix seconds, or
        0: a fire outlives a restart."""
        self.idle_high = contact is not None and contact.idle is Level.HIGH
        self._recorder = recorder
        self._emit = emit
        self._clock = clock
        self._active: bool | None = None
        """None before the input was read."""
        self._since_utc = since_utc

    def begin(self, now_ms: int) -> None:
        """A fire that outlived a restart goes on: no way out waits for the rules."""
        if self.on:
            self._emit(FireChanged(on=True), now_ms)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Take in the fire input."""
        match event:
            case InputLevel(name=InputName(kind=InputKind.FIRE), high=high):
                self.level(now_ms, high=high)

    @property
    def on(self) -> bool:
        """Whether a fire was reported and not reset since."""
        return self._since_utc != 0

    def status(self) -> FireStatus | None:
        """The fire that goes on; None without one."""
        if not self.on:
            return None
        return FireStatus(since_utc=self._since_utc, reported=self._active is True)

    def state(self) -> FireLatchState:
        return FireLatchState(self._active, self._since_utc)

    def restore(self, state: FireLatchState) -> None:
        self._active, self._since_utc = state.active, state.since_utc

    def level(self, now_ms: int, *, high: bool) -> None:
        """The input was read; a broken wire of a normally-closed loop reads as fire."""
        before, self._active = self._active, high is not self.idle_high
        if self._active and not self.on:
            self._since_utc = int(self._clock.utc().timestamp())
            self._emit(FireChanged(on=True), now_ms)
            self._recorder.note(EntryKind.FIRE, on=True)
        elif self.on and self._active is not before:
            self._note()

    def reset(self, now_ms: int) -> None:
        """Somebody acknowledged: ends the fire, unless the input still reports it."""
        if self.on and not self._active:
            self._since_utc = 0
            self._emit(FireChanged(on=False), now_ms)
            self._recorder.note(EntryKind.FIRE, on=False)

    def _note(self) -> None:
        self._recorder.note(
            EntryKind.FIRE, on=True, since_utc=self._since_utc, input_active=self._active
        )
