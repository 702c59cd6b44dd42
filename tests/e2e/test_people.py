"""What an access makes the device do and keep: actions, the last access, panic credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Running

FRONT, BACK = 17, 18
ANA, BRUNO, DAVI = "123,45678", "123,45679", "123,45680"
HERE, EVERYWHERE, SERVER = 0, 1, 2
ADDED = 50


@pytest.fixture
def action(demo: Running) -> Iterator[Callable[..., None]]:
    """Adds an action that opens the back door, tied by a row of `table`, for one test."""

    def add(table: str, run_at: int, **tie: int) -> None:
        row = {"id": ADDED, "name": "also", "action": "door", "parameters": "door=2"}
        demo.api.create("actions", {**row, "run_at": run_at})
        demo.api.create(table, {"action_id": ADDED, **tie})

    yield add
    demo.api.destroy("actions", id=ADDED)
    demo.wait_locked()


def edges(demo: Running, act: Callable[[], object]) -> tuple[int, int]:
    """How the strikes of both doors move by `act`, until both are locked again."""
    before = [demo.board.edges(pin) for pin in (FRONT, BACK)]
    act()
    demo.wait_locked()
    front, back = (
        demo.board.edges(pin) - known for pin, known in zip((FRONT, BACK), before, strict=True)
    )
    return front, back


@pytest.mark.parametrize(("run_at", "back"), [(HERE, 2), (EVERYWHERE, 2), (SERVER, 0)])
@pytest.mark.parametrize(
    ("table", "tie"),
    [("portal_actions", {"portal_id": 1}), ("access_rule_actions", {"access_rule_id": 1})],
)
def test_a_grant_runs_the_actions_of_portal_and_rule_that_belong_here(
    demo: Running,
    action: Callable[..., None],
    table: str,
    tie: dict[str, int],
    run_at: int,
    back: int,
) -> None:
    action(table, run_at, **tie)

    def swipe() -> None:
        assert demo.swiped(ANA)["event"] == 7

    assert edges(demo, swipe) == (2, back)


def test_no_action_of_a_blocking_rule_opens_anything(
    demo: Running, action: Callable[..., None]
) -> None:
    demo.api.create("access_rules", {"id": ADDED, "name": "never", "type": 0, "priority": 0})
    demo.api.create("user_access_rules", {"user_id": 1, "access_rule_id": ADDED})
    demo.api.create("portal_access_rules", {"portal_id": 1, "access_rule_id": ADDED})
    action("access_rule_actions", HERE, access_rule_id=ADDED)

    def swipe() -> None:
        assert demo.swiped(ANA)["event"] == 6

    assert edges(demo, swipe) == (0, 0)
    demo.api.destroy("access_rules", id=ADDED)


def last_access(demo: Running, user_id: int) -> int:
    (row,) = demo.api.load("users", where={"users": {"id": user_id}})
    return int(row["last_access"])


def test_the_last_access_is_the_last_grant_and_no_denial(demo: Running) -> None:
    assert demo.swiped(DAVI)["event"] == 6
    assert last_access(demo, 4) == 0
    granted = demo.swiped(ANA)
    assert last_access(demo, 1) == granted["time"] > 0


def test_the_last_access_is_not_the_first_factor(demo: Running) -> None:
    demo.swiped(ANA)
    demo.api.modify("users", {"last_access": 0}, id=1)
    demo.api.configure("identifier", multi_factor_authentication=1)
    try:
        demo.stranger()
        (first,) = demo.new_rows("access_logs", lambda: demo.swipe(ANA))
        assert (first["event"], last_access(demo, 1)) == (4, 0)
        second = demo.access(lambda: demo.sim("key", reader="front", value="1234#"))
        assert (second["event"], last_access(demo, 1)) == (7, second["time"])
    finally:
        demo.api.configure("identifier", multi_factor_authentication=0)


@pytest.fixture
def passwords(demo: Running) -> Iterator[Running]:
    """People key their id and a password where PINs are switched off."""
    hashed: list[dict[str, Any]] = [
        demo.api.ask("user_hash_password", {"password": text}) for text in ("4711", "4712")
    ]
    panic = {f"panic_{name}": value for name, value in hashed[1].items()}
    demo.api.modify("users", {**hashed[0], **panic}, id=1)
    demo.api.configure("identifier", pin_identification_enabled=0)
    yield demo
    demo.api.configure("identifier", pin_identification_enabled=1)


@pytest.mark.parametrize(("keys", "event"), [("1#4711#", 7), ("1#4712#", 7), ("1#4713#", 3)])
def test_an_id_and_its_password_are_keyed_where_pins_are_off(
    passwords: Running, keys: str, event: int
) -> None:
    """The second is the password for threats: it opens like the other."""

    def key() -> None:
        row = passwords.access(lambda: passwords.sim("key", reader="front", value=keys))
        assert (row["event"], row["user_id"]) == (event, 1 if event == 7 else 0)
        assert not row.get("pin_value")

    assert edges(passwords, key) == ((2, 0) if event == 7 else (0, 0))


def test_cards_and_pins_of_panic_open_like_any_other(demo: Running) -> None:
    demo.api.create("cards", {"value": (123 << 32) | 99, "user_id": 1, "panic": 1})
    demo.api.create("pins", {"value": "9111", "user_id": 1, "pin_type": 1})

    def swipe() -> None:
        assert demo.swiped("123,99")["event"] == 7

    def key() -> None:
        row = demo.access(lambda: demo.sim("key", reader="front", value="9111#"))
        assert (row["event"], row["user_id"]) == (7, 1)

    assert edges(demo, swipe) == (2, 0)
    assert edges(demo, key) == (2, 0)


@pytest.mark.parametrize(
    ("key", "act"),
    [
        ("card_identification_enabled", lambda demo: demo.swipe(ANA)),
        (
            "qrcode_identification_enabled",
            lambda demo: demo.sim("qr", reader="qr", value="DEMO-ANA"),
        ),
    ],
)
def test_a_kind_that_is_switched_off_is_not_looked_at(
    demo: Running, key: str, act: Callable[[Running], object]
) -> None:
    demo.stranger()
    demo.api.configure("identifier", **{key: 0})
    try:
        before = demo.api.last_id("access_logs")
        act(demo)
        # A PIN goes the same way after it: by its row nothing else came.
        demo.new_rows("access_logs", lambda: demo.sim("key", reader="front", value="1234#"))
        rows = demo.api.since("access_logs", before)
        assert [(row["event"], bool(row["pin_value"])) for row in rows] == [(7, True)]
    finally:
        demo.api.configure("identifier", **{key: 1})
        demo.wait_locked()


def test_positions_are_told_and_forgiven(unhurried: Running, eventually: Any) -> None:
    demo = unhurried
    demo.api.create("areas", {"id": 10, "name": "in"}, {"id": 11, "name": "out"})
    demo.api.modify("portals", {"area_from_id": 11, "area_to_id": 10}, id=1)
    demo.api.create("antipassback_areas", {"area_id": 10, "mode": 2})
    granted = demo.swiped(ANA)
    assert granted["event"] == 7
    demo.sim("door", door="front", value="open")
    eventually(lambda: demo.api.ask("antipassback_state", {"user_id": 1})["area_id"], "a position")
    state = demo.api.ask("antipassback_state", {"user_id": 1})
    assert (state["area_id"], state["since"] >= granted["time"]) == (10, True)
    demo.sim("door", door="front", value="closed")
    assert demo.swiped(ANA)["event"] == 6
    demo.api.ask("forgive_antipassback", {"user_id": 1})
    assert demo.api.ask("antipassback_state", {"user_id": 1})["area_id"] == 0
    assert demo.swiped(ANA)["event"] == 7
    demo.api.destroy("antipassback_areas", area_id=10)
    demo.api.modify("portals", {"area_from_id": 1, "area_to_id": 1}, id=1)
