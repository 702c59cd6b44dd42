"""The api's user does to the store whatever a user can: doors go on, and everything comes back."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.store.files import MIRROR_FILE, STORE_FILE
from tests.e2e.conftest import alive, eventually

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

FEED = b"gateway.controller.mirror"
STRIKE_PIN = 17
SHM_LOCKS, SHM_LOCK_COUNT = 120, 8
"""Where SQLite locks a -shm file (wal.c, "WALINDEX_LOCK_OFFSET")."""


@pytest.fixture(scope="module")
def house(make: Maker) -> Iterator[Running]:
    with make.run(make.demo()) as running:
        running.api.configure("general", relay1_timeout=100)
        yield running


def feed_of(running: Running) -> int:
    """The process that feeds the mirror of this gateway; 0 while there is none."""
    controller = running.child("controller")
    for task in Path(f"/proc/{controller}/task").iterdir():
        for pid in (task / "children").read_text().split():
            with suppress(OSError):
                if FEED in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    return int(pid)
    return 0


def fault(running: Running) -> str | None:
    mirror = running.status().mirror
    assert mirror is not None
    return mirror.fault


def opens(running: Running) -> bool:
    """Swipe the card of Ana; another one first, since the same one again is one read."""
    running.swipe("99,1")
    edges = running.board.edges(STRIKE_PIN)
    running.swipe("123,45678")
    eventually(lambda: running.board.edges(STRIKE_PIN) > edges, "an open door")
    running.wait_locked()
    return True


@contextmanager
def replaced(store: Path, make_instead: Callable[[Path], object]) -> Iterator[None]:
    """Something else in the place of the store."""
    files = [Path(f"{store}{suffix}") for suffix in ("", "-wal", "-shm")]
    for file in files:
        file.rename(f"{file}.kept")
    make_instead(store)
    try:
        yield
    finally:
        if store.is_dir() and not store.is_symlink():
            store.rmdir()
        else:
            store.unlink()
        for file in files:
            Path(f"{file}.kept").rename(file)


@pytest.mark.parametrize(
    ("make_instead", "why"),
    [
        pytest.param(lambda path: path.write_bytes(b"x" * 9_999), "not a database", id="rubbish"),
        pytest.param(os.mkfifo, "no regular file", id="a pipe"),
        pytest.param(Path.mkdir, "no regular file", id="a directory"),
        pytest.param(lambda path: path.symlink_to("/etc/passwd"), "not a database", id="a link"),
        pytest.param(lambda path: path.symlink_to(path), "no regular file", id="a loop"),
    ],
)
def test_doors_open_while_the_store_is_something_else(
    house: Running, make_instead: Callable[[Path], object], why: str
) -> None:
    with replaced(house.site.data / STORE_FILE, make_instead):
        eventually(lambda: why in (fault(house) or ""), "a fault that says why")
        assert opens(house)
        doctor = house.site.type("doctor").stdout
        assert "last good copy" in doctor
    eventually(lambda: fault(house) is None, "the end of the fault")
    assert opens(house)


def test_doors_open_while_somebody_locks_the_store_for_good(house: Running) -> None:
    shm = house.site.data / f"{STORE_FILE}-shm"
    with shm.open("r+b") as held:

        def locked() -> bool:
            with suppress(OSError):
                fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB, SHM_LOCK_COUNT, SHM_LOCKS)
                return True
            return False

        eventually(locked, "all locks of the store at once")
        eventually(lambda: "locked" in (fault(house) or ""), "a fault that says why")
        assert opens(house)
    eventually(lambda: fault(house) is None, "the end of the fault")


def test_doors_open_whatever_becomes_of_the_process_that_feeds_the_mirror(house: Running) -> None:
    stopped = feed_of(house)
    os.kill(stopped, signal.SIGSTOP)
    assert opens(house)
    # It hangs, is replaced, and what changed meanwhile is obeyed.
    house.api.modify("users", {"end_time": 1}, id=1)
    eventually(lambda: feed_of(house) not in (0, stopped), "another process")
    assert not alive(stopped)
    eventually(lambda: fault(house) is None, "the end of the fault")
    assert house.swiped("123,45678")["event"] == 6
    house.api.modify("users", {"end_time": 0}, id=1)
    killed = feed_of(house)
    os.kill(killed, signal.SIGKILL)
    assert opens(house)
    eventually(lambda: feed_of(house) not in (0, killed), "another process")


def test_doors_open_and_both_processes_return_after_the_index_of_the_log_was_cut(
    house: Running,
) -> None:
    controller = house.child("controller")
    os.truncate(house.site.data / f"{STORE_FILE}-shm", 0)
    with suppress(Exception):  # the api dies of it, or not
        house.api.modify("users", {"name": "Ana"}, id=1)
    assert opens(house)
    assert house.child("controller") == controller

    def answers() -> bool:
        with suppress(Exception):
            house.api.login(house.site.password)
            house.api.modify("users", {"name": "Anna"}, id=1)
            return fault(house) is None
        return False

    eventually(answers, "an api that writes, and a mirror that follows")
    assert opens(house)


def test_a_change_whose_wake_up_was_lost_is_obeyed(house: Running) -> None:
    with closing(sqlite3.connect(house.site.data / STORE_FILE)) as store:
        store.create_function("device_stamp", -1, lambda *_: 0)
        store.execute("INSERT INTO users (id, name) VALUES (900, 'Nina')")
        store.execute("INSERT INTO user_groups (user_id, group_id) VALUES (900, 1)")
        card = ((44 << 32) | 44) - (1 << 63)
        store.execute("INSERT INTO cards (user_id, value) VALUES (900, ?)", (card,))
        store.commit()
    edges = house.board.edges(STRIKE_PIN)

    def let_in() -> bool:
        house.swipe("99,2")
        house.swipe("44,44")
        return house.board.edges(STRIKE_PIN) > edges

    eventually(let_in, "an open door for somebody new")


def test_nobody_else_reads_the_mirror_and_the_process_ends_with_its_parent(make: Maker) -> None:
    with make.run(make.demo()) as running:
        mirror = running.site.data / MIRROR_FILE
        for path in (mirror, Path(f"{mirror}-wal"), Path(f"{mirror}-shm")):
            assert path.stat().st_mode & 0o777 == 0o600
        feed = feed_of(running)
        os.kill(feed, signal.SIGSTOP)
        running.kill("controller")
        eventually(lambda: not alive(feed), "the end of the process")
