"""Simulated Modbus modules behind a pseudo-terminal.

They make their answers without the driver's Modbus library.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from gateway.hardware.events import InputKind, InputName
from gateway.hardware.secbox.profiles import ModuleProfile, load_module
from gateway.hardware.simulated.port import SimulatedPort
from gateway.settings import SecBox

_REQUEST_BYTES = 8
"""Size of every supported request: address, function, two words, checksum."""
_SILENCE_S = 0.05
"""Silence that discards an incomplete request."""
_READ_COILS, _READ_INPUTS, _READ_REGISTERS, _WRITE_COIL, _WRITE_REGISTER = 1, 2, 3, 5, 6
_ON, _OFF = 0xFF00, 0x0000
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_MOST_READ = 125


def checksum(data: bytes) -> bytes:
    """CRC-16 of Modbus RTU, low byte first: polynomial 0xA001, start 0xFFFF (Modbus over Serial
    Line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


class SimulatedModule:
    """One module: relays, contacts and registers."""

    def __init__(self, profile: ModuleProfile, now_s: Callable[[], float] = time.monotonic) -> None:
        self.plugged = True
        self.edges = 0
        """Number of relay changes."""
        self._profile = profile
        self._now_s = now_s
        self._on = [False] * profile.coils
        self._until_s: dict[int, float] = {}
        self._closed = [False] * profile.inputs
        self.registers = {
            register: 0
            for setup in profile.setup
            for register in range(setup.register_, setup.register_ + setup.count)
        }
        self._asked_s = now_s()

    def relay(self, number: int) -> bool:
        """Return whether a relay is on."""
        self._pass_time()
        return self._on[number]

    def contact(self, number: int, *, closed: bool) -> None:
        """Close or open the contact at an input."""
        self._closed[number] = closed

    def is_closed(self, number: int) -> bool:
        """Return whether a contact is closed."""
        return self._closed[number]

    def lose_power(self) -> None:
        """Interrupt the power: relays drop and registers are reset."""
        for number in range(len(self._on)):
            self._switch(number, on=False)
        self.registers = dict.fromkeys(self.registers, 0)

    def answer(self, request: bytes) -> bytes:
        """Answer a request, both without address and checksum."""
        self._pass_time()
        self._asked_s = self._now_s()
        function, first, second = struct.unpack(">BHH", request)
        match function:
            case 1 | 2 | 3:
                return self._read(function, first, second)
            case 5:
                return self._write_coil(request, first, second)
            case 6 if first in self.registers:
                self.registers[first] = second
                return request
            case 6:
                return _refusal(function, _ILLEGAL_ADDRESS)
            case _:
                return _refusal(function, _ILLEGAL_FUNCTION)

    def _read(self, function: int, first: int, count: int) -> bytes:
        requested = range(first, first + count)
        if not 0 < count <= _MOST_READ:
            return _refusal(function, _ILLEGAL_VALUE)
        if function == _READ_REGISTERS:
            if not all(register in self.registers for register in requested):
                return _refusal(function, _ILLEGAL_ADDRESS)
            words = [self.registers[register] for register in requested]
            return struct.pack(f">BB{count}H", function, 2 * count, *words)
        lines = self._on if function == _READ_COILS else self._inputs()
        if requested.stop > len(lines):
            return _refusal(function, _ILLEGAL_ADDRESS)
        packed = sum(on << at for at, on in enumerate(lines[first : requested.stop]))
        size = (count + 7) // 8
        return bytes([function, size]) + packed.to_bytes(size, "little")

    def _inputs(self) -> list[bool]:
        return [closed is self._profile.closed for closed in self._closed]

    def _write_coil(self, request: bytes, coil: int, value: int) -> bytes:
        pulse = self._profile.pulse
        if pulse is not None and pulse.coil <= coil < pulse.coil + len(self._on):
            number = coil - pulse.coil
            self._switch(number, on=True)
            self._until_s[number] = self._now_s() + value * pulse.unit_ms / 1000
            return request
        if coil >= len(self._on):
            return _refusal(_WRITE_COIL, _ILLEGAL_ADDRESS)
        if value not in (_ON, _OFF):
            return _refusal(_WRITE_COIL, _ILLEGAL_VALUE)
        self._switch(coil, on=value == _ON)
        return request

    def _switch(self, number: int, *, on: bool) -> None:
        self._until_s.pop(number, None)
        self.edges += on is not self._on[number]
        self._on[number] = on

    def _pass_time(self) -> None:
        """Drop relays whose time is over."""
        now_s = self._now_s()
        over = [number for number, until_s in self._until_s.items() if now_s >= until_s]
        silence_ms = self._profile.silence_ms
        if silence_ms is not None and now_s - self._asked_s >= silence_ms / 1000:
            over = [number for number, on in enumerate(self._on) if on]
        for number in over:
            self._switch(number, on=False)


def _refusal(function: int, code: int) -> bytes:
    return bytes([function | 0x80, code])


class SimulatedLine:
    """An RS-485 line with simulated modules."""

    def __init__(self, modules: Mapping[int, SimulatedModule]) -> None:
        """`modules` by their addresses."""
        self._modules = modules
        self._waiting = b""
        self._received_s = 0.0

    def answer(self, came: bytes) -> bytes:
        """Return the answers to the requests that the bytes `came` complete."""
        before_s, self._received_s = self._received_s, time.monotonic()
        # A silence discards an incomplete request.
        whole = came if self._received_s - before_s > _SILENCE_S else self._waiting + came
        answers = b""
        while len(whole) >= _REQUEST_BYTES:
            request, whole = whole[:_REQUEST_BYTES], whole[_REQUEST_BYTES:]
            answers += self.reply(request)
        self._waiting = whole
        return answers

    def reply(self, request: bytes) -> bytes:
        """Return the addressed module's answer; empty without one."""
        module = self._modules.get(request[0])
        if module is None or not module.plugged or checksum(request[:-2]) != request[-2:]:
            return b""
        answer = request[:1] + module.answer(request[1:-2])
        return answer + checksum(answer)


class SimulatedSecBoxes:
    """Test control of the simulated modules."""

    def __init__(self, boxes: Sequence[SecBox], path: Path) -> None:
        """Create the modules of one line, with its port at `path`."""
        self._boxes = {box.name: box for box in boxes}
        self._modules = {box.address: SimulatedModule(load_module(box.module)) for box in boxes}
        self._inputs = dict(_wiring(boxes))
        self._port = SimulatedPort(path, SimulatedLine(self._modules).answer)

    def __contains__(self, name: object) -> bool:
        """Return whether `name` is a SecBox or an input of one."""
        return name in self._boxes or name in self._inputs

    @property
    def inputs(self) -> list[InputName]:
        """The inputs that can be set."""
        return list(self._inputs)

    def module(self, name: str) -> SimulatedModule:
        """Return the module of the SecBox `name`. Raises KeyError."""
        return self._modules[self._boxes[name].address]

    def set_input(self, name: InputName, *, high: bool) -> None:
        """Open (high) or close the contact of an input."""
        address, number = self._inputs[name]
        self._modules[address].contact(number, closed=not high)

    def state(self) -> list[dict[str, object]]:
        """Return every SecBox as JSON values."""
        shown = []
        for box in self._boxes.values():
            module = self._modules[box.address]
            row = {"name": box.name, "door": box.id, "plugged": module.plugged}
            row["relay"] = "on" if module.relay(box.coil) else "off"
            for key, number in box.inputs().items():
                row[key] = "closed" if module.is_closed(number) else "open"
            shown.append(row)
        return shown

    def close(self) -> None:
        """Remove the line's port."""
        self._port.unplug()


def _wiring(boxes: Sequence[SecBox]) -> Iterator[tuple[InputName, tuple[int, int]]]:
    """Yield every input with its module's address and its number there."""
    kinds = {"sensor": InputKind.DOOR_SENSOR, "rex": InputKind.REX}
    for box in boxes:
        for key, number in box.inputs().items():
            yield InputName(kinds[key], box.id), (box.address, number)
