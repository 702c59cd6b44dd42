"""What is in force at the same time: threat levels, holds, lifts, operators, storms of triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.errors import NotPermitted
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import CLOSE_MS, OpenDoor, SetThreatLevel
from gateway.store.journal import EntryKind
from gateway.triggers.values import TriggerFact
from gateway.triggers.words import TriggerTime
from tests.unit.controller.test_door_rows import powered, pushes
from tests.unit.controller.test_elevators import FLOORS, counts, lift
from tests.unit.controller.test_gestures import ANAS_CARD, HOLD, gesture, held, notes, swipe

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

__all__ = ["lift", "powered"]
"""Fixtures."""


def threat(bench: Bench, level: int) -> None:
    """A level without a row refuses everyone and stops every schedule."""
    bench.ask(SetThreatLevel(level=level, login="eva", reason="a fight"))


def test_a_threat_level_that_stops_unlock_schedules_frees_no_floor(lift: Bench) -> None:
    with lift.store() as store:
        (rule,) = store.insert("access_rules", [{"name": "free", "type": 1}])
        store.insert("access_rule_time_zones", [{"access_rule_id": rule, "time_zone_id": 1}])
        store.insert("portal_access_rules", [{"portal_id": FLOORS[2], "access_rule_id": rule}])
        (unlock,) = store.insert("scheduled_unlocks", [{"name": "free"}])
        tie = {"scheduled_unlock_id": unlock, "access_rule_id": rule}
        store.insert("scheduled_unlock_access_rules", [tie])
    lift.pass_time(1.1)
    assert counts(lift) == {2}
    threat(lift, 2)
    assert counts(lift) == set()
    threat(lift, 0)
    assert counts(lift) == {2}


def test_a_threat_level_ends_a_hold_and_allows_no_other(bench: Bench) -> None:
    gesture(bench, HOLD)
    with bench.store() as store:
        row = {"id": 1, "level": 1, "name": "doors shut", "listed_groups_only": 0}
        store.insert("threat_levels", [row])
    bench.pass_time(1.1)
    swipe(bench, 2)
    assert held(bench)
    threat(bench, 1)
    assert not held(bench)
    assert not bench.unlocked(1)
    swipe(bench, 2)
    assert not held(bench)
    assert "threat level 1" in notes(bench)[-1]["why"]
    # A client's command counts at every level, as the manual says.
    bench.ask(OpenDoor(door=1, timeout_ms=0))
    bench.configure({"general": {"beep_enabled": "0"}})
    assert held(bench)
    threat(bench, 2)
    assert not held(bench)


def test_a_threat_level_ends_the_holds_and_long_openings_of_clients(bench: Bench) -> None:
    bench.ask(OpenDoor(door=1, timeout_ms=0))
    bench.ask(OpenDoor(door=2, timeout_ms=600_000))
    assert held(bench)
    threat(bench, 2)
    assert not held(bench)
    assert not bench.unlocked(1)
    bench.pass_time(6)
    assert not bench.unlocked(2)
    threat(bench, 0)
    assert not bench.unlocked(1)


def test_no_trigger_unlocks_by_time_while_a_level_stops_schedules(bench: Bench) -> None:
    with bench.store() as store:
        row = {"event": "zone_begins", "time_zone_id": 1, "action": "unlock", "target_door_id": 1}
        store.insert("triggers", [{"name": "by time", **row}])
    threat(bench, 2)
    actions = bench.controller._requests.actions
    config = bench.controller._config
    assert config is not None
    (trigger,) = config.snapshot.triggers
    fact = TriggerFact(TriggerTime.ZONE_BEGINS)
    with pytest.raises(NotPermitted, match="threat level"):
        actions.carry_out(trigger, fact)
    assert not bench.unlocked(1)
    threat(bench, 0)
    actions.carry_out(trigger, fact)
    assert bench.unlocked(1)


def test_an_operator_does_not_push_a_leaf_that_was_locked_meanwhile(powered: Bench) -> None:
    powered.swipe(ANAS_CARD)
    powered.ask(OpenDoor(door=1, timeout_ms=CLOSE_MS))
    assert not powered.unlocked(1)
    powered.pass_time(0.7)
    assert not pushes(powered)


def test_a_storm_of_facts_is_looked_at_in_parts_and_each_person_read_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.store() as store:
        row = {"event": "no_entry", "group_id": 3, "action": "message", "message": "m"}
        store.insert("triggers", [{"name": f"t{it}", **row} for it in range(64)])
    bench.pass_time(1.1)
    runner, read = bench.controller._components.triggers, list[int]()

    def groups_of(user: int) -> tuple[int, ...]:
        read.append(user)
        return ()

    monkeypatch.setattr(runner, "_groups_of", groups_of)
    recorder = bench.controller._components.recorder
    for _ in range(40):
        recorder.note(EntryKind.NO_ENTRY, users=(1,), portal_id=1, door=1)
    assert len(runner.state().facts) == 40
    runner.committed(10**9, 0)
    assert (len(read), len(runner.state().facts)) == (16, 24)
    assert runner.due_ms() == 0
    runner.tick(0)
    runner.tick(0)
    assert not runner.state().facts
    assert len(read) == 40


def test_no_trigger_frees_the_floors_of_a_device_in_lock_down(lift: Bench) -> None:
    own = dict.fromkeys(("door1_exception_mode", "door2_exception_mode"), "emergency")
    lift.configure({"general": {"exception_mode": "lock_down", **own}})
    with lift.store() as store:
        row = {"name": "t", "event": "exit_button", "action": "emergency"}
        store.insert("triggers", [row])
    lift.pass_time(1.1)
    lift.simulator.set_input(InputName(InputKind.REX, 1), high=False)
    lift.pass_time(2)
    assert lift.journal(EntryKind.TRIGGER)[-1]["step"] == "refused"
    assert counts(lift) == set()
