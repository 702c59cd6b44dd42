"""Reports this process's state to the service manager by the sd_notify protocol.

A report is one datagram of `KEY=value` lines to the socket in NOTIFY_SOCKET (sd_notify(3)).
`gateway run` supervises its two children by the same protocol.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from gateway.files import make_way

_ALIVE_WAIT_S = 0.05
"""For room at the service manager's socket, which any user can keep full. Doors wait for it once a
second at most."""
_START_WAIT_S = 2.0
"""A start that is not reported is ended after its time limit."""


class Notifier:
    """Sends reports to the service manager; does nothing without NOTIFY_SOCKET."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address if address is not None else os.environ.get("NOTIFY_SOCKET", "")

    def ready(self, status: str) -> None:
        """Report that start-up is complete; `status` is one line for a person."""
        self._send(f"READY=1\nSTATUS={status}", _START_WAIT_S)

    def alive(self) -> None:
        """Reset the service's watchdog."""
        self._send("WATCHDOG=1", _ALIVE_WAIT_S)

    def stopping(self) -> None:
        """Report that an orderly stop has begun."""
        self._send("STOPPING=1", _ALIVE_WAIT_S)

    def _send(self, message: str, wait_s: float) -> None:
        if not self._address:
            return
        # A leading @ names a socket in Linux's abstract namespace.
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            suppress(OSError),  # a failed report must not stop the doors
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            # Connected, so that it waits for room at this receiver; it does wait only without any.
            sender.connect(path)
            sender.settimeout(wait_s)
            sender.send(message.encode())


class NotifySocket:
    """The receiving end, for a process that supervises others."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        make_way(Path(path))
        self._socket.bind(path)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> dict[str, str] | None:
        """Return the next report as a map; None when no report waits."""
        try:
            message = self._socket.recv(4096).decode(errors="replace")
        except BlockingIOError:
            return None
        return dict(line.split("=", 1) for line in message.splitlines() if "=" in line)

    def close(self) -> None:
        self._socket.close()
        Path(self.path).unlink(missing_ok=True)
