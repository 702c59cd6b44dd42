"""A simulated serial port: a pseudo-terminal whose slave the reader's driver opens."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.errors import DeviceUnavailable
from gateway.settings.addresses import SIMULATED_PORT


def port_path(runtime_dir: Path, reader: str) -> Path:
    """Return the path of a reader's simulated port."""
    return runtime_dir / "ports" / reader


def path_of_port(runtime_dir: Path, device: str, place: str) -> str:
    """Return the path of port `place`, which may be the simulated port of `device`."""
    return str(port_path(runtime_dir, device)) if place == SIMULATED_PORT else place


class SimulatedPort:
    """One simulated port that can be unplugged; starts plugged in."""

    def __init__(self, path: Path, answer: Callable[[bytes], bytes] | None = None) -> None:
        """`path` is the link to the slave; one left by a killed controller is replaced.

        `answer` returns the reply to received bytes. The port's own thread calls it.
        """
        self.path = path
        self._answer = answer
        self._ends: tuple[int, int] | None = None
        self._player: tuple[threading.Thread, int] | None = None
        self.plug()

    def plug(self) -> None:
        """Plug the port in, if it is unplugged."""
        if self._ends is not None:
            return
        master, slave = os.openpty()
        # An open slave keeps its raw mode while the driver has it closed.
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._ends = master, slave
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        if self._answer is not None:
            stop_read, stop_write = os.pipe()
            thread = threading.Thread(
                target=self._play, args=(master, stop_read, self._answer), daemon=True
            )
            self._player = thread, stop_write
            thread.start()

    def unplug(self) -> None:
        """Close the port and remove its path, if it is plugged in."""
        if self._ends is None:
            return
        self.path.unlink(missing_ok=True)
        if self._player is not None:
            thread, stop_write = self._player
            os.close(stop_write)
            thread.join()
            self._player = None
        for end in self._ends:
            os.close(end)
        self._ends = None

    def send(self, data: bytes) -> None:
        """Send bytes to the driver.

        Raises DeviceUnavailable when it is unplugged or its buffer is full.
        """
        if self._ends is None:
            raise DeviceUnavailable(f"port {self.path.name!r} is unplugged")
        try:
            sent = os.write(self._ends[0], data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            raise DeviceUnavailable(f"port {self.path.name!r}: only {sent} bytes were taken")

    @staticmethod
    def _play(master: int, stop_read: int, answer: Callable[[bytes], bytes]) -> None:
        """Answer received bytes until the other end of `stop_read` is closed."""
        try:
            while stop_read not in (ready := select.select([master, stop_read], [], [])[0]):
                with suppress(BlockingIOError):  # unread bytes are lost, as on a line
                    data = os.read(master, 4096) if ready else b""
                    os.write(master, answer(data))
        finally:
            os.close(stop_read)
