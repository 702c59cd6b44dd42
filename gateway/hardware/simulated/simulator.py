"""What a person does at the simulated board: swipe, type, show a code, open, press, pull a plug.

Everything happens at the pins and in the bytes of the readers, so that the drivers do their whole
work. Called by the controller's loop, in its own thread.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gateway.clock import Clock
from gateway.credentials.keypad import encode_key
from gateway.credentials.line_frames import MAX_BYTES
from gateway.credentials.wiegand import FORMATS, encode
from gateway.errors import DeviceUnavailable, InvalidRequest, NotFound
from gateway.hardware.events import InputName
from gateway.hardware.simulated.modules import SimulatedSecBoxes
from gateway.hardware.simulated.pins import SimulatedFactory, SimulatedPin
from gateway.hardware.simulated.port import SimulatedPort, port_path
from gateway.hardware.simulated.serial_readers import SimulatedUhfReader, code_bytes, rfid_frame
from gateway.hardware.simulated.usb import SimulatedDevice, SimulatedUsb
from gateway.hardware.wiring import input_wiring
from gateway.settings import (
    FixedInput,
    HidReader,
    Input,
    Level,
    Pull,
    Reader,
    SerialCardReader,
    SerialQrReader,
    SerialReader,
    SerialUhfReader,
    Side,
    SiteFile,
    WiegandReader,
)
from gateway.settings.addresses import SIMULATED_PORT

PULSE_NS = 50_000
"""How long a data line is low for one bit."""
INTERVAL_NS = 2_000_000
"""From one bit of a frame to the next."""
_JITTER_NS = 4_000
"""How far the stamps of real pulses are off: no two frames are quite alike."""

_CODE_PAUSE_GAPS = 4
"""So many times the silence that ends a text pass from one code to the next: nobody shows two of
them faster, and a driver that is held up must not take them for one."""

_MS = 1_000_000
_RECENT = 200


class Simulator:
    """The hand at the simulated board of one site."""

    def __init__(
        self,
        site: SiteFile,
        factory: SimulatedFactory,
        clock: Clock,
        runtime_dir: Path,
        online: Callable[[str], bool],
    ) -> None:
        """Fit the wires: alarm inputs rest at their idle level, simulated ports appear.

        Made before the inputs are claimed. `online` tells whether a reader's port is open.
        """
        self._site = site
        self._factory = factory
        self._clock = clock
        self._online = online
        self._inputs = input_wiring(site)
        self._readers = {reader.name: reader for reader in site.reader}
        self._line_free_ns: dict[str, int] = {}
        self._codes: dict[str, deque[bytes]] = {}
        """What is shown to each reader of codes as soon as its line is free."""
        self._jitter = random.Random(0)  # noqa: S311 - the noise of a wire, the same in each run
        self._unplugged: set[str] = set()
        self._releases: dict[InputName, tuple[int, bool]] = {}
        self._removals: dict[str, int] = {}
        self._ports: dict[str, SimulatedPort] = {}
        self._uhf_readers: dict[str, SimulatedUhfReader] = {}
        for wiring in self._inputs.values():
            # What the wires do against or without the board's pull; once moved, it stays moved.
            wired = isinstance(wiring, FixedInput) or wiring.pull is Pull.FLOATING
            if wired and not factory.record.pin(wiring.pin).driven:
                self._pin(wiring.pin).drive(high=_rest_level(wiring))
        for reader in site.reader:
            if isinstance(reader, SerialReader) and reader.port == SIMULATED_PORT:
                self._ports[reader.name] = self._new_port(
                    reader, port_path(runtime_dir, reader.name)
                )
        self.usb = SimulatedUsb(site.reader, runtime_dir)
        """The readers that are neither on pins nor on a serial port."""
        boxes = [box for box in site.sec_box if box.port == SIMULATED_PORT]
        self.sec_boxes: SimulatedSecBoxes | None = None
        """The modules of the simulated line; None where the site has none there."""
        if boxes:
            self.sec_boxes = SimulatedSecBoxes(boxes, port_path(runtime_dir, boxes[0].name))

    def _new_port(self, reader: SerialReader, path: Path) -> SimulatedPort:
        if not isinstance(reader, SerialUhfReader):
            return SimulatedPort(path)
        uhf = self._uhf_readers[reader.name] = SimulatedUhfReader(reader)
        return SimulatedPort(path, uhf.answer)

    # readers

    def swipe(self, reader: str, card: int, layout: str | None = None) -> None:
        """Send a card's frame on D0 and D1; `layout` defaults to the reader's first format. A
        reader on a serial port sends its own.

        Raises NotFound for an unknown reader or format, InvalidRequest when the card does not fit
        the format or the reader reads none, DeviceUnavailable while it is unplugged or its port
        not opened yet.
        """
        known = self._reader(reader)
        if isinstance(known, SerialCardReader):
            self._open_port(reader).send(rfid_frame(known, card))
            return
        lines = self._wiegand(reader)
        name = layout or lines.formats[0]
        if name not in FORMATS:
            raise NotFound(f"there is no Wiegand format {name!r}; there are {sorted(FORMATS)}")
        chosen = FORMATS[name]
        facility, number = divmod(card, 1 << 32) if chosen.facility else (0, card)
        try:
            bits = encode(chosen, facility, number)
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        self._send(lines, [bits], _JITTER_NS)

    def keys(self, reader: str, keys: str) -> None:
        """Type keys (0-9, *, #), each as a burst of 4 bits; errors as `swipe`."""
        lines = self._wiegand(reader)
        try:
            bursts = [encode_key(char) for char in keys]
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        self._send(lines, bursts, _JITTER_NS)

    def frame(self, reader: str, bits: str) -> None:
        """Send any bits on D0 and D1, as exactly timed as a recording; errors as `swipe`."""
        if not bits or bits.strip("01"):
            raise InvalidRequest(f"a frame consists of 0 and 1, found {bits!r}")
        self._send(self._wiegand(reader), [bits])

    def qr(self, reader: str, text: str) -> None:
        """Send a text and CR into the port of a reader of codes, as its settings have it written.

        Raises NotFound for an unknown reader, InvalidRequest when it has no simulated port, reads
        no codes, or the text is too long or cannot be written, DeviceUnavailable while it is
        unplugged or the port not opened yet.
        """
        self._port(reader)
        known = self._reader(reader)
        if not isinstance(known, SerialQrReader):
            raise InvalidRequest(f"reader {reader!r} reads no codes, its kind is {known.kind}")
        data = code_bytes(known, text)
        if len(data) > MAX_BYTES:
            raise InvalidRequest(f"a QR code holds {MAX_BYTES} bytes at most, found {len(data)}")
        port, now_ns = self._open_port(reader), self._clock.monotonic_ns()
        if now_ns < self._line_free_ns.get(reader, 0):
            self._codes.setdefault(reader, deque()).append(data + b"\r")
        else:
            self._line_free_ns[reader] = now_ns + self._code_pause_ns(reader)
            port.send(data + b"\r")

    def tag(self, reader: str, tag: str, hold_ms: int) -> None:
        """Hold a tag, in hexadecimal, before a UHF reader for `hold_ms`; another one before it is
        taken away. Errors as `qr`."""
        self._port(reader)
        uhf = self._uhf_readers.get(reader)
        if uhf is None:
            kind = self._reader(reader).kind
            raise InvalidRequest(f"reader {reader!r} reads no tags, its kind is {kind}")
        self._open_port(reader)
        uhf.hold(tag)
        self._removals[reader] = self._clock.monotonic_ns() + hold_ms * _MS

    def type(self, reader: str, text: str) -> None:
        """Type a text and Enter at a reader that is a keyboard; errors as `qr`."""
        self._reader(reader)
        if reader in self.usb:
            self._require_online(reader)
        at_ns = max(self._clock.monotonic_ns(), self._line_free_ns.get(reader, 0))
        self.usb.type(reader, text, at_ns)
        self._line_free_ns[reader] = at_ns + self._code_pause_ns(reader)

    def present(self, reader: str, serial: bytes) -> None:
        """Lay a card with this serial number on a contactless reader; errors as `qr`."""
        self._reader(reader)
        cards = self.usb.cards(reader)
        self._require_online(reader)
        cards.present(serial)

    def remove(self, reader: str) -> None:
        """Take the card away from a contactless reader; raises NotFound, InvalidRequest."""
        self._reader(reader)
        self.usb.cards(reader).remove()

    def unplug(self, reader: str) -> None:
        """Pull the plug of a reader or a module; a second time changes nothing.

        Raises NotFound, InvalidRequest.
        """
        if self.sec_boxes and reader in self.sec_boxes:
            self.sec_boxes.module(reader).plugged = False
            return
        if not isinstance(self._reader(reader), WiegandReader):
            self._plug_of(reader).unplug()
        self._codes.pop(reader, None)
        self._unplugged.add(reader)

    def plug(self, reader: str) -> None:
        """Put a plug back; errors as `unplug`."""
        if self.sec_boxes and reader in self.sec_boxes:
            self.sec_boxes.module(reader).plugged = True
            return
        if not isinstance(self._reader(reader), WiegandReader):
            self._plug_of(reader).plug()
        self._unplugged.discard(reader)

    # inputs

    def set_input(self, name: InputName, *, high: bool) -> None:
        """Set the level of an input from outside; raises NotFound naming the inputs."""
        self._releases.pop(name, None)
        if self.sec_boxes and name in self.sec_boxes:
            self.sec_boxes.set_input(name, high=high)
            return
        wiring = self._input(name)
        self._pin(wiring.pin).drive(high=high)

    def press(self, name: InputName, *, high: bool, hold_ms: int) -> None:
        """Hold a button at the level `high` for `hold_ms`, then let it go; raises NotFound."""
        self.set_input(name, high=high)
        self._releases[name] = (self._clock.monotonic_ns() + hold_ms * _MS, not high)

    @property
    def due_ns(self) -> int | None:
        """When a pressed button is let go, a tag taken away, or the next code shown."""
        dues_ns = [*self._removals.values(), *(due_ns for due_ns, _ in self._releases.values())]
        dues_ns += [self._line_free_ns[reader] for reader, codes in self._codes.items() if codes]
        return min(dues_ns, default=None)

    def service(self, now_ns: int) -> None:
        """Let go of buttons, and take tags away, that were held long enough; show codes."""
        self._show_codes(now_ns)
        for reader, due_ns in list(self._removals.items()):
            if now_ns >= due_ns:
                self._uhf_readers[reader].hold("")
                del self._removals[reader]
        for name, (due_ns, high) in list(self._releases.items()):
            if now_ns >= due_ns:
                self.set_input(name, high=high)

    def _show_codes(self, now_ns: int) -> None:
        """Send each code whose reader's line has been silent for long enough."""
        for reader, codes in self._codes.items():
            if codes and now_ns >= self._line_free_ns.get(reader, 0):
                self._line_free_ns[reader] = now_ns + self._code_pause_ns(reader)
                with suppress(DeviceUnavailable):  # nobody listens any more
                    self._ports[reader].send(codes.popleft())

    def _code_pause_ns(self, reader: str) -> int:
        known = self._readers[reader]
        gap_ms = known.gap_ms if isinstance(known, SerialQrReader | HidReader) else 0
        return _CODE_PAUSE_GAPS * gap_ms * _MS

    # looking

    def state(self) -> dict[str, object]:
        """Every output, input and reader, and the latest edges, fit for JSON."""
        names = dict(self._site.pins())
        locks: dict[int, dict[str, object]] = {
            door.strike.pin: {"door": door.id} for door in self._site.door
        }
        turnstile = self._site.turnstile
        if turnstile:
            for side in Side:
                locks[turnstile.way(side).relay.pin] = {"door": 0, "side": side.value}
        for use, output in self._site.switches():
            locks[output.pin] = {"door": 0, "use": use}
        inputs = {wiring.pin: name for name, wiring in self._inputs.items()}
        outputs = [{**self._shown(pin, names), **lock} for pin, lock in locks.items()]
        shown = [
            {**self._shown(pin, names), **_named(inputs.get(pin))}
            for pin in names
            if pin not in locks
        ]
        recent = [
            {"stamp_ns": edge.stamp_ns, "pin": edge.pin, "level": _level(high=edge.high)}
            for edge in self._factory.record.recent(_RECENT)
        ]
        readers = [
            {"name": name, "kind": reader.kind, "plugged": name not in self._unplugged}
            for name, reader in self._readers.items()
        ]
        found = {"outputs": outputs, "inputs": shown, "readers": readers, "recent": recent}
        return {**found, "sec_boxes": self.sec_boxes.state() if self.sec_boxes else []}

    def port_of(self, reader: str) -> str:
        """The path at which a reader's simulated port stands."""
        return str(self._port(reader).path)

    def close(self) -> None:
        """Take the simulated ports away."""
        if self.sec_boxes:
            self.sec_boxes.close()
        for port in self._ports.values():
            port.unplug()
        self.usb.close()

    def _shown(self, pin: int, names: dict[int, str]) -> dict[str, object]:
        found = self._factory.record.pin(pin)
        level = _level(high=found.high)
        return {"pin": pin, "name": names[pin], "level": level, "edges": found.edges}

    def _input(self, name: InputName) -> Input:
        wiring = self._inputs.get(name)
        if wiring is None:
            known = [*self._inputs, *(self.sec_boxes.inputs if self.sec_boxes else ())]
            there = ", ".join(str(each) for each in sorted(known)) or "none"
            raise NotFound(f"there is no input {name}; there are: {there}")
        return wiring

    def _pin(self, number: int) -> SimulatedPin:
        pin: SimulatedPin = self._factory.pin(number)
        return pin

    def _reader(self, name: str) -> Reader:
        reader = self._readers.get(name)
        if reader is None:
            there = ", ".join(self._readers) or "none"
            raise NotFound(f"there is no reader {name!r}; there are: {there}")
        return reader

    def _wiegand(self, name: str) -> WiegandReader:
        reader = self._reader(name)
        if not isinstance(reader, WiegandReader):
            raise InvalidRequest(f"reader {name!r} has no data lines, its kind is {reader.kind}")
        if name in self._unplugged:
            raise DeviceUnavailable(f"reader {name!r} is unplugged")
        return reader

    def _port(self, name: str) -> SimulatedPort:
        reader = self._reader(name)
        port = self._ports.get(name)
        if port is None:
            raise InvalidRequest(
                f"reader {name!r} has no simulated port, its kind is {reader.kind}"
            )
        return port

    def _open_port(self, name: str) -> SimulatedPort:
        """The port of a reader that somebody listens to."""
        port = self._port(name)
        self._require_online(name)
        return port

    def _plug_of(self, name: str) -> SimulatedPort | SimulatedDevice:
        """What the reader is unplugged from; raises NotFound, InvalidRequest."""
        return self.usb.device(name) or self._port(name)

    def _require_online(self, reader: str) -> None:
        if not self._online(reader) or reader in self._unplugged:
            raise DeviceUnavailable(f"reader {reader!r} is offline: nobody would hear it")

    def _send(self, reader: WiegandReader, frames: Sequence[str], jitter_ns: int = 0) -> None:
        """Pulse the lines with stamps that end now, or as soon as the lines are free."""
        silence_ns = reader.gap_ms * _MS + INTERVAL_NS
        length_ns = sum(len(bits) * INTERVAL_NS for bits in frames)
        length_ns += (len(frames) - 1) * silence_ns
        stamp_ns = max(
            self._clock.monotonic_ns() - length_ns, self._line_free_ns.get(reader.name, 0)
        )
        lines = {"0": self._pin(reader.d0), "1": self._pin(reader.d1)}
        for bits in frames:
            for bit in bits:
                falls_ns = stamp_ns - self._jitter.randint(0, jitter_ns)
                lines[bit].drive(high=False, stamp_ns=falls_ns)
                lines[bit].drive(high=True, stamp_ns=falls_ns + PULSE_NS)
                stamp_ns += INTERVAL_NS
            stamp_ns += silence_ns
        self._line_free_ns[reader.name] = stamp_ns


def _rest_level(wiring: Input) -> bool:
    """The level of an input that nobody moves: as declared, or where its pull holds it (without
    one: high, as with a pull-up in the wiring)."""
    if isinstance(wiring, FixedInput):
        return wiring.idle is Level.HIGH
    return wiring.pull is not Pull.DOWN


def _level(*, high: bool) -> str:
    return (Level.HIGH if high else Level.LOW).value


def _named(name: InputName | None) -> dict[str, object]:
    return {} if name is None else {"kind": name.kind.value, "number": name.number}
