"""What the api's user can do to files, sockets and locks once somebody has taken its process over.

Run as `python attacks.py UID GID GROUP NAME DATA RUN OWN`: takes that user's place, begins the
attack NAME, prints a line, and goes on until it is killed. DATA is the data directory, RUN the
controller's runtime directory, OWN the api's.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

FOR_EVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"
SHM_LOCKS, SHM_LOCK_COUNT = 120, 8
"""Where SQLite locks a -shm file (wal.c, WALINDEX_LOCK_OFFSET)."""
EXPIRES = f'"id":"x","expires_ns":{1 << 62}'


@dataclass(frozen=True)
class Victim:
    data: Path
    run: Path
    own: Path

    @property
    def store(self) -> Path:
        return self.data / "api" / "store.db"

    def client(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(str(self.run / "commands"))
        client.setblocking(False)
        return client

    def instead(self, make: Callable[[Path], object]) -> None:
        """Put something else in the place of the store, its log and its index."""
        for path in (self.store, *self.side_files()):
            path.unlink(missing_ok=True)
            make(path)

    def side_files(self) -> list[Path]:
        return [Path(f"{self.store}{suffix}") for suffix in ("-wal", "-shm")]


Attack = Callable[[Victim], object]
"""Begins it. What it gives is kept until the end."""


def _held(victim: Victim) -> object:
    """Every lock that a reader or owner can take, shared ones on the controller's files too."""
    held = []
    for folder in (victim.data, victim.data / "api", victim.data / "controller", victim.run):
        for path in folder.iterdir():
            for flags in (os.O_RDWR, os.O_RDONLY):
                with suppress(OSError):
                    handle = os.open(path, flags | os.O_NONBLOCK)
                    held.append(handle)
                    kind = fcntl.LOCK_EX if flags == os.O_RDWR else fcntl.LOCK_SH
                    with suppress(OSError):
                        fcntl.flock(handle, kind | fcntl.LOCK_NB)
                    with suppress(OSError):
                        fcntl.lockf(handle, kind | fcntl.LOCK_NB)
                    break
    return held


def _read_locked_journal(victim: Victim) -> object:
    """Shared locks on the index of the journal's log: a writer needs exclusive ones."""
    handle = os.open(victim.data / "controller" / "journal.db-shm", os.O_RDONLY)
    for at in range(SHM_LOCK_COUNT):
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with suppress(OSError):
                fcntl.lockf(handle, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, SHM_LOCKS + at)
                break
            time.sleep(0.001)
    return handle


def _leases(victim: Victim) -> object:
    """The kernel lets whoever opens a file wait until its owner gives a lease back."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    held = []
    (victim.own / "clock-set").write_text("x")
    for path in (*victim.store.parent.iterdir(), victim.own / "clock-set"):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            held.append(handle)
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    return held


def _pipes(victim: Victim) -> None:
    victim.instead(os.mkfifo)
    for name in ("clock-set", "api.lock", "api.notify"):
        path = victim.own / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)


def _links(victim: Victim) -> None:
    targets = iter(("/dev/zero", victim.data / "controller" / "journal.db", "/dev/full"))
    victim.instead(lambda path: path.symlink_to(next(targets)))
    (victim.own / "clock-set").unlink(missing_ok=True)
    (victim.own / "clock-set").symlink_to("/dev/zero")


def _sparse(victim: Victim) -> None:
    """Files of a terabyte."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(1 << 40)

    victim.instead(make)
    make(victim.own / "clock-set")


def _cut(victim: Victim) -> None:
    for path in victim.side_files():
        with suppress(OSError):
            os.truncate(path, 0)


def _sql(victim: Victim, *statements: str) -> None:
    with closing(sqlite3.connect(victim.store, isolation_level=None)) as connection:
        connection.create_function("device_stamp", -1, lambda *_: 0)
        connection.create_function("u64_text", -1, lambda *_: "")
        for statement in statements:
            connection.execute(statement)


def _endless_view(victim: Victim) -> None:
    """A table that never ends in the place of the people."""
    _sql(
        victim,
        "PRAGMA foreign_keys = 0",
        "PRAGMA legacy_alter_table = 1",
        "ALTER TABLE users RENAME TO users_kept",
        f"CREATE VIEW users AS {FOR_EVER} x AS id, 'x' AS name FROM n",
    )


def _huge_value(victim: Victim) -> None:
    _sql(victim, "UPDATE users SET name = zeroblob(200000000) WHERE id = 2")


def _many_changes(victim: Victim) -> object:
    """Rules that change without a pause."""
    connection = sqlite3.connect(victim.store, isolation_level=None)
    connection.create_function("device_stamp", -1, lambda *_: 0)

    def go_on() -> None:
        for number in count():
            with suppress(sqlite3.Error):
                connection.execute(
                    "UPDATE access_rules SET name = ? WHERE id = 2", (f"Back door {number}",)
                )

    return go_on


