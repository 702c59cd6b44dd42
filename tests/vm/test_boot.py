"""From power-up to the first open door, with the project installed as on a Pi."""

from __future__ import annotations

from .board import MAGNET, STRIKE, Board
from .conftest import Note
from .machine import Machine, eventually
from .services import API, CONTROLLER, Services


def test_both_units_are_ready_after_boot_at_the_first_attempt(
    machine: Machine, services: Services, note: Note
) -> None:
    controller, api = services.look(CONTROLLER), services.look(API)
    assert (controller.state, controller.restarts) == ("active", 0)
    assert (api.state, api.restarts) == ("active", 0)
    assert machine.run("systemctl", "--failed", "--no-legend") == ""
    ready_s = f"{controller.active_since_s:.1f} s, to api {api.active_since_s:.1f} s"
    note(f"boot to controller ready {ready_s}")
    note(
        f"start of the controller {controller.active_since_s - controller.start_began_s:.1f} s, "
        f"of the api {api.active_since_s - api.start_began_s:.1f} s"
    )


def test_the_service_manager_waits_for_the_units_own_word(machine: Machine) -> None:
    for unit in (CONTROLLER, API):
        assert machine.unit(unit, "Type", "NotifyAccess")["Type"] == "notify"


def test_the_only_edge_of_a_boot_locks_the_magnet(board: Board) -> None:
    assert board.edges(STRIKE) == []
    assert [edge.high for edge in board.edges(MAGNET)] == [True]


def test_a_card_opens_the_first_door_for_its_time(board: Board, note: Note) -> None:
    swiped_s = board.swipe("front")
    eventually(lambda: len(board.edges(STRIKE)) == 2, "the strike's two edges")
    opened, closed = board.edges(STRIKE)
    assert (opened.high, closed.high) == (True, False)
    # The demo's relay time of three seconds, which begins with the decision: a moment earlier.
    assert closed.at_s - opened.at_s >= 2.9
    card_s = opened.at_s - swiped_s
    note(f"boot to the first open door {opened.at_s:.1f} s; card to relay {card_s:.2f} s")
