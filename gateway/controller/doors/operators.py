"""The operators of powered doors: connects their state machines to their outputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.state.component import Component, Effect, ExitUsed, FireChanged
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import SounderPort
from gateway.doors.operator import (
    FireReported,
    LetIn,
    LetOut,
    LockedDown,
    OperatorEvent,
    OperatorSettings,
    OperatorState,
    Relocked,
    TimePasses,
    acts_on,
    drives,
    due_ms,
    step,
)
from gateway.doors.values import Mode
from gateway.hardware.events import HardwareEvent


@dataclass(frozen=True, slots=True)
class OperatorsState:
    """The state of each operator, by door, and the instant of the last step."""

    operators: Mapping[int, OperatorState]
    stepped_ms: int


class DoorOperators(Component):
    """Drives the outputs. The loop's thread alone uses it."""

    def __init__(self, outputs: Mapping[int, SounderPort], doors: Mapping[int, DoorPanel]) -> None:
        """`outputs` are by door."""
        self._outputs = outputs
        self._doors = doors
        self._settings: Mapping[int, OperatorSettings] = {}
        self._operators = {door: OperatorState() for door in outputs}
        self._stepped_ms = 0
        self._bound = False

    def state(self) -> OperatorsState:
        return OperatorsState(dict(self._operators), self._stepped_ms)

    def restore(self, state: OperatorsState) -> None:
        self._operators = dict(state.operators)
        self._stepped_ms = state.stepped_ms
        self._bound = True

    def configure(self, config: EffectiveConfig) -> None:
        self._settings = config.operators

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over new settings; the first ones end the states of `on_start`."""
        self.configure(config)
        self._bound = True
        for door in self._outputs:
            locked_down = self._doors[door].mode is Mode.LOCK_DOWN
            self._feed(door, LockedDown() if locked_down else TimePasses(), now_ms)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        match event:
            case FireChanged(on=on):
                for door in self._outputs:
                    self._feed(door, FireReported(on), now_ms)
            case ExitUsed(door=door) if door in self._outputs and self._released(door):
                self._feed(door, LetOut(), now_ms)

    def let_in(
        self, doors: Collection[int], reader: str, now_ms: int, *, extended: bool
    ) -> tuple[int, ...]:
        """Open the leaves of `doors`, which were unlocked for somebody at `reader`; return those
        that an operator opens."""
        event = LetIn(reader, extended)
        called = []
        for door in sorted(self._outputs.keys() & set(doors)):
            settings = self._settings.get(door)
            acts = settings is not None and acts_on(settings, self._operators[door], event)
            if acts and self._released(door):
                self._feed(door, event, now_ms)
                called.append(door)
        return tuple(called)

    def _released(self, door: int) -> bool:
        """Whether the lock is released: a leaf is never pushed against it."""
        return self._doors[door].view().state.unlocked

    def _feed(self, door: int, event: OperatorEvent, now_ms: int) -> None:
        self._stepped_ms = now_ms
        after = step(self._settings.get(door), self._operators[door], event, now_ms)
        self._operators[door] = after
        on, output = drives(after, now_ms), self._outputs[door]
        # Before the rules the outputs keep their state of the start, except in a fire.
        if (self._bound or after.fire) and output.on is not on:
            output.drive(on=on)

    def tick(self, now_ms: int) -> None:
        due = self.due_ms()
        if due is not None and due <= now_ms:
            for door in self._outputs:
                # After a long delay the lock may be locked again, and the leaf still shut.
                barred = not (self._released(door) or self._doors[door].view().state.open)
                begins = not self._outputs[door].on
                self._feed(door, Relocked() if begins and barred else TimePasses(), now_ms)

    def due_ms(self) -> int | None:
        """None while no leaf is opened."""
        dues = (due_ms(it, self._stepped_ms) for it in self._operators.values())
        return min((due for due in dues if due is not None), default=None)
