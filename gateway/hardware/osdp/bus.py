"""The driver of all OSDP readers of one port."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any

import serial

from gateway.access.signals import Cue, Idle
from gateway.credentials.values import BadFrame
from gateway.errors import DeviceUnavailable, NotFound, TooBusy
from gateway.hardware.captures import Captures, LineCapture
from gateway.hardware.device_files import refuse_plain_file
from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import (
    DeviceState,
    Health,
    InputKind,
    InputLevel,
    InputLost,
    InputName,
    Loop,
)
from gateway.hardware.osdp import patterns
from gateway.hardware.osdp.capture import PacketCapture
from gateway.hardware.osdp.input_lines import InputLines
from gateway.hardware.osdp.keys import KeyFile
from gateway.hardware.osdp.library import PanelContext, PortChannel, open_panel
from gateway.hardware.osdp.messages import CardBits
from gateway.hardware.osdp.polls import PollCounter
from gateway.hardware.osdp.reads import OsdpReads
from gateway.hardware.osdp.reports import (
    FAILURES,
    PAIRING_S,
    Broken,
    BusOrder,
    BusReport,
    KeyFailure,
    KeyPhase,
    KeyProgress,
    MoveReader,
    PairReader,
    ReaderFacts,
    ReaderInputChanged,
    ReaderRead,
    RetryNow,
    RotateKey,
    ShowAtReader,
    TamperChanged,
    unavailable,
)
from gateway.hardware.osdp.scan import ScanProgress, scan
from gateway.hardware.osdp.station import ReaderStation
from gateway.hardware.osdp.supervision import SCANNED_NOW, PollAnswered, PollMissed, TimeElapsed
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.rs485 import set_direction
from gateway.settings import Direction, OsdpReader, ReaderInput

LIBRARY_FAILED = "the OSDP library failed at what came from the bus, which begins anew"
_STEP_S = 0.005
"""Pause between two steps of the library; it waits for a poll's answer in between."""
_ORDERS_KEPT = 256
_COUNTED = ("channels", "dropped_messages", "missed_polls", "retries")
"""Of each reader: secure channels established, messages outside of one, polls without an answer,
and attempts to reach it again."""


def open_bus(reader: OsdpReader, path: str) -> serial.Serial:
    """Open the port of a bus, 8N1 and without waiting; raises OSError."""
    return open_port(path, reader.baud, reader.direction)


def open_port(path: str, baud: int, direction: Direction = Direction.AUTO) -> serial.Serial:
    """As `open_bus`, of any port."""
    refuse_plain_file(path)
    port = serial.serial_for_url(
        path,
        baudrate=baud,
        timeout=0,
        write_timeout=0,
        exclusive=None if "://" in path else True,
    )
    set_direction(port, direction)
    with suppress(OSError, ValueError, AttributeError, NotImplementedError):
        port.set_low_latency_mode(True)  # USB adapters hold answers back for up to 16 ms
    return port


