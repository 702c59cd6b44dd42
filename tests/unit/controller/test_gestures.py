"""Second cards, third cards and keys at the readers of the demo site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import NotPermitted
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import DisarmAlarms
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.controller.conftest import Bench, Start

ANA, ANAS_CARD = 1, (123 << 32) | 45678
UNKNOWN_CARD = (7 << 32) | 7
HOLD, ZONES, KEYS = 1, 2, 3
ZONE_1 = InputName(InputKind.ZONE, 1)


def gesture(bench: Bench, kind: int, **values: object) -> None:
    """List Ana for a gesture at the portal of the front door, with a set of zone 1."""
    with bench.store() as store:
        if kind != HOLD:
            (number,) = store.insert("zone_sets", [{"name": "night"}])
            store.insert("zone_set_zones", [{"zone_set_id": number, "alarm_zone_id": 1}])
            values["zone_set_id"] = number
        row = {"portal_id": 1, "gesture": kind, **values}
        (made,) = store.insert("portal_gestures", [row])
        store.insert("portal_gesture_users", [{"portal_gesture_id": made, "user_id": ANA}])
    bench.pass_time(1.1)


def swipe(bench: Bench, times: int = 1) -> None:
    """Swipe Ana's card so often, with pauses that make each a read of its own."""
    for _ in range(times):
        bench.swipe(ANAS_CARD)
        bench.pass_time(3)


def held(bench: Bench) -> bool:
    return next(door.held for door in bench.controller.status().doors if door.id == 1)


def states(bench: Bench) -> list[str]:
    return [zone.state for zone in bench.controller.status().zones]


def notes(bench: Bench) -> list[dict[str, Any]]:
    return bench.journal(EntryKind.GESTURE)


@pytest.fixture
def holding(bench: Bench) -> Bench:
    gesture(bench, HOLD)
    return bench


def test_a_second_card_holds_the_door_and_the_second_of_later_ones_ends_it(holding: Bench) -> None:
    swipe(holding)
    assert not held(holding)
    swipe(holding)
    assert held(holding)
    holding.pass_time(120)
    assert holding.unlocked(1)
    swipe(holding, 2)
    assert not held(holding)
    assert not holding.unlocked(1)
    # Each card is an access as ever.
    assert holding.events() == [(7, ANA)] * 4
    assert [note["held"] for note in notes(holding)] == [True, False]


def test_one_read_of_two_seconds_is_no_second_card(holding: Bench) -> None:
    holding.swipe(ANAS_CARD)
    holding.swipe(ANAS_CARD)
    holding.pass_time(10)
    assert not held(holding)
    assert holding.events() == [(7, ANA)]


def test_who_is_not_listed_or_not_let_in_holds_nothing(holding: Bench) -> None:
    with holding.store() as store:
        store.destroy("portal_gesture_users", None)
    holding.pass_time(1.1)
    swipe(holding, 2)
    for _ in range(2):
        holding.swipe(UNKNOWN_CARD)
        holding.pass_time(3)
    assert not held(holding)


def test_in_a_lock_down_nobody_holds_a_door(holding: Bench) -> None:
    swipe(holding)
    holding.configure({"general": {"door1_exception_mode": "lock_down"}})
    swipe(holding, 2)
    assert not held(holding)
    assert not holding.unlocked(1)
    assert notes(holding) == []


def test_a_hold_is_refused_while_the_interlock_keeps_the_door_locked(
    holding: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def barred(_doors: object) -> None:
        raise NotPermitted("door 1 is refused: interlock, door 2 (back) is open")

    swipe(holding)
    monkeypatch.setattr(holding.controller._components.interlock, "check", barred)
    swipe(holding)
    assert not held(holding)
    (note,) = notes(holding)
    assert "interlock, door 2" in note["why"]


def test_a_third_card_arms_and_disarms_a_set(bench: Bench) -> None:
    gesture(bench, ZONES)
    bench.ask(DisarmAlarms())
    swipe(bench, 2)
    assert states(bench)[0] == "disarmed"
    swipe(bench)
    assert states(bench)[0] == "armed"
    swipe(bench, 3)
    assert states(bench)[0] == "disarmed"
    by = [body.get("user_id") for body in bench.journal(EntryKind.ARMING)]
    assert by[-2:] == [ANA, ANA]


def test_an_open_zone_refuses_it_and_the_journal_names_it(bench: Bench) -> None:
    gesture(bench, ZONES)
    bench.ask(DisarmAlarms())
    bench.simulator.set_input(ZONE_1, high=False)
    bench.pass_time(1)
    swipe(bench, 3)
    assert states(bench)[0] == "disarmed"
    assert bench.journal(EntryKind.ARMING)[-1]["refused"] == [1]


def test_keys_after_a_card_arm_a_set_and_are_no_pin(bench: Bench) -> None:
    gesture(bench, KEYS, keys="77", exit_delay_s=30)
    bench.ask(DisarmAlarms())
    bench.simulator.keys("front", "77#")
    bench.pass_time(2)
    assert states(bench)[0] == "disarmed"
    before = bench.events()
    swipe(bench)
    bench.simulator.keys("front", "*77#")
    bench.pass_time(1)
    assert states(bench)[0] == "exit"
    assert bench.events() == [*before, (7, ANA)]


def test_what_was_armed_by_a_gesture_lasts_over_a_restart(demo: Path, start: Start) -> None:
    with start(demo) as bench:
        gesture(bench, ZONES)
        swipe(bench, 3)
        assert states(bench)[0] == "disarmed"
    with start(demo) as again:
        assert states(again)[0] == "disarmed"
