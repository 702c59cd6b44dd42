"""How a process speaks to its service manager and hangs on its parent."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import boot_id
from gateway.host import notify
from gateway.host.clock_trust import (
    CEILING,
    RELEASED,
    ClockSources,
    ClockTrust,
    ClockVerdict,
    judge,
)
from gateway.host.notify import Notifier, NotifySocket

NOW = RELEASED + timedelta(days=30)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[NotifySocket]:
    made = NotifySocket(str(tmp_path / "notify"))
    yield made
    made.close()


def test_ready_alive_and_stopping_arrive_as_the_protocol_has_them(listener: NotifySocket) -> None:
    notifier = Notifier(listener.path)
    notifier.ready("http://here")
    notifier.alive()
    notifier.stopping()
    assert listener.receive() == {"READY": "1", "STATUS": "http://here"}
    assert listener.receive() == {"WATCHDOG": "1"}
    assert listener.receive() == {"STOPPING": "1"}
    assert listener.receive() is None


def test_an_abstract_socket_is_reached_too() -> None:
    name = f"gateway-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        Notifier(f"@{name}").alive()
        assert listener.recv(100) == b"WATCHDOG=1"


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    Notifier("").ready("x")
    Notifier(str(tmp_path / "nobody")).ready("x")


CHILD = """
import os, sys
from gateway.host.process import die_with_parent
die_with_parent(os.getppid())
print(os.getpid(), flush=True)
import signal
signal.pause()
"""
PARENT = f"""
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, '-c', {CHILD!r}])
signal.pause()
"""


def test_a_child_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        handle = os.pidfd_open(child)
        parent.kill()
        ended, _, _ = select.select([handle], [], [], 30)
        os.close(handle)
        if not ended:
            os.kill(child, signal.SIGKILL)
        assert ended


def test_this_boot_has_an_id() -> None:
    assert len(boot_id()) == 36


CLOCK_TABLE = tomllib.loads(
    (Path(__file__).parent / "tables" / "clock_trust.toml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("row", CLOCK_TABLE["row"], ids=lambda row: row["says"])
def test_a_clock_is_trusted_as_the_table_says(row: dict[str, Any]) -> None:
    sources = ClockSources(**dict.fromkeys(row.get("sources", []), True))
    floor = row.get("floor")
    verdict = judge(row["shows"], floor, sources)
    assert verdict == row["verdict"]
    assert verdict.trusted is row["trusted"]


def test_the_table_has_every_verdict() -> None:
    assert {row["verdict"] for row in CLOCK_TABLE["row"]} == set(ClockVerdict)


def test_the_release_and_the_ceiling_are_those_of_the_table() -> None:
    assert (CLOCK_TABLE["released"], CLOCK_TABLE["ceiling"]) == (RELEASED, CEILING)


def test_a_clock_that_was_set_within_the_process_overrides_the_journal(tmp_path: Path) -> None:
    trust = ClockTrust(NOW, simulated=True, synchronised=tmp_path / "synchronised")
    assert not trust.trusted(NOW - timedelta(days=20))
    trust.note_set()
    assert trust.trusted(NOW - timedelta(days=20))


def test_a_time_server_overrides_the_journal(tmp_path: Path) -> None:
    trust = ClockTrust(NOW, simulated=True, synchronised=tmp_path / "synchronised")
    assert not trust.trusted(NOW - timedelta(days=20))
    (tmp_path / "synchronised").touch()
    assert trust.trusted(NOW - timedelta(days=20))


@pytest.mark.parametrize("source", ["synchronised", "battery_clock"])
def test_a_board_must_show_what_sets_its_clock(tmp_path: Path, source: str) -> None:
    trust = ClockTrust(
        None, synchronised=tmp_path / "synchronised", battery_clock=tmp_path / "battery_clock"
    )
    assert not trust.trusted(NOW)
    (tmp_path / source).touch()
    assert trust.trusted(NOW)


@pytest.mark.parametrize("report", [Notifier.alive, lambda it: it.ready("x")])
def test_a_report_arrives_at_a_manager_whose_socket_somebody_keeps_full(
    listener: NotifySocket,
    report: Callable[[Notifier], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notify, "_ALIVE_WAIT_S", 20.0)
    monkeypatch.setattr(notify, "_START_WAIT_S", 20.0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                other.sendto(b"X=1", listener.path)
        reporting = threading.Thread(target=report, args=(Notifier(listener.path),))
        reporting.start()
        select.select([], [], [], 0.01)
        assert listener.receive() == {"X": "1"}
        reporting.join()
        rest = list(iter(listener.receive, None))
        assert {"X": "1"} in rest
        assert {"WATCHDOG", "READY"} & set(rest[-1])


def test_a_manager_that_reads_nothing_delays_a_report_for_a_moment_only(
    listener: NotifySocket,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                other.sendto(b"X=1", listener.path)
    Notifier(listener.path).alive()
    assert {"WATCHDOG": "1"} not in list(iter(listener.receive, None))
