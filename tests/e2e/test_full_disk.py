"""Files that cannot be written: doors go on, rows wait and are counted, and nothing is half done.

A limit on the size of a process's files stands in for the full disk, since it needs no rights:
every write beyond it fails. One test has a real full disk where the system lets us mount one.
"""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import ControllerUnavailable
from tests.e2e.disks import own_disk

if TYPE_CHECKING:
    from tests.e2e.conftest import Home, Maker, Running

ANA = "123,45678"
FRONT = 17
OPEN_FRONT = {"actions": [{"action": "door", "parameters": "door=1, timeout=100"}]}


@pytest.fixture
def running(make: Maker, start: Callable[..., Running]) -> Running:
    running = start(make.demo())
    running.api.configure("general", relay1_timeout=300)
    return running


@contextmanager
def no_growth(pid: int, path: Path) -> Iterator[None]:
    """Let a process write no byte beyond the present end of `path`."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def test_while_the_journal_cannot_grow_doors_open_and_rows_wait(
    running: Running, eventually: Callable[..., Any]
) -> None:
    running.swiped(ANA)
    running.wait_locked()
    rows = running.api.load("access_logs", order=["id"])
    edges = running.board.edges(FRONT)
    with no_growth(running.child("controller"), running.site.data / "journal.db-wal"):
        running.swipe("77,1")
        eventually(lambda: running.status().journal_waiting == 1, "a waiting row")
        running.swipe(ANA)
        eventually(lambda: running.board.edges(FRONT) == edges + 2, "an open and shut front door")
        assert running.api.ask("execute_actions", OPEN_FRONT) == {}
        eventually(lambda: running.board.edges(FRONT) == edges + 4, "and once more")
        status = running.status()
        # Three accesses, that nobody entered with the card, and perhaps what came since.
        assert status.journal_waiting >= 4
        assert status.journal_dropped == 0
        assert status.journal_fault
        doctor = running.site.type("doctor")
        assert doctor.returncode == 1
        assert "fail journal: " in doctor.stdout
        assert running.api.load("access_logs", order=["id"]) == rows
    eventually(lambda: len(running.api.load("access_logs")) == len(rows) + 3, "the rows")
    after = running.api.load("access_logs", order=["id"])
    assert after[: len(rows)] == rows
    assert [row["event"] for row in after[len(rows) :]] == [3, 7, 10]
    assert [row["id"] for row in after] == list(range(1, len(after) + 1))
    status = running.status()
    assert (status.journal_waiting, status.journal_dropped) == (0, 0)
    assert status.journal_fault is None
    assert running.site.type("doctor").returncode == 0


def test_while_the_store_cannot_grow_writes_fail_whole_and_doors_open(
    running: Running, eventually: Callable[..., Any]
) -> None:
    users = running.api.load("users")
    many = [{"name": f"N{number}" * 20, "registration": ""} for number in range(200)]
    with no_growth(running.child("api"), running.site.data / "store.db-wal"):
        status, answer = running.api.post("create_objects", {"object": "users", "values": many})
        assert (status, answer["code"]) == (500, 1)
        assert answer["error"].startswith("database: the disk failed (disk I/O error")
        edges = running.board.edges(FRONT)
        running.swipe(ANA)
        eventually(lambda: running.board.edges(FRONT) == edges + 2, "an open and shut front door")
        assert running.api.ask("execute_actions", OPEN_FRONT) == {}
        assert running.api.load("users") == users
    eventually(lambda: len(running.api.load("access_logs")) == 2, "both rows")
    assert [row["event"] for row in running.api.load("access_logs", order=["id"])] == [7, 10]
    assert len(running.api.create("users", *many)) == len(many)


def fill(path: Path) -> None:
    """Take all the space that is left."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            with suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    assert os.statvfs(path.parent).f_bavail == 0


