"""Outputs for locks, sirens, bells and lights."""

from __future__ import annotations

from gateway.errors import DeviceUnavailable
from gateway.hardware.pins.pin import PIN_FAILURES, Pin
from gateway.settings import Level, LockState, Output, Strike


class OutputLine:
    """One output line; rewrites its level while the line does not follow.

    A line that fails is a state, not an exception, because the loop serves other doors.
    """

    def __init__(self, pin: Pin, *, high: bool) -> None:
        """Claim `pin` with its level, in one step. Raises DeviceUnavailable."""
        pin.output_with_state(high)
        self._pin = pin
        self._high = high
        self._failure = ""

    @property
    def failure(self) -> str:
        """What is wrong, in words for a technician; empty while the line follows."""
        return self._failure

    def put(self, *, high: bool) -> None:
        """Write the level."""
        self._high = high
        try:
            self._pin.state = high
        except PIN_FAILURES as error:
            self._failure = f"cannot be driven {_level(high=high)}: {error}"

    def check(self) -> None:
        """Read the line back, and write its level again if it differs."""
        try:
            follows = bool(self._pin.state) is self._high
        except PIN_FAILURES as error:
            self._failure = f"cannot be read back: {error}"
            return
        if follows:
            self._failure = ""
            return
        self._failure = (
            f"is {_level(high=not self._high)} though it is driven {_level(high=self._high)}: "
            "a short, or another program drives it"
        )
        self.put(high=self._high)

    def close(self) -> None:
        """Close the line and keep its level. Raises DeviceUnavailable if it did not follow."""
        self._pin.close()
        if self._failure:
            raise DeviceUnavailable(f"{self._pin!r} {self._failure}")


class StrikeOutput:
    """The output of one lock. Levels are written, never toggled, and only when they change."""

    def __init__(self, pin: Pin, strike: Strike, on_start: LockState) -> None:
        """Claim `pin` at the level of `on_start`, in one step."""
        self.pin = strike.pin
        self.line = OutputLine(pin, high=strike.level(on_start))
        self._strike = strike
        self._state = on_start

    @property
    def state(self) -> LockState:
        """The state that was driven last."""
        return self._state

    def drive(self, state: LockState) -> None:
        """Lock or unlock; writes only a change, so that an unchanged state makes no edge."""
        if state is not self._state:
            self._state = state
            self.line.put(high=self._strike.level(state))

    def release(self, on_stop: LockState) -> None:
        """Drive `on_stop` with at most one write and close the pin at that level."""
        self.drive(on_stop)
        self.line.close()

    def __repr__(self) -> str:
        return f"StrikeOutput(pin {self._strike.pin}, {self._state})"


class SwitchOutput:
    """The output of a siren, a light or an operator. Levels are written only when they change."""

    def __init__(self, pin: Pin, output: Output) -> None:
        """Claim `pin` as it is declared for the start, in one step."""
        self.pin = output.pin
        self._on = output.declared("start")
        self.line = OutputLine(pin, high=output.level(on=self._on))
        self._output = output

    @property
    def on(self) -> bool:
        """Whether it is switched on."""
        return self._on

    def drive(self, *, on: bool) -> None:
        """Switch on or off; writes only a change."""
        if on is not self._on:
            self._on = on
            self.line.put(high=self._output.level(on=on))

    def release(self, moment: str) -> None:
        """Switch to what is declared for `moment`, stop or fault, and close the pin so."""
        self.drive(on=self._output.declared(moment))
        self.line.close()

    def __repr__(self) -> str:
        return f"SwitchOutput(pin {self._output.pin}, {'on' if self._on else 'off'})"


def _level(*, high: bool) -> str:
    return (Level.HIGH if high else Level.LOW).value
