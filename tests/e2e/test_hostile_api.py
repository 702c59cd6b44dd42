"""The api's process is replaced by a hostile one: doors go on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import ControllerUnavailable
from gateway.link.client import ControllerClient
from gateway.link.messages import ReportStatus
from gateway.link.runtime import RuntimeDirectory
from gateway.store.files import JOURNAL_FILE

if TYPE_CHECKING:
    from tests.e2e.conftest import Running

FRONT = 17
ANA = "123,45678"

FLOOD = """
import select, socket, sys
path, *messages = sys.argv[1:]
clients = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(30)]
for client in clients:
    client.connect(path)
    client.setblocking(False)
print("flooding", flush=True)
while True:
    for number, client in enumerate(clients):
        for message in messages:
            try:
                client.send(message.encode())
                if number % 2:
                    client.recv(1 << 18)
            except BlockingIOError:
                pass
            except OSError:
                clients[number] = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                clients[number].settimeout(1)
                try:
                    clients[number].connect(path)
                except OSError:
                    pass
                clients[number].setblocking(False)
"""


def _request(command: str) -> str:
    return f'{{"id":"x","expires_ns":{1 << 62},"command":{command}}}'


FLOODS = {
    "openings": [_request('{"kind":"open_door","door":2}')],
    "questions": [_request('{"kind":"report_status"}')],
    "waits": [_request(f'{{"kind":"obey","version":{1 << 60}}}')],
    "garbage": ["[" * 60_000, "{}"],
    "large": [" " * 100_000],
}


@pytest.mark.parametrize("messages", FLOODS.values(), ids=FLOODS.keys())
def test_a_door_opens_and_locks_while_the_socket_is_flooded(
    demo: Running, eventually: Callable[..., Any], messages: list[str]
) -> None:
    path = str(demo.runtime.command_socket)
    flood = subprocess.Popen(
        [sys.executable, "-c", FLOOD, path, *messages], stdout=subprocess.PIPE, text=True
    )
    try:
        assert flood.stdout is not None
        assert flood.stdout.readline() == "flooding\n"
        edges = demo.board.edges(FRONT)
        demo.swipe("99,1")  # the same card twice within two seconds is one read
        demo.swipe(ANA)
        eventually(lambda: demo.board.edges(FRONT) == edges + 2, "one on and one off")
        with closing(ControllerClient(demo.runtime)) as newcomer:
            assert newcomer.ask(ReportStatus(), 30.0)
        assert flood.poll() is None
    finally:
        flood.kill()
        flood.communicate()


def test_a_second_gateway_on_the_same_data_is_refused_by_name(
    demo: Running, tmp_path: Path
) -> None:
    for role, pid in (("controller", demo.child("controller")), ("api", demo.child("api"))):
        done = demo.site.type(role, variables={"XDG_RUNTIME_DIR": str(tmp_path)})
        assert done.returncode == 1
        assert f"the {role} is already running: pid {pid}" in done.stderr
    # The first one is found as before.
    assert demo.runtime.path == RuntimeDirectory.find(demo.site.data).path


HOLD = """
import fcntl, os, sys
shared = os.open(sys.argv[1], os.O_RDONLY)
for byte in range(120, 128):  # SQLite's locks of a database in WAL mode
    try:
        fcntl.lockf(shared, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, byte)
    except OSError:
        pass
print("held", flush=True)
sys.stdin.read()
"""


def test_doors_open_while_the_journal_is_locked_and_its_rows_come_later(
    demo: Running, eventually: Callable[..., Any]
) -> None:
    """Also over a restart of the controller."""
    locks = subprocess.Popen(
        [sys.executable, "-c", HOLD, f"{demo.site.data / JOURNAL_FILE}-shm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert locks.stdout is not None
    assert locks.stdout.readline() == "held\n"
    try:
        for restarted in (False, True):
            if restarted:
                demo.kill("controller")
                eventually(lambda: _answers(demo), "a controller")
            edges = demo.board.edges(FRONT)
            demo.swipe("99,2")
            demo.swipe(ANA)
            eventually(partial(_opened, demo, edges), "one on and one off")
            eventually(lambda: demo.status().journal_fault, "a fault that is shown")
        waiting = demo.status().journal_waiting
        assert waiting > 0
    finally:
        locks.communicate()
    eventually(lambda: demo.status().journal_fault is None, "a journal that can be written")
    eventually(lambda: demo.status().journal_waiting == 0, "no entry that waits")


def _opened(running: Running, edges: int) -> bool:
    return running.board.edges(FRONT) >= edges + 2


def _answers(running: Running) -> bool:
    try:
        running.status()
    except ControllerUnavailable:
        return False
    return True