class OsdpBus:
    """One bus. The loop's thread uses it; the bus's thread owns port and library."""

    due_ns = None

    def __init__(
        self,
        readers: Sequence[OsdpReader],
        path: str,
        keys: KeyFile,
        loop: Loop,
        *,
        inputs: Mapping[InputName, ReaderInput] = MappingProxyType({}),
        backoff: Backoff | None = None,
        opener: Callable[[OsdpReader, str], serial.Serial] = open_bus,
        captures: Captures | None = None,
    ) -> None:
        """Start the thread on the port at `path`; nothing is posted before the first `service`.

        `inputs` are those of the site at readers, of this bus or not.
        """
        self.name = f"osdp {readers[0].port}"
        self.progress: dict[str, KeyProgress] = {}
        """The latest exchange with each reader."""
        self.facts: dict[str, ReaderFacts] = {it.name: ReaderFacts(it.name) for it in readers}
        self.settings = {reader.name: reader for reader in readers}
        """As in the site file, but for address and speed that a reader was given since."""
        self.searched: ScanProgress | None = None
        """The latest scan."""
        self.captured: PacketCapture | None = None
        """The latest capture."""
        self.idle_lights = {
            it.name: patterns.idle_light(Idle.NORMAL, it.idle_light) for it in readers
        }
        """What each reader shows while nothing else is shown; also after it was away."""
        self._readers = {reader.name: reader for reader in readers}
        captures = captures or Captures(self._readers)
        self._reads = {it.name: OsdpReads(it, captures.of(it.name)) for it in readers}
        self._inputs = InputLines(inputs, self._readers)
        self._open = False
        self._path = path
        self._keys = keys
        self._clock_ns = loop.clock.monotonic_ns
        self._post = loop.post
        self._opener = opener
        self._clock = loop.clock
        self._scan: Sequence[tuple[int, int]] = ()
        """What is still to be asked by a scan."""
        self._orders: deque[BusOrder] = deque(maxlen=_ORDERS_KEPT)
        # A port that fails and comes back begins with new stations, and counts on.
        self._counts = {reader.name: Counter(dict.fromkeys(_COUNTED, 0)) for reader in readers}
        self._thread: DeviceThread[BusReport] = DeviceThread(
            self.name, self._work, loop, backoff=backoff, explain=self._plain
        )

    # Called by the loop.

    def responsive(self, now_ns: int) -> bool:
        return self._thread.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        for reads in self._reads.values():
            reads.configure(reading)

    def service(self, now_ns: int) -> None:  # noqa: ARG002 - reports have their own stamps
        for report in self._thread.take():
            self._take(report)

    def close(self) -> None:
        self._thread.close()

    def counters(self, reader: str) -> Mapping[str, int]:
        """Return a reader's counters by name."""
        return self._counts[reader]

    def pairing_left_s(self, reader: str) -> int:
        """How long a pairing still waits for the reader; 0 without one."""
        now = self.progress.get(reader)
        until_ms = now.until_ms if now and now.phase is KeyPhase.PAIRING else None
        return 0 if until_ms is None else max(0, -(-(until_ms - _now_ms()) // 1000))

    def lines(self) -> Iterator[LineCapture]:
        """Yield each input with a known level."""
        return self._inputs.known()

    def order(self, order: BusOrder) -> None:
        """Have the thread carry out an order.

        Raises NotFound for an unknown reader, DeviceUnavailable for a key while the port is away.
        """
        if order.reader not in self._readers:
            raise NotFound(f"there is no OSDP reader {order.reader!r} on this bus")
        match order:
            case PairReader(reader=reader, on=True):
                self._begin(reader, KeyPhase.PAIRING, _now_ms() + PAIRING_S * 1000)
            case RotateKey(reader=reader):
                self._begin(reader, KeyPhase.ROTATING)
            case MoveReader(reader=reader):
                self._begin(reader, KeyPhase.MOVING)
        self._orders.append(order)

    def search(self, steps: Sequence[tuple[int, int]]) -> ScanProgress:
        """Ask speeds and addresses who is there; meanwhile no reader of the bus reads anything.

        Raises DeviceUnavailable while the port is away, TooBusy while something else goes on.
        """
        if not self._open:
            raise DeviceUnavailable(f"port {self.settings_of_port.port!r} is not open")
        self._not_busy()
        self.searched = ScanProgress(len(steps))
        self._scan = steps
        return self.searched

    def stop_search(self) -> None:
        """End a scan early."""
        self._scan = ()

    def capture(self, reader: str, for_s: int) -> PacketCapture:
        """Keep the packets of a reader for a time. The bus has one capture, the latest."""
        self.captured = PacketCapture(
            reader, lambda: self.settings[reader].address, for_s, self._clock
        )
        return self.captured

    @property
    def settings_of_port(self) -> OsdpReader:
        """A reader whose port, direction and speed are those of the bus."""
        return next(iter(self.settings.values()))

    def _not_busy(self) -> None:
        """Raises TooBusy."""
        if self.searched is not None and self.searched.running:
            raise TooBusy("the bus is being searched: wait, or end it")
        for progress in self.progress.values():
            if progress.running:
                raise TooBusy(f"reader {progress.reader!r} is {progress.phase.value}: wait for it")

    def _begin(self, reader: str, phase: KeyPhase, until_ms: int | None = None) -> None:
        if not self._open:
            raise unavailable(reader)
        if self.searched is not None and self.searched.running:
            self._not_busy()
        # Who asks at once must not see how the last one ended.
        self.progress[reader] = KeyProgress(reader, phase, until_ms=until_ms)

    def _take(self, report: BusReport) -> None:
        match report:
            case DeviceState():
                self._take_state(report)
            case ReaderRead():
                self._take_read(report)
            case Broken():
                self._post(BadFrame(report.reader, "", report.why, report.at_ns))
            case TamperChanged() | ReaderInputChanged():
                self._post(self._contact(report))
            case KeyProgress():
                self.progress[report.reader] = report
            case ReaderFacts():
                self.facts[report.reader] = report

    def _take_state(self, state: DeviceState) -> None:
        if state.device != self.name:
            self._post(state)
            return
        self._open = state.online
        if not state.online:
            self._gone(state)

    def _take_read(self, report: ReaderRead) -> None:
        reads, read = self._reads[report.reader], report.read
        if isinstance(read, CardBits):
            self._post(reads.card(read, report.at_ns))
            return
        for event in reads.keys(read, report.at_ns):
            self._post(event)

    def _contact(self, report: TamperChanged | ReaderInputChanged) -> InputLevel | InputLost:
        if isinstance(report, ReaderInputChanged):
            return self._inputs.changed(report)
        contact = InputName(InputKind.READER_TAMPER, self._readers[report.reader].index)
        return InputLevel(contact, report.active, report.at_ns)

    def _gone(self, report: DeviceState) -> None:
        """While the bus is open, the readers report themselves."""
        for name in self._readers:
            self._post(DeviceState(name, report.health, report.why, report.at_ns))
        # An order that the thread had not begun with is gone with the port.
        for reader, now in self.progress.items():
            if now.running:
                self.progress[reader] = KeyProgress(reader, KeyPhase.FAILED, KeyFailure.PORT)

    # Called by the thread.

    def _plain(self, error: Exception) -> str:
        """Return path and system error once: pyserial repeats both."""
        number = error.errno if isinstance(error, serial.SerialException) else None
        return f"{self._path}: {os.strerror(number)}" if number else str(error)

    def _work(self, thread: DeviceThread[BusReport]) -> None:
        stations = [
            ReaderStation(
                reader,
                self._keys,
                thread.deliver,
                self._clock_ns,
                self._counts[reader.name],
                self._inputs.numbers(reader.name),
                partial(self.idle_lights.__getitem__, reader.name),
            )
            for reader in self.settings.values()
        ]
        for station in stations:
            station.report_facts()
        with self._opener(self.settings_of_port, self._path) as port:
            # A pairing that was asked for while the port was away must not begin now.
            self._orders.clear()
            thread.report(Health.ONLINE)
            try:
                while not thread.stopping:
                    if self._scan:
                        self._search(thread, port, stations)
                    self._set_speed(port, stations)
                    self._run_context(thread, port, stations)
            except SystemError as error:
                # The library may leave an error behind, which the next call of Python's meets.
                raise OSError(LIBRARY_FAILED) from error
            finally:
                self._end_scan(FAILURES[KeyFailure.PORT])
                for station in stations:
                    station.gone()

    def _search(
        self,
        thread: DeviceThread[BusReport],
        port: serial.Serial,
        stations: Sequence[ReaderStation],
    ) -> None:
        """Carry out the scan that was asked for. Raises OSError."""
        for station in stations:
            station.paused(SCANNED_NOW)

        def goes_on() -> bool:
            thread.beat()
            return bool(self._scan) and not thread.stopping

        steps, progress = self._scan, self.searched
        if progress is not None:
            for _found in scan(port, steps, progress, on=goes_on, pause=thread.pause):
                thread.beat()
        self._end_scan("" if self._scan else "it was called off")

    def _end_scan(self, why: str) -> None:
        self._scan = ()
        if self.searched is not None and self.searched.running:
            self.searched.why = self.searched.why or why
            self.searched.running = False

    def _tap(self, packet: bytes) -> None:
        if self.captured is not None:
            self.captured.add(packet)

    def _run_context(
        self,
        thread: DeviceThread[BusReport],
        port: serial.Serial,
        stations: Sequence[ReaderStation],
    ) -> None:
        """Run one context of the library, until it no longer fits. Raises OSError."""
        polls = PollCounter()
        clear_text = {it.reader.address for it in stations if it.reader.clear_text}
        channel = PortChannel(port, polls, clear_text, self._tap)
        told = [
            (station, it)
            for station in stations
            if station.reader.baud == port.baudrate and (it := station.told()) is not None
        ]
        events: deque[tuple[int, dict[str, Any]]] = deque()
        done: deque[tuple[int, int, int]] = deque()

        def happened(number: int, event: dict[str, Any]) -> int:
            events.append((number, event))
            return 0

        context = open_panel(channel, [it for _station, it in told]) if told else None
        if context is not None:
            context.set_event_callback(happened)
            context.set_command_completion_callback(
                lambda number, command, status: done.append((number, command["command"], status))
            )
        asked = [station for station, _it in told]
        for station in stations:
            here = station in asked
            station.begin(context if here else None, asked.index(station) if here else None)
        by_address = {station.reader.address: station for station in asked}
        while not (thread.stopping or self._scan or _rebuilt(stations)):
            if context is not None:
                context.refresh()
                if channel.fault is not None:
                    raise channel.fault
                self._pass_on(context, polls, asked, by_address, events, done)
                for address in channel.outside_channel:
                    if address in by_address:
                        by_address[address].drop()
                channel.outside_channel.clear()
            now_ms = _now_ms()
            self._obey(stations, now_ms)
            for station in stations:
                station.link(TimeElapsed(), now_ms)
                station.tick(now_ms)
            thread.beat()
            thread.pause(_STEP_S)

    def _set_speed(self, port: serial.Serial, stations: Sequence[ReaderStation]) -> None:
        """The speed of the site file, unless all readers have another one. Raises OSError."""
        speeds = {station.reader.baud for station in stations}
        baud = speeds.pop() if len(speeds) == 1 else next(iter(self._readers.values())).baud
        if port.baudrate != baud:
            port.baudrate = baud
        others = [it.reader.name for it in stations if it.reader.baud == baud]
        for station in stations:
            self.settings[station.reader.name] = station.reader
            station.left_out("" if station.reader.baud == baud else ", ".join(others))

    @staticmethod
    def _pass_on(
        context: PanelContext,
        polls: PollCounter,
        asked: Sequence[ReaderStation],
        by_address: Mapping[int, ReaderStation],
        events: deque[tuple[int, dict[str, Any]]],
        done: deque[tuple[int, int, int]],
    ) -> None:
        now_ms = _now_ms()
        for addresses, event in ((polls.missed, PollMissed()), (polls.answered, PollAnswered())):
            for address in addresses:
                if address in by_address:
                    by_address[address].counts["missed_polls"] += isinstance(event, PollMissed)
                    by_address[address].link(event, now_ms)
            addresses.clear()
        secure = context.sc_status() if events else 0
        while events:
            number, given = events.popleft()
            asked[number].event(given, now_ms, secure=bool(secure >> number & 1))
        while done:
            number, command, status = done.popleft()
            asked[number].completed(command, status)

    def _obey(self, stations: Sequence[ReaderStation], now_ms: int) -> None:
        while self._orders:
            order = self._orders.popleft()
            station = next(it for it in stations if it.reader.name == order.reader)
            try:
                self._carry_out(station, order, now_ms)
            except OSError as error:
                station.not_stored(str(error))

    def _carry_out(self, station: ReaderStation, order: BusOrder, now_ms: int) -> None:
        match order:
            case ShowAtReader(commands=commands):
                station.submit(tuple(commands))
            case PairReader(on=True):
                station.pair(now_ms)
            case PairReader():
                station.stop_pairing(KeyFailure.CALLED_OFF)
            case RotateKey():
                station.rotate()
            case MoveReader():
                station.move(order, alone=len(self._readers) == 1)
            case RetryNow():
                station.retry(now_ms)


class OsdpFeedback:
    """Light and sound of one reader."""

    def __init__(self, bus: OsdpBus, reader: OsdpReader) -> None:
        self._bus = bus
        self._reader = reader.name
        self._usual = reader.idle_light

    def show(self, cue: Cue | None, for_ms: int, *, beeps: bool) -> None:
        """ShowAtReader `cue` for a time, 0 for a moment; None ends what is shown."""
        sounds = tuple(patterns.beeps(cue)) if beeps and cue else ()
        self._bus.order(ShowAtReader(self._reader, (patterns.light(cue, for_ms), *sounds)))

    def idle(self, idle: Idle) -> None:
        """Show this while nothing else is shown."""
        self._bus.idle_lights[self._reader] = patterns.idle_light(idle, self._usual)

    def buzz(self, for_ms: int) -> None:
        """Sound for a time; 0 ends all sound."""
        sound = patterns.buzz(for_ms) if for_ms else patterns.silence()
        self._bus.order(ShowAtReader(self._reader, (sound,)))


def _rebuilt(stations: Sequence[ReaderStation]) -> bool:
    """Whether the context no longer fits, and no answer to a command is awaited."""
    return any(it.rebuild for it in stations) and not any(it.moving for it in stations)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
