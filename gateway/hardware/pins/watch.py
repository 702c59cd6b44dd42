"""Supervises the board's lines: reads outputs back and reports failed lines."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.clock import next_round_ns
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.pins.inputs import DebouncedInput
from gateway.hardware.pins.outputs import OutputLine
from gateway.hardware.reading_settings import ReadingSettings

LOOK_NS = 1_000_000_000
"""Interval of reading outputs back."""


class PinWatch:
    """The driver that reports the states of inputs and outputs."""

    name = "pins"

    def __init__(
        self,
        inputs: Mapping[str, DebouncedInput],
        outputs: Mapping[str, OutputLine],
        loop: Loop,
    ) -> None:
        """`inputs` and `outputs` are keyed by device name; all start as online."""
        self._post = loop.post
        self._outputs = outputs
        self._parts: Mapping[str, DebouncedInput | OutputLine] = {**outputs, **inputs}
        self._reported = dict.fromkeys(self._parts, "")
        self._look_ns = next_round_ns(loop.clock.monotonic_ns(), LOOK_NS)

    @property
    def due_ns(self) -> int | None:
        """When the outputs are read back next; None without outputs."""
        return self._look_ns if self._outputs else None

    def responsive(self, now_ns: int) -> bool:  # noqa: ARG002 - there is no thread
        return True

    def configure(self, reading: ReadingSettings) -> None:
        """Does nothing: lines have no settings in the database."""

    def service(self, now_ns: int) -> None:
        if now_ns >= self._look_ns:
            self._look_ns = next_round_ns(now_ns, LOOK_NS)
            for line in self._outputs.values():
                line.check()
        for name, part in self._parts.items():
            why = part.failure
            if why != self._reported[name]:
                self._reported[name] = why
                health = Health.OFFLINE if why else Health.ONLINE
                self._post(DeviceState(name, health, why, now_ns))

    def close(self) -> None:
        """Does nothing: `Rig` closes the lines."""
