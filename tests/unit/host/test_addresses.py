"""The machine's addresses, compared with those that the system's own program names."""

from __future__ import annotations

import socket
import subprocess

from gateway.host.network import machine_addresses


def test_the_addresses_are_those_that_the_system_names() -> None:
    named = set(
        subprocess.run(
            ["hostname", "-I"], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.split()
    )
    found = machine_addresses()
    assert found <= named
    assert bool(found) == bool(named)


def test_each_address_can_be_listened_on() -> None:
    for address in machine_addresses():
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as listening:
            listening.bind((address, 0))
