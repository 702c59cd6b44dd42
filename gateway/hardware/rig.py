"""Everything that hangs on the board of a site, opened and serviced as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import SettingsError
from gateway.hardware.boards import SIMULATED_PORT, BoardProfile, check_site
from gateway.hardware.card_service import CardService
from gateway.hardware.device_thread import Backoff
from gateway.hardware.driver import Driver
from gateway.hardware.edges import EdgeSource
from gateway.hardware.edges_thread import EdgeThread, PolledSource
from gateway.hardware.events import DeviceState, HardwareEvent, Health, Loop
from gateway.hardware.factory import open_edges, open_factory
from gateway.hardware.hid_driver import HidDriver
from gateway.hardware.input_events import open_keyboard
from gateway.hardware.inputs import DebouncedInput
from gateway.hardware.line_watch import LineWatch
from gateway.hardware.outputs import StrikeOutput, SwitchOutput
from gateway.hardware.pcsc_driver import PcscDriver
from gateway.hardware.pcsc_service import open_pcscd
from gateway.hardware.pin_watch import PinWatch
from gateway.hardware.pins import PIN_FAILURES, PinFactory
from gateway.hardware.polled_driver import PolledDriver
from gateway.hardware.qr_lines import QrLines
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.rfid_frames import RfidFrames
from gateway.hardware.secbox_line import SecBoxLine
from gateway.hardware.secbox_module import ModuleRelay
from gateway.hardware.serial_driver import SerialDriver, SerialProtocol
from gateway.hardware.shared_health import SharedHealth
from gateway.hardware.simulated_keyboard import open_simulated_keyboard
from gateway.hardware.simulated_pins import SimulatedFactory
from gateway.hardware.simulated_port import port_path
from gateway.hardware.simulator import Simulator
from gateway.hardware.uhf_poller import UhfPoller
from gateway.hardware.wiegand_reader import WiegandDriver
from gateway.hardware.wiring import input_wiring, line_names
from gateway.settings import (
    HidReader,
    LockState,
    PcscReader,
    Reader,
    SecBox,
    SerialCardReader,
    SerialQrReader,
    SerialUhfReader,
    Side,
    SiteFile,
    Strike,
    WiegandReader,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """How a strike's output was taken over at start."""

    door: int
    """0 for an output of the turnstile."""
    on_start: LockState
    was: bool | None
    """Level before the claim (True = high); None where the hardware cannot tell."""
    is_: bool
    """Level since the claim."""
    side: Side | None = None
    """The way that an output of the turnstile lets turn."""

    @property
    def edge(self) -> bool | None:
        """Whether the claim moved the pin; None where the hardware cannot tell."""
        return None if self.was is None else self.was is not self.is_


@dataclass(frozen=True, slots=True)
class Device:
    """The health of one reader, module or line."""

    name: str
    kind: str
    """Of a reader its own; `output` or `input` of a line."""
    health: Health
    """A Wiegand reader counts as online while nothing speaks against it: its lines cannot tell
    whether it is there."""
    why: str
    """What is wrong; empty when online."""
    since_ns: int
    counters: Mapping[str, int] = field(default_factory=dict)
    """What is worth counting there, by its name; empty where nothing is."""

    @property
    def online(self) -> bool:
        """Whether it can be used at all."""
        return self.health is not Health.OFFLINE


