"""The interlock at pin level: cards, clients and exit buttons before a door that may not open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.errors import NotFound, NotPermitted
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import Authorize, OpenDoor, Opening, OpenTogether
from gateway.settings import SITE_FILE
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA = 1
CARD_OF_ANA = (123 << 32) | 45678
FRONT_LEAF = InputName(InputKind.DOOR_SENSOR, 1)
BACK_LEAF = InputName(InputKind.DOOR_SENSOR, 2)
FRONT_REX = InputName(InputKind.REX, 1)
FIRE = InputName(InputKind.FIRE)


def airlocked(bench: Bench, **keys: object) -> Bench:
    bench.configure({"general": {"door1_interlock": "2", **keys}})
    return bench


@pytest.fixture
def airlock(bench: Bench) -> Bench:
    """Front and back belong to one interlock."""
    return airlocked(bench)


def leaf(bench: Bench, name: InputName, *, is_open: bool) -> None:
    bench.simulator.set_input(name, high=not is_open)
    bench.pass_time(0.1)


def order(bench: Bench, door: int, timeout_ms: int | None = None) -> None:
    bench.ask(OpenDoor(door=door, timeout_ms=timeout_ms))
    bench.pass_time(0.1)


def press(bench: Bench) -> None:
    """Press the exit button of the front door and let go."""
    for high in (False, True):
        bench.simulator.set_input(FRONT_REX, high=high)
        bench.pass_time(0.1)


def site_says(data: Path, old: str, new: str) -> None:
    path = data / SITE_FILE
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_card_is_refused_while_the_other_door_is_open(airlock: Bench) -> None:
    leaf(airlock, BACK_LEAF, is_open=True)
    edges = airlock.strike_edges(1)
    airlock.swipe(CARD_OF_ANA)
    assert airlock.events() == [(6, ANA)]
    assert airlock.journal(EntryKind.ACCESS)[-1]["reason"] == "interlock"
    assert airlock.strike_edges(1) == edges
    leaf(airlock, BACK_LEAF, is_open=False)
    airlock.pass_time(2)
    airlock.swipe(CARD_OF_ANA)
    assert airlock.unlocked(1)


def test_an_opening_by_a_client_is_refused_naming_the_door_that_is_open(airlock: Bench) -> None:
    leaf(airlock, FRONT_LEAF, is_open=True)
    with pytest.raises(NotPermitted, match=r"door 2 is refused: interlock, door 1 \(front\) is op"):
        order(airlock, 2)
    with pytest.raises(NotPermitted):
        order(airlock, 2, timeout_ms=0)
    assert not airlock.unlocked(2)
    assert airlock.events() == []
    order(airlock, 2, timeout_ms=-1)


def test_what_a_server_decided_moves_no_door_of_an_interlock_that_is_in_use(airlock: Bench) -> None:
    both = Authorize(event=7, openings=(Opening(door=1), Opening(door=2)))
    with pytest.raises(NotPermitted, match="along with"):
        airlock.ask(both)
    assert not airlock.unlocked(1)
    airlock.ask(Authorize(event=7, openings=(Opening(door=1),)))
    assert airlock.unlocked(1)
    with pytest.raises(NotPermitted, match="unlocked"):
        airlock.ask(Authorize(event=7, openings=(Opening(door=2),)))


def together(bench: Bench, *openings: tuple[int, int | None]) -> None:
    doors = tuple(OpenDoor(door=door, timeout_ms=timeout_ms) for door, timeout_ms in openings)
    bench.ask(OpenTogether(openings=doors))
    bench.pass_time(0.1)


@pytest.mark.parametrize("order_of_doors", [(1, 2), (2, 1)])
def test_a_client_that_asks_for_two_interlocked_doors_opens_none(
    airlock: Bench, order_of_doors: tuple[int, int]
) -> None:
    with pytest.raises(NotPermitted, match="along with"):
        together(airlock, *((door, None) for door in order_of_doors))
    assert [airlock.strike_edges(door) for door in (1, 2)] == [0, 0]
    assert airlock.events() == []


def test_a_lock_down_of_one_door_refuses_all_that_were_asked_for_with_it(bench: Bench) -> None:
    bench.configure({"general": {"door2_exception_mode": "lock_down"}})
    with pytest.raises(NotPermitted, match="door 2 is refused: lock_down"):
        together(bench, (1, None), (2, None))
    assert bench.strike_edges(1) == 0
    assert bench.events() == []


def test_a_door_that_is_not_there_refuses_all_that_were_asked_for_with_it(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no door 4"):
        together(bench, (1, None), (4, None))
    assert bench.strike_edges(1) == 0


def test_one_command_may_close_a_door_and_then_open_its_partner(airlock: Bench) -> None:
    order(airlock, 1, timeout_ms=0)
    with pytest.raises(NotPermitted, match="unlocked"):
        together(airlock, (2, None), (1, -1))  # in this order both would be unlocked at once
    assert airlock.unlocked(1)
    together(airlock, (1, -1), (2, None))
    assert not airlock.unlocked(1)
    assert airlock.unlocked(2)


def test_closing_does_not_free_a_door_whose_leaf_is_open(airlock: Bench) -> None:
    order(airlock, 1, timeout_ms=0)
    leaf(airlock, FRONT_LEAF, is_open=True)
    with pytest.raises(NotPermitted, match="is open"):
        together(airlock, (1, -1), (2, None))
    assert airlock.unlocked(1)
    assert not airlock.unlocked(2)


def test_without_an_interlock_one_command_opens_both(bench: Bench) -> None:
    together(bench, (1, None), (2, None))
    assert bench.unlocked(1)
    assert bench.unlocked(2)
    assert bench.events() == [(10, 0), (10, 0)]


def test_a_schedule_of_a_portal_with_two_interlocked_doors_unlocks_none(airlock: Bench) -> None:
    with airlock.store() as store:
        store.insert("portal_actions", [{"portal_id": 1, "action_id": 2}])
        store.insert("scheduled_unlocks", [{"id": 1, "name": "open"}])
        store.insert(
            "scheduled_unlock_access_rules", [{"scheduled_unlock_id": 1, "access_rule_id": 1}]
        )
        store.insert_or_modify("portal_access_rules", [{"portal_id": 1, "access_rule_id": 1}])
    airlock.pass_time(2.1)
    assert not airlock.unlocked(1)
    assert not airlock.unlocked(2)
    airlock.configure({"general": {"door1_interlock": ""}})
    assert airlock.unlocked(1)
    assert airlock.unlocked(2)


def test_whoever_comes_second_waits_until_the_first_door_is_locked(airlock: Bench) -> None:
    order(airlock, 2)
    airlock.swipe(CARD_OF_ANA)
    assert airlock.events() == [(10, 0), (6, ANA)]
    airlock.pass_time(4)
    airlock.swipe(CARD_OF_ANA)
    assert airlock.unlocked(1)


def test_without_an_interlock_both_doors_open(bench: Bench) -> None:
    order(bench, 2)
    bench.swipe(CARD_OF_ANA)
    assert bench.unlocked(1)
    assert bench.unlocked(2)


def test_a_portal_that_opens_both_doors_of_an_interlock_opens_none(airlock: Bench) -> None:
    with airlock.store() as store:
        store.insert("portal_actions", [{"portal_id": 1, "action_id": 2}])
    airlock.pass_time(1.1)
    airlock.swipe(CARD_OF_ANA)
    assert airlock.events() == [(6, ANA)]
    assert not airlock.unlocked(1)
    assert not airlock.unlocked(2)


def test_a_rule_that_opens_the_other_door_too_opens_none(airlock: Bench) -> None:
    with airlock.store() as store:
        rules = [row["id"] for row in store.load({"object": "access_rules"}).rows]
        ties = [{"access_rule_id": rule, "action_id": 2} for rule in rules]
        store.insert("access_rule_actions", ties)
    airlock.pass_time(1.1)
    airlock.swipe(CARD_OF_ANA)
    assert airlock.events() == [(6, ANA)]
    assert airlock.journal(EntryKind.ACCESS)[-1]["reason"] == "interlock"
    assert not airlock.unlocked(1)
    assert not airlock.unlocked(2)
    assert airlock.journal(EntryKind.NO_ENTRY) == []


def test_a_door_without_a_sensor_counts_as_occupied_for_its_time_and_two_seconds(
    bench: Bench,
) -> None:
    airlocked(bench, door_sensor2_enabled=0)
    bench.pass_time(6)  # nobody knows what it was opened for before the start
    order(bench, 2)
    bench.pass_time(4.5)
    assert not bench.unlocked(2)
    bench.swipe(CARD_OF_ANA)
    assert bench.events()[-1] == (6, ANA)
    bench.pass_time(2.1)
    bench.swipe(CARD_OF_ANA)
    assert bench.events()[-1] == (7, ANA)


def test_the_margin_is_the_sites(demo: Path, start: Start) -> None:
    site_says(demo, "[fire] ", "[interlock]\nmargin_s = 20\n\n[fire] ")
    with start(demo) as bench:
        airlocked(bench, door_sensor2_enabled=0)
        bench.pass_time(15)
        bench.swipe(CARD_OF_ANA)
        assert bench.events() == [(6, ANA)]
        bench.pass_time(10)
        bench.swipe(CARD_OF_ANA)
        assert bench.events()[-1] == (7, ANA)


def test_people_may_leave_through_an_interlock_where_the_site_says_nothing_else(
    airlock: Bench,
) -> None:
    leaf(airlock, BACK_LEAF, is_open=True)
    press(airlock)
    assert airlock.unlocked(1)
    assert airlock.events() == [(11, 0)]


def test_an_exit_button_that_does_not_bypass_is_refused_and_journalled(
    demo: Path, start: Start
) -> None:
    site_says(demo, "rex = { pin", "rex_bypasses_interlock = false\nrex = { pin")
    with start(demo) as bench:
        airlocked(bench)
        leaf(bench, BACK_LEAF, is_open=True)
        press(bench)
        assert not bench.unlocked(1)
        assert bench.events() == []
        assert bench.journal(EntryKind.INTERLOCK) == [{"door": 1, "by": 2, "why": "is open"}]
        leaf(bench, BACK_LEAF, is_open=False)
        assert not bench.unlocked(1)
        press(bench)
        assert bench.unlocked(1)
        assert bench.events() == [(11, 0)]


def test_a_fire_ends_the_interlock(demo: Path, start: Start) -> None:
    # A back door that the fire input does not free is opened by a client all the same.
    site_says(demo, 'sensor = { pin = 23, pull = "up" }', "sensor = { pin = 23 }\nfire_release = 0")
    with start(demo) as bench:
        airlocked(bench)
        bench.simulator.set_input(FIRE, high=True)
        bench.pass_time(0.1)
        assert bench.unlocked(1)
        assert not bench.unlocked(2)
        order(bench, 2)
        assert bench.unlocked(2)


def test_an_emergency_opens_whatever_else_is_open(airlock: Bench) -> None:
    leaf(airlock, BACK_LEAF, is_open=True)
    airlock.configure({"general": {"door1_exception_mode": "emergency"}})
    assert airlock.unlocked(1)
