"""A simulated keyboard reader: a FIFO with the events of an input device."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gateway.errors import DeviceUnavailable
from gateway.hardware.usb.input_events import pack_text

_ROOM_BYTES = 1 << 20
"""Pipe size for the longest text with Shift at every character; a user's maximum."""


def open_simulated_keyboard(path: str) -> int:
    """Open the FIFO for the driver; raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


class SimulatedKeyboard:
    """One simulated keyboard that can be unplugged; starts plugged in."""

    def __init__(self, path: Path) -> None:
        """`path` is the FIFO; one left by a killed controller is replaced."""
        self.path = path
        self._end: int | None = None
        self.plug()

    def plug(self) -> None:
        """Plug the device in, if it is unplugged."""
        if self._end is not None:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        os.mkfifo(self.path, 0o600)
        # Opened for reading too, so that opening does not wait for a driver.
        self._end = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(self._end, fcntl.F_SETPIPE_SZ, _ROOM_BYTES)

    def unplug(self) -> None:
        """Close and remove the FIFO, if it is plugged in."""
        if self._end is None:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._end)
        self._end = None

    def type(self, text: str, at_ns: int) -> None:
        """Type a text and Enter at `at_ns`; line ends in the text are Enter too.

        Raises ValueError for a character without a key, DeviceUnavailable when it is unplugged or
        no driver reads the keys.
        """
        self.send(b"".join(pack_text(line, at_ns) for line in text.split("\n")))

    def send(self, events: bytes) -> None:
        """Send events as the kernel would write them; raises DeviceUnavailable."""
        if self._end is None:
            raise DeviceUnavailable(f"keyboard {self.path.name!r} is unplugged")
        try:
            sent = os.write(self._end, events)
        except BlockingIOError:
            sent = 0
        if sent < len(events):
            raise DeviceUnavailable(f"keyboard {self.path.name!r}: only {sent} bytes were taken")
