"""A lift on its pins: cards in the cab release floors, by the rules of the floors' portals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.commands.site_additions import bind_reader
from gateway.hardware.events import InputKind, InputName
from gateway.settings import SITE_FILE
from gateway.store.journal import EntryKind
from tests.unit.controller.test_explained import explainer

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, ANAS_CARD = 1, (123 << 32) | 45678
RELAYS = {1: 26, 2: 13, 3: 19}
LIFT = """
[[elevator]]
id = 1
name = "lift"
floor = [
  { number = 1, pin = 26, active = "high" },
  { number = 2, pin = 13, active = "high" },
  { number = 3, pin = 19, active = "low" },
]

[[reader]]
name = "cab"
index = 3
kind = "wiegand"
portal = 9
d0 = 7
d1 = 8
"""
CAB = 9
FLOORS = {1: 11, 2: 12, 3: 13}
"""Floor -> its portal. Rule 1 lets group 1 pass the cab's portal and that of floor 1."""


@pytest.fixture
def lift(demo: Path, start: Start) -> Iterator[Bench]:
    path = demo / SITE_FILE
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[[reader]]", f"{LIFT}\n[[reader]]", 1), encoding="utf-8")
    with start(demo) as bench:
        with bench.store() as store:
            area = {"area_from_id": 1, "area_to_id": 1}
            portals = [{"id": it, "name": f"p{it}", **area} for it in (CAB, *FLOORS.values())]
            store.insert("portals", portals)
            action = {"id": 99, "name": "lift", "action": "elevator", "parameters": "id=1"}
            store.insert("actions", [action])
            store.insert("portal_actions", [{"portal_id": CAB, "action_id": 99}])
            ties = [{"portal_id": it, "access_rule_id": 1} for it in (CAB, FLOORS[1])]
            store.insert("portal_access_rules", ties)
            rows = [
                {"name": f"f{floor}", "elevator_id": 1, "floor": floor, "portal_id": portal}
                for floor, portal in FLOORS.items()
            ]
            store.insert("elevator_floors", rows)
            bind_reader(store, bench.site, "cab", str(CAB))
        bench.pass_time(1.1)
        yield bench


def counts(bench: Bench) -> set[int]:
    """The floors whose relays are on; that of floor 3 is active low."""
    levels = {it["pin"]: it["level"] for it in bench.outputs()}
    return {it for it, pin in RELAYS.items() if (levels[pin] == "high") is (it != 3)}


def test_a_card_in_the_cab_releases_the_floors_of_its_rules_for_their_time(lift: Bench) -> None:
    assert counts(lift) == set()
    lift.swipe(ANAS_CARD, "cab")
    assert counts(lift) == {1}
    (access,) = lift.journal(EntryKind.ACCESS)
    assert (access["reason"], access["facts"]["floors"]) == ("granted", {"1": [1]})
    (status,) = lift.controller.status().elevators
    assert (status.name, status.floors) == ("lift", (1,))
    lift.pass_time(5.2)
    assert counts(lift) == set()


def test_whoever_may_choose_no_floor_is_refused_by_name(lift: Bench) -> None:
    with lift.store() as store:
        gone = {"portal_access_rules": {"portal_id": FLOORS[1]}}
        store.destroy("portal_access_rules", gone)
    lift.pass_time(1.1)
    lift.swipe(ANAS_CARD, "cab")
    (access,) = lift.journal(EntryKind.ACCESS)
    assert (access["reason"], access["row"]["event"]) == ("no_floor", 6)
    assert counts(lift) == set()


def test_a_floor_is_free_while_an_unlock_schedule_holds_at_its_portal(lift: Bench) -> None:
    with lift.store() as store:
        (rule,) = store.insert("access_rules", [{"name": "free", "type": 1}])
        store.insert("access_rule_time_zones", [{"access_rule_id": rule, "time_zone_id": 1}])
        store.insert("portal_access_rules", [{"portal_id": FLOORS[2], "access_rule_id": rule}])
        (unlock,) = store.insert("scheduled_unlocks", [{"name": "free"}])
        tie = {"scheduled_unlock_id": unlock, "access_rule_id": rule}
        store.insert("scheduled_unlock_access_rules", [tie])
    lift.pass_time(1.1)
    assert counts(lift) == {2}
    lift.configure({"general": {"exception_mode": "lock_down"}})
    assert counts(lift) == set()
    lift.swipe(ANAS_CARD, "cab")
    assert lift.events() == [(6, ANA)]


