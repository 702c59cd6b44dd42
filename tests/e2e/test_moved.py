"""The API moves to another port while the doors stay live."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.ports import free_port

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

ANY_PORT = "127.0.0.1:0"
SITE = """
[site]
name = "Moving"
timezone = "America/Sao_Paulo"
board = "simulated"

[http]
listen = "127.0.0.1:1"
tls = "127.0.0.1:0"
plain = false

[[door]]
id = 1
name = "front"
strike = { pin = 5, locked = "low", unlocked = "high" }
egress = "mechanical"
"""


def https_port(running: Running) -> int | None:
    """Where the api process says that it serves HTTPS."""
    noted = running.runtime.holder("api") or ""
    found = [urlsplit(word).port for word in noted.split() if word.startswith("https://")]
    return found[0] if found else None


def test_the_api_moves_and_the_doors_stay_as_they_were(
    make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    # Plain HTTP has the address of the command line, which no client can change.
    running = start(make.site(SITE), ANY_PORT)
    controller, api = running.child("controller"), running.child("api")
    running.api.configure("general", relay1_timeout=600_000)
    running.api.ask("execute_actions", {"actions": [{"action": "door", "parameters": "door=1"}]})
    eventually(lambda: running.status().doors[0].unlocked, "an open door")
    port = free_port()

    assert running.api.ask("set_system_network", {"web_server_port": port}) == {}
    eventually(lambda: https_port(running) == port, "HTTPS at its new port")
    eventually(lambda: running.child("api") not in {0, api}, "another api process")

    running.api.login(running.site.password)  # at the old address of plain HTTP
    network = running.api.ask("system_information")["network"]
    assert network["ssl_enabled"] is True
    assert running.child("controller") == controller
    assert running.status().doors[0].unlocked
    noted = running.runtime.holder("run") or ""
    assert noted.endswith(running.url)

    # One that dies comes back there as well.
    running.kill("api")
    eventually(lambda: https_port(running) == port, "HTTPS where it was")


def test_a_port_that_somebody_else_has_taken_locks_nobody_out(
    make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    site = make.site(SITE)
    running = start(site, ANY_PORT)
    port = free_port()
    assert running.api.ask("set_system_network", {"web_server_port": port}) == {}
    eventually(lambda: https_port(running) == port, "HTTPS at its new port")
    assert running.stop() == 0

    with socket.create_server(("127.0.0.1", port)):
        again = start(site, ANY_PORT)
        assert https_port(again) not in {None, port}
        assert "cannot listen on" in again.errors.read_text()


@pytest.mark.parametrize("command", ["reboot", "set_system_time", "set_system_network"])
def test_the_demo_does_not_touch_the_machine_that_it_runs_on(demo: Running, command: str) -> None:
    bodies = {
        "set_system_time": dict.fromkeys(("day", "month", "hour", "minute", "second"), 1)
        | {"year": 2030},
        "set_system_network": {"dhcp_enabled": True},
    }
    status, answer = demo.api.post(command, bodies.get(command))
    assert (status, "on a simulated board" in answer["error"]) == (400, True)
