"""Outputs: a pin that locks or unlocks a door, or one that switches something on."""

from __future__ import annotations

from gateway.errors import DeviceUnavailable
from gateway.hardware.pins.pin import PIN_FAILURES, Pin
from gateway.settings import Level, LockState, Output, Strike


class OutputLine:
    """One line that is to have a level: what it was told last is put again until it is so.

    A line that cannot be driven or does not follow is a state and no exception, since the loop has
    other doors.
    """

    def __init__(self, pin: Pin, *, high: bool) -> None:
        """Claim `pin` with its level, in one step. Raises DeviceUnavailable."""
        pin.output_with_state(high)
        self._pin = pin
        self._high = high
        self._failure = ""

    @property
    def failure(self) -> str:
        """What is wrong, in words for a technician; empty while the line obeys."""
        return self._failure

    def put(self, *, high: bool) -> None:
        """Write a level."""
        self._high = high
        try:
            self._pin.state = high
        except PIN_FAILURES as error:
            self._failure = f"cannot be driven {_level(high=high)}: {error}"

    def check(self) -> None:
        """Read the line back, and write its level once more where it is not as it should be."""
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
        """Leave the line as it is. Raises DeviceUnavailable when it did not obey."""
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
        """What the output was told last."""
        return self._state

    def drive(self, state: LockState) -> None:
        """Lock or unlock; no write, and so no edge, when it does that already."""
        if state is not self._state:
            self._state = state
            self.line.put(high=self._strike.level(state))

    def release(self, on_stop: LockState) -> None:
        """Put the level of `on_stop` in at most one write and leave the pin at it."""
        self.drive(on_stop)
        self.line.close()

    def __repr__(self) -> str:
        return f"StrikeOutput(pin {self._strike.pin}, {self._state})"


class SwitchOutput:
    """The output of a siren, a bell or a light: off unless it is driven. Written only when it
    changes."""

    def __init__(self, pin: Pin, output: Output) -> None:
        """Claim `pin` switched off, in one step."""
        self.pin = output.pin
        self.line = OutputLine(pin, high=output.level(on=False))
        self._output = output
        self._on = False

    @property
    def on(self) -> bool:
        """Whether it was switched on last."""
        return self._on

    def drive(self, *, on: bool) -> None:
        """Switch it; no write, and so no edge, when it is so already."""
        if on is not self._on:
            self._on = on
            self.line.put(high=self._output.level(on=on))

    def release(self) -> None:
        """Switch it off and leave the pin so."""
        self.drive(on=False)
        self.line.close()

    def __repr__(self) -> str:
        return f"SwitchOutput(pin {self._output.pin}, {'on' if self._on else 'off'})"


def _level(*, high: bool) -> str:
    return (Level.HIGH if high else Level.LOW).value
