"""Requests to Modbus RTU modules on one serial line.

Only `open_bus` imports this module, since pymodbus is slow to import and only sites with modules
need it.
"""

from __future__ import annotations

import logging
import os
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import serial
from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import WriteSingleCoilRequest

from gateway.hardware.device_files import refuse_plain_file
from gateway.hardware.rs485 import set_direction
from gateway.hardware.secbox.modbus_errors import ModuleRefused, NoAnswer
from gateway.settings import LineParity, SecBox

# The modules' states report missing answers.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_PARITY = {
    LineParity.NONE: serial.PARITY_NONE,
    LineParity.EVEN: serial.PARITY_EVEN,
    LineParity.ODD: serial.PARITY_ODD,
}
_REFUSALS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, not done yet",
    6: "busy",
}
"""Exception codes of the Modbus Application Protocol V1.1b3, 7."""
_QUIET_S = 0.02
"""Silence that ends a broken answer."""


_READS = frozenset({1, 2, 3})
"""Read functions; their answer never equals the request, unlike that of a write."""


class _Stray:
    """Removes bytes that are not an answer: some RS-485 adapters echo what they send, and some
    modules send 00 before an answer.

    Each read shows whether the line echoes. The answer to a write equals the request, so an echo
    alone confirms nothing.
    """

    def __init__(self) -> None:
        self._sent = b""
        self._echoes = False

    def pass_on(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - the library calls it so
        """Return the bytes to send (`sending`), or those received so far that may be an answer."""
        if sending:
            self._sent = data
            return data
        # No module has address 0, so no answer begins with 0.
        came = data.lstrip(b"\0")
        echoed, begun = came.startswith(self._sent), self._sent.startswith(came)
        reads = self._sent[1] in _READS
        if reads and (echoed or not begun):
            self._echoes = echoed
        if echoed and self._echoes:
            return came[len(self._sent) :].lstrip(b"\0")
        # The beginning of a possible echo waits for the rest.
        return b"" if begun and (reads or self._echoes) else came


class _TimedCoil(WriteSingleCoilRequest):
    """Function 5 with a time as its value, which some modules accept."""

    def __init__(self, coil: int, units: int, device: int) -> None:
        super().__init__(address=coil, dev_id=device)
        self._units = units

    def encode(self) -> bytes:
        return struct.pack(">HH", self.address, self._units)


def open_line(box: SecBox, path: str) -> serial.Serial:
    """Open the port of a line; raises OSError, also if its driver does not support RS-485."""
    refuse_plain_file(path)
    port = serial.serial_for_url(
        path,
        baudrate=box.baud,
        parity=_PARITY[box.parity],
        timeout=box.timeout_ms / 1000,
        write_timeout=1,
        exclusive=True,
    )
    set_direction(port, box.direction)
    return port


class ModbusBus:
    """One Modbus line. Not thread-safe.

    Requests raise NoAnswer or ModuleRefused for a module, and OSError for the line itself.
    """

    def __init__(self, box: SecBox, path: str, timeout_s: float) -> None:
        """Open the port at `path` with the settings of `box`; modules answer within `timeout_s`."""
        self._port = open_line(box, path)
        self._path = path
        self._timeout_s = timeout_s
        self._client = ModbusSerialClient(
            path,
            baudrate=box.baud,
            parity=_PARITY[box.parity],
            timeout=timeout_s,
            retries=0,
            trace_packet=_Stray().pass_on,
        )
        # pymodbus hides why a port cannot be opened, so the port is opened here.
        self._client.socket = self._port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._port.close()

    def read_inputs(self, device: int, count: int) -> tuple[bool, ...]:
        """Read the first `count` discrete inputs of a module."""
        answer = self._ask(
            2, lambda: self._client.read_discrete_inputs(0, count=count, device_id=device)
        )
        return _bits(answer, count)

    def read_coils(self, device: int, count: int) -> tuple[bool, ...]:
        """Read the first `count` coils of a module."""
        answer = self._ask(1, lambda: self._client.read_coils(0, count=count, device_id=device))
        return _bits(answer, count)

    def write_coil(self, device: int, coil: int, *, on: bool) -> None:
        """Switch a relay."""
        answer = self._ask(5, lambda: self._client.write_coil(coil, on, device_id=device))
        if answer.address != coil or answer.bits[:1] != [on]:
            raise NoAnswer("the answer belongs to another request")

    def pulse_coil(self, device: int, coil: int, units: int) -> None:
        """Switch a relay on for `units` of the module's time."""
        request = _TimedCoil(coil, units, device)
        answer = self._ask(5, lambda: self._client.execute(False, request))
        if answer.address != coil:
            raise NoAnswer("the answer belongs to another request")

    def read_registers(self, device: int, register: int, count: int) -> tuple[int, ...]:
        """Read `count` holding registers of a module."""
        answer = self._ask(
            3,
            lambda: self._client.read_holding_registers(register, count=count, device_id=device),
        )
        if len(answer.registers) != count:
            raise NoAnswer("the answer belongs to another request")
        return tuple(answer.registers)

    def write_register(self, device: int, register: int, value: int) -> None:
        """Write a holding register of a module."""
        answer = self._ask(
            6, lambda: self._client.write_register(register, value, device_id=device)
        )
        if answer.address != register or answer.registers != [value]:
            raise NoAnswer("the answer belongs to another request")

    def _ask(self, function: int, ask: Callable[[], ModbusPDU]) -> ModbusPDU:
        try:
            answer = self._answer(function, ask)
        except (ConnectionException, OSError) as error:
            # pymodbus may wrap the system's error.
            cause = error if isinstance(error, OSError) else error.__context__
            number = getattr(cause, "errno", None)
            why = os.strerror(number) if number else "the port is gone"
            raise OSError(f"{self._path}: {why}") from error
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            raise ModuleRefused(_REFUSALS.get(code, f"exception {code}"))
        return answer

    def _answer(self, function: int, ask: Callable[[], ModbusPDU]) -> ModbusPDU:
        try:
            answer = ask()
        except ConnectionException:
            raise
        except (ModbusException, struct.error, IndexError) as error:
            # pymodbus raises the last two for a short answer with a valid checksum.
            self._await_quiet()
            raise NoAnswer("no complete answer") from error
        if answer.function_code & 0x7F != function:
            self._await_quiet()
            raise NoAnswer("the answer belongs to another request")
        return answer

    def _await_quiet(self) -> None:
        """Discard the rest of an answer, so that it is not taken for the next one."""
        self._port.timeout = _QUIET_S
        end_s = time.monotonic() + self._timeout_s
        while self._port.read(256) and time.monotonic() < end_s:
            pass
        self._port.timeout = self._timeout_s


def _bits(answer: ModbusPDU, count: int) -> tuple[bool, ...]:
    """Return `count` bits of an answer, which has whole bytes."""
    if not count <= len(answer.bits) < count + 8:
        raise NoAnswer("the answer belongs to another request")
    return tuple(answer.bits[:count])
