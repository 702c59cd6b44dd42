"""A reader of the simulated board that types: a FIFO that carries what an input device would."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gateway.errors import DeviceUnavailable
from gateway.hardware.usb.input_events import pack_text

_ROOM_BYTES = 1 << 20
"""Room for the longest text, with Shift at every character; the most that a user may ask for."""


def open_simulated_keyboard(path: str) -> int:
    """The descriptor that a driver reads; raises OSError. Nobody else is there to take it from."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


class SimulatedKeyboard:
    """One typing reader that can be pulled out and put back; made plugged in."""

    def __init__(self, path: Path) -> None:
        """`path` is where the FIFO stands; one left by a killed controller is replaced."""
        self.path = path
        self._end: int | None = None
        self.plug()

    def plug(self) -> None:
        """Make the device appear; nothing when it is there."""
        if self._end is not None:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        os.mkfifo(self.path, 0o600)
        # For both directions: opening does not wait for a driver, and it may come and go.
        self._end = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(self._end, fcntl.F_SETPIPE_SZ, _ROOM_BYTES)

    def unplug(self) -> None:
        """Hang up and make the path vanish; nothing when it is gone."""
        if self._end is None:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._end)
        self._end = None

    def type(self, text: str, at_ns: int) -> None:
        """Type a text and Enter, which stands for its line ends too, all at `at_ns`.

        Raises ValueError for a character without a key, DeviceUnavailable when it is unplugged or
        nobody takes what is typed.
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
