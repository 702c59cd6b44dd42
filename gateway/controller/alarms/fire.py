"""The fire input: releases doors until the input is normal again *and* a person resets the fire.

The fire panel's own contact must cut the power of the locks; this input only informs the gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.alarms.zones import LOST_MS
from gateway.clock import Clock, unix_s
from gateway.controller.state.component import Component, Effect, Emit, FireChanged
from gateway.controller.state.recorder import Recorder
from gateway.hardware.events import HardwareEvent, InputKind, InputLevel, InputLost, InputName
from gateway.link.messages import Fault, FireStatus
from gateway.settings import FixedAdcInput, FixedInput, Level
from gateway.store.journal import EntryKind


@dataclass(frozen=True, slots=True)
class FireLatchState:
    """The states of the input and of the latch."""

    active: bool | None
    since_utc: int
    lost: str = ""
    due_ms: int | None = None


class FireLatch(Component):
    """Set by the input's active level, cleared by a reset while the input is normal."""

    def __init__(
        self,
        contact: FixedInput | FixedAdcInput | None,
        recorder: Recorder,
        emit: Emit,
        clock: Clock,
        *,
        since_utc: int,
    ) -> None:
        """`since_utc` is when the fire that goes on over a restart was reported, in Unix seconds;
        0 without one."""
        self.idle_high = contact is not None and contact.idle is Level.HIGH
        self._recorder = recorder
        self._emit = emit
        self._clock = clock
        self._active: bool | None = None
        """None before the first reading."""
        self._since_utc = since_utc
        self._lost = ""
        """Why the input cannot be read; empty while it can."""
        self._due_ms: int | None = None
        """When an input that cannot be read counts as a fire."""

    def begin(self, now_ms: int) -> None:
        """Release doors for a fire of an earlier run: an exit must not wait for the rules."""
        if self.on:
            self._emit(FireChanged(on=True), now_ms)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        match event:
            case InputLevel(name=InputName(kind=InputKind.FIRE), high=high):
                self.level(now_ms, high=high)
            case InputLost(name=InputName(kind=InputKind.FIRE), why=why, tampered=tampered):
                self.input_lost(now_ms, why, tampered=tampered)

    @property
    def on(self) -> bool:
        """Whether a fire was reported and has not been reset."""
        return self._since_utc != 0

    def status(self) -> FireStatus | None:
        """The fire; None without one."""
        if not self.on:
            return None
        return FireStatus(since_utc=self._since_utc, reported=self._active is True)

    def state(self) -> FireLatchState:
        return FireLatchState(self._active, self._since_utc, self._lost, self._due_ms)

    def restore(self, state: FireLatchState) -> None:
        self._active, self._since_utc = state.active, state.since_utc
        self._lost, self._due_ms = state.lost, state.due_ms

    def level(self, now_ms: int, *, high: bool) -> None:
        """Take the level of the input; a broken wire of a normally-closed loop is a fire."""
        self._lost, self._due_ms = "", None
        self._take(now_ms, active=high is not self.idle_high)

    def input_lost(self, now_ms: int, why: str, *, tampered: bool) -> None:
        """The input is not known any more, because of `why`.

        A loop that is cut or shorted is a fire, as a broken wire at a pin; one that cannot be read
        for LOST_MS, too, since nothing else would report a fire there.
        """
        self._lost = why
        if tampered:
            self._due_ms = None
            self._take(now_ms, active=True)
        elif self._due_ms is None and not self._active:
            self._due_ms = now_ms + LOST_MS

    def tick(self, now_ms: int) -> None:
        if self._due_ms is not None and self._due_ms <= now_ms:
            self._due_ms = None
            self._take(now_ms, active=True)

    def due_ms(self) -> int | None:
        return self._due_ms

    def faults(self) -> Iterator[Fault]:
        """The input, while it cannot be read."""
        if self._lost:
            yield Fault(part="fire input", name="", why=f"cannot be read: {self._lost}")

    def _take(self, now_ms: int, *, active: bool) -> None:
        before, self._active = self._active, active
        if self._active and not self.on:
            self._since_utc = unix_s(self._clock.utc())
            self._emit(FireChanged(on=True), now_ms)
            self._recorder.note(EntryKind.FIRE, on=True)
        elif self.on and self._active is not before:
            self._note()

    def reset(self, now_ms: int) -> None:
        """End the fire, unless the input still reports it."""
        if self.on and not self._active:
            self._since_utc = 0
            self._emit(FireChanged(on=False), now_ms)
            self._recorder.note(EntryKind.FIRE, on=False)

    def _note(self) -> None:
        self._recorder.note(
            EntryKind.FIRE, on=True, since_utc=self._since_utc, input_active=self._active
        )
