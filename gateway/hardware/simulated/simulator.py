"""Test control of the simulated board: swipe, type, show a code, open, press, unplug.

It acts on pins and on the readers' bytes, so that the real drivers run. Only the loop's thread
calls it.
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
from gateway.hardware.simulated.adc import SimulatedAdcs
from gateway.hardware.simulated.modules import SimulatedSecBoxes
from gateway.hardware.simulated.osdp_bus import SimulatedOsdp
from gateway.hardware.simulated.pins import SimulatedFactory, SimulatedPin
from gateway.hardware.simulated.port import SimulatedPort, port_path
from gateway.hardware.simulated.serial_readers import SimulatedUhfReader, code_bytes, rfid_frame
from gateway.hardware.simulated.usb import SimulatedDevice, SimulatedUsb
from gateway.hardware.wiring import adc_wiring, input_wiring, reader_wiring
from gateway.settings import (
    FixedInput,
    FixedReaderInput,
    HidReader,
    Input,
    Level,
    OsdpReader,
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
"""Pulse width of one bit."""
INTERVAL_NS = 2_000_000
"""Time from one bit to the next."""
_JITTER_NS = 4_000
"""Jitter of pulse stamps, so that no two frames have identical timing."""

_CODE_PAUSE_GAPS = 4
"""Pause between two codes, in multiples of the reader's gap, so that a delayed driver does not join
them."""

_MS = 1_000_000
_RECENT = 200


class Simulator:
    """Test control of one site's simulated board."""

    def __init__(
        self,
        site: SiteFile,
        factory: SimulatedFactory,
        clock: Clock,
        runtime_dir: Path,
        online: Callable[[str], bool],
    ) -> None:
        """Set alarm inputs to their idle levels and create the simulated ports.

        Create it before the inputs are claimed. `online` returns whether a reader's port is open.
        """
        self._site = site
        self._factory = factory
        self._clock = clock
        self._online = online
        self._inputs = input_wiring(site)
        self._readers = {reader.name: reader for reader in site.reader}
        self._line_free_ns: dict[str, int] = {}
        self._codes: dict[str, deque[bytes]] = {}
        """Codes queued for each code reader until its line is free."""
        self._jitter = random.Random(0)  # noqa: S311 - jitter, the same in each run
        self._unplugged: set[str] = set()
        self._releases: dict[InputName, tuple[int, bool]] = {}
        self._removals: dict[str, int] = {}
        self._ports: dict[str, SimulatedPort] = {}
        self._uhf_readers: dict[str, SimulatedUhfReader] = {}
        for wiring in self._inputs.values():
            # Wiring overrides the board's pull; a level that was set before stays.
            wired = isinstance(wiring, FixedInput) or wiring.pull is Pull.FLOATING
            if wired and not factory.record.pin(wiring.pin).driven:
                self._pin(wiring.pin).drive(high=_rest_level(wiring))
        for reader in site.reader:
            if isinstance(reader, SerialReader) and reader.port == SIMULATED_PORT:
                self._ports[reader.name] = self._new_port(
                    reader, port_path(runtime_dir, reader.name)
                )
        self.usb = SimulatedUsb(site.reader, runtime_dir)
        """The simulated USB readers."""
        boxes = [box for box in site.sec_box if box.port == SIMULATED_PORT]
        self.sec_boxes: SimulatedSecBoxes | None = None
        """The simulated modules; None without any."""
        if boxes:
            self.sec_boxes = SimulatedSecBoxes(boxes, port_path(runtime_dir, boxes[0].name))
        self.adcs = SimulatedAdcs(site.adc, adc_wiring(site))
        """The simulated converters."""
        on_bus = [it for it in site.reader if isinstance(it, OsdpReader)]
        on_bus = [it for it in on_bus if it.port == SIMULATED_PORT]
        self.osdp: SimulatedOsdp | None = None
        """The simulated OSDP readers; None without any."""
        if on_bus:
            inputs = reader_wiring(site)
            closed = [
                name
                for name, wire in inputs.items()
                if isinstance(wire, FixedReaderInput) and wire.idle is Level.LOW
            ]
            path = port_path(runtime_dir, on_bus[0].name)
            self.osdp = SimulatedOsdp(on_bus, path, inputs, closed)

    def _new_port(self, reader: SerialReader, path: Path) -> SimulatedPort:
        if not isinstance(reader, SerialUhfReader):
            return SimulatedPort(path)
        uhf = self._uhf_readers[reader.name] = SimulatedUhfReader(reader)
        return SimulatedPort(path, uhf.answer)

    # readers

    def swipe(self, reader: str, card: int, layout: str | None = None) -> None:
        """Send a card's frame on D0 and D1, or from a serial card reader.

        `layout` defaults to the reader's first format. Raises NotFound for an unknown reader or
        format, InvalidRequest when the card does not fit the format or the reader reads no cards,
        DeviceUnavailable while the reader is unplugged or its port is not open.
        """
        known = self._reader(reader)
        if isinstance(known, SerialCardReader):
            self._open_port(reader).send(rfid_frame(known, card))
            return
        bus = self.osdp if self.osdp and reader in self.osdp else None
        lines = known if bus and isinstance(known, OsdpReader) else self._wiegand(reader)
        name = layout or lines.formats[0]
        if name not in FORMATS:
            raise NotFound(f"there is no Wiegand format {name!r}; there are {sorted(FORMATS)}")
        chosen = FORMATS[name]
        facility, number = divmod(card, 1 << 32) if chosen.facility else (0, card)
        try:
            bits = encode(chosen, facility, number)
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        if isinstance(lines, WiegandReader):
            self._send(lines, [bits], _JITTER_NS)
        elif bus:
            bus.swipe(reader, bits)

    def keys(self, reader: str, keys: str) -> None:
        """Press keys (0-9, *, #), each as a burst of 4 bits; raises as `swipe`."""
        try:
            bursts = [encode_key(char) for char in keys]
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        if self.osdp and reader in self.osdp:
            self.osdp.keys(reader, keys)
            return
        lines = self._wiegand(reader)
        self._send(lines, bursts, _JITTER_NS)

    def frame(self, reader: str, bits: str, pulse_ns: int = PULSE_NS) -> None:
        """Send any bits on D0 and D1 without jitter, like a recording; raises as `swipe`."""
        if not bits or bits.strip("01"):
            raise InvalidRequest(f"a frame consists of 0 and 1, found {bits!r}")
        self._send(self._wiegand(reader), [bits], pulse_ns=pulse_ns)

    def qr(self, reader: str, text: str) -> None:
        """Send a code and CR to the port of a code reader, with its prefix, suffix and encoding.

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
        """Hold a tag, in hexadecimal, in a UHF reader's field for `hold_ms`; it replaces another
        tag. Raises as `qr`."""
        self._port(reader)
        uhf = self._uhf_readers.get(reader)
        if uhf is None:
            kind = self._reader(reader).kind
            raise InvalidRequest(f"reader {reader!r} reads no tags, its kind is {kind}")
        self._open_port(reader)
        uhf.hold(tag)
        self._removals[reader] = self._clock.monotonic_ns() + hold_ms * _MS

    def type(self, reader: str, text: str) -> None:
        """Type a text and Enter at a keyboard reader; raises as `qr`."""
        self._reader(reader)
        if reader in self.usb:
            self._require_online(reader)
        at_ns = max(self._clock.monotonic_ns(), self._line_free_ns.get(reader, 0))
        self.usb.type(reader, text, at_ns)
        self._line_free_ns[reader] = at_ns + self._code_pause_ns(reader)

    def present(self, reader: str, serial: bytes) -> None:
        """Present a card with this serial number at a contactless reader; raises as `qr`."""
        self._reader(reader)
        cards = self.usb.cards(reader)
        self._require_online(reader)
        cards.present(serial)

    def remove(self, reader: str) -> None:
        """Remove the card from a contactless reader; raises NotFound, InvalidRequest."""
        self._reader(reader)
        self.usb.cards(reader).remove()

    def unplug(self, reader: str) -> None:
        """Unplug a reader, a module or a converter; does nothing if it is unplugged.

        Raises NotFound, InvalidRequest.
        """
        if self.sec_boxes and reader in self.sec_boxes:
            self.sec_boxes.module(reader).plugged = False
            return
        if reader in self.adcs:
            self.adcs.plug(reader, plugged=False)
            return
        if self.osdp and reader in self.osdp:
            self.osdp.plug(reader, plugged=False)
        elif not isinstance(self._reader(reader), WiegandReader):
            self._plug_of(reader).unplug()
        self._codes.pop(reader, None)
        self._unplugged.add(reader)

    def plug(self, reader: str) -> None:
        """Plug a reader, a module or a converter in; raises as `unplug`."""
        if self.sec_boxes and reader in self.sec_boxes:
            self.sec_boxes.module(reader).plugged = True
            return
        if reader in self.adcs:
            self.adcs.plug(reader, plugged=True)
            return
        if self.osdp and reader in self.osdp:
            self.osdp.plug(reader, plugged=True)
        elif not isinstance(self._reader(reader), WiegandReader):
            self._plug_of(reader).plug()
        self._unplugged.discard(reader)

    def play_osdp(self, reader: str, what: str) -> None:
        """Have an OSDP reader play something, see `SimulatedOsdp.play`, or `input N on` or
        `input N off`; raises as `unplug`."""
        known = self._reader(reader)
        if self.osdp is None or reader not in self.osdp:
            raise InvalidRequest(f"reader {reader!r} is no simulated OSDP reader, but {known.kind}")
        match what.split():
            case ["input", number, "on" | "off" as state] if number.isascii() and number.isdigit():
                self.osdp.turn_input(reader, int(number), active=state == "on")
            case _:
                self.osdp.play(reader, what)

    # inputs

    def set_input(self, name: InputName, *, high: bool) -> None:
        """Set the level of an input; raises NotFound that names the inputs."""
        self._releases.pop(name, None)
        if self.sec_boxes and name in self.sec_boxes:
            self.sec_boxes.set_input(name, high=high)
            return
        if self.osdp and name in self.osdp:
            self.osdp.set_contact(name, high=high)
            return
        if name in self.adcs:
            self.adcs.set_contact(name, high=high)
            return
        wiring = self._input(name)
        self._pin(wiring.pin).drive(high=high)

    def press(self, name: InputName, *, high: bool, hold_ms: int) -> None:
        """Hold an input at level `high` for `hold_ms`, then release it; raises NotFound."""
        self.set_input(name, high=high)
        self._releases[name] = (self._clock.monotonic_ns() + hold_ms * _MS, not high)

    @property
    def due_ns(self) -> int | None:
        """When a button is released, a tag removed or a code sent next."""
        dues_ns = [*self._removals.values(), *(due_ns for due_ns, _ in self._releases.values())]
        dues_ns += [self._line_free_ns[reader] for reader, codes in self._codes.items() if codes]
        return min(dues_ns, default=None)

    def service(self, now_ns: int) -> None:
        """Release buttons, remove tags and send codes that are due."""
        self._show_codes(now_ns)
        for reader, due_ns in list(self._removals.items()):
            if now_ns >= due_ns:
                self._uhf_readers[reader].hold("")
                del self._removals[reader]
        for name, (due_ns, high) in list(self._releases.items()):
            if now_ns >= due_ns:
                self.set_input(name, high=high)

    def _show_codes(self, now_ns: int) -> None:
        """Send each queued code whose reader's line is free."""
        for reader, codes in self._codes.items():
            if codes and now_ns >= self._line_free_ns.get(reader, 0):
                self._line_free_ns[reader] = now_ns + self._code_pause_ns(reader)
                with suppress(DeviceUnavailable):  # no driver reads it
                    self._ports[reader].send(codes.popleft())

    def _code_pause_ns(self, reader: str) -> int:
        known = self._readers[reader]
        gap_ms = known.gap_ms if isinstance(known, SerialQrReader | HidReader) else 0
        return _CODE_PAUSE_GAPS * gap_ms * _MS

    # state

    def state(self) -> dict[str, object]:
        """Return all outputs, inputs and readers, and the latest edges, as JSON values."""
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
        boxes = self.sec_boxes.state() if self.sec_boxes else []
        return {**found, "sec_boxes": boxes, "adcs": self.adcs.state()}

    def port_of(self, reader: str) -> str:
        """Return the path of a reader's simulated port."""
        return str(self._port(reader).path)

    def close(self) -> None:
        """Remove the simulated ports."""
        if self.sec_boxes:
            self.sec_boxes.close()
        if self.osdp:
            self.osdp.close()
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
            known += [*(self.osdp.inputs if self.osdp else ()), *self.adcs.inputs]
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
        """Return the port of a reader whose driver has it open."""
        port = self._port(name)
        self._require_online(name)
        return port

    def _plug_of(self, name: str) -> SimulatedPort | SimulatedDevice:
        """Return the port or device to unplug; raises NotFound, InvalidRequest."""
        return self.usb.device(name) or self._port(name)

    def _require_online(self, reader: str) -> None:
        if not self._online(reader) or reader in self._unplugged:
            raise DeviceUnavailable(f"reader {reader!r} is offline: plug it in first")

    def _send(
        self,
        reader: WiegandReader,
        frames: Sequence[str],
        jitter_ns: int = 0,
        pulse_ns: int = PULSE_NS,
    ) -> None:
        """Pulse the lines with stamps that end now, or later if the lines are busy."""
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
                lines[bit].drive(high=True, stamp_ns=falls_ns + pulse_ns)
                stamp_ns += INTERVAL_NS
            stamp_ns += silence_ns
        self._line_free_ns[reader.name] = stamp_ns


def _rest_level(wiring: Input) -> bool:
    """Return the resting level of an input: as declared, or by its pull (high without one, as with
    an external pull-up)."""
    if isinstance(wiring, FixedInput):
        return wiring.idle is Level.HIGH
    return wiring.pull is not Pull.DOWN


def _level(*, high: bool) -> str:
    return (Level.HIGH if high else Level.LOW).value


def _named(name: InputName | None) -> dict[str, object]:
    return {} if name is None else {"kind": name.kind.value, "number": name.number}
