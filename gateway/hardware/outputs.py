"""Outputs: a pin that locks or unlocks a door, or one that switches something on."""

from __future__ import annotations

from gateway.hardware.pins import Pin
from gateway.settings import LockState, Output, Strike


class StrikeOutput:
    """The output of one lock. Levels are written, never toggled, and only when they change."""

    def __init__(self, pin: Pin, strike: Strike, on_start: LockState) -> None:
        """Claim `pin` at the level of `on_start`, in one step."""
        pin.output_with_state(strike.level(on_start))
        self._pin = pin
        self._strike = strike
        self._state = on_start

    @property
    def state(self) -> LockState:
        """What the output does now."""
        return self._state

    def drive(self, state: LockState) -> None:
        """Lock or unlock; no write, and so no edge, when it does that already."""
        if state is not self._state:
            self._pin.state = self._strike.level(state)
            self._state = state

    def release(self, on_stop: LockState) -> None:
        """Put the level of `on_stop` in at most one write and leave the pin at it."""
        self.drive(on_stop)
        self._pin.close()

    def __repr__(self) -> str:
        return f"StrikeOutput(pin {self._strike.pin}, {self._state})"


class SwitchOutput:
    """The output of a siren or a bell: off unless it is driven. Written only when it changes."""

    def __init__(self, pin: Pin, output: Output) -> None:
        """Claim `pin` switched off, in one step."""
        pin.output_with_state(output.level(on=False))
        self._pin = pin
        self._output = output
        self._on = False

    @property
    def on(self) -> bool:
        """Whether it is switched on now."""
        return self._on

    def drive(self, *, on: bool) -> None:
        """Switch it; no write, and so no edge, when it is so already."""
        if on is not self._on:
            self._pin.state = self._output.level(on=on)
            self._on = on

    def release(self) -> None:
        """Switch it off and leave the pin so."""
        self.drive(on=False)
        self._pin.close()

    def __repr__(self) -> str:
        return f"SwitchOutput(pin {self._output.pin}, {'on' if self._on else 'off'})"
