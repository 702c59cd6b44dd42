"""The simulated board's pins: gpiozero's mock, made to behave as a Raspberry Pi's lines do.

What is added: an output is claimed *with* its level and keeps it when released; levels and edge
counts outlive the process in a `BoardRecord`; stamps come from an injected clock, or from whoever
drives an input; the history is bounded.
"""

# gpiozero ships no types: its classes are Any, and are subclassed here and in pins/gpiod_pins.py.
# mypy: allow-subclassing-any

from __future__ import annotations

from collections import deque
from typing import Any

from gpiozero.exc import PinFixedPull, PinInvalidPull  # type: ignore[import-untyped] # - no types
from gpiozero.pins.mock import (  # type: ignore[import-untyped] # - no types
    MockFactory,
    MockPin,
    PinState,
)

from gateway.clock import Clock
from gateway.errors import DeviceUnavailable
from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.simulated.board_record import BoardRecord, PinFunction

_STATES_KEPT = 256
_NS = 1_000_000_000


class SimulatedPin(MockPin):
    """One line of the simulated board."""

    def __init__(self, factory: SimulatedFactory, info: object) -> None:
        super().__init__(factory, info)
        found = factory.record.pin(self._number)
        self._record = factory.record
        self._clock = factory.clock
        self._faults = factory.faults
        self._state = found.high
        self._driven = found.driven
        # A Raspberry Pi's line stays an output after its owner died.
        self._function = "output" if found.function is PinFunction.OUTPUT else "input"
        self.clear_states()

    def close(self) -> None:
        """Stop reporting. The line stays what it is: released outputs keep their level."""
        self.when_changed = None

    def output_with_state(self, state: bool) -> None:  # noqa: FBT001 - gpiozero's signature
        """Claim as an output that has its level from the first instant."""
        self._claim("output")
        self._change_state(bool(state))

    def input_with_pull(self, pull: str) -> None:
        """Claim as an input whose pull is there from the first instant."""
        self._function = "input"
        self._set_pull(pull)
        self._claim("input")

    def drive(self, *, high: bool, stamp_ns: int | None = None) -> None:
        """Let the world outside set the level of this input, at `stamp_ns` (default: now).

        Raises DeviceUnavailable for an output: two sources on one wire.
        """
        if self._function == "output":
            raise DeviceUnavailable(f"{self!r} is an output; only inputs can be moved from outside")
        self._driven = True
        if self._record.pin(self._number).function is PinFunction.UNCLAIMED:
            self._settle(high=high)
        elif self._change_state(high, stamp_ns) and self._edges in (
            "both",
            "rising" if high else "falling",
        ):
            self._report()

    def drive_high(self) -> None:
        self.drive(high=True)

    def drive_low(self) -> None:
        self.drive(high=False)

    def clear_states(self) -> None:
        """Forget this process's history; the record keeps its own."""
        self._last_change = 0.0
        self.states: deque[Any] = deque([PinState(0.0, self._state)], maxlen=_STATES_KEPT)

    def _get_state(self) -> bool:
        fault = self._faults.get(self._number)
        if isinstance(fault, str):
            raise OSError(fault)
        return self._state if fault is None else fault

    def _set_state(self, value: bool) -> None:  # noqa: FBT001 - gpiozero's signature
        fault = self._faults.get(self._number)
        if isinstance(fault, str):
            raise OSError(fault)
        super()._set_state(value)

    def _set_function(self, value: str) -> None:
        super()._set_function(value)
        self._claim(value)

    def _claim(self, function: str) -> None:
        self._function = function
        is_output = function == "output"
        self._driven = self._driven and not is_output
        self._record.claim(self._number, PinFunction.OUTPUT if is_output else PinFunction.INPUT)

    def _set_pull(self, value: str) -> None:
        if self._function != "input":
            raise PinFixedPull(f"cannot set pull on non-input pin {self!r}")
        if self.info.pull and value != self.info.pull:
            raise PinFixedPull(f"{self!r} has a fixed pull resistor")
        if value not in {"floating", "up", "down"}:
            raise PinInvalidPull(f"invalid pull {value!r} for pin {self!r}")
        self._pull = value
        if value != "floating" and not self._driven:
            if self._record.pin(self._number).function is PinFunction.OUTPUT:
                # An output that becomes an input is let go: whatever hangs on it sees an edge.
                self._change_state(value == "up")
            else:
                self._settle(high=value == "up")

    def _settle(self, *, high: bool) -> None:
        """Take a level without an edge: the line was not in use before."""
        self._state = high
        self._record.settle(self._number, high=high, driven=self._driven)

    def _change_state(self, value: bool, stamp_ns: int | None = None) -> bool:  # noqa: FBT001 - as the mock
        if self._state == value:
            if self._driven:
                self._record.settle(self._number, high=value, driven=True)
            return False
        stamp = self._clock.monotonic_ns() if stamp_ns is None else stamp_ns
        self._state = value
        self._record.edge(self._number, high=value, driven=self._driven, stamp_ns=stamp)
        self.states.append(PinState(stamp / _NS - self._last_change, value))
        self._last_change = stamp / _NS
        return True

    def _report(self) -> None:
        if self._when_changed is not None:
            self._call_when_changed()


class SimulatedFactory(MockFactory):
    """The simulated board: its pins, their record, and the clock that stamps their edges."""

    chip_label: str | None = None

    def __init__(self, profile: BoardProfile, clock: Clock, record: BoardRecord) -> None:
        super().__init__(revision=profile.revision, pin_class=SimulatedPin)
        self.clock = clock
        self.record = record
        self.faults: dict[int, str | bool] = {}
        """Lines that are broken: one whose use fails with these words, or one that is at this level
        (True = high) whatever drives it."""

    def level_before_claim(self, number: int) -> bool | None:
        return self.record.pin(number).high

    def edge_sources(self) -> tuple[()]:
        """Return none: callbacks run in the caller's own turn."""
        return ()

    def ticks(self) -> float:
        """Monotonic seconds of the injected clock: what callbacks get as stamps."""
        return self.clock.monotonic_ns() / _NS

    def close(self) -> None:
        """Release every pin as it is, and the record."""
        super().close()
        self.record.close()
