"""Triggers at a running controller: inputs and clock in, pins out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import UnstoredMode
from gateway.objects.catalogue import REGISTRY
from gateway.settings import SITE_FILE
from gateway.store.files import STORE_FILE
from gateway.store.journal import EntryKind
from gateway.store.objects.store import Store
from tests.unit.controller.test_door_hours import local, put_zone

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

CARD_OF_ANA = (123 << 32) | 45678
FRONT_SENSOR = InputName(InputKind.DOOR_SENSOR, 1)
GATE, LIGHT = 21, 13
OFFICE = 2
OUTPUTS = f"""
[[output]]
name = "gate"
title = "Car park gate"
pin = {GATE}
active = "high"

[[output]]
name = "light"
pin = {LIGHT}
active = "high"
on_start = "on"
limit_s = 3600
"""
PULSE = {"action": "pulse", "output": "gate", "duration_ms": 2_000}


def with_triggers(demo: Path, *rows: Mapping[str, Any], more: str = OUTPUTS) -> Path:
    path = demo / SITE_FILE
    if "Car park gate" not in path.read_text("utf-8"):
        path.write_text(path.read_text("utf-8") + more, "utf-8")
    with Store.open(demo / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.insert("triggers", [{"name": f"t{n}", **row} for n, row in enumerate(rows, 1)])
    return demo


def change(demo: Path, act: Callable[[Store], object]) -> None:
    with Store.open(demo / STORE_FILE, REGISTRY, lambda: 0) as store:
        act(store)


def open_front(bench: Bench) -> None:
    bench.simulator.set_input(FRONT_SENSOR, high=False)
    bench.pass_time(0.1)


def close_front(bench: Bench) -> None:
    bench.simulator.set_input(FRONT_SENSOR, high=True)
    bench.pass_time(0.1)


def steps(bench: Bench) -> list[str]:
    return [body["step"] for body in bench.journal(EntryKind.TRIGGER)]


def is_on(bench: Bench, pin: int) -> bool:
    return any(it["level"] == "high" for it in bench.outputs() if it["pin"] == pin)


def test_a_door_that_opens_pulses_an_output_after_a_row_that_names_the_trigger(
    start: Start, demo: Path
) -> None:
    with start(with_triggers(demo, {"event": "door_opened", "door_id": 1, **PULSE})) as bench:
        open_front(bench)
        assert is_on(bench, GATE)
        bench.pass_time(2)
        assert not is_on(bench, GATE)
        assert steps(bench) == ["waits", "done"]
        on, off = bench.journal(EntryKind.OUTPUT)
        assert (on["trigger"], on["on"], off["on"]) == (1, True, False)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ({"door_id": 2}, "other_door"),
        ({"enabled": 0}, "disabled"),
        ({"reader": "back"}, "other_reader"),
    ],
)
def test_a_fact_that_a_restriction_excludes_moves_nothing_and_says_why(
    start: Start, demo: Path, row: dict[str, Any], verdict: str
) -> None:
    with start(with_triggers(demo, {"event": "door_opened", **row, **PULSE})) as bench:
        open_front(bench)
        assert not is_on(bench, GATE)
        assert [it.verdict for it in bench.controller.status().triggers] == [verdict]


@pytest.mark.parametrize(("group", "pulses"), [(OFFICE, True), (3, False)])
def test_a_person_s_group_decides(start: Start, demo: Path, group: int, pulses: bool) -> None:
    row = {"event": "granted", "group_id": group, **PULSE}
    with start(with_triggers(demo, row)) as bench:
        bench.swipe(CARD_OF_ANA)
        bench.pass_time(0.1)
        assert is_on(bench, GATE) is pulses


def test_what_cancels_a_delay_keeps_the_action_from_being_done(start: Start, demo: Path) -> None:
    row = {"event": "door_opened", "delay_ms": 30_000, "cancel_event": "door_closed", **PULSE}
    with start(with_triggers(demo, row)) as bench:
        open_front(bench)
        bench.pass_time(20)
        close_front(bench)
        bench.pass_time(30)
        assert not is_on(bench, GATE)
        assert steps(bench) == ["waits", "cancelled"]


def test_a_trigger_opens_no_door_in_lock_down(start: Start, demo: Path) -> None:
    row = {"event": "zone_begins", "time_zone_id": 50, "action": "unlock", "target_door_id": 1}
    change(demo, lambda store: put_zone(store, 9 * 3600, 18 * 3600))
    rows = (row, {**row, "action": "emergency"})
    with start(with_triggers(demo, *rows), at=local(23, 8, 59, 58)) as bench:
        bench.controller._components.modes.keep([UnstoredMode(door=1, mode="lock_down")])
        bench.controller._apply_again()
        for _ in range(4):
            bench.pass_time(1)
        assert not bench.unlocked(1)
        assert steps(bench) == ["waits", "waits", "refused", "refused"]


def test_a_door_is_locked_at_its_time_and_a_missed_time_is_made_up_once(
    start: Start, demo: Path
) -> None:
    row = {"event": "time_of_day", "start": 22 * 3600, "action": "lock", "target_door_id": 1}
    pulse = {"event": "time_of_day", "start": 22 * 3600, **PULSE}
    with start(with_triggers(demo, row, pulse), at=local(23, 20, 0)) as bench:
        bench.pass_time(1)
    with start(demo, at=local(23, 20, 0).replace(day=24)) as bench:
        for _ in range(3):
            bench.pass_time(1)
        assert [body["action"] for body in bench.journal(EntryKind.TRIGGER)] == ["lock", "lock"]
        assert not is_on(bench, GATE)


LOCK = {"event": "door_closed", "delay_ms": 60_000, "action": "lock", "target_door_id": 1}


def test_what_waits_goes_on_over_a_restart_and_what_opens_is_not_made_up(
    start: Start, demo: Path
) -> None:
    unlock = {**LOCK, "action": "unlock", "target_door_id": 2}
    with start(with_triggers(demo, LOCK, unlock)) as bench:
        open_front(bench)
        close_front(bench)
        assert steps(bench) == ["waits", "waits"]
    with start(demo, at=local(23, 12, 10)) as bench:
        bench.pass_time(1)
        assert sorted(
            (body["action"], body["step"])
            for body in bench.journal(EntryKind.TRIGGER)
            if body["step"] != "waits"
        ) == [("lock", "done"), ("unlock", "late")]
        assert not bench.unlocked(2)


def test_a_delay_whose_time_is_still_to_come_unlocks_after_a_restart(
    start: Start, demo: Path
) -> None:
    unlock = {**LOCK, "action": "unlock", "target_door_id": 2}
    with start(with_triggers(demo, unlock)) as bench:
        open_front(bench)
        close_front(bench)
    with start(demo, at=local(23, 12, 0, 30)) as bench:
        bench.pass_time(25)
        assert not bench.unlocked(2)
        bench.pass_time(10)
        assert steps(bench)[-1] == "done"


def test_a_level_is_on_again_after_a_restart_and_off_at_its_limit(start: Start, demo: Path) -> None:
    off = {"event": "door_opened", "action": "off", "output": "light"}
    on = {"event": "door_closed", "action": "on", "output": "light"}
    with start(with_triggers(demo, off, on)) as bench:
        assert is_on(bench, LIGHT), "on_start"
        open_front(bench)
        assert not is_on(bench, LIGHT)
        close_front(bench)
        assert is_on(bench, LIGHT)
    with start(demo, at=local(23, 12, 59, 50)) as bench:
        assert is_on(bench, LIGHT)
        bench.pass_time(20)
        assert not is_on(bench, LIGHT)


def test_a_trigger_s_mode_is_in_force_and_given_to_the_database(start: Start, demo: Path) -> None:
    row = {"event": "alarm", "cause": 7, "action": "lock_down", "target_door_id": 2}
    with start(with_triggers(demo, row)) as bench:
        open_front(bench)
        status = bench.controller.status()
        assert [door.mode for door in status.doors] == ["normal", "lock_down"]
        assert [mode.login for mode in status.modes_unstored] == ["trigger t1"]


def test_triggers_that_set_each_other_off_stop_and_a_fault_says_so(
    start: Start, demo: Path
) -> None:
    ping = {"event": "disarmed", "action": "arm"}
    pong = {"event": "armed", "action": "disarm"}
    begin = {"event": "door_opened", "action": "disarm"}
    with start(with_triggers(demo, ping, pong, begin)) as bench:
        open_front(bench)
        bench.pass_time(1)
        assert len(bench.journal(EntryKind.ARMING)) == 3
        assert [fault.name for fault in bench.controller.status().faults] == ["t1 (1)"]
        bench.pass_time(61)
        assert not bench.controller.status().faults