def test_a_fire_returns_all_floors_to_the_lift(lift: Bench) -> None:
    lift.simulator.set_input(InputName(InputKind.FIRE), high=True)
    lift.pass_time(0.2)
    assert counts(lift) == {1, 2, 3}


def test_a_floor_that_asks_for_more_than_was_shown_is_withheld_and_named(lift: Bench) -> None:
    with lift.store() as store:
        ties = [{"portal_id": FLOORS[it], "access_rule_id": 1} for it in (2, 3)]
        store.insert("portal_access_rules", ties)
        asks = {"portal_id": FLOORS[2], "time_zone_id": 1, "mode": 3}
        store.insert("portal_factor_modes", [asks])
    lift.pass_time(1.1)
    lift.swipe(ANAS_CARD, "cab")
    (access,) = lift.journal(EntryKind.ACCESS)
    assert access["facts"]["floors"] == {"1": [1, 3]}
    assert access["facts"]["withheld"] == {"1": {"2": "factors"}}
    assert counts(lift) == {1, 3}
    explain = explainer(lift)
    withheld = "floor 2 is withheld: its portal asks for more than was shown in the cab"
    assert withheld in explain()["text"]
    assert withheld in explain(user_id=ANA, portal_id=CAB)["text"]
    floors = {"portal_access_rules": {"portal_id": [FLOORS[1], FLOORS[3]]}}
    with lift.store() as store:
        store.destroy("portal_access_rules", floors)
    lift.pass_time(1.1)
    answer = explain(user_id=ANA, portal_id=CAB)
    assert (answer["reason"], withheld in answer["text"]) == ("no_floor", True)


def test_a_visitor_is_refused_the_floor_of_a_host_until_the_host_has_come(lift: Bench) -> None:
    with lift.store() as store:
        store.destroy("portal_access_rules", {"portal_access_rules": {"portal_id": FLOORS[1]}})
        store.insert("portal_access_rules", [{"portal_id": FLOORS[2], "access_rule_id": 1}])
        (hosts, guests) = store.insert("groups", [{"name": "hosts"}, {"name": "guests"}])
        members = [{"user_id": ANA, "group_id": guests}, {"user_id": 2, "group_id": hosts}]
        store.insert("user_groups", [*members, {"user_id": 2, "group_id": 1}])
        rule = {"name": "tour", "portal_id": FLOORS[2], "within_s": 30}
        tour = {**rule, "visitor_group_id": guests, "host_group_id": hosts}
        store.insert("escort_rules", [tour])
        value = (124 << 32) | 1
        store.insert("cards", [{"user_id": 2, "value": value}])
    lift.pass_time(1.1)
    lift.swipe(ANAS_CARD, "cab")
    assert counts(lift) == set()
    assert lift.journal(EntryKind.ACCESS)[-1]["facts"]["withheld"] == {"1": {"2": "host"}}
    lift.swipe(value, "cab")
    assert counts(lift) == {2}
    lift.pass_time(6)
    assert counts(lift) == set()
    lift.swipe(ANAS_CARD, "cab")
    assert counts(lift) == {2}


def test_a_card_in_a_lift_that_an_emergency_frees_is_not_refused(lift: Bench) -> None:
    with lift.store() as store:
        store.destroy("portal_access_rules", {"portal_access_rules": {"portal_id": FLOORS[1]}})
    lift.configure({"general": {"exception_mode": "emergency"}})
    lift.swipe(ANAS_CARD, "cab")
    assert lift.journal(EntryKind.ACCESS)[-1]["reason"] == "free_passage"
    assert counts(lift) == {1, 2, 3}
