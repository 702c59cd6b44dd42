"""What a person does at the simulated board: swipe, type, show a code, open, press, pull a plug.

Everything happens at the pins and in the bytes of the readers, so that the drivers do their whole
work. Called by the controller's loop, in its own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.clock import Clock
from gateway.credentials.keypad import encode_key
from gateway.credentials.line_frames import MAX_BYTES
from gateway.credentials.wiegand import FORMATS, encode
from gateway.errors import DeviceUnavailable, InvalidRequest, NotFound
from gateway.hardware.boards import SIMULATED_PORT
from gateway.hardware.events import InputName
from gateway.hardware.simulated_pins import SimulatedFactory, SimulatedPin
from gateway.hardware.simulated_port import SimulatedPort, port_path
from gateway.hardware.wiring import input_wiring
from gateway.settings import (
    FixedInput,
    Input,
    Level,
    Pull,
    Reader,
    SerialReader,
    Side,
    SiteFile,
    WiegandReader,
)

PULSE_NS = 50_000
"""How long a data line is low for one bit."""
INTERVAL_NS = 2_000_000
"""From one bit of a frame to the next."""

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
        self._unplugged: set[str] = set()
        self._releases: dict[InputName, tuple[int, bool]] = {}
        self._ports: dict[str, SimulatedPort] = {}
        for wiring in self._inputs.values():
            # What the wires do against or without the board's pull; once moved, it stays moved.
            wired = isinstance(wiring, FixedInput) or wiring.pull is Pull.FLOATING
            if wired and not factory.record.pin(wiring.pin).driven:
                self._pin(wiring.pin).drive(high=_rest_level(wiring))
        for reader in site.reader:
            if isinstance(reader, SerialReader) and reader.port == SIMULATED_PORT:
                self._ports[reader.name] = SimulatedPort(port_path(runtime_dir, reader.name))

    # readers

    def swipe(self, reader: str, card: int, layout: str | None = None) -> None:
        """Send a card's frame on D0 and D1; `layout` defaults to the reader's first format.

        Raises NotFound for an unknown reader or format, InvalidRequest when the card does not fit
        the format or the reader has no data lines, DeviceUnavailable while it is unplugged.
        """
        lines = self._wiegand(reader)
        name = layout or lines.formats[0]
        if name not in FORMATS:
            raise NotFound(f"there is no Wiegand format {name!r}; there are {sorted(FORMATS)}")
        try:
            bits = encode(FORMATS[name], card >> 32, card & 0xFFFF_FFFF)
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        self._send(lines, [bits])

    def keys(self, reader: str, keys: str) -> None:
        """Type keys (0-9, *, #), each as a burst of 4 bits; errors as `swipe`."""
        lines = self._wiegand(reader)
        try:
            bursts = [encode_key(char) for char in keys]
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        self._send(lines, bursts)

    def frame(self, reader: str, bits: str) -> None:
        """Send any bits on D0 and D1, for frames that no format has; errors as `swipe`."""
        if not bits or bits.strip("01"):
            raise InvalidRequest(f"a frame consists of 0 and 1, found {bits!r}")
        self._send(self._wiegand(reader), [bits])

    def qr(self, reader: str, text: str) -> None:
        """Send a text and CR into the port of a serial reader.

        Raises NotFound for an unknown reader, InvalidRequest when it has no simulated port or the
        text is too long, DeviceUnavailable while it is unplugged or the port not opened yet.
        """
        port = self._port(reader)
        data = text.encode("utf-8", "surrogatepass")
        if len(data) > MAX_BYTES:
            raise InvalidRequest(f"a QR code holds {MAX_BYTES} bytes at most, found {len(data)}")
        if not self._online(reader) or reader in self._unplugged:
            raise DeviceUnavailable(f"reader {reader!r} is offline: nobody would read the code")
        port.send(data + b"\r")

    def unplug(self, reader: str) -> None:
        """Pull a reader's plug; a second time changes nothing. Raises NotFound, InvalidRequest."""
        if isinstance(self._reader(reader), SerialReader):
            self._port(reader).unplug()
        self._unplugged.add(reader)

    def plug(self, reader: str) -> None:
        """Put a reader's plug back; errors as `unplug`."""
        if isinstance(self._reader(reader), SerialReader):
            self._port(reader).plug()
        self._unplugged.discard(reader)

    # inputs

    def set_input(self, name: InputName, *, high: bool) -> None:
        """Set the level of an input pin from outside; raises NotFound naming the inputs."""
        wiring = self._input(name)
        self._releases.pop(name, None)
        self._pin(wiring.pin).drive(high=high)

    def press(self, name: InputName, *, high: bool, hold_ms: int) -> None:
        """Hold a button at the level `high` for `hold_ms`, then let it go; raises NotFound."""
        self.set_input(name, high=high)
        self._releases[name] = (self._clock.monotonic_ns() + hold_ms * _MS, not high)

    @property
    def due_ns(self) -> int | None:
        """When a pressed button is let go."""
        return min((due_ns for due_ns, _ in self._releases.values()), default=None)

    def service(self, now_ns: int) -> None:
        """Let go of buttons that were held long enough."""
        for name, (due_ns, high) in list(self._releases.items()):
            if now_ns >= due_ns:
                self.set_input(name, high=high)

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
        for use, output in self._site.sounders():
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
        return {"outputs": outputs, "inputs": shown, "readers": readers, "recent": recent}

    def port_of(self, reader: str) -> str:
        """The path at which a reader's simulated port stands."""
        return str(self._port(reader).path)

    def close(self) -> None:
        """Take the simulated ports away."""
        for port in self._ports.values():
            port.unplug()

    def _shown(self, pin: int, names: dict[int, str]) -> dict[str, object]:
        found = self._factory.record.pin(pin)
        level = _level(high=found.high)
        return {"pin": pin, "name": names[pin], "level": level, "edges": found.edges}

    def _input(self, name: InputName) -> Input:
        wiring = self._inputs.get(name)
        if wiring is None:
            there = ", ".join(str(known) for known in sorted(self._inputs)) or "none"
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

    def _send(self, reader: WiegandReader, frames: Sequence[str]) -> None:
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
                lines[bit].drive(high=False, stamp_ns=stamp_ns)
                lines[bit].drive(high=True, stamp_ns=stamp_ns + PULSE_NS)
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
