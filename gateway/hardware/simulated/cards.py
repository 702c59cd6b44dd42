"""A simulated contactless reader, which replaces pcscd."""

from __future__ import annotations

import threading

from gateway.errors import BrokenFrame, DeviceUnavailable
from gateway.hardware.usb.card_service import WAIT_S, CardView
from gateway.settings.addresses import SIMULATED_PORT

MIFARE_CLASSIC_1K = bytes.fromhex("3B8F8001804F0CA000000306030001000000006A")
"""Answer to reset of such a card behind a PC/SC reader (PC/SC part 3; Gemalto Prox-DU manual)."""

_GET_DATA = bytes.fromhex("FFCA")
_DONE = b"\x90\x00"
_NOT_SUPPORTED = b"\x6d\x00"


class SimulatedCards:
    """A card service with one reader. Thread-safe."""

    settling_ns = 0

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._plugged = True
        self._serial: bytes | None = None
        self._atr = b""
        self._events = 0
        self._unseen = False
        """A change that `look` has not returned yet."""
        self._first = True
        """No `look` since the reader appeared."""

    # test control

    def present(self, serial: bytes, atr: bytes = MIFARE_CLASSIC_1K) -> None:
        """Present a card at the reader; it replaces a present one.

        Raises DeviceUnavailable when it is unplugged.
        """
        with self._changed:
            if not self._plugged:
                raise DeviceUnavailable("the reader is unplugged")
            self._events += 1 if self._serial is None else 2
            self._serial, self._atr = serial, atr
            self._notify()

    def remove(self) -> None:
        """Remove the card, if any."""
        with self._changed:
            if self._serial is not None:
                self._serial = None
                self._events += 1
                self._notify()

    def plug(self) -> None:
        """Plug the reader in, if it is unplugged."""
        with self._changed:
            self._plugged = True
            self._notify()

    def unplug(self) -> None:
        """Unplug the reader, if it is plugged in."""
        with self._changed:
            self._plugged = False
            self._notify()

    # CardService

    def readers(self) -> list[str]:
        with self._changed:
            return [SIMULATED_PORT] if self._plugged else []

    def look(self, reader: str | None) -> CardView | None:
        with self._changed:
            if reader is None or not self._first:
                self._changed.wait_for(lambda: self._unseen, WAIT_S)
            self._unseen = False
            self._first = reader is None or not self._plugged
            if self._first:
                return None
            there = self._serial is not None
            return CardView(present=there, events=self._events, atr=self._atr if there else b"")

    def transmit(self, reader: str, command: bytes) -> bytes:
        with self._changed:
            if not self._plugged:
                raise DeviceUnavailable(f"reader {reader!r} is unplugged")
            if self._serial is None:
                raise BrokenFrame("the card was removed before it was read: hold it longer")
            return self._serial + _DONE if command.startswith(_GET_DATA) else _NOT_SUPPORTED

    def cancel(self) -> None:
        with self._changed:
            self._notify()

    def close(self) -> None:
        """Close the driver's connection; reader and card stay for the next one."""
        with self._changed:
            self._first = True

    def _notify(self) -> None:
        self._unseen = True
        self._changed.notify_all()
