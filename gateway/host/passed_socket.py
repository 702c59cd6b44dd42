"""The socket that the service manager passes to a unit that it starts for it."""

from __future__ import annotations

import os
import socket

from gateway.errors import NotSupportedHere

_FIRST_DESCRIPTOR = 3
"""Of those that the service manager passes (sd_listen_fds(3))."""


def passed_socket(unit: str) -> socket.socket:
    """The socket of `unit`. Raises NotSupportedHere."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise NotSupportedHere(f"systemd starts this program: systemctl start {unit}")
    return socket.socket(fileno=_FIRST_DESCRIPTOR)
