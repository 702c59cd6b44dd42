"""`gateway system-helper`: the process that changes the operating system for the api."""

from __future__ import annotations

import click

from gateway.host.passed_socket import passed_socket
from gateway.host.system_helper import serve
from gateway.host.system_platform import SystemPlatform


@click.command("system-helper")
def system_helper() -> None:
    """Set clock, addresses and name, and restart the machine, as the api process requests.

    systemd starts it with its socket, gateway-system.socket.
    """
    with passed_socket("gateway-system.socket") as listener:
        serve(listener, SystemPlatform())
