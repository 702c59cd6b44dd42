"""One controller on the simulated board: pins in, pins and journal out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import ResetFire
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

ANA, BRUNO, CARLA, DAVI = 1, 2, 3, 4
CARD_OF_ANA = (123 << 32) | 45678
CARD_OF_BRUNO = (123 << 32) | 45679
CARD_OF_DAVI = (123 << 32) | 45680
FRONT_SENSOR = InputName(InputKind.DOOR_SENSOR, 1)
BACK_SENSOR = InputName(InputKind.DOOR_SENSOR, 2)
FRONT_REX = InputName(InputKind.REX, 1)


def test_one_swipe_opens_the_door_once_and_says_who_and_why(bench: Bench) -> None:
    bench.swipe(CARD_OF_ANA)
    assert bench.unlocked(1)
    bench.pass_time(3.1)
    assert not bench.unlocked(1)
    assert bench.strike_edges(1) == 2
    assert bench.strike_edges(2) == 0
    (access,) = bench.journal(EntryKind.ACCESS)
    assert access["reason"] == "granted"
    assert access["rules"] == [1, 3]
    row = access["row"]
    assert (row["event"], row["user_id"], row["portal_id"]) == (7, ANA, 1)
    assert row["card_value"] == CARD_OF_ANA
    assert row["time"] == int(datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp())


def test_an_unknown_card_moves_no_pin_and_is_logged_with_its_number(bench: Bench) -> None:
    bench.swipe((1 << 32) | 1)
    assert bench.strike_edges(1) == 0
    (access,) = bench.journal(EntryKind.ACCESS)
    assert (access["row"]["event"], access["row"]["user_id"]) == (3, 0)
    assert access["row"]["card_value"] == (1 << 32) | 1


def test_the_schedule_decides_by_the_wall_clock_of_the_site(bench: Bench) -> None:
    bench.swipe(CARD_OF_BRUNO)
    bench.clock.set_utc(datetime(2026, 11, 23, 22, 0, tzinfo=UTC))
    bench.pass_time(5)
    bench.swipe(CARD_OF_BRUNO)
    assert bench.events() == [(7, BRUNO), (6, BRUNO)]


def test_a_person_without_a_rule_at_the_door_is_denied_by_name(bench: Bench) -> None:
    bench.swipe(CARD_OF_DAVI)
    assert bench.events() == [(6, DAVI)]
    assert bench.journal(EntryKind.ACCESS)[0]["reason"] == "no_rule"


def test_a_card_held_at_the_reader_is_one_read(bench: Bench) -> None:
    for _ in range(4):
        bench.swipe(CARD_OF_ANA)
        bench.pass_time(1)
    assert bench.events() == [(7, ANA)]


def test_a_pin_opens_and_a_wrong_one_is_never_stored(bench: Bench) -> None:
    bench.simulator.keys("front", "1234#")
    bench.pass_time(1)
    bench.simulator.keys("front", "9876#")
    bench.pass_time(1)
    assert bench.events() == [(7, ANA), (3, 0)]
    assert all("9876" not in str(body) for body in bench.journal(EntryKind.ACCESS))


def test_a_switched_off_kind_of_credential_is_not_looked_at(bench: Bench) -> None:
    bench.configure({"identifier": {"card_identification_enabled": 0}})
    bench.swipe(CARD_OF_ANA)
    assert bench.events() == []


def test_the_exit_button_opens_and_is_logged_once_a_press(bench: Bench) -> None:
    bench.simulator.set_input(FRONT_REX, high=False)
    bench.pass_time(0.2)
    assert bench.unlocked(1)
    bench.simulator.set_input(FRONT_REX, high=True)
    bench.pass_time(3.2)
    assert not bench.unlocked(1)
    assert bench.events() == [(11, 0)]


def test_the_relay_drops_when_the_door_opens(bench: Bench) -> None:
    bench.swipe(CARD_OF_ANA)
    bench.simulator.set_input(FRONT_SENSOR, high=False)
    bench.pass_time(0.2)
    assert not bench.unlocked(1)
    assert bench.alarms() == []


def test_a_door_opened_without_a_command_is_forced_until_it_closes(bench: Bench) -> None:
    bench.simulator.set_input(BACK_SENSOR, high=False)
    bench.pass_time(60)
    bench.simulator.set_input(BACK_SENSOR, high=True)
    bench.pass_time(0.2)
    assert bench.alarms() == [(1, 7, 2), (2, 7, 2)]
    moves = [body["row"]["type"] for body in bench.journal(EntryKind.ACCESS_EVENT)]
    assert moves == ["OPEN", "CLOSE"]


def test_a_door_left_open_is_held_after_its_delay(bench: Bench) -> None:
    bench.swipe(CARD_OF_ANA)
    bench.simulator.set_input(FRONT_SENSOR, high=False)
    bench.pass_time(29)
    assert bench.alarms() == []
    bench.pass_time(2)
    assert bench.alarms() == [(1, 6, 1)]
    bench.simulator.set_input(FRONT_SENSOR, high=True)
    bench.pass_time(0.2)
    assert bench.alarms() == [(1, 6, 1), (2, 6, 1)]


@pytest.mark.parametrize(("zone", "cause"), [(1, 1), (2, 2)])
def test_an_alarm_zone_raises_and_clears_its_own_cause(bench: Bench, zone: int, cause: int) -> None:
    name = InputName(InputKind.ZONE, zone)
    bench.simulator.set_input(name, high=False)
    bench.pass_time(0.2)
    assert bench.controller.status().alarm_cause == cause
    bench.simulator.set_input(name, high=True)
    bench.pass_time(0.2)
    assert bench.alarms() == [(1, cause, 0), (2, cause, 0)]
    assert not bench.controller.status().alarm_active


def test_fire_frees_every_door_until_it_is_over_and_reset(bench: Bench) -> None:
    fire = InputName(InputKind.FIRE)
    bench.simulator.set_input(fire, high=True)
    bench.pass_time(0.2)
    assert bench.unlocked(1)
    assert bench.unlocked(2)
    bench.simulator.set_input(BACK_SENSOR, high=False)
    bench.pass_time(100)
    bench.simulator.set_input(fire, high=False)
    bench.pass_time(1)
    assert bench.unlocked(2)
    bench.ask(ResetFire())
    bench.settle()
    assert not bench.unlocked(1)
    assert bench.alarms() == []


def test_fire_outlives_a_restart(demo: Path, start: Callable[..., Any]) -> None:
    with start(demo) as bench:
        bench.simulator.set_input(InputName(InputKind.FIRE), high=True)
        bench.pass_time(0.2)
        bench.simulator.set_input(InputName(InputKind.FIRE), high=False)
        bench.pass_time(0.2)
    with start(demo) as again:
        assert again.unlocked(1)


def test_lock_down_denies_cards_and_lets_people_out(bench: Bench) -> None:
    bench.configure({"general": {"exception_mode": "lock_down"}})
    bench.swipe(CARD_OF_ANA)
    assert bench.events() == [(6, ANA)]
    assert bench.journal(EntryKind.ACCESS)[0]["reason"] == "lock_down"
    bench.simulator.set_input(FRONT_REX, high=False)
    bench.pass_time(0.2)
    assert bench.unlocked(1)


def test_emergency_unlocks_every_door(bench: Bench) -> None:
    bench.configure({"general": {"exception_mode": "emergency"}})
    assert bench.unlocked(1)
    assert bench.unlocked(2)


def test_an_untrusted_clock_lets_only_full_week_rules_through(bench: Bench) -> None:
    bench.clock.set_utc(datetime(2000, 1, 3, 15, 0, tzinfo=UTC))
    bench.pass_time(1.1)
    bench.swipe(CARD_OF_ANA)
    bench.swipe(CARD_OF_BRUNO)
    assert bench.events() == [(7, ANA), (6, BRUNO)]
    assert [body["trusted"] for body in bench.journal(EntryKind.CLOCK)] == [False]


def test_a_bad_frame_is_journalled_with_its_bits(bench: Bench) -> None:
    bench.simulator.frame("front", "1" * 26)
    bench.pass_time(0.2)
    (frame,) = bench.journal(EntryKind.BAD_FRAME)
    assert frame["bits"] == "1" * 26
    assert bench.strike_edges(1) == 0


def test_a_reader_bound_to_no_portal_denies_with_event_2(bench: Bench) -> None:
    with bench.store() as store:
        store.destroy("portal_script_parameters")
    bench.swipe(CARD_OF_ANA)
    assert bench.events() == [(2, 0)]


def test_a_grant_at_a_portal_without_action_opens_nothing(bench: Bench) -> None:
    with bench.store() as store:
        store.destroy("portal_actions")
    bench.swipe(CARD_OF_ANA)
    assert bench.events() == [(7, ANA)]
    assert bench.strike_edges(1) == 0


@pytest.mark.parametrize("key", ["buttonhole1_idle", "door_sensor1_idle"])
def test_a_changed_idle_level_is_neither_a_press_nor_an_opening(bench: Bench, key: str) -> None:
    bench.configure({"general": {key: 0}})
    bench.pass_time(1)
    assert bench.events() == []
    assert bench.alarms() == []
    assert bench.strike_edges(1) == 0
