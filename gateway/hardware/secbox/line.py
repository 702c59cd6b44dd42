"""One RS-485 line with its modules: a thread polls them, the loop drives their relays.

A relay has a requested level, not a queue of commands: a module that returns gets the level that
its door needs now, and missed openings are not repeated. Where the module supports it, an unlocking
lasts two seconds and is renewed twice a second, so that cutting the line locks the door.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import DeviceState, Health, InputLevel, InputName, Loop
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.secbox.module import Module, ModuleRelay, ModuleReport
from gateway.hardware.secbox.profiles import load_module
from gateway.settings import SecBox

if TYPE_CHECKING:
    from gateway.hardware.secbox.modbus_bus import ModbusBus

Opener = Callable[[SecBox, str, float], "ModbusBus"]


def open_bus(box: SecBox, path: str, timeout_s: float) -> ModbusBus:
    """Open the line. Raises OSError."""
    from gateway.hardware.secbox.modbus_bus import (
        ModbusBus,  # a site without modules needs no pymodbus
    )

    return ModbusBus(box, path, timeout_s)


class SecBoxLine:
    """The driver for all modules of one port."""

    due_ns = None

    def __init__(
        self,
        boxes: Sequence[SecBox],
        path: str,
        loop: Loop,
        *,
        backoff: Backoff | None = None,
        opener: Opener = open_bus,
    ) -> None:
        """Start the thread on the port at `path`; nothing is posted before the first `service`."""
        self.name = f"line {boxes[0].port}"
        self._boxes = boxes
        self._path = path
        self._clock = loop.clock
        self._post = loop.post
        self._opener = opener
        self._changed = threading.Event()
        self._levels: dict[InputName, bool] = {}
        self.relays = {box.id: ModuleRelay(box, self._changed.set) for box in boxes}
        """By SecBox id."""
        self._timeout_s = max(box.timeout_ms for box in boxes) / 1000
        self._thread: DeviceThread[ModuleReport] = DeviceThread(
            self.name, self._serve, loop, backoff=backoff
        )

    def responsive(self, now_ns: int) -> bool:
        return self._thread.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        """Does nothing: modules have no settings for reading in the database."""

    def levels(self) -> Iterator[tuple[str, int, bool]]:
        """Yield each input with a known level: kind, number, and whether it is high."""
        for name, high in self._levels.items():
            yield name.kind.value, name.number, high

    def service(self, now_ns: int) -> None:  # noqa: ARG002 - reports have their own stamps
        for report in self._thread.take():
            if isinstance(report, DeviceState) and report.device == self.name:
                # While the line is online its modules report themselves; offline takes all along.
                for box in () if report.online else self._boxes:
                    self._take(DeviceState(box.name, report.health, report.why, report.at_ns))
            else:
                self._take(report)

    def _take(self, report: ModuleReport) -> None:
        if isinstance(report, InputLevel):
            self._levels[report.name] = report.high
        elif not report.online:
            gone = {box.id for box in self._boxes if box.name == report.device}
            kept = {name: high for name, high in self._levels.items() if name.number not in gone}
            self._levels = kept
        self._post(report)

    def close(self) -> None:
        """Write the last state to each module that answers, and stop."""
        self._thread.close()

    # Called by the thread.

    def _serve(self, thread: DeviceThread[ModuleReport]) -> None:
        with (
            self._opener(self._boxes[0], self._path, self._timeout_s) as bus,
            thread.interrupted_by(self._changed.set),
        ):
            thread.report(Health.ONLINE)
            modules = self._modules(thread, bus)
            while not thread.stopping:
                # Clear before reading the requested states: a later change wakes again.
                self._changed.clear()
                self._poll_due(thread, modules)
                self._changed.wait(self._idle_s(modules))
            for module in modules:
                module.release()

    def _modules(self, thread: DeviceThread[ModuleReport], bus: ModbusBus) -> list[Module]:
        by_address = sorted(self._boxes, key=lambda box: box.address)
        grouped = groupby(by_address, key=lambda box: box.address)
        return [
            Module(
                bus,
                load_module(boxes[0].module),
                [(box, self.relays[box.id]) for box in boxes],
                thread.deliver,
                self._clock.monotonic_ns,
            )
            for boxes in (list(found) for _address, found in grouped)
        ]

    @staticmethod
    def _poll_due(thread: DeviceThread[ModuleReport], modules: Sequence[Module]) -> None:
        """Poll every module that is due; drive all relays before each poll."""
        for module in modules:
            for each in modules:
                each.drive(time.monotonic())
            now_s = time.monotonic()
            if now_s >= module.due_s:
                module.poll(now_s)
                thread.beat()
            if thread.stopping:
                return

    @staticmethod
    def _idle_s(modules: Sequence[Module]) -> float:
        due_s = min(module.due_s for module in modules)
        return max(0.0, due_s - time.monotonic())
