"""Lines of the kernel's GPIO character device as gpiozero pins, made safe for locks.

gpiozero's own factories make a line an input when it is first named, drive a new output low before
they write its level, and make each output an input when it closes: three clicks of an active-low
relay. Here a line is requested once, as an output with its level or as an input with its pull, in
one call to the kernel. It is changed in place and released only when the factory closes. What the
line does then is the kernel's choice: see `safe_relays.keeps_outputs`.

Only `factory.open_factory` imports this module: gpiod is installed on boards only.
"""

# gpiozero ships no types: its classes are Any, and are subclassed here and in simulated/pins.py
# only.
# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import gpiod
from gpiod.line import Bias, Clock, Direction, Edge, Value
from gpiozero.exc import (  # type: ignore[import-untyped] # - no types
    PinInvalidEdges,
    PinInvalidFunction,
    PinInvalidPull,
)
from gpiozero.pins.local import (  # type: ignore[import-untyped] # - no types
    LocalPiFactory,
    LocalPiPin,
)

from gateway.errors import DeviceUnavailable
from gateway.hardware.boards.chips import find_chip
from gateway.hardware.pins.polled import FloodGuard, PolledSource

BUFFER = 128
"""Edges of an input that the kernel keeps; its oldest are dropped, and the level is read anyway."""
_NS = 1_000_000_000
_PULLS = {"up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "floating": Bias.DISABLED}
_EDGES = {"both": Edge.BOTH, "rising": Edge.RISING, "falling": Edge.FALLING}


class GpiodPin(LocalPiPin):
    """One line of the chip, and the source of its edges while it is an input with a callback.

    The edge thread calls `fileno`, `read`, `drop` and `reopen`, the loop's thread all else. Edges
    are switched on and off only while that thread does not run.
    """

    def __init__(self, factory: GpiodFactory, info: object) -> None:
        super().__init__(factory, info)
        self._request: gpiod.LineRequest | None = None
        self._pull = "floating"
        self._output = False
        self._edges = "both"
        self._reports = False
        """Whether edges are asked for."""
        self._dropped = False
        """Whether the edge thread gave the edges up for a while."""
        self._flood = FloodGuard()

    @property
    def name(self) -> str:
        return repr(self)

    def output_with_state(self, state: bool) -> None:  # noqa: FBT001 - gpiozero's signature
        """Claim the line as an output with this level, in one step."""
        self._claim(gpiod.LineSettings(direction=Direction.OUTPUT, output_value=_value(state)))
        self._output = True

    def input_with_pull(self, pull: str) -> None:
        """Claim the line as an input with this pull, in one step."""
        if pull not in _PULLS:
            raise PinInvalidPull(f"invalid pull {pull!r} for pin {self!r}")
        self._pull = pull
        self._output = False
        self._claim(self._as_input())

    def level_as_found(self) -> bool | None:
        """Request the line without changing it, and return its level; None if it cannot be read.

        Neither of the Raspberry Pi's drivers (pinctrl-bcm2835, pinctrl-rp1) touches a line for
        such a request. The claim that follows changes the request in place: some kernels make an
        input of a line that is released.
        """
        try:
            if self._request is None:
                self._claim(gpiod.LineSettings())
            return self._get_state()
        except DeviceUnavailable:
            return None  # the claim says why

    def close(self) -> None:
        """Stop reporting. The line stays claimed until the factory closes, and keeps its level."""
        self._reports = False
        self._when_changed = None

    def release(self) -> None:
        """Give the line back to the kernel."""
        self.close()
        if self._request is not None:
            self._request.release()
            self._request = None

    # Called by the edge thread.

    def fileno(self) -> int | None:
        """Return the descriptor to poll; None while no edges are read."""
        if self._request is None or self._dropped or not self._reports:
            return None
        return self._request.fd

    def read(self) -> None:
        """Report the waiting edges. Raises OSError, also for a flood of them."""
        if self._request is None:
            return
        events = self._request.read_edge_events(BUFFER)
        for event in events:
            high = event.event_type is event.Type.RISING_EDGE
            self._call_when_changed(event.timestamp_ns / _NS, int(high))
        if events:
            self._flood.note(len(events), events[-1].timestamp_ns)

    def drop(self, why: str) -> None:  # noqa: ARG002 - who reads the level sees a failure
        """Ask for no more edges; the line stays an input, whose level can be read."""
        self._dropped = True
        with suppress(OSError):  # its chip may be gone
            self._reconfigure(self._as_input())

    def reopen(self) -> None:
        """Ask for edges again."""
        self._dropped = False
        try:
            self._reconfigure(self._as_input())
        except OSError:
            self._dropped = True

    # Called by gpiozero.

    def _get_function(self) -> str:
        return "output" if self._output else "input"

    def _set_function(self, value: str) -> None:
        if value == "output":
            self.output_with_state(False)
        elif value == "input":
            self.input_with_pull("floating")
        else:
            raise PinInvalidFunction(f"invalid function {value!r} for pin {self!r}")

    def _get_state(self) -> bool:
        """Read the level of the line, also of an output; raises DeviceUnavailable."""
        try:
            return self._claimed().get_value(self._number) is Value.ACTIVE
        except OSError as error:
            raise DeviceUnavailable(f"{self!r} cannot be read: {_why(error)}") from error

    def _set_state(self, value: bool) -> None:  # noqa: FBT001 - gpiozero's signature
        """Write the level; raises DeviceUnavailable, also if the line is not an output."""
        try:
            self._claimed().set_value(self._number, _value(value))
        except OSError as error:
            raise DeviceUnavailable(f"{self!r} cannot be written: {_why(error)}") from error

    def _get_pull(self) -> str:
        return self._pull

    def _set_pull(self, value: str) -> None:
        self.input_with_pull(value)

    def _get_edges(self) -> str:
        return self._edges

    def _set_edges(self, value: str) -> None:
        if value not in _EDGES:
            raise PinInvalidEdges(f"invalid edges {value!r} for pin {self!r}")
        self._edges = value
        if self._reports:
            self._claim(self._as_input())

    def _enable_event_detect(self) -> None:
        self._reports = True
        self._claim(self._as_input())

    def _disable_event_detect(self) -> None:
        self._reports = False
        self._claim(self._as_input())

    def _as_input(self) -> gpiod.LineSettings:
        reports = self._reports and not self._dropped
        return gpiod.LineSettings(
            direction=Direction.INPUT,
            bias=_PULLS[self._pull],
            edge_detection=_EDGES[self._edges] if reports else Edge.NONE,
            # The loop's clock. Debounced by DebouncedInput, which counts the bounces.
            event_clock=Clock.MONOTONIC,
        )

    def _claim(self, settings: gpiod.LineSettings) -> None:
        """Request the line, or change it in place; raises DeviceUnavailable, for instance if it is
        busy."""
        try:
            if self._request is None:
                with gpiod.Chip(self.factory.chip) as chip:
                    self._request = chip.request_lines(
                        {self._number: settings}, consumer="gateway", event_buffer_size=BUFFER
                    )
            else:
                self._reconfigure(settings)
        except OSError as error:
            raise DeviceUnavailable(f"{self!r} cannot be claimed: {_why(error)}") from error

    def _reconfigure(self, settings: gpiod.LineSettings) -> None:
        self._claimed().reconfigure_lines({self._number: settings})

    def _claimed(self) -> gpiod.LineRequest:
        if self._request is None:
            raise DeviceUnavailable(f"{self!r} is not claimed")
        return self._request


class GpiodFactory(LocalPiFactory):
    """The lines of the header's GPIO chip."""

    def __init__(self, chip_label: str, revision: str) -> None:
        """Find the chip, whose number differs between boards and kernels. Raises DeviceUnavailable
        that names the chips found."""
        super().__init__()
        # The base class shares one mapping among all factories.
        self.pins: dict[object, GpiodPin] = {}
        self._profile_revision = int(revision, 16)
        self.chip_label: str | None = chip_label
        self.chip = find_chip(chip_label)
        """Device path of the chip."""
        self.pin_class = GpiodPin

    def level_before_claim(self, number: int) -> bool | None:
        """Request the line as it is, and return its level; None if it cannot be read."""
        found: bool | None = self.pin(number).level_as_found()
        return found

    def edge_sources(self) -> Sequence[PolledSource]:
        """Return the inputs whose edges are asked for."""
        return [pin for pin in self.pins.values() if pin.fileno() is not None]

    def close(self) -> None:
        """Release all lines."""
        for pin in self.pins.values():
            pin.release()
        super().close()

    def _get_revision(self) -> int:
        return self._profile_revision


def _value(high: object) -> Value:
    return Value.ACTIVE if high else Value.INACTIVE


def _why(error: OSError) -> str:
    return error.strerror or str(error)
