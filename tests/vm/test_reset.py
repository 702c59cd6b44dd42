"""A service manager that stands still: the machine's own watchdog resets it, and doors work."""

from __future__ import annotations

import signal

from .board import MAGNET, STRIKE, Board
from .conftest import Note
from .machine import Machine, eventually
from .services import CONTROLLER, Services


def test_the_watchdog_resets_a_dead_machine_and_the_doors_come_back(
    machine: Machine, board: Board, services: Services, note: Note
) -> None:
    dead = machine.boot
    # At a fault of its own, systemd stands still for ever, and feeds no watchdog any more.
    machine.signal(1, signal.SIGSEGV)
    machine.await_agent()
    assert machine.boot != dead
    controller = services.look(CONTROLLER)
    assert (controller.state, controller.restarts) == ("active", 0)
    assert board.edges(STRIKE) == []
    assert [edge.high for edge in board.edges(MAGNET)] == [True]
    board.swipe("front")
    opened = eventually(lambda: board.edges(STRIKE), "the strike's first edge")[0]
    note(f"watchdog reset: first open door {opened.at_s:.1f} s after the machine's new start")
