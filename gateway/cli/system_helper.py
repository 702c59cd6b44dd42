"""`gateway system-helper`: the process that changes the operating system for the api."""

from __future__ import annotations

import os
import socket

import click

from gateway.errors import NotSupportedHere
from gateway.host.system_helper import serve
from gateway.host.system_platform import SystemPlatform

_FIRST_DESCRIPTOR = 3
"""Of those that the service manager passes (sd_listen_fds(3))."""


@click.command("system-helper")
def system_helper() -> None:
    """Set clock, addresses and name, and restart the machine, as the api process requests.

    systemd starts it with its socket, gateway-system.socket.
    """
    with passed_socket("gateway-system.socket") as listener:
        serve(listener, SystemPlatform())


def passed_socket(unit: str) -> socket.socket:
    """The socket of `unit`, which the service manager passed. Raises NotSupportedHere."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise NotSupportedHere(f"systemd starts this program: systemctl start {unit}")
    return socket.socket(fileno=_FIRST_DESCRIPTOR)
