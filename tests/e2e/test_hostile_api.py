"""The api's process is replaced by a hostile one: doors go on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from gateway.link.client import ControllerClient
from gateway.link.messages import ReportStatus

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
