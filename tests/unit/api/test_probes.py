"""Tests of the network over a real socket, with the machine's own programs or played ones."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.waiting import eventually

Order = Callable[..., Any]

PLAYED_PING = """#!/bin/sh
for host; do :; done
case $host in
  up) echo "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.512 ms";;
  down) echo "1 packets transmitted, 0 received, 100% packet loss"; exit 1;;
  slow) exec sleep 600;;
  *) echo "ping: $host: Name or service not known" >&2; exit 2;;
esac
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a program into the place of the machine's."""

    def put(name: str, text: str) -> None:
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return put


@pytest.mark.effect("connection_test")
def test_a_port_that_listens_can_be_connected_to_and_another_cannot(order: Order) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = order("connection_test", {"host": "127.0.0.1", "port": port}).json()
        assert found["success"] is True
        assert found["time_ms"] >= 0
        caller, _ = listener.accept()
        with caller:
            assert caller.recv(1) == b""  # nothing is sent
    found = order("connection_test", {"host": "127.0.0.1", "port": port}).json()
    assert found == {"success": False, "reason": "connection refused"}


@pytest.mark.effect("nslookup_test")
def test_a_name_is_looked_up(order: Order) -> None:
    found = order("nslookup_test", {"host": "localhost"}).json()
    assert found["success"] is True
    assert set(found["addresses"]) & {"127.0.0.1", "::1"}
    assert order("nslookup_test", {"host": "nobody.invalid"}).json()["success"] is False


@pytest.mark.effect("ping_test")
def test_a_host_is_pinged(order: Order, program: Callable[[str, str], None]) -> None:
    program("ping", PLAYED_PING)
    assert order("ping_test", {"host": "up"}).json() == {"success": True, "time_ms": 0.512}
    assert order("ping_test", {"host": "down"}).json() == {
        "success": False,
        "reason": "no answer",
    }
    assert order("ping_test", {"host": "other"}).json() == {
        "success": False,
        "reason": "ping: other: Name or service not known",
    }


@pytest.mark.usefixtures("throwaway")
def test_a_ping_that_does_not_end_is_ended(
    order: Order, program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.host.probes.LIMIT_S", 1)
    program("ping", PLAYED_PING)
    assert order("ping_test", {"host": "slow"}).json() == {"success": False, "reason": "no answer"}


def test_a_machine_that_cannot_ping_says_so(
    order: Order, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reply = order("ping_test", {"host": "up"})
    assert (reply.status_code, reply.json()["error"]) == (400, "this machine has no program ping")


@pytest.mark.parametrize("command", ["connection_test", "ping_test", "nslookup_test"])
@pytest.mark.parametrize("host", ["", "-f", "a b", "a;b", "$(id)", "a\n", "a" * 254, 7, None])
def test_what_is_no_host_is_refused_by_name(order: Order, command: str, host: object) -> None:
    reply = order(command, {"host": host, "port": 80})
    assert reply.status_code == 400
    assert "'host'" in reply.json()["error"]


@pytest.mark.parametrize("port", [0, 65_536, "80", None])
def test_what_is_no_port_is_refused_by_name(order: Order, port: object) -> None:
    reply = order("connection_test", {"host": "127.0.0.1", "port": port})
    assert (reply.status_code, "'port'" in reply.json()["error"]) == (400, True)


def test_only_one_test_runs_at_a_time(
    order: Order, program: Callable[[str, str], None], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    # The shell waits at the pipe until somebody opens its other end.
    program("ping", f"#!/bin/sh\nmkfifo {gate}\nread line <{gate}\necho 'time=1.0 ms'\n")
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(order("ping_test", {"host": "up"})))
    first.start()
    eventually(gate.exists)
    second = order("nslookup_test", {"host": "localhost"})
    gate.write_text("go\n")
    first.join()
    assert (second.status_code, second.json()["error"]) == (
        503,
        "Another test of the network is running",
    )
    assert answers[0].json() == {"success": True, "time_ms": 1.0}


def test_tests_are_told_of_in_the_audit_log_and_not_each_time(
    order: Order, throwaway: SimpleNamespace
) -> None:
    for _ in range(3):
        order("nslookup_test", {"host": "127.0.0.7"})
    lines = order("export_audit_logs", {"network": 1}).text.splitlines()
    assert len([line for line in lines if "nslookup_test 127.0.0.7" in line]) == 1
    assert throwaway.context.probe_lock.acquire(blocking=False)
    throwaway.context.probe_lock.release()
