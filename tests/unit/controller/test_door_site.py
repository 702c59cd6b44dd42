"""What the site file says of a door: its exit button, its lock's feedback, pre-alarm and limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import OpenDoor
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

CARD_OF_ANA = (123 << 32) | 45678
FRONT_SENSOR = InputName(InputKind.DOOR_SENSOR, 1)
FRONT_REX = InputName(InputKind.REX, 1)
FRONT_BOND = InputName(InputKind.BOND, 1)
BOND = 'bond = { pin = 4, pull = "up", idle = "low" }'

Site = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def site(demo: Path, start: Start) -> Site:
    """Runs the demo with more keys at its front door, and another mode of its exit button."""

    def run(keys: str = "", rex_mode: str = "unlock") -> AbstractContextManager[Any]:
        path = demo / "gateway.toml"
        rex = 'rex = { pin = 22, pull = "up"'
        text = path.read_text(encoding="utf-8")
        assert rex in text
        changed = text.replace(f"{rex} }}", f'{rex}, mode = "{rex_mode}" }}\n{keys}')
        path.write_text(changed, encoding="utf-8")
        context: AbstractContextManager[Any] = start(demo)
        return context

    return run


@pytest.fixture
def bonded(site: Site) -> Iterator[Bench]:
    with site(BOND) as bench:
        yield bench


def press(bench: Bench, *, down: bool) -> None:
    bench.simulator.set_input(FRONT_REX, high=not down)
    bench.pass_time(0.2)


def open_leaf(bench: Bench, *, is_open: bool) -> None:
    bench.simulator.set_input(FRONT_SENSOR, high=not is_open)
    bench.pass_time(0.2)


def front(bench: Bench) -> Any:
    return next(door for door in bench.controller.status().doors if door.id == 1)


def test_a_button_may_unlock_for_as_long_as_it_is_pressed(site: Site) -> None:
    with site(rex_mode="unlock_while_pressed") as bench:
        press(bench, down=True)
        bench.pass_time(20)
        assert bench.unlocked(1)
        press(bench, down=False)
        bench.pass_time(2)
        assert bench.unlocked(1)
        bench.pass_time(1)
        assert not bench.unlocked(1)
        assert bench.events() == [(11, 0)]
        assert bench.strike_edges(1) == 2


def test_a_button_may_only_keep_an_opening_from_being_forced(site: Site) -> None:
    with site(rex_mode="shunt") as bench:
        press(bench, down=True)
        open_leaf(bench, is_open=True)
        press(bench, down=False)
        open_leaf(bench, is_open=False)
        assert bench.events() == [(11, 0)]
        assert bench.alarms() == []
        assert bench.strike_edges(1) == 0
        bench.pass_time(5)
        open_leaf(bench, is_open=True)
        assert bench.alarms() == [(1, 7, 1)]


def test_a_shunt_that_lasts_a_minute_is_a_fault_and_ends(site: Site) -> None:
    with site(rex_mode="shunt") as bench:
        press(bench, down=True)
        bench.pass_time(61)
        open_leaf(bench, is_open=True)
        assert bench.alarms() == [(1, 7, 1)]
        assert [body["part"] for body in bench.journal(EntryKind.FAULT)] == ["rex front"]


def test_a_lock_that_follows_its_command_raises_nothing(bonded: Bench) -> None:
    bonded.swipe(CARD_OF_ANA)
    bonded.simulator.set_input(FRONT_BOND, high=True)
    bonded.pass_time(3.2)
    bonded.simulator.set_input(FRONT_BOND, high=False)
    bonded.pass_time(5)
    assert bonded.alarms() == []


def test_a_lock_that_stays_unlocked_is_an_alarm_until_it_locks(bonded: Bench) -> None:
    bonded.swipe(CARD_OF_ANA)
    bonded.simulator.set_input(FRONT_BOND, high=True)
    bonded.pass_time(5)
    assert bonded.alarms() == [(1, 101, 1)]
    assert front(bonded).alarms == ("welded",)
    status = bonded.controller.status()
    assert (status.alarm_active, status.alarm_cause) == (True, 101)
    bonded.simulator.set_input(FRONT_BOND, high=False)
    bonded.pass_time(0.2)
    assert bonded.alarms() == [(1, 101, 1), (2, 101, 1)]
    assert front(bonded).alarms == ()


def test_a_welded_lock_is_told_once_over_a_restart(site: Site, demo: Path, start: Start) -> None:
    with site(BOND) as bench:
        bench.simulator.set_input(FRONT_BOND, high=True)
        bench.pass_time(2)
    with start(demo) as bench:
        bench.pass_time(5)
        assert bench.alarms() == [(1, 101, 1)]
        bench.simulator.set_input(FRONT_BOND, high=False)
        bench.pass_time(0.2)
        assert bench.alarms() == [(1, 101, 1), (2, 101, 1)]


def test_the_alarm_of_a_feedback_that_was_taken_away_gets_its_off(
    site: Site, demo: Path, start: Start
) -> None:
    with site(BOND) as bench:
        bench.simulator.set_input(FRONT_BOND, high=True)
        bench.pass_time(2)
    path = demo / "gateway.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(BOND, ""), encoding="utf-8")
    with start(demo) as bench:
        assert bench.alarms() == [(1, 101, 1), (2, 101, 1)]


def test_a_door_that_will_be_held_open_soon_is_told_before(site: Site) -> None:
    with site("pre_alarm_s = 10") as bench:
        bench.swipe(CARD_OF_ANA)
        open_leaf(bench, is_open=True)
        bench.pass_time(19)
        assert not front(bench).pre_alarm
        bench.pass_time(2)
        assert front(bench).pre_alarm
        assert bench.alarms() == []
        bench.pass_time(10)
        assert not front(bench).pre_alarm
        assert bench.alarms() == [(1, 6, 1)]
        told = [{"door": 1, "on": True}, {"door": 1, "on": False}]
        assert bench.journal(EntryKind.PRE_ALARM) == told


def test_no_opening_of_a_client_outlasts_the_limit_but_a_hold_does(site: Site) -> None:
    with site("output_limit_s = 5") as bench:
        bench.ask(OpenDoor(door=1, timeout_ms=60_000))
        bench.pass_time(4)
        assert bench.unlocked(1)
        bench.pass_time(2)
        assert not bench.unlocked(1)
        bench.ask(OpenDoor(door=1, timeout_ms=0))
        bench.pass_time(20)
        assert bench.unlocked(1)
        bench.ask(OpenDoor(door=1, timeout_ms=-1))
        bench.settle()
        assert not bench.unlocked(1)
