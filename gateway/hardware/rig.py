"""The hardware of a site: opens, services and closes all pins and drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.clock import Clock
from gateway.credentials.values import BadFrame, Identification
from gateway.hardware.boards.profiles import BoardProfile, check_site
from gateway.hardware.captures import Captures, LineCapture
from gateway.hardware.device_thread import Backoff
from gateway.hardware.devices import NOT_OPEN_YET, Device, Devices
from gateway.hardware.driver import Driver
from gateway.hardware.events import DeviceState, HardwareEvent, Health, Loop
from gateway.hardware.factory import open_factory
from gateway.hardware.osdp.keys import KEYS_FILE, KeyFile
from gateway.hardware.pins.edge_thread import EdgeThread
from gateway.hardware.pins.inputs import DebouncedInput
from gateway.hardware.pins.outputs import StrikeOutput, SwitchOutput
from gateway.hardware.pins.pin import PinFactory
from gateway.hardware.pins.polled import Collector, PolledSource
from gateway.hardware.pins.watch import PinWatch
from gateway.hardware.readers import ReaderContext, Readers
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.report_limits import BadFrameLimiter, reject_placeholder
from gateway.hardware.secbox.line import SecBoxLine
from gateway.hardware.secbox.module import ModuleRelay
from gateway.hardware.simulated.port import path_of_port
from gateway.hardware.wiring import adc_wiring, input_wiring, line_names, reader_wiring
from gateway.settings import (
    LockState,
    SecBox,
    Side,
    SiteFile,
    Strike,
)
from gateway.settings.seal_key import sealer_of

if TYPE_CHECKING:
    from gateway.hardware.adc.driver import AdcDriver
    from gateway.hardware.osdp.bus import OsdpBus, OsdpFeedback
    from gateway.hardware.simulated.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim of a strike's output at start."""

    door: int
    """0 for an output of the turnstile."""
    on_start: LockState
    was: bool | None
    """Level before the claim (True = high); None if unknown."""
    is_: bool
    """Level after the claim."""
    side: Side | None = None
    """The direction of a turnstile output."""

    @property
    def edge(self) -> bool | None:
        """Whether the claim changed the level; None if unknown."""
        return None if self.was is None else self.was is not self.is_


