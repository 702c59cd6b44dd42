"""A killed controller leaves its relays as they were; `gateway safe-relays` puts them right."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from gateway.host.notify import NotifySocket
from gateway.link.client import ControllerClient
from gateway.link.messages import OpenDoor
from gateway.link.runtime import RuntimeDirectory

if TYPE_CHECKING:
    from tests.e2e.conftest import Board, Maker, Site

SITE = """
[site]
name = "Shop"
timezone = "Europe/Lisbon"
board = "simulated"

[[door]]
id = 1
name = "strike"
egress = "mechanical"
strike = { pin = 17, locked = "low", unlocked = "high" }

[[door]]
id = 2
name = "magnet"
egress = "mechanical"
strike = { pin = 18, locked = "high", unlocked = "low" }
on_fault = "unlocked"
"""
STRIKE, MAGNET = 17, 18


@pytest.fixture
def site(make: Maker) -> Site:
    return make.site(SITE)


@pytest.fixture
def board(site: Site, eventually: Callable[..., Any]) -> Board:
    """The board of a controller that was killed while it held door 1 open."""
    notify = NotifySocket(str(site.home.runtime / "safe.notify"))
    process = site.home.start(
        "controller", "--data", site.data, variables={"NOTIFY_SOCKET": notify.path}
    )
    try:
        eventually(lambda: "READY" in (notify.receive() or {}), "a ready controller")
        client = ControllerClient(RuntimeDirectory.find(site.data))
        try:
            client.ask(OpenDoor(door=1, timeout_ms=0))
        finally:
            client.close()
    finally:
        process.kill()
        process.wait()
        notify.close()
    return site.board()


def test_a_kill_leaves_the_strike_unlocked_until_the_program_locks_it(
    site: Site, board: Board
) -> None:
    assert board.high(STRIKE)
    assert board.high(MAGNET)
    before = board.edges(STRIKE), board.edges(MAGNET)

    done = site.type("safe-relays")
    assert done.returncode == 0, done.stderr
    assert not board.high(STRIKE)
    assert not board.high(MAGNET)
    assert (board.edges(STRIKE), board.edges(MAGNET)) == (before[0] + 1, before[1] + 1)

    assert site.type("safe-relays").returncode == 0
    assert (board.edges(STRIKE), board.edges(MAGNET)) == (before[0] + 1, before[1] + 1)
