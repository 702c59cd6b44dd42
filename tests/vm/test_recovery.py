"""Each service killed and hung: the service manager brings it back within what its unit says, and
no locked door notices."""

from __future__ import annotations

import signal

import pytest

from .board import MAGNET, STRIKE, Board, Watch
from .conftest import Note
from .machine import Machine, eventually
from .services import API, CONTROLLER, Services


def assert_the_door_opens(board: Board, watch: Watch) -> None:
    assert watch.edges(STRIKE) == []
    assert watch.edges(MAGNET) == []
    before = len(board.edges(STRIKE))
    board.swipe("front")
    eventually(lambda: len(board.edges(STRIKE)) == before + 2, "a grant at the front door")


@pytest.mark.parametrize("unit", [CONTROLLER, API])
def test_a_killed_service_is_back_within_its_time(
    unit: str, machine: Machine, board: Board, services: Services, watch: Watch, note: Note
) -> None:
    other = API if unit == CONTROLLER else CONTROLLER
    before, beside = services.look(unit), services.look(other)
    killed_s = machine.signal(before.process, signal.SIGKILL)
    after = services.recovered(unit, before)
    took_s = after.active_since_s - killed_s
    assert took_s <= before.restart_s + before.start_limit_s
    assert after.restarts == before.restarts + 1
    assert services.look(other).process == beside.process
    assert services.api_answers()
    assert_the_door_opens(board, watch)
    note(f"{unit} killed: ready again after {took_s:.1f} s")


def test_hung_services_are_back_within_their_time(
    machine: Machine, board: Board, services: Services, watch: Watch, note: Note
) -> None:
    before = {unit: services.look(unit) for unit in (CONTROLLER, API)}
    stopped_s = {
        unit: machine.signal(looked.process, signal.SIGSTOP) for unit, looked in before.items()
    }
    for unit, looked in before.items():
        after = services.recovered(unit, looked)
        took_s = after.active_since_s - stopped_s[unit]
        assert took_s <= looked.watchdog_s + looked.restart_s + looked.start_limit_s
        assert after.restarts == looked.restarts + 1
        note(f"{unit} hung: ready again after {took_s:.1f} s (watchdog {looked.watchdog_s:.0f} s)")
    assert services.api_answers()
    assert_the_door_opens(board, watch)
