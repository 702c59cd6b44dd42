"""The interface of pins and of a board's pin factory, for any library.

gpiozero's pin classes implement it; gpiozero has no type hints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.errors import DeviceUnavailable
from gateway.hardware.pins.polled import PolledSource

PIN_FAILURES = (OSError, DeviceUnavailable)
"""Exceptions of a failing pin; drivers report them as a state."""

PinCallback = Callable[[float, int], None]
"""Called from any thread with an edge's stamp (monotonic seconds) and the level after it."""


class Pin(Protocol):
    """One line of the board."""

    state: bool
    """The level of the line, True is high; writable on an output. Raises one of PIN_FAILURES."""
    edges: str
    """Which edges are reported: `falling`, `rising` or `both`."""
    when_changed: PinCallback | None
    """Held by weak reference: the owner of a bound method must outlive its use."""

    def output_with_state(self, state: bool, /) -> None:  # noqa: FBT001 - gpiozero's signature
        """Claim the line as an output with its level, in one step."""

    def input_with_pull(self, pull: str, /) -> None:
        """Claim the line as an input with a pull resistor: `up`, `down` or `floating`."""

    def close(self) -> None:
        """Stop reporting; an output keeps its level."""


class PinFactory(Protocol):
    """The lines of one board."""

    chip_label: str | None
    """Label of the GPIO chip with these lines; None for a simulated board."""

    def pin(self, name: int, /) -> Pin:
        """Return the line with this GPIO number without claiming it."""

    def level_before_claim(self, number: int) -> bool | None:
        """Return a line's level before the claim, and change nothing; None if it is unknown."""

    def edge_sources(self) -> Sequence[PolledSource]:
        """Return the claimed inputs whose edges an edge thread must read."""

    def close(self) -> None:
        """Release all lines; outputs keep their levels if the kernel permits."""
