"""Every way to ask for a door, every answer, and the row that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Running

FRONT, BACK = 17, 18
ANA, BRUNO, DAVI = "123,45678", "123,45679", "123,45680"
EMPTY_ROW = {"card_value": 0, "qrcode_value": "", "pin_value": "", "uhf_tag": ""}


def values(row: dict[str, Any]) -> dict[str, Any]:
    """What was read, as the row has it, without what is empty."""
    return {key: row[key] for key, empty in EMPTY_ROW.items() if row.get(key) not in {empty, None}}


def summary(row: dict[str, Any]) -> tuple[int, int, int]:
    return row["event"], row["user_id"], row["portal_id"]


class Watched:
    """The strikes' edges since the watch began."""

    def __init__(self, running: Running) -> None:
        self._board = running.board
        self._before = {pin: self._board.edges(pin) for pin in (FRONT, BACK)}

    def __call__(self, pin: int) -> int:
        return self._board.edges(pin) - self._before[pin]


@pytest.fixture
def moved(demo: Running) -> Watched:
    return Watched(demo)


def test_a_card_of_the_demo_opens_the_front(demo: Running, moved: Watched) -> None:
    row = demo.swiped(ANA)
    assert summary(row) == (7, 1, 1)
    assert values(row) == {"card_value": (123 << 32) | 45678}
    demo.wait_locked()
    assert (moved(FRONT), moved(BACK)) == (2, 0)


def test_an_unknown_card_is_not_identified_and_moves_nothing(demo: Running, moved: Watched) -> None:
    row = demo.swiped("77,777")
    assert summary(row) == (3, 0, 1)
    assert values(row) == {"card_value": (77 << 32) | 777}
    assert (moved(FRONT), moved(BACK)) == (0, 0)
    assert demo.api.load("access_log_access_rules", where=_of(row)) == []


@pytest.mark.parametrize(
    ("moment", "event"),
    [
        ("2026-11-23T07:59:59", 6),  # a Monday
        ("2026-11-23T08:00:00", 7),
        ("2026-11-22T12:00:00", 6),  # a Sunday
    ],
)
def test_a_schedule_decides_by_the_wall_clock_of_the_site(
    demo: Running, moved: Watched, moment: str, event: int
) -> None:
    demo.site.sim("clock", "set", moment)
    row = demo.swiped(BRUNO)
    assert summary(row) == (event, 2, 1)
    demo.wait_locked()
    assert moved(FRONT) == (2 if event == 7 else 0)
    # Device time: the site's wall clock as if it were UTC.
    stamped = demo.api.ask("system_information")["time"]
    assert 0 <= stamped - row["time"] < 3600
    demo.site.sim("clock", "real")
    assert demo.status().clock_shift_s == 0


def _of(row: dict[str, Any]) -> dict[str, Any]:
    return {"access_log_access_rules": {"access_log_id": row["id"]}}


def test_a_blocking_rule_wins_and_is_named(demo: Running, moved: Watched) -> None:
    [rule] = demo.api.create("access_rules", {"name": "Not Ana", "type": 0, "priority": 0})
    try:
        demo.api.create("user_access_rules", {"user_id": 1, "access_rule_id": rule})
        demo.api.create("portal_access_rules", {"portal_id": 1, "access_rule_id": rule})
        row = demo.swiped(ANA)
    finally:
        demo.api.destroy("access_rules", id=rule)
    assert summary(row) == (6, 1, 1)
    assert moved(FRONT) == 0


def test_a_person_without_a_rule_is_denied(demo: Running, moved: Watched) -> None:
    row = demo.swiped(DAVI)
    assert summary(row) == (6, 4, 1)
    assert moved(FRONT) == 0


def test_a_qr_code_comes_through_the_serial_port_to_its_portal(
    demo: Running, moved: Watched
) -> None:
    row = demo.access(lambda: demo.sim("qr", reader="qr", value="DEMO-CARLA"))
    assert summary(row) == (7, 3, 2)
    assert values(row) == {"qrcode_value": "DEMO-CARLA"}
    demo.wait_locked()
    assert (moved(FRONT), moved(BACK)) == (0, 2)


def test_a_pin_typed_on_the_keypad_opens(demo: Running, moved: Watched) -> None:
    row = demo.access(lambda: demo.site.sim("key", "--reader", "front", "1234#"))
    assert summary(row) == (7, 1, 1)
    demo.wait_locked()
    assert (moved(FRONT), moved(BACK)) == (2, 0)


