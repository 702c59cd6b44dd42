"""Simulated OSDP readers on a pseudo-terminal, in a process of their own.

They are the library's own readers. The process reads orders from standard input, one JSON object a
line, the first one being the bus, and ends with its input. `OsdpReaders` has the other end.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import struct
import sys
import termios
import tty
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import osdp_sys

from gateway.files import write_whole
from gateway.hardware.osdp.library import take_log

_STEP_S = 0.003
_MOST = 1024
_KEYSET, _STATUS, _COMSET_DONE = 5, 9, 10
_STATUS_LOCAL, _STATUS_INPUTS = 2, 0
_INPUTS = 4
_CAPABILITIES = ((1, 1, _INPUTS), (3, 1, 1), (4, 4, 1), (5, 1, 1), (8, 1, 0), (9, 1, 1), (13, 0, 1))
"""Inputs, cards as bits, light, sound, checksum, encryption, one reader."""


def _answer(said: dict[str, Any] | None, status: int = 0) -> tuple[int, dict[str, Any] | None]:
    """What a command's callback returns. The binding gives `said` back once more than it took."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(said))
    return status, said


def _status(report: bytes | bytearray) -> dict[str, Any]:
    """The answer to a status command.

    The binding loses the report of such a command. It puts the bytes of a key where the library
    looks for the report: two bytes behind the kind's first two, then the length, then the report.
    """
    return {"command": _KEYSET, "type": 0, "data": struct.pack("<2xi", len(report)) + report}


class _Ear:
    """A reader's end of the bus, as the library wants it."""

    id = 0

    def __init__(self, bus: PlayedBus) -> None:
        self._bus = bus
        self.heard = bytearray()
        self.plugged = True

    def read(self, most: int) -> bytes:
        data = bytes(self.heard[:most])
        del self.heard[:most]
        return data

    def write(self, data: bytes) -> int:
        if self.plugged:
            self._bus.say(bytes(data), self)
        return len(data)

    def flush(self) -> None:
        self.heard.clear()


