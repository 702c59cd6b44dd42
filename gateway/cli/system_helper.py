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
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise NotSupportedHere("systemd starts this program: systemctl start gateway-system.socket")
    with socket.socket(fileno=_FIRST_DESCRIPTOR) as listener:
        serve(listener, SystemPlatform())
