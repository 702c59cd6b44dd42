"""A card that has become read-only: the whole data directory, at a start and later."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.disks import own_disk, remounted

if TYPE_CHECKING:
    from tests.e2e.conftest import Home, Maker, Running

ANA = "123,45678"
FRONT = 17
OPEN_FRONT = {"actions": [{"action": "door", "parameters": "door=1, timeout=100"}]}


@pytest.mark.parametrize("unclean", [False, True], ids=["after a stop", "after a crash"])
def test_from_a_read_only_card_both_processes_start_and_doors_open(
    home: Home,
    make: Maker,
    start: Callable[..., Running],
    eventually: Callable[..., Any],
    alive: Callable[[int], bool],
    *,
    unclean: bool,
) -> None:
    card = home.new_path()
    with own_disk(card):
        made = make.demo()
        site = type(made)(home, card / "site", made.password)
        shutil.copytree(made.data, site.data)
        running = start(site)
        running.api.configure("general", relay1_timeout=300)
        before = running.swiped(ANA)
        if unclean:
            children = [running.child(role) for role in ("controller", "api")]
            running.process.send_signal(signal.SIGSTOP)  # it would start them again
            for pid in children:
                os.kill(pid, signal.SIGKILL)
                eventually(lambda pid=pid: not alive(pid), "its end")
            running.process.kill()
            running.process.wait()
        else:
            assert running.stop() == 0
        # The process that feeds the mirror ends a moment after the controller.
        eventually(lambda: remounted(card, "ro"), "a quiet disk")
        running = start(site)
        edges = running.board.edges(FRONT)
        running.swipe(ANA)
        eventually(lambda: running.board.edges(FRONT) == edges + 2, "an open and shut front door")
        assert running.api.ask("execute_actions", OPEN_FRONT) == {}
        eventually(lambda: running.board.edges(FRONT) == edges + 4, "and once more")
        assert len(running.api.load("users")) == 4
        wanted = {"object": "users", "values": [{"name": "Eva"}]}
        status, answer = running.api.post("create_objects", wanted)
        assert (status, answer["code"]) == (500, 1)
        assert "read-only" in answer["error"]
        doctor = running.site.type("doctor")
        assert doctor.returncode == 1
        assert "fail journal: " in doctor.stdout
        assert "fail disk: is mounted read-only" in doctor.stdout
        assert remounted(card, "rw")
        eventually(lambda: writes(running, made.password), "an api process that writes")
        eventually(
            lambda: len(running.api.since("access_logs", before["id"])) == 2, "rows that waited"
        )
        running.swiped(ANA)
        assert running.stop() == 0


def writes(running: Running, password: str) -> bool:
    """Whether the api, which starts anew for that, takes a write."""
    wanted = {"object": "users", "values": [{"name": "Eva", "registration": ""}]}
    try:
        running.api.login(password)
        return running.api.post("create_objects", wanted)[0] == 200
    except (OSError, AssertionError):
        return False