class PlayedReader:
    """One reader."""

    def __init__(self, bus: PlayedBus, given: dict[str, Any]) -> None:
        self.name: str = given["name"]
        self.ear = _Ear(bus)
        self._given = given
        self._store = Path(given["store"]) if "store" in given else None
        self.baud: int | None = given.get("baud")
        """None hears every speed."""
        self.told: deque[dict[str, Any]] = deque(maxlen=100)
        """The latest commands, without their data."""
        self._reset_due = False
        self._inputs = bytearray(_INPUTS)
        for number in given.get("on", ()):
            self._inputs[number] = 1
        self._local = bytearray(2)
        key = given.get("key")
        with suppress(OSError):
            key = self._store.read_text() if self._store else key
        self.restart(key)

    def restart(self, key: str | None) -> None:
        """Begin with this key, in hexadecimal; without one, in installation mode."""
        self._key = key
        self.ear.heard.clear()
        enforce = osdp_sys.FLAG_ENFORCE_SECURE if self._given.get("enforce", True) else 0
        self.device = osdp_sys.PeripheralDevice(
            {
                "name": self.name,
                "address": self._given["address"],
                "flags": enforce if key else osdp_sys.FLAG_INSTALL_MODE,
                "scbk": bytes.fromhex(key) if key else None,
                "channel": self.ear,
                "version": 1,
                "model": 1,
                "vendor_code": 0x00CAFE,
                "serial_number": self._given.get("serial", self._given["address"] + 1),
                "firmware_version": 0x010000,
            },
            capabilities=[
                {"function_code": code, "compliance_level": level, "num_items": items}
                for code, level, items in _CAPABILITIES
            ],
        )
        self.device.set_command_callback(self._commanded)

    def _commanded(self, command: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        if command["command"] == _KEYSET:
            resets = self._given.pop("resets", None)
            if resets is not None:
                self._reset_due, self.ear.plugged = True, False
            if resets == "before":
                return _answer(None, -1)
            self._key = bytes(command["data"]).hex()
            if self._store is not None:
                write_whole(self._store, self._key.encode())
        if command["command"] == _STATUS:
            report = {_STATUS_INPUTS: self._inputs, _STATUS_LOCAL: self._local}[command["type"]]
            return _answer(_status(report))
        if command["command"] == _COMSET_DONE:
            self._given["address"] = command["address"]
            self.baud = self.baud and command["baud_rate"]
            self.ear.plugged = not self._given.get("lost")
        self.told.append({key: value for key, value in command.items() if key != "data"})
        return _answer(None)

    def turn(self) -> None:
        """One step."""
        self.device.refresh()
        if self._reset_due:  # not from the device's own callback
            self._reset_due, self.ear.plugged = False, True
            self.restart(self._key)

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out an order: a card, keys, tamper, power, an input, unplug, another key or serial
        number."""
        if "card" in order:
            bits: str = order["card"]
            size = -(-len(bits) // 8)
            data = int(bits.ljust(8 * size, "0"), 2).to_bytes(size)
            card = {"event": 1, "reader_no": 0, "format": 1, "direction": 0}
            self.device.submit_event({**card, "length": len(bits), "data": data})
        if "keys" in order:
            data = order["keys"].encode("latin-1")
            self.device.submit_event({"event": 2, "reader_no": 0, "data": data})
        if "tamper" in order or "power" in order:
            self._local[:] = order.get("tamper", False), order.get("power", False)
            self._report(_STATUS_LOCAL, self._local)
        if "input" in order:
            self._inputs[order["input"]] = order["active"]
            self._report(_STATUS_INPUTS, self._inputs)
        if "plugged" in order:
            self.ear.plugged = order["plugged"]
        if "serial" in order:
            self._given["serial"] = order["serial"]
            self.restart(self._key)
        if "key" in order:
            self.restart(order["key"])

    def _report(self, kind: int, report: bytearray) -> None:
        self.device.submit_event({"event": 4, "type": kind, "report": bytes(report)})


class PlayedBus:
    """The pseudo-terminal and its readers."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._path = Path(given["path"])
        self._ends: tuple[int, int] | None = None
        self.plug()
        self.readers = [PlayedReader(self, each) for each in given["readers"]]

    def plug(self) -> None:
        """Plug the adapter in."""
        if self._ends is None:
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._ends = master, slave
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            self._path.symlink_to(os.ttyname(slave))

    def unplug(self) -> None:
        """Pull the adapter out."""
        if self._ends is not None:
            self._path.unlink(missing_ok=True)
            for end in self._ends:
                os.close(end)
            self._ends = None

    def say(self, data: bytes, speaker: _Ear | None = None) -> None:
        """Put bytes on the bus."""
        for reader in self.readers:
            if reader.ear is not speaker:
                reader.ear.heard += data
        if self._ends is not None:
            with suppress(BlockingIOError):
                os.write(self._ends[0], data)

    def turn(self) -> bool:
        """One step; returns whether an order may be waiting."""
        master = [self._ends[0]] if self._ends else []
        ready = select.select([sys.stdin.fileno(), *master], [], [], _STEP_S)[0]
        if master and master[0] in ready:
            with suppress(OSError):
                data = os.read(master[0], _MOST)
                speed = _SPEEDS.get(termios.tcgetattr(master[0])[4])
                for reader in self.readers:
                    if reader.ear.plugged and reader.baud in {None, speed}:
                        reader.ear.heard += data
        for reader in self.readers:
            reader.turn()
        return sys.stdin.fileno() in ready

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out an order for the bus or one of its readers."""
        if "raw" in order:
            self.say(bytes.fromhex(order["raw"]))
        elif "told" in order:
            told = {reader.name: list(reader.told) for reader in self.readers}
            print(json.dumps(told), flush=True)  # noqa: T201 - the answer
        elif "reader" in order:
            for reader in self.readers:
                if reader.name == order["reader"]:
                    reader.obey(order)
        elif order["plugged"]:
            self.plug()
        else:
            self.unplug()


_SPEEDS = {
    getattr(termios, f"B{baud}"): baud for baud in (9600, 19200, 38400, 57600, 115200, 230400)
}


def main() -> None:
    """Play until the input ends."""
    take_log(osdp_sys, lambda _: None)
    pending = b""
    bus: PlayedBus | None = None
    while True:
        if bus is None or bus.turn():
            data = os.read(sys.stdin.fileno(), 65_536)
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                given = json.loads(line)
                if bus is None:
                    bus = PlayedBus(given)
                    print("ready", flush=True)  # noqa: T201 - for who waits
                else:
                    bus.obey(given)
    if bus is not None:
        bus.unplug()


if __name__ == "__main__":
    main()