def test_on_a_full_disk_an_emergency_holds_until_a_person_ends_it(
    home: Home, make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    place = home.new_path()
    with own_disk(place):
        made = make.demo()
        site = type(made)(home, place / "site", made.password)
        shutil.copytree(made.data, site.data)
        running = start(site)
        running.swiped(ANA)
        running.wait_locked()
        fill(place / "ballast")
        for number in range(10):  # a file's last page may have had room
            running.swipe(f"77,{number}")
        eventually(lambda: running.status().journal_fault, "the fault")
        running.api.login(made.password)
        assert "disk" in set_mode(running, "emergency")["warning"]
        front = running.status().doors[0]
        assert (front.mode, front.unlocked) == ("emergency", True)
        assert first_mode(running)["mode"] == "emergency"
        for role in ("controller", "api"):  # each has it from the other
            running.kill(role)
            eventually(lambda role=role: running.child(role), f"another {role}")
            eventually(lambda: holds(running), "an emergency that holds on")
        doctor = site.type("doctor")
        assert "door 1: its mode emergency is in force and not stored yet" in doctor.stdout
        (place / "ballast").unlink()
        eventually(lambda: not running.status().modes_unstored, "a stored emergency")
        eventually(lambda: logged_in(running, made.password), "an api process")
        words = {"general": ["door1_exception_mode"]}
        stored = running.api.ask("get_configuration", words)["general"]["door1_exception_mode"]
        assert stored == "emergency"
        assert first_mode(running)["reason"] == "smoke"
        assert running.status().doors[0].unlocked
        assert set_mode(running, "none") == {}
        running.wait_locked(1)
        assert running.stop() == 0


def set_mode(running: Running, mode: str) -> dict[str, str]:
    wanted = {"door": 1, "mode": mode, "reason": "smoke"}
    answer: dict[str, str] = running.api.ask("set_exception_mode", wanted)
    return answer


def first_mode(running: Running) -> dict[str, Any]:
    modes: list[dict[str, Any]] = running.api.ask("get_exception_modes")["exception_modes"]
    return next(mode for mode in modes if mode["door"] == 1)


def holds(running: Running) -> bool:
    """Whether the controller of now holds the front door unlocked for an emergency."""
    try:
        front = running.status().doors[0]
    except ControllerUnavailable:
        return False
    return front.mode == "emergency" and front.unlocked


def logged_in(running: Running, password: str) -> bool:
    try:
        running.api.login(password)
    except OSError:
        return False
    return True


def test_on_a_full_disk_doors_open_and_the_rows_come_once_there_is_space(
    home: Home, make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    place = home.new_path()
    with own_disk(place):
        made = make.demo()
        site = type(made)(home, place / "site", made.password)
        shutil.copytree(made.data, site.data)
        running = start(site)
        running.api.configure("general", relay1_timeout=300)
        running.swiped(ANA)
        running.wait_locked()
        rows = running.api.load("access_logs", order=["id"])
        edges = running.board.edges(FRONT)
        fill(place / "ballast")
        for number in range(10):  # a file's last page may have had room
            running.swipe(f"77,{number}")
        eventually(lambda: running.status().journal_fault, "the fault")
        running.swipe(ANA)
        eventually(lambda: running.board.edges(FRONT) == edges + 2, "an open and shut front door")
        assert running.status().journal_waiting > 0
        many = {"object": "users", "values": [{"name": "N" * 200}] * 500}
        status, answer = running.api.post("create_objects", many)
        assert status == 500
        assert answer["error"].startswith("database: the disk is full (")
        assert len(running.api.load("users")) == 4
        (place / "ballast").unlink()
        count = len(rows) + 11
        eventually(lambda: len(running.api.load("access_logs")) == count, "all rows")
        events = [row["event"] for row in running.api.load("access_logs", order=["id"])]
        assert events[len(rows) :] == [3] * 10 + [7]
        assert running.status().journal_fault is None
        assert running.stop() == 0