def test_a_wrong_pin_is_logged_without_its_digits(demo: Running, moved: Watched) -> None:
    row = demo.access(lambda: demo.sim("key", reader="front", value="97531#"))
    assert summary(row) == (3, 0, 1)
    assert values(row) == {}
    assert moved(FRONT) == 0


def test_the_exit_button_opens_and_is_logged_once(demo: Running, moved: Watched) -> None:
    row = demo.access(lambda: demo.site.sim("rex", "front", "--hold", "0.2"))
    assert summary(row) == (11, 0, 1)
    demo.wait_locked()
    assert (moved(FRONT), moved(BACK)) == (2, 0)


@pytest.mark.parametrize(
    ("action", "parameters", "event", "pin", "portal"),
    [
        ("door", "door=2", 10, BACK, 2),
        ("door", "door=1, reason=3", 12, FRONT, 1),
        ("door", "door=1,timeout=200", 10, FRONT, 1),
        ("sec_box", "id=65793, reason=3", 12, FRONT, 1),
        ("sec_box", "id=65793=1", 10, FRONT, 1),
    ],
)
def test_a_client_opens_a_door(
    demo: Running,
    moved: Watched,
    action: str,
    parameters: str,
    event: int,
    pin: int,
    portal: int,
) -> None:
    wanted = {"actions": [{"action": action, "parameters": parameters}]}
    before = demo.api.last_id("access_logs")
    assert demo.api.ask("execute_actions", wanted) == {}
    # The answer means done and written down: no waiting here.
    [row] = demo.api.since("access_logs", before)
    assert summary(row) == (event, 0, portal)
    demo.wait_locked()
    assert moved(pin) == 2
    assert moved(FRONT) + moved(BACK) == 2


def test_a_client_holds_a_door_open_and_closes_it(
    demo: Running, moved: Watched, eventually: Callable[..., Any]
) -> None:
    def act(timeout: int) -> None:
        one = {"action": "door", "parameters": f"door=1, timeout={timeout}"}
        demo.api.ask("execute_actions", {"actions": [one]})

    act(0)
    assert moved(FRONT) == 1
    act(100)  # an opening that runs out does not end the hold
    assert demo.access(lambda: demo.sim("qr", reader="qr", value="DEMO-ANA"))["event"] == 7
    demo.wait_locked(2)
    assert demo.status().doors[0].unlocked
    act(-1)
    eventually(lambda: moved(FRONT) == 2, "the second edge")
    assert not demo.status().doors[0].unlocked


def test_doors_state_follows_the_sensor(unhurried: Running, eventually: Callable[..., Any]) -> None:
    demo = unhurried

    def leaves() -> dict[int, bool]:
        found = demo.api.ask("doors_state")["doors"]
        return {door["id"]: door["open"] for door in found}

    assert leaves() == {1: False, 2: False}
    demo.swiped(ANA)
    demo.site.sim("door", "front", "open")
    eventually(lambda: leaves() == {1: True, 2: False}, "an open front door")
    rows = demo.new_rows("access_events", lambda: demo.sim("door", door="front", value="closed"))
    assert [(row["event"], row["type"], row["identification"]) for row in rows] == [
        ("door", "CLOSE", "1")
    ]
    assert leaves() == {1: False, 2: False}


def test_opening_the_leaf_ends_the_unlocking_at_once(
    unhurried: Running, moved: Watched, eventually: Callable[..., Any]
) -> None:
    unhurried.swiped(ANA)
    assert moved(FRONT) == 1
    unhurried.sim("door", door="front", value="open")
    eventually(lambda: moved(FRONT) == 2, "the relay's fall")


def test_a_lock_down_refuses_cards_and_clients_but_lets_people_out(
    demo: Running, moved: Watched
) -> None:
    demo.api.configure("general", exception_mode="lock_down")
    try:
        row = demo.swiped(ANA)
        assert summary(row) == (6, 1, 1)
        wanted = {"actions": [{"action": "door", "parameters": "door=1"}]}
        status, answer = demo.api.post("execute_actions", wanted)
        assert (status, set(answer)) == (403, {"error", "code"})
        assert moved(FRONT) == 0
        assert demo.access(lambda: demo.sim("rex", door="front", value="0.1"))["event"] == 11
        demo.wait_locked()
        assert moved(FRONT) == 2
    finally:
        demo.api.configure("general", exception_mode="none")
