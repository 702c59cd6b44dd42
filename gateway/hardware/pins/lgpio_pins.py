"""Real pins through lgpio, with claim and close made safe for locks.

gpiozero claims an output at level 0 before it writes the requested level, makes each line an input
when it is first named, and each output an input when it closes: three clicks of an active-low
relay. Here a line is claimed once, with its level, and keeps it at the end.

Importing lgpio starts a thread and creates a FIFO in $LG_WD; only `factory.open_factory` imports
this module. Do not fork afterwards.
"""

# gpiozero ships no types: its classes are Any, and are subclassed here and in simulated/pins.py
# only.
# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Callable

import lgpio  # type: ignore[import-not-found,import-untyped,unused-ignore] # - no types, and only on a board
from gpiozero.exc import PinInvalidPull, PinSetInput  # type: ignore[import-untyped] # - no types
from gpiozero.pins.lgpio import (  # type: ignore[import-untyped] # - no types
    LGPIOFactory,
    LGPIOPin,
)

from gateway.errors import DeviceUnavailable

LgpioError: type[Exception] = lgpio.error
"""What lgpio raises when a call fails."""

_CHIPS = 16
"""Chip numbers to search; a Pi has fewer than ten."""


def find_chip(label: str) -> int:
    """Return the number of the GPIO chip with this label.

    Raises DeviceUnavailable that names the chips found.
    """
    found = []
    failure = ""
    for number in range(_CHIPS):
        try:
            handle = lgpio.gpiochip_open(number)
        except lgpio.error as error:
            failure = failure or f"; chip {number}: {error}"  # numbers may have gaps
            continue
        try:
            name = lgpio.gpio_get_chip_info(handle)[3]
        finally:
            lgpio.gpiochip_close(handle)
        if name == label:
            return number
        found.append(f"{number} is {name}")
    there = ", ".join(found) or "none"
    raise DeviceUnavailable(f"no GPIO chip has the label {label!r} (found: {there}{failure})")


class LockPin(LGPIOPin):
    """One line of the chip: claimed once, with its level."""

    def __init__(self, factory: object, info: object) -> None:
        # Skip LGPIOPin's constructor, which claims the line as an input.
        super(LGPIOPin, self).__init__(factory, info)
        self._pwm = None
        self._bounce = None
        self._callback = None
        self._edges = lgpio.BOTH_EDGES

    def close(self) -> None:
        """Stop reporting. The line stays claimed until the factory closes, and keeps its level."""
        if self._callback is not None:
            self._callback.cancel()
            self._callback = None
        self._when_changed = None

    def output_with_state(self, state: bool) -> None:  # noqa: FBT001 - gpiozero's signature
        """Claim the line as an output with this level, in one step."""
        self._call(lgpio.gpio_claim_output, int(bool(state)))

    def input_with_pull(self, pull: str) -> None:
        """Claim the line as an input with this pull, in one step."""
        flags = {
            "up": lgpio.SET_PULL_UP,
            "down": lgpio.SET_PULL_DOWN,
            "floating": lgpio.SET_PULL_NONE,
        }
        if pull not in flags:
            raise PinInvalidPull(f"invalid pull {pull!r} for pin {self!r}")
        self._call(lgpio.gpio_claim_input, flags[pull])

    def _get_state(self) -> bool:
        """Read the level of the line, also of an output; raises DeviceUnavailable."""
        try:
            return bool(super()._get_state())
        except lgpio.error as error:
            raise DeviceUnavailable(f"{self!r} cannot be read: {error}") from error

    def _set_state(self, value: bool) -> None:  # noqa: FBT001 - gpiozero's signature
        """Write the level; raises DeviceUnavailable, also if the line is not an output."""
        try:
            super()._set_state(value)
        except (lgpio.error, PinSetInput) as error:
            raise DeviceUnavailable(f"{self!r} cannot be written: {error}") from error

    def _call(self, function: Callable[[int, int, int], object], argument: int) -> None:
        """Call lgpio for this line; raises DeviceUnavailable, for instance if it is busy."""
        try:
            function(self.factory._handle, self._number, argument)  # noqa: SLF001 - gpiozero's way
        except lgpio.error as error:
            raise DeviceUnavailable(f"{self!r} cannot be claimed: {error}") from error


class LockFactory(LGPIOFactory):
    """The lines of the header's GPIO chip."""

    edge_lag_ns = 10_000_000
    """Edges wait for lgpio's thread and the GIL: measured p99 is 5.7 ms beside a busy thread."""

    def __init__(self, chip_label: str, revision: str) -> None:
        # Before the base class's constructor, which asks for the chip's number.
        self._profile_revision = int(revision, 16)
        self.chip_label: str | None = chip_label
        super().__init__(chip=find_chip(chip_label))
        self.pin_class = LockPin

    def level_before_claim(self, number: int) -> bool | None:  # noqa: ARG002 - the protocol's
        """Return None: reading would claim the line as an input and move a lock."""
        return None

    def _get_revision(self) -> int:
        return self._profile_revision
