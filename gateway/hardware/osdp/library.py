"""The library, and the port that it reads and writes.

All calls of one context belong to one thread: the library is not thread-safe.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import serial

from gateway.errors import DeviceUnavailable
from gateway.hardware.osdp.polls import PollCounter, address_of, needs_channel, next_message

CAPABILITY_LED = 4
CAPABILITY_BUZZER = 5
KEYSET = {"command": 5, "type": 1}
STATUS_LOCAL = {"command": 9, "type": 2}


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

    def get_pd_id(self, reader: int, /) -> Mapping[str, int]: ...

    def check_capability(self, reader: int, capability: int, /) -> tuple[int, int]: ...


class PortChannel:
    """A port for the library. Its methods never raise: an exception would hang the library."""

    id = 0
    """The library reads it: one bus."""

    def __init__(
        self, port: serial.Serial, polls: PollCounter, clear_text: Collection[int] = ()
    ) -> None:
        """`port` must not block; the readers at addresses `clear_text` need no secure channel."""
        self.fault: OSError | None = None
        """Why the port has failed."""
        self.outside_channel: list[int] = []
        """Addresses of messages that were dropped, since this was last emptied."""
        self._clear_text = clear_text
        self._port = port
        self._polls = polls
        self._come = b""
        """Bytes that are not a whole message yet."""

    def read(self, most: int) -> bytes:
        """Return the next whole message; libosdp 3.2.9 loses one that it gets in pieces."""
        try:
            data: bytes = self._port.read(most)
            self._polls.received(data)
        except Exception as error:  # noqa: BLE001 - see the class
            self._fail(error)
            return b""
        message, self._come = next_message(self._come + data)
        if message and needs_channel(message):
            address = address_of(message)
            if address not in self._clear_text:
                self.outside_channel.append(address)
                return b""
        return message

    def write(self, data: bytes) -> int:
        self._come = b""  # what was left of an answer to the question before
        try:
            self._polls.sent(data)
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
    # It writes past our log, and bytes of the bus do not belong there.
    osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
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