def _replaced_in_turn(victim: Victim) -> object:
    """The store is there, and is not, many times a second."""

    def go_on() -> None:
        other = victim.store.with_name("other")
        for _ in count():
            with suppress(OSError):
                victim.store.rename(other)
            with suppress(OSError):
                victim.store.symlink_to("/dev/full")
                victim.store.unlink()
            with suppress(OSError):
                other.rename(victim.store)

    return go_on


def _exclusive(victim: Victim) -> object:
    connection = sqlite3.connect(victim.store, isolation_level=None, timeout=20)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def _super_journal(victim: Victim) -> None:
    """A journal that names a file of the controller's as the one to delete."""
    name = str(victim.data / "controller" / "journal.db").encode()
    tail = len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big")
    magic = bytes.fromhex("d9d505f920a163d7")
    head = magic + b"\xff\xff\xff\xff" + bytes(16)
    Path(f"{victim.store}-journal").write_bytes(
        head.ljust(512, b"\0") + bytes(4) + name + tail + magic
    )


def _connections(victim: Victim) -> object:
    """As many as descriptors allow, each with a request whose answer nobody reads."""
    held = []
    with suppress(OSError):
        for _ in range(100_000):
            held.append(victim.client())
            with suppress(OSError):
                held[-1].send(f'{{{EXPIRES},"command":{{"kind":"report_status"}}}}'.encode())
    return held


def _stopped(victim: Victim) -> object:
    """Listens to all facts, asks for as many answers as fit, then stops itself."""
    held = []
    for name in ("facts", "commands"):
        for _ in range(20):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with suppress(OSError):
                client.connect(str(victim.run / name))
                client.setblocking(False)
                held.append(client)
                for _ in range(1_000):
                    client.send(f'{{{EXPIRES},"command":{{"kind":"report_status"}}}}'.encode())

    def go_on() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        del held[:]

    return go_on


def _churn(victim: Victim) -> object:
    """Connects, sends and goes away before the answer comes."""

    def go_on() -> None:
        for number in count():
            with suppress(OSError), closing(victim.client()) as client:
                client.send(
                    f'{{{EXPIRES},"command":{{"kind":"obey","version":{number}}}}}'.encode()
                    if number % 2
                    else os.urandom(number % 60_000)
                )

    return go_on


def _descriptors(victim: Victim) -> object:
    """Messages that carry descriptors, which the receiver would have to close."""
    handles = [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]

    def go_on() -> None:
        for _ in count():
            with suppress(OSError), closing(victim.client()) as client:
                for _ in range(50):
                    socket.send_fds(client, [b"{}"], handles)

    return go_on


def _removal(victim: Victim) -> object:
    """Everything that its rights let it remove, rename or overwrite, over and over."""
    harms: tuple[Callable[[Path], object], ...] = (
        lambda path: path.write_bytes(b""),
        lambda path: path.rename(path.with_name(f"{path.name}.away")),
        Path.unlink,
        lambda path: path.symlink_to("/dev/zero"),
    )

    def go_on() -> None:
        for _ in count():
            for folder in (victim.run, victim.data, victim.data / "controller", victim.own):
                for path in list(folder.iterdir()):
                    for harm in harms:
                        with suppress(OSError):
                            harm(path)

    return go_on


def nothing(_: Victim) -> None:
    """For comparison."""


ATTACKS: dict[str, Attack] = {
    "held locks": _held,
    "a read-locked journal": _read_locked_journal,
    "leases": _leases,
    "rules that always change": _many_changes,
    "connections without end": _connections,
    "a listener that stops": _stopped,
    "clients that leave": _churn,
    "descriptors in messages": _descriptors,
    "removal of all it can": _removal,
    "a cut index": _cut,
    "a store that comes and goes": _replaced_in_turn,
    "an exclusive lock": _exclusive,
    "a huge value": _huge_value,
    "a table without end": _endless_view,
    "a journal that names another": _super_journal,
    "pipes": _pipes,
    "links": _links,
    "files of a terabyte": _sparse,
}


def main(uid: str, gid: str, group: str, name: str, *paths: str) -> None:
    os.setgroups([int(group)])
    os.setresgid(int(gid), int(gid), int(gid))
    os.setresuid(int(uid), int(uid), int(uid))
    held = ATTACKS.get(name, nothing)(Victim(*map(Path, paths)))
    print("begun", flush=True)  # noqa: T201 - for the test
    if callable(held) and not isinstance(held, sqlite3.Connection):  # that is callable too
        held()
    while True:
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
