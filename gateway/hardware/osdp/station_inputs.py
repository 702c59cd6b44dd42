"""The inputs of one reader that the site uses. Only the thread of its bus uses it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from gateway.hardware.osdp.inputs import (
    AskInputs,
    InputEffect,
    InputForgotten,
    InputsState,
    InputTurned,
    elapsed,
    reported,
)
from gateway.hardware.osdp.reports import BusReport, ReaderInputChanged


class StationInputs:
    """Asks for the inputs, and reports what changes."""

    def __init__(
        self,
        reader: str,
        numbers: Collection[int],
        deliver: Callable[[BusReport], None],
        clock_ns: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._state = InputsState.of(numbers)
        self._there: int | None = None
        """How many inputs the reader has; None before it was asked."""
        self._deliver = deliver
        self._clock_ns = clock_ns

    def reported(self, active: Sequence[bool | None], now_ms: int) -> None:
        """Take a report that counts."""
        self._state, effects = reported(self._state, active, now_ms)
        self._report(effects)

    def look(self, now_ms: int, *, reached: bool, ask: Callable[[], int]) -> None:
        """Do what is due, while the reader is `reached` or is not; `ask` asks it, and returns how
        many inputs it has."""
        self._state, effects = elapsed(self._state, now_ms, reached=reached)
        if AskInputs() in effects:
            self._there = ask()
        self._report(effects)

    def lacking(self) -> list[str]:
        """Why the reader cannot have an input that the site uses."""
        there = self._there
        if there is None:
            return []
        has = f"only 0 to {there - 1}" if there else "and no other"
        return [
            f"it has no input {number}, {has}"
            for number, _reading in self._state.readings
            if number >= there
        ]

    def _report(self, effects: Sequence[InputEffect]) -> None:
        for effect in effects:
            match effect:
                case InputTurned(number=number, active=active):
                    self._changed(number, active)
                case InputForgotten(number=number):
                    self._changed(number, None)

    def _changed(self, number: int, active: bool | None) -> None:  # noqa: FBT001 - a level
        why = f"reader {self._reader!r} does not report it" if active is None else ""
        report = ReaderInputChanged(self._reader, number, active, why, self._clock_ns())
        self._deliver(report)