class Rig:
    """The open hardware of one site. `service`, `drive` and `close` belong to the loop's thread."""

    def __init__(
        self,
        site: SiteFile,
        factory: PinFactory,
        loop: Loop,
        runtime_dir: Path,
        backoff: Backoff,
    ) -> None:
        """Claim the strikes, then everything else; `open_rig` is the way to make one."""
        self._site = site
        self._factory = factory
        self._loop = loop
        self._runtime_dir = runtime_dir
        self._backoff = backoff
        self.claims: list[Claim] = []
        """How each strike was taken over: the doors in the order of the site file, then the
        turnstile's."""
        self.simulator: Simulator | None = None
        """The hand at a simulated board; None on real hardware."""
        self._strikes: dict[int, StrikeOutput | ModuleRelay] = {}
        self._sides: dict[Side, StrikeOutput] = {}
        self._sounders: dict[str, SwitchOutput] = {}
        self._inputs: list[DebouncedInput] = []
        self._drivers: list[Driver] = []
        self._secbox_lines: list[SecBoxLine] = []
        self._lines: dict[int, EdgeSource] = {}
        self._polled: list[PolledSource] = []
        self._devices: dict[str, Device] = {}
        self._counters: dict[str, list[Callable[[], Mapping[str, int]]]] = {}
        self._closed = False

    @property
    def strikes(self) -> Mapping[int, StrikeOutput | ModuleRelay]:
        """The lock outputs by door id."""
        return self._strikes

    @property
    def sides(self) -> Mapping[Side, StrikeOutput]:
        """The turnstile's outputs; empty without one."""
        return self._sides

    @property
    def sounders(self) -> Mapping[str, SwitchOutput]:
        """The outputs that are switched on and off, by the names of `SiteFile.switches`."""
        return self._sounders

    @property
    def devices(self) -> list[Device]:
        """How the readers are, in the order of the site file, then the outputs and the inputs."""
        return [
            replace(device, counters=self._counted(name)) for name, device in self._devices.items()
        ]

    @property
    def healthy(self) -> bool:
        """False when a device's thread has died or hangs, which only a new start can cure."""
        now_ns = self._loop.clock.monotonic_ns()
        return all(driver.turns(now_ns) for driver in self._drivers)

    def levels(self) -> Iterator[tuple[str, int, bool]]:
        """What each input line is at: its kind, its number, and whether it is high."""
        for contact in self._inputs:
            if contact.high is not None:
                yield contact.name.kind.value, contact.name.number, contact.high
        for index, lines in self._lines.items():
            with suppress(*PIN_FAILURES):  # the reader's state says so
                for kind, high in zip(("wiegand_d0", "wiegand_d1"), lines.levels(), strict=True):
                    yield kind, index, high
        for line in self._secbox_lines:
            yield from line.levels()

    def _counted(self, device: str) -> dict[str, int]:
        return {
            name: count
            for counters in self._counters.get(device, ())
            for name, count in counters().items()
        }

    def claim_strikes(self) -> None:
        """Take every strike at its door's `on_start` level, then what sounds or shines, switched
        off; the first thing done to the board."""
        for door in self._site.door:
            self._strikes[door.id] = self._claim(door.strike, door.on_start, door=door.id)
        turnstile = self._site.turnstile
        if turnstile:
            for side in Side:
                relay = turnstile.way(side).relay
                self._sides[side] = self._claim(relay, turnstile.on_start, side=side)
        for name, output in self._site.switches():
            self._sounders[name] = SwitchOutput(self._factory.pin(output.pin), output)

    def _claim(
        self, wiring: Strike, on_start: LockState, *, door: int = 0, side: Side | None = None
    ) -> StrikeOutput:
        was = self._factory.level_before_claim(wiring.pin)
        strike = StrikeOutput(self._factory.pin(wiring.pin), wiring, on_start)
        self.claims.append(Claim(door, on_start, was, wiring.level(on_start), side))
        return strike

    def open_rest(self) -> None:
        """Open inputs and readers; what a reader lacks is told by its state, not raised."""
        if isinstance(self._factory, SimulatedFactory):
            self.simulator = Simulator(
                self._site, self._factory, self._loop.clock, self._runtime_dir, self._is_online
            )
        for name, wiring in input_wiring(self._site).items():
            self._inputs.append(DebouncedInput(self._factory, name, wiring, self._loop))
        now_ns = self._loop.clock.monotonic_ns()
        heard = replace(self._loop, post=self._heard)
        for reader in self._site.reader:
            # A port's own thread tells when it is open.
            wired = isinstance(reader, WiegandReader)
            health = Health.ONLINE if wired else Health.OFFLINE
            why = "" if wired else "not open yet"
            self._devices[reader.name] = Device(reader.name, reader.kind, health, why, now_ns)
            self._drivers.append(self._open_reader(reader, heard))
        # Closed in the other direction: no lines are given back while the thread polls them.
        if self._polled:
            self._drivers.append(EdgeThread(self._polled, self._loop, self._backoff))
        self._open_sec_boxes(heard, now_ns)
        self._watch_pins(heard)

    def _open_sec_boxes(self, loop: Loop, now_ns: int) -> None:
        """One line for each port; the locks of its modules are locks like any."""
        by_port: dict[str, list[SecBox]] = {}
        for box in self._site.sec_box:
            self._devices[box.name] = Device(
                box.name, "sec_box", Health.OFFLINE, "not open yet", now_ns
            )
            by_port.setdefault(box.port, []).append(box)
        for port, boxes in by_port.items():
            path = self._port(boxes[0].name, port)
            line = SecBoxLine(boxes, path, loop, backoff=self._backoff)
            self._strikes.update(line.relays)
            self._secbox_lines.append(line)
            self._drivers.append(line)

    def _watch_pins(self, heard: Loop) -> None:
        """Have an eye on every input and output."""
        names = line_names(self._site)
        wiring = input_wiring(self._site)
        inputs = {names[wiring[contact.name].pin]: contact for contact in self._inputs}
        driven = (*self._strikes.values(), *self._sides.values(), *self._sounders.values())
        # The relay of a module is looked after by its line.
        outputs = {
            names[output.pin]: output.line
            for output in driven
            if not isinstance(output, ModuleRelay)
        }
        now_ns = self._loop.clock.monotonic_ns()
        for kind, lines in (("output", outputs), ("input", inputs)):
            for name in lines:
                self._devices[name] = Device(name, kind, Health.ONLINE, "", now_ns)
        self._drivers.append(PinWatch(inputs, outputs, heard))

    def _open_reader(self, reader: Reader, loop: Loop) -> Driver:
        match reader:
            case WiegandReader():
                return self._open_wiegand(reader, loop)
            case SerialQrReader():
                return self._open_serial(reader, QrLines(reader), loop)
            case SerialCardReader():
                return self._open_serial(reader, RfidFrames(reader), loop)
            case SerialUhfReader():
                port, poller = self._port(reader.name, reader.port), UhfPoller(reader)
                return PolledDriver(
                    reader.name, port, reader.speed, poller, loop, backoff=self._backoff
                )
            case HidReader():
                played = reader.device == SIMULATED_PORT
                return HidDriver(
                    reader,
                    self._port(reader.name, reader.device),
                    loop,
                    backoff=self._backoff,
                    opener=open_simulated_keyboard if played else open_keyboard,
                )
            case PcscReader():
                opener: Callable[[], CardService] = open_pcscd
                if self.simulator is not None and reader.reader == SIMULATED_PORT:
                    opener = partial(self.simulator.usb.cards, reader.name)
                return PcscDriver(reader, loop, backoff=self._backoff, opener=opener)
            case _:
                raise SettingsError(f"reader {reader.name!r} kind: {reader.kind} is not served")

    def _open_serial(
        self, reader: SerialQrReader | SerialCardReader, protocol: SerialProtocol, loop: Loop
    ) -> SerialDriver:
        port = self._port(reader.name, reader.port)
        return SerialDriver(reader.name, port, reader.baud, protocol, loop, backoff=self._backoff)

    def _open_wiegand(self, reader: WiegandReader, loop: Loop) -> WiegandDriver:
        source = open_edges(self._factory, reader, loop.wake)
        self._lines[reader.index] = source
        if isinstance(source, PolledSource):
            self._polled.append(source)
        health = SharedHealth(loop.post)
        driver = WiegandDriver(reader, source, replace(loop, post=health.part()))
        watch = LineWatch(reader.name, source, replace(loop, post=health.part()))
        self._drivers.append(watch)
        self._counters[reader.name] = [watch.counters, lambda: driver.counters]
        return driver

    def _port(self, reader: str, port: str) -> str:
        """The path of a reader's port."""
        return str(port_path(self._runtime_dir, reader)) if port == SIMULATED_PORT else port

    def configure(self, reading: ReadingSettings) -> None:
        """Let the readers go by what the database says from now on."""
        for driver in self._drivers:
            driver.configure(reading)

    def service(self, now_ns: int) -> None:
        """Post what has happened; call after each wake-up and at `due_ns`."""
        if self.simulator is not None:
            self.simulator.service(now_ns)
        for driver in self._drivers:
            driver.service(now_ns)
        for contact in self._inputs:
            contact.service(now_ns)

    def due_ns(self) -> int | None:
        """When `service` has something to do without a wake-up; None when only a wake-up counts."""
        dues = [contact.due_ns for contact in self._inputs]
        dues += [driver.due_ns for driver in self._drivers if driver.due_ns is not None]
        if self.simulator is not None and self.simulator.due_ns is not None:
            dues.append(self.simulator.due_ns)
        return min(dues, default=None)

    def close(self) -> None:
        """Put each door's `on_stop` level and stop; outputs stay as they are put."""
        turnstile = self._site.turnstile
        self._close(
            {door.id: door.on_stop for door in self._site.doors()},
            turnstile.on_stop if turnstile else LockState.LOCKED,
        )

    def abandon(self) -> None:
        """As `close`, with each door's `on_fault` level: the controller cannot go on."""
        turnstile = self._site.turnstile
        self._close(
            {door.id: door.on_fault for door in self._site.doors()},
            turnstile.on_fault if turnstile else LockState.LOCKED,
        )

    def _close(self, levels: Mapping[int, LockState], both_sides: LockState) -> None:
        if self._closed:
            return
        self._closed = True
        # Every step is taken, whichever fails; the locks first, since a stack runs backwards.
        with ExitStack() as steps:
            steps.callback(self._factory.close)
            if self.simulator is not None:
                steps.callback(self.simulator.close)
            for contact in self._inputs:
                steps.callback(contact.close)
            for driver in self._drivers:
                steps.callback(driver.close)
            for sounder in self._sounders.values():
                steps.callback(sounder.release)
            for door, strike in self._strikes.items():
                steps.callback(strike.release, levels[door])
            for output in self._sides.values():
                steps.callback(output.release, both_sides)

    def _heard(self, event: HardwareEvent) -> None:
        if isinstance(event, DeviceState):
            self._devices[event.device] = replace(
                self._devices[event.device],
                health=event.health,
                why=event.why,
                since_ns=event.at_ns,
            )
        self._loop.post(event)

    def _is_online(self, reader: str) -> bool:
        return self._devices[reader].online


def open_rig(
    site: SiteFile,
    profile: BoardProfile,
    clock: Clock,
    runtime_dir: Path,
    post: Callable[[HardwareEvent], None],
    wake: Callable[[], None],
    *,
    backoff: Backoff | None = None,
) -> Rig:
    """Open everything of `site` on the board of `profile`, every strike first.

    `post` is called from `Rig.service` only, `wake` from any thread. Raises SettingsError, before
    any pin is touched, for a site that this board cannot serve, and DeviceUnavailable when the
    board's pins cannot be had. A reader that is missing is no error: it is offline, and retried.
    """
    check_site(profile, site)
    factory = open_factory(profile, clock, runtime_dir)
    rig = Rig(site, factory, Loop(clock, post, wake), runtime_dir, backoff or Backoff())
    try:
        rig.claim_strikes()
        rig.open_rest()
    except BaseException:
        rig.abandon()
        raise
    return rig
