"""The library, and the port that it reads and writes.

All calls of one context belong to one thread: the library is not thread-safe.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import serial
import structlog

from gateway.errors import DeviceUnavailable
from gateway.hardware.osdp.polls import PollCounter, address_of, needs_channel, next_message

CAPABILITY_INPUTS = 1
CAPABILITY_LED = 4
CAPABILITY_BUZZER = 5
KEYSET = {"command": 5, "type": 1}
STATUS_INPUTS = {"command": 9, "type": 0}
COMSET = {"command": 6}
STATUS_LOCAL = {"command": 9, "type": 2}
_GAP_S = 0.02
"""Longest pause between two bytes of an answer, by the standard."""
_ANSWER_S = 0.1
"""Longest wait for the rest of one; noise may go on for ever."""
_LOOK_S = 0.002
_LOG_PAUSE_S = 10.0
"""The library says the same with every message of a noisy line."""

log = structlog.get_logger("osdp")


class PanelContext(Protocol):
    """The library's control panel; readers are numbered as given."""

    def set_event_callback(self, handler: Callable[[int, dict[str, Any]], int], /) -> None: ...

    def set_command_completion_callback(
        self, handler: Callable[[int, dict[str, Any], int], None], /
    ) -> None: ...

    def refresh(self) -> None: ...

    def sc_status(self) -> int: ...

    def submit_command(self, reader: int, command: Mapping[str, Any], /) -> bool: ...

    def enable_pd(self, reader: int, /) -> bool: ...

    def disable_pd(self, reader: int, /) -> bool: ...

    def is_pd_enabled(self, reader: int, /) -> bool: ...

    def get_pd_id(self, reader: int, /) -> Mapping[str, int]: ...

    def check_capability(self, reader: int, capability: int, /) -> tuple[int, int]: ...


class PortChannel:
    """A port for the library. Its methods never raise: an exception would hang the library."""

    id = 0
    """The library reads it: one bus."""

    def __init__(
        self,
        port: serial.Serial,
        polls: PollCounter,
        clear_text: Collection[int] = (),
        tap: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        """`port` must not block; the readers at addresses `clear_text` need no secure channel.
        `tap` gets each whole packet of either side."""
        self.fault: OSError | None = None
        """Why the port has failed."""
        self.outside_channel: list[int] = []
        """Addresses of messages that were dropped, since this was last emptied."""
        self._clear_text = clear_text
        self._port = port
        self._polls = polls
        self._tap = tap
        self._come = b""
        """Bytes that are not a whole message yet."""

    def read(self, most: int) -> bytes:
        """Return the next whole message; libosdp 3.2.9 loses one that it gets in pieces."""
        try:
            message, self._come = next_message(self._come + self._received(most))
            if self._come and not message:
                message, self._come = self._rest(most)
        except Exception as error:  # noqa: BLE001 - see the class
            self._fail(error)
            return b""
        if message:
            self._tap(message)
        if message and needs_channel(message):
            address = address_of(message)
            if address not in self._clear_text:
                self.outside_channel.append(address)
                return b""
        return message

    def _received(self, most: int) -> bytes:
        data: bytes = self._port.read(most)
        self._polls.received(data)
        return data

    def _rest(self, most: int) -> tuple[bytes, bytes]:
        """Wait for the rest of an answer that has begun: nothing else can happen on the bus, and
        the library gives up on it 200 ms after the question, in the middle of it or not."""
        last_s = time.monotonic()
        end_s = last_s + _ANSWER_S
        message, come = next_message(self._come)
        while not message and (now_s := time.monotonic()) < min(end_s, last_s + _GAP_S):
            data = self._received(most)
            last_s = now_s if data else last_s
            message, come = next_message(come + data)
            if not data:
                time.sleep(_LOOK_S)
        return message, come

    def write(self, data: bytes) -> int:
        self._come = b""  # what was left of an answer to the question before
        try:
            self._polls.sent(data)
            self._tap(data)
            sent: int = self._port.write(data) or 0
        except Exception as error:  # noqa: BLE001 - see the class
            self._fail(error)
            return 0
        return sent

    def flush(self) -> None:
        """Discard what has come so far."""
        self._come = b""
        try:
            self._port.reset_input_buffer()
        except Exception as error:  # noqa: BLE001 - see the class
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        number = error.errno if isinstance(error, OSError) else None
        why = os.strerror(number) if number else "the port is gone"
        self.fault = OSError(f"{self._port.port}: {why}")


@dataclass(frozen=True, slots=True)
class Station:
    """A reader as the library is told of it."""

    address: int
    key: bytes | None = field(repr=False)
    enforce: bool
    """Refuse anything but the secure channel with `key`."""


def take_log(library: Any, say: Callable[[str], None]) -> None:
    """Give `say` what the library `osdp_sys` would write to standard error: emergencies, which name
    no bytes of the bus. Raises nothing; contexts that exist already are not affected."""
    library.set_loglevel(library.LOG_EMERG)
    try:
        # A function of the C library that the Python package has, and does not offer.
        set_callback = ctypes.PyDLL(library.__file__).osdp_set_log_callback
    except (OSError, AttributeError):
        return

    def said(level: int, _file: bytes, _line: int, text: bytes) -> None:
        if level == library.LOG_EMERG:
            say(text.decode(errors="replace").strip())

    set_callback.argtypes, set_callback.restype = [_LOG_CALLBACK], None
    callback = _LOG_CALLBACK(said)
    _callbacks.append(callback)
    set_callback(callback)


_LOG_CALLBACK = ctypes.CFUNCTYPE(
    None, ctypes.c_int, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p
)
"""Level, file, line, text."""
_callbacks: list[Any] = []
"""Kept for good: each context of the library has the address of one."""


class _LibraryLog:
    """What the library says, in our log, and not more often than somebody can read."""

    def __init__(self) -> None:
        self._next_s = 0.0
        self._left_out = 0

    def __call__(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s < self._next_s:
            self._left_out += 1
            return
        log.warning("the OSDP library warns", says=text, left_out=self._left_out)
        self._next_s, self._left_out = now_s + _LOG_PAUSE_S, 0


@cache
def _take_log_once(library: Any) -> None:
    take_log(library, _LibraryLog())


def open_panel(channel: PortChannel, stations: Sequence[Station]) -> PanelContext:
    """A control panel for the readers of one bus.

    Raises DeviceUnavailable without the library or for what it refuses.
    """
    try:
        # Imported late: only sites with such readers have it.
        import osdp_sys
    except ImportError as error:
        raise DeviceUnavailable(
            "the Python package libosdp is missing: install gateway[osdp]; there is none for a"
            " 32-bit system"
        ) from error
    _take_log_once(osdp_sys)
    notify, enforce = osdp_sys.FLAG_ENABLE_NOTIFICATION, osdp_sys.FLAG_ENFORCE_SECURE
    try:
        context: PanelContext = osdp_sys.ControlPanel(
            [
                {
                    "name": f"reader-{station.address}",
                    "address": station.address,
                    "flags": notify | (enforce if station.enforce else 0),
                    "scbk": station.key,
                    "channel": channel,
                    # Of a reader only; the library wants them all the same.
                    "version": 1,
                    "model": 1,
                    "vendor_code": 0,
                    "serial_number": 0,
                    "firmware_version": 0,
                }
                for station in stations
            ]
        )
    except Exception as error:  # noqa: BLE001 - the library has no errors of its own
        # Its message could hold a key.
        raise DeviceUnavailable(f"libosdp refuses the bus: {type(error).__name__}") from None
    return context