class Rig:
    """The open hardware of one site. `service`, `drive` and `close` belong to the loop's thread."""

    def __init__(
        self,
        site: SiteFile,
        factory: PinFactory,
        loop: Loop,
        runtime_dir: Path,
        backoff: Backoff,
        keys: KeyFile,
    ) -> None:
        """Use `open_rig` to create and open a rig."""
        self._site = site
        self._factory = factory
        self._loop = loop
        self._runtime_dir = runtime_dir
        self._backoff = backoff
        self._keys = keys
        self.claims: list[Claim] = []
        """The claim of each strike: doors in site file order, then the turnstile."""
        self.simulator: Simulator | None = None
        """Test control of a simulated board; None on real hardware."""
        self._strikes: dict[int, StrikeOutput | ModuleRelay] = {}
        self._sides: dict[Side, StrikeOutput] = {}
        self._sounders: dict[str, SwitchOutput] = {}
        self._inputs: list[DebouncedInput] = []
        self._edges = 0
        """Edges and changes of all inputs that were reported to who watches."""
        self._drivers: list[Driver] = []
        self._secbox_lines: list[SecBoxLine] = []
        self._adcs: list[AdcDriver] = []
        self._readers: Readers | None = None
        self._devices = Devices()
        self.captures = Captures(reader.name for reader in site.reader)
        """What readers send, while somebody watches."""
        self._bad_frames = BadFrameLimiter()
        self._closed = False

    @property
    def strikes(self) -> Mapping[int, StrikeOutput | ModuleRelay]:
        """Lock outputs by door id."""
        return self._strikes

    @property
    def sides(self) -> Mapping[Side, StrikeOutput]:
        """Outputs of the turnstile; empty without one."""
        return self._sides

    @property
    def sounders(self) -> Mapping[str, SwitchOutput]:
        """Switched outputs by their names in `SiteFile.switches`."""
        return self._sounders

    @property
    def feedback(self) -> Mapping[str, OsdpFeedback]:
        """Light and sound of the readers that have them on their bus."""
        return self._readers.feedback if self._readers else {}

    @property
    def osdp(self) -> Mapping[str, OsdpBus]:
        """The bus of each OSDP reader."""
        return self._readers.osdp if self._readers else {}

    @property
    def devices(self) -> list[Device]:
        """States of the readers in site file order, then of outputs and inputs."""
        return self._devices.all()

    @property
    def healthy(self) -> bool:
        """False when a device's thread has died or hangs; only a restart repairs that."""
        now_ns = self._loop.clock.monotonic_ns()
        return all(driver.responsive(now_ns) for driver in self._drivers)

    def levels(self) -> Iterator[tuple[str, int, bool]]:
        """Yield each input line: kind, number, and whether it is high."""
        for contact in self._inputs:
            if contact.high is not None:
                yield contact.name.kind.value, contact.name.number, contact.high
        if self._readers is not None:
            yield from self._readers.levels()
        for line in (*self._reader_inputs(), *self._supervised()):
            if line.high is not None:
                yield line.kind, line.number, line.high
        for module in self._secbox_lines:
            yield from module.levels()

    def lines(self) -> Iterator[LineCapture]:
        """Yield each input line as `levels`, with its edges where they are counted."""
        counted = {
            (contact.name.kind.value, contact.name.number): contact for contact in self._inputs
        }
        at_readers = {(line.kind, line.number): line for line in self._reader_inputs()}
        supervised = {(line.kind, line.number): line for line in self._supervised()}
        yield from supervised.values()
        for kind, number, high in self.levels():
            if (kind, number) in supervised:
                continue
            contact = counted.get((kind, number))
            if contact is None:
                yield at_readers.get((kind, number)) or LineCapture(kind, number, high)
            else:
                changed_ns, changes = contact.changed_ns, contact.changes
                yield LineCapture(kind, number, high, changed_ns, changes, contact.edges)

    def _reader_inputs(self) -> Iterator[LineCapture]:
        if self._readers is not None:
            yield from self._readers.inputs()

    def _supervised(self) -> Iterator[LineCapture]:
        for adc in self._adcs:
            yield from adc.lines()

    def claim_strikes(self) -> None:
        """Claim every strike at its `on_start` level, then the switched outputs. Call this before
        any other access to the board."""
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
        """Open inputs, readers and modules; a failing reader is a device state, not an error."""
        self.simulator = self._simulator()
        for name, wiring in input_wiring(self._site).items():
            self._inputs.append(DebouncedInput(self._factory, name, wiring, self._loop))
        loop = replace(self._loop, post=self._receive)
        context = ReaderContext(
            self._factory,
            loop,
            self._runtime_dir,
            self.simulator,
            self._backoff,
            self.captures,
            self._keys,
            reader_wiring(self._site),
        )
        self._readers = Readers(self._site.reader, context, self._devices)
        self._drivers += self._readers.drivers
        self._open_sec_boxes(loop)
        self._open_adcs(loop)
        self._watch_pins(loop)
        inputs = self._factory.edge_sources()
        polled: list[tuple[PolledSource, Collector | None]] = [(each, None) for each in inputs]
        polled += self._readers.polled
        if polled:
            # The last of the drivers closes first: lines must not be released while they are read.
            self._drivers.append(EdgeThread(polled, loop, self._backoff))

    def _simulator(self) -> Simulator | None:
        if self._factory.chip_label is not None:
            return None
        # Imported late to save memory on a real board.
        from gateway.hardware.simulated.pins import SimulatedFactory
        from gateway.hardware.simulated.simulator import Simulator

        if not isinstance(self._factory, SimulatedFactory):
            return None
        return Simulator(
            self._site,
            self._factory,
            self._loop.clock,
            self._runtime_dir,
            self._devices.is_online,
        )

    def _open_sec_boxes(self, loop: Loop) -> None:
        """Open one line per port, and add its relays to the strikes."""
        now_ns = loop.clock.monotonic_ns()
        by_port: dict[str, list[SecBox]] = {}
        for box in self._site.sec_box:
            self._devices.add(Device(box.name, "sec_box", Health.OFFLINE, NOT_OPEN_YET, now_ns))
            by_port.setdefault(box.port, []).append(box)
        for port, boxes in by_port.items():
            path = path_of_port(self._runtime_dir, boxes[0].name, port)
            line = SecBoxLine(boxes, path, loop, backoff=self._backoff)
            self._strikes.update(line.relays)
            self._secbox_lines.append(line)
            self._drivers.append(line)

    def _open_adcs(self, loop: Loop) -> None:
        if not self._site.adc:
            return
        # Imported late: most sites have none.
        from gateway.hardware.adc.chips import open_chip
        from gateway.hardware.adc.driver import AdcDriver

        opener = self.simulator.adcs.open if self.simulator is not None else open_chip
        wiring = adc_wiring(self._site)
        now_ns = loop.clock.monotonic_ns()
        for adc in self._site.adc:
            inputs = {name: wire for name, wire in wiring.items() if wire.adc == adc.name}
            self._devices.add(Device(adc.name, "adc", Health.OFFLINE, NOT_OPEN_YET, now_ns))
            driver = AdcDriver(adc, inputs, loop, backoff=self._backoff, opener=opener)
            self._adcs.append(driver)
            self._drivers.append(driver)

    def _watch_pins(self, loop: Loop) -> None:
        """Supervise every pin."""
        names = line_names(self._site)
        wiring = input_wiring(self._site)
        inputs = {names[wiring[contact.name].pin]: contact for contact in self._inputs}
        driven = (*self._strikes.values(), *self._sides.values(), *self._sounders.values())
        # SecBoxLine supervises the relays of modules.
        outputs = {
            names[output.pin]: output.line
            for output in driven
            if not isinstance(output, ModuleRelay)
        }
        now_ns = self._loop.clock.monotonic_ns()
        for kind, lines in (("output", outputs), ("input", inputs)):
            for name in lines:
                self._devices.add(Device(name, kind, Health.ONLINE, "", now_ns))
        self._drivers.append(PinWatch(inputs, outputs, loop))

    def configure(self, reading: ReadingSettings) -> None:
        """Apply the database's settings for reading to all drivers."""
        for driver in self._drivers:
            driver.configure(reading)

    def service(self, now_ns: int) -> None:
        """Post new events; call after each wake-up and at `due_ns`."""
        if self.simulator is not None:
            self.simulator.service(now_ns)
        for driver in self._drivers:
            driver.service(now_ns)
        for contact in self._inputs:
            contact.service(now_ns)
        if self.captures.watched:
            self._watch_inputs(now_ns)

    def _watch_inputs(self, now_ns: int) -> None:
        edges = sum(contact.edges + contact.changes for contact in self._inputs)
        edges += sum(line.changes for line in self._reader_inputs())
        edges += sum(line.changes for line in self._supervised())
        if edges != self._edges:
            self._edges = edges
            self.captures.report()
        self.captures.service(now_ns)

    def due_ns(self) -> int | None:
        """Return when `service` is due without a wake-up; None to wait for a wake-up."""
        dues = [contact.due_ns for contact in self._inputs]
        dues += [driver.due_ns for driver in self._drivers if driver.due_ns is not None]
        if self.simulator is not None and self.simulator.due_ns is not None:
            dues.append(self.simulator.due_ns)
        watch_ns = self.captures.due_ns()
        if watch_ns is not None:
            dues.append(watch_ns)
        return min(dues, default=None)

    def close(self) -> None:
        """Drive each door's `on_stop` level and close everything; outputs keep their levels."""
        turnstile = self._site.turnstile
        self._close(
            {door.id: door.on_stop for door in self._site.doors()},
            turnstile.on_stop if turnstile else LockState.LOCKED,
            "stop",
        )

    def abandon(self) -> None:
        """Like `close`, with each door's `on_fault` level, after a fatal fault."""
        turnstile = self._site.turnstile
        self._close(
            {door.id: door.on_fault for door in self._site.doors()},
            turnstile.on_fault if turnstile else LockState.LOCKED,
            "fault",
        )

    def _close(self, levels: Mapping[int, LockState], both_sides: LockState, moment: str) -> None:
        if self._closed:
            return
        self._closed = True
        # All steps run, even after a failure. The stack runs in reverse: locks come first.
        with ExitStack() as steps:
            steps.callback(self._factory.close)
            if self.simulator is not None:
                steps.callback(self.simulator.close)
            for contact in self._inputs:
                steps.callback(contact.close)
            for driver in self._drivers:
                steps.callback(driver.close)
            for sounder in self._sounders.values():
                steps.callback(sounder.release, moment)
            for door, strike in self._strikes.items():
                steps.callback(strike.release, levels[door])
            for output in self._sides.values():
                steps.callback(output.release, both_sides)

    def _receive(self, event: HardwareEvent) -> None:
        if isinstance(event, DeviceState):
            self._devices.update(event)
        elif isinstance(event, Identification):
            event = reject_placeholder(event)
        reported = self._bad_frames.limit(event) if isinstance(event, BadFrame) else event
        if reported is not None:
            self._loop.post(reported)


def open_rig(
    site: SiteFile,
    profile: BoardProfile,
    clock: Clock,
    runtime_dir: Path,
    data: Path,
    post: Callable[[HardwareEvent], None],
    wake: Callable[[], None],
    *,
    backoff: Backoff | None = None,
) -> Rig:
    """Open all hardware of `site` on the board of `profile`, the strikes first.

    `data` has the file of the OSDP readers' keys. `Rig.service` calls `post`; any thread may call
    `wake`. Raises SettingsError, before any pin is touched, for a site that does not fit the board,
    and DeviceUnavailable when the board's pins are not available. A missing reader is no error: it
    is offline and retried.
    """
    check_site(profile, site)
    factory = open_factory(profile, clock, runtime_dir)
    rig = Rig(
        site,
        factory,
        Loop(clock, post, wake),
        runtime_dir,
        backoff or Backoff(),
        KeyFile(data / KEYS_FILE, sealer_of(data, site)),
    )
    try:
        rig.claim_strikes()
        rig.open_rest()
    except BaseException:
        rig.abandon()
        raise
    return rig
