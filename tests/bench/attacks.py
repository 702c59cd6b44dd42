"""The longest stay of the controller's loop while its sockets and files are attacked."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.link.runtime import RuntimeDirectory
from gateway.store.files import JOURNAL_FILE

from .figures import Expectations, p50, p99, say, table
from .loads import PRIORITIES, UNIT, as_service, swiped
from .processes import ask, memory_of, swiper
from .sites import Site
from .swipes import Plan

AIM_MS = 50
START_S = 1.0

_FLOOD = """
import socket, sys, time
path, message, count = sys.argv[1], eval(sys.argv[2]), int(sys.argv[3])
clients = []
def dial():
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(1)
    client.connect(path)
    client.setblocking(False)
    return client
clients = [dial() for _ in range(count)]
while True:
    for at, client in enumerate(clients):
        try:
            client.send(message)
            if at % 2: client.recv(1 << 18)
        except BlockingIOError: pass
        except OSError:
            client.close()
            try: clients[at] = dial()
            except OSError: time.sleep(0.001)
"""
_CONNECT = """
import socket, sys
while True:
    clients = []
    for _ in range(200):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.setblocking(False)
        try: client.connect(sys.argv[1])
        except OSError: pass
        clients.append(client)
    for client in clients: client.close()
"""
_LOCK = """
import fcntl, os, sys, time
file = os.open(sys.argv[1], os.O_RDONLY)
for at in range(120, 128):
    try: fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, at)
    except OSError: pass
time.sleep(1_000)
"""


def _message(command: str) -> str:
    return repr(f'{{"id":"x","expires_ns":{1 << 62},"command":{command}}}'.encode())


ATTACKS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "flood of openings": (_FLOOD, "commands", _message('{"kind":"open_door","door":1}'), "30"),
    "flood of questions": (_FLOOD, "commands", _message('{"kind":"report_status"}'), "30"),
    "flood of waits": (
        _FLOOD,
        "commands",
        _message(f'{{"kind":"obey","version":{1 << 60}}}'),
        "30",
    ),
    "requests of 64 KiB": (_FLOOD, "commands", "b'[' * 65_000", "30"),
    "messages of 200 KB": (_FLOOD, "commands", "b' ' * 200_000", "30"),
    "connections": (_CONNECT, "commands"),
    "deaf listeners": (_FLOOD, "facts", "b'x'", "60"),
    "locks on the journal": (_LOCK, "journal"),
}


@contextmanager
def _attacked(site: Site, arguments: tuple[str, ...]) -> Iterator[None]:
    if not arguments:
        yield
        return
    runtime = RuntimeDirectory.create(site.data)
    program, target, *others = arguments
    path = {
        "commands": runtime.command_socket,
        "facts": runtime.fact_socket,
        "journal": site.data / f"{JOURNAL_FILE}-shm",
    }[target]
    process = subprocess.Popen([sys.executable, "-c", program, str(path), *others])
    try:
        time.sleep(START_S)
        yield
        if process.poll() is not None:
            raise RuntimeError("the attack ended by itself")
    finally:
        process.kill()
        process.wait()


def measure(site: Site, plan: Plan, expected: Expectations) -> None:
    """Print the longest stay, swipes and memory for each attack."""
    rows = []
    with swiper(site, plan.nice) as process:
        as_service(process, *PRIORITIES[UNIT])
        ask(process, {"do": "stays"})
        swiped(process, site, plan, 0)
        for name, arguments in ATTACKS.items():
            with _attacked(site, arguments):
                ask(process, {"do": "stays"})
                waits = swiped(process, site, plan, 1)
                stay, work = (ns / 1e6 for ns in ask(process, {"do": "stays"}))
            rows.append((name, stay, work, p50(waits), p99(waits), str(memory_of(process.pid))))
            time.sleep(START_S)
    say()
    say("The loop between two waits, and swipe to relay, in milliseconds. work: its processor time")
    table(("attack", "longest stay", "most work", "p50", "p99", "memory"), rows)
    for name, _, work, _, swipe_p99, _ in rows:
        expected.below(f"{name}: most work of a turn", work, AIM_MS, " ms")
        expected.below(f"{name}: p99 of a swipe", swipe_p99, AIM_MS, " ms")
