"""Opens the readers of a site with the driver for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.hardware.captures import Captures, LineCapture
from gateway.hardware.device_thread import Backoff
from gateway.hardware.devices import NOT_OPEN_YET, Counters, Device, Devices
from gateway.hardware.driver import Driver
from gateway.hardware.events import Health, InputName, Loop
from gateway.hardware.factory import open_edges
from gateway.hardware.osdp.keys import KeyFile
from gateway.hardware.pins.pin import PIN_FAILURES, PinFactory
from gateway.hardware.pins.polled import Collector, PolledSource
from gateway.hardware.shared_health import SharedHealth
from gateway.hardware.simulated.port import path_of_port
from gateway.hardware.wiegand.edges import EdgeSource
from gateway.hardware.wiegand.line_watch import LineWatch
from gateway.hardware.wiegand.reader import WiegandDriver
from gateway.settings import (
    HidReader,
    OsdpReader,
    PcscReader,
    Reader,
    ReaderInput,
    SerialCardReader,
    SerialQrReader,
    SerialUhfReader,
    WiegandReader,
)
from gateway.settings.addresses import SIMULATED_PORT

if TYPE_CHECKING:
    from gateway.hardware.osdp.bus import OsdpBus, OsdpFeedback
    from gateway.hardware.serial_ports.driver import SerialDriver, SerialProtocol
    from gateway.hardware.simulated.simulator import Simulator
    from gateway.hardware.usb.card_service import CardService


@dataclass(frozen=True, slots=True)
class ReaderContext:
    """What readers need to open: pins, loop, runtime directory, test control."""

    factory: PinFactory
    loop: Loop
    runtime_dir: Path
    simulator: Simulator | None
    """Test control of a simulated board; None on real hardware."""
    backoff: Backoff
    captures: Captures
    keys: KeyFile
    inputs: Mapping[InputName, ReaderInput]
    """Inputs of the site at readers."""


class Readers:
    """All readers of a site. A failing reader is reported as a device state, not raised."""

    def __init__(
        self, readers: tuple[Reader, ...], context: ReaderContext, devices: Devices
    ) -> None:
        """Open `readers` and add them to `devices`."""
        self._context = context
        self._lines: dict[int, EdgeSource] = {}
        self.polled: list[tuple[PolledSource, Collector]] = []
        """What the edge thread must read, and what assembles the frames there."""
        self.drivers: list[Driver] = []
        """In opening order; close them in reverse."""
        self._buses: list[OsdpBus] = []
        self.osdp: dict[str, OsdpBus] = {}
        """The bus of each OSDP reader."""
        self.feedback: dict[str, OsdpFeedback] = {}
        """Light and sound of each of them."""
        now_ns = context.loop.clock.monotonic_ns()
        self._open_osdp([reader for reader in readers if isinstance(reader, OsdpReader)])
        for reader in readers:
            counters: Counters | None
            if isinstance(reader, WiegandReader):
                counters = self._open_wiegand(reader)
                health, why = Health.ONLINE, ""
            elif isinstance(reader, OsdpReader):
                counters = partial(self.osdp[reader.name].counters, reader.name)
                health, why = Health.OFFLINE, NOT_OPEN_YET
            else:
                # The port's thread reports when it is open.
                self.drivers.append(self._driver(reader))
                counters, health, why = None, Health.OFFLINE, NOT_OPEN_YET
            devices.add(Device(reader.name, reader.kind, health, why, now_ns), counters)

    def levels(self) -> Iterator[tuple[str, int, bool]]:
        """Yield each data line: kind, reader index, and whether it is high."""
        for index, lines in self._lines.items():
            with suppress(*PIN_FAILURES):  # the reader's state reports it
                for kind, high in zip(("wiegand_d0", "wiegand_d1"), lines.levels(), strict=True):
                    yield kind, index, high

    def inputs(self) -> Iterator[LineCapture]:
        """Yield each input of a reader with a known level."""
        for bus in self._buses:
            yield from bus.lines()

    def _open_wiegand(self, reader: WiegandReader) -> Counters:
        loop = self._context.loop
        source = open_edges(self._context.factory, reader, loop.wake)
        self._lines[reader.index] = source
        health = SharedHealth(loop.post)
        captures = self._context.captures.of(reader.name)
        driver = WiegandDriver(reader, source, replace(loop, post=health.part()), captures)
        watch = LineWatch(reader.name, source, replace(loop, post=health.part()))
        self.drivers += [watch, driver]
        if isinstance(source, PolledSource):
            self.polled.append((source, driver.collector))
        return lambda: {**watch.counters(), **driver.counters}

    def _open_osdp(self, readers: Sequence[OsdpReader]) -> None:
        """Open one bus per port."""
        if not readers:
            return
        from gateway.hardware.osdp.bus import OsdpBus, OsdpFeedback

        by_port: dict[str, list[OsdpReader]] = {}
        for reader in readers:
            by_port.setdefault(reader.port, []).append(reader)
        for port, here in by_port.items():
            context = self._context
            path = path_of_port(context.runtime_dir, here[0].name, port)
            bus = OsdpBus(
                here,
                path,
                context.keys,
                context.loop,
                inputs=context.inputs,
                backoff=context.backoff,
                captures=context.captures,
            )
            self._buses.append(bus)
            self.drivers.append(bus)
            for reader in here:
                self.osdp[reader.name] = bus
                self.feedback[reader.name] = OsdpFeedback(bus, reader)

    def _driver(
        self,
        reader: SerialQrReader | SerialCardReader | SerialUhfReader | HidReader | PcscReader,
    ) -> Driver:
        # Import only the drivers that the site needs, to save memory.
        context = self._context
        captures = context.captures.of(reader.name)
        match reader:
            case SerialQrReader():
                from gateway.hardware.serial_ports.qr_lines import QrLines

                return self._serial(reader, QrLines(reader))
            case SerialCardReader():
                from gateway.hardware.serial_ports.rfid_frames import RfidFrames

                return self._serial(reader, RfidFrames(reader))
            case SerialUhfReader():
                from gateway.hardware.serial_ports.polled_driver import PolledDriver
                from gateway.hardware.serial_ports.uhf_poller import UhfPoller

                return PolledDriver(
                    reader.name,
                    self._path(reader),
                    reader.speed,
                    UhfPoller(reader),
                    context.loop,
                    captures=captures,
                    backoff=context.backoff,
                )
            case HidReader():
                return self._typing(reader)
            case PcscReader():
                from gateway.hardware.usb.pcsc_driver import PcscDriver
                from gateway.hardware.usb.pcsc_service import open_pcscd

                opener: Callable[[], CardService] = open_pcscd
                if context.simulator is not None and reader.reader == SIMULATED_PORT:
                    opener = partial(context.simulator.usb.cards, reader.name)
                return PcscDriver(
                    reader,
                    context.loop,
                    captures=captures,
                    backoff=context.backoff,
                    opener=opener,
                )

    def _serial(
        self, reader: SerialQrReader | SerialCardReader, protocol: SerialProtocol
    ) -> SerialDriver:
        from gateway.hardware.serial_ports.driver import SerialDriver

        context = self._context
        return SerialDriver(
            reader.name,
            self._path(reader),
            reader.baud,
            protocol,
            context.loop,
            captures=context.captures.of(reader.name),
            backoff=context.backoff,
        )

    def _typing(self, reader: HidReader) -> Driver:
        from gateway.hardware.simulated.keyboard import open_simulated_keyboard
        from gateway.hardware.usb.hid_driver import HidDriver
        from gateway.hardware.usb.input_events import open_keyboard

        return HidDriver(
            reader,
            self._path(reader),
            self._context.loop,
            captures=self._context.captures.of(reader.name),
            backoff=self._context.backoff,
            opener=open_simulated_keyboard if reader.device == SIMULATED_PORT else open_keyboard,
        )

    def _path(self, reader: Reader) -> str:
        return path_of_port(self._context.runtime_dir, reader.name, reader.place)
