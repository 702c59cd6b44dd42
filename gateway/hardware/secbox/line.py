"""One RS-485 line with its modules: a thread that polls them, and relays that the loop drives.

A relay is a level, never an order that is kept: what a module is report when it comes back is what
its door wants at that moment, so no opening is made up for. Where the module can, each unlocking
is for two seconds and given anew twice a second: whoever cuts the line locks the door.
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
    """The opened line. Raises OSError."""
    from gateway.hardware.secbox.modbus_bus import (
        ModbusBus,  # a site without modules needs no pymodbus
    )

    return ModbusBus(box, path, timeout_s)


class SecBoxLine:
    """All modules of one port."""

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
        """By SecBox."""
        self._timeout_s = max(box.timeout_ms for box in boxes) / 1000
        self._thread: DeviceThread[ModuleReport] = DeviceThread(
            self.name, self._serve, loop, backoff=backoff
        )

    def responsive(self, now_ns: int) -> bool:
        return self._thread.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        """Nothing on a module is read as the database says."""

    def levels(self) -> Iterator[tuple[str, int, bool]]:
        """What each input is at, as far as it is known: kind, number, and whether it is high."""
        for name, high in self._levels.items():
            yield name.kind.value, name.number, high

    def service(self, now_ns: int) -> None:  # noqa: ARG002 - what is report has stamps of its own
        for report in self._thread.take():
            if isinstance(report, DeviceState) and report.device == self.name:
                # The line is there: its modules tell for themselves. It is not: none of them is.
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
        """Have each module that answers take what its relay was report last, and stop."""
        self._thread.close()

    # From here on: the thread.

    def _serve(self, thread: DeviceThread[ModuleReport]) -> None:
        with (
            self._opener(self._boxes[0], self._path, self._timeout_s) as bus,
            thread.interrupted_by(self._changed.set),
        ):
            thread.report(Health.ONLINE)
            modules = self._modules(thread, bus)
            while not thread.stopping:
                # Before what is wanted is looked at: what comes later wakes again.
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
        """Look at every module whose turn it is; relays go ahead of each look."""
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
