"""An interlock and exception modes on a whole device: from requests to the levels at the pins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

Eventually = Callable[..., Any]
FRONT_PIN, BACK_PIN = 17, 18
CARD_OF_ANA = "123,45678"
ANA = 1


@pytest.fixture
def airlock(demo: Running) -> Iterator[Running]:
    """The demo site, front and back belonging to one interlock."""
    demo.api.configure("general", door2_interlock="1")
    yield demo
    demo.api.configure("general", door2_interlock="")


def open_by_client(running: Running, door: int) -> tuple[int, Any]:
    action = {"action": "door", "parameters": f"door={door}"}
    status, answer = running.api.post("execute_actions", {"actions": [action]})
    return int(status), answer


def mode_of(running: Running, door: int) -> dict[str, Any]:
    found = running.api.ask("get_exception_modes", {})["exception_modes"]
    return dict(next(row for row in found if row["door"] == door))


def test_the_front_door_stays_locked_while_the_back_door_is_open(
    airlock: Running, eventually: Eventually
) -> None:
    airlock.sim("door", door="back", value="open")
    eventually(lambda: airlock.status().doors[1].open, "an open back door")
    edges = airlock.board.edges(FRONT_PIN)
    row = airlock.swiped(CARD_OF_ANA)
    assert (row["event"], row["user_id"]) == (6, ANA)
    status, answer = open_by_client(airlock, 1)
    assert status == 403
    assert answer["error"] == "door 1 is refused: interlock, door 2 (back) is open"
    assert airlock.board.edges(FRONT_PIN) == edges
    airlock.sim("door", door="back", value="closed")
    eventually(lambda: not airlock.status().doors[1].open, "a closed back door")
    assert airlock.swiped(CARD_OF_ANA)["event"] == 7
    assert airlock.board.edges(FRONT_PIN) > edges


def test_of_two_doors_that_clients_ask_for_one_opens(airlock: Running) -> None:
    airlock.api.configure("general", relay1_timeout=600_000)
    try:
        assert open_by_client(airlock, 1)[0] == 200
        status, answer = open_by_client(airlock, 2)
        assert (status, answer["error"]) == (
            403,
            "door 2 is refused: interlock, door 1 (front) is unlocked",
        )
        assert airlock.board.high(FRONT_PIN)
        assert not airlock.board.high(BACK_PIN)
    finally:
        airlock.api.configure("general", relay1_timeout=100)
        action = {"action": "door", "parameters": "door=1,timeout=-1"}
        airlock.api.ask("execute_actions", {"actions": [action]})
    airlock.wait_locked()


def test_one_request_for_both_doors_opens_neither(airlock: Running) -> None:
    edges = [airlock.board.edges(pin) for pin in (FRONT_PIN, BACK_PIN)]
    both = [{"action": "door", "parameters": f"door={door}"} for door in (1, 2)]
    status, answer = airlock.api.post("execute_actions", {"actions": both})
    assert (status, answer["error"]) == (
        403,
        "door 1 is refused: interlock, door 2 (back) was to be opened along with it",
    )
    assert [airlock.board.edges(pin) for pin in (FRONT_PIN, BACK_PIN)] == edges


def test_people_leave_beside_an_open_door(airlock: Running, eventually: Eventually) -> None:
    airlock.sim("door", door="back", value="open")
    eventually(lambda: airlock.status().doors[1].open, "an open back door")
    edges = airlock.board.edges(FRONT_PIN)
    assert airlock.access(lambda: airlock.sim("rex", door="front"))["event"] == 11
    assert airlock.board.edges(FRONT_PIN) > edges


def test_a_clock_that_is_put_forward_ends_no_mode(demo: Running, eventually: Eventually) -> None:
    order = {"door": 1, "mode": "emergency", "reason": "smoke", "minutes": 10}
    demo.api.ask("set_exception_mode", order)
    eventually(lambda: demo.board.high(FRONT_PIN), "an open front door")

    def timed() -> list[Any]:
        told = [entry.body for entry in demo.site.journal() if "timed" in entry.body]
        return [body for body in told if body["reason"] == "smoke"]

    eventually(timed, "what is left of the mode")
    later = datetime.now(UTC) + timedelta(days=60)
    demo.sim("clock", value=later.isoformat())
    eventually(lambda: len(timed()) > 1, "what is left of the mode by the new clock")
    assert demo.board.high(FRONT_PIN)
    assert mode_of(demo, 1)["reason"] == "smoke"
    demo.api.ask("set_exception_mode", {"door": 1, "mode": "none"})
    eventually(lambda: not demo.board.high(FRONT_PIN), "a locked front door")


def test_a_mode_outlives_a_restart_with_who_why_and_until(
    make: Maker, start: Callable[..., Running], eventually: Eventually
) -> None:
    site = make.demo()
    running = start(site)
    order = {"door": 0, "mode": "emergency", "reason": "flood", "minutes": 60}
    running.api.ask("set_exception_mode", order)
    before = mode_of(running, 0)
    assert before["until"] - before["since"] == 3_600
    running.kill("controller")
    eventually(lambda: running.api.post("doors_state")[0] == 200, "the controller's return")
    eventually(lambda: running.board.high(BACK_PIN), "an open back door")
    assert running.stop() == 0
    assert not site.board().high(BACK_PIN)
    running = start(site)
    eventually(lambda: running.board.high(BACK_PIN), "an open back door")
    assert mode_of(running, 0) == before
    entries = [entry.body for entry in site.journal() if entry.kind == "mode"]
    assert {(it["login"], it["reason"]) for it in entries} == {("admin", "flood")}
