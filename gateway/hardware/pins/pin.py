"""What the drivers need of a pin and of a board's pins, whichever library is behind it.

gpiozero's pin classes have this shape; it ships no types, so the shape is written down here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.errors import DeviceUnavailable

PIN_FAILURES = (OSError, DeviceUnavailable)
"""What a pin raises when the board does not do what it is asked: a state, never the end."""

PinCallback = Callable[[float, int], None]
"""Called with an edge's stamp (monotonic seconds) and the level after it, from any thread."""


class Pin(Protocol):
    """One line of the board."""

    state: bool
    """The level, True is high; may be set on an output, and is then read from the line itself.
    Raises one of PIN_FAILURES."""
    edges: str
    """Which edges are reported: `falling`, `rising` or `both`."""
    when_changed: PinCallback | None
    """Only weak references are kept: the owner of a bound method must outlive its use."""

    def output_with_state(self, state: bool, /) -> None:  # noqa: FBT001 - gpiozero's signature
        """Claim the line as an output *with* its level, in one step."""

    def input_with_pull(self, pull: str, /) -> None:
        """Claim the line as an input with a pull resistor: `up`, `down` or `floating`."""

    def close(self) -> None:
        """Stop reporting; an output keeps its level."""


class PinFactory(Protocol):
    """The lines of one board."""

    edge_lag_ns: int
    """How long an edge may be on its way to its callback, counted from its stamp."""
    chip_label: str | None
    """Label of the GPIO chip whose character device has the same lines; None on a board without
    one."""

    def pin(self, name: int, /) -> Pin:
        """The line with this GPIO number, not claimed yet."""

    def level_before_claim(self, number: int) -> bool | None:
        """The level that a line has before it is claimed; None where reading it would change it."""

    def close(self) -> None:
        """Give all lines back; outputs keep their levels where the kernel lets them."""
