"""A door on a module, seen from the whole controller: like any door, and gone when its line is."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.commands.provisioning import initialise
from gateway.controller.replay.replay import replay
from gateway.errors import DeviceUnavailable, NotPermitted
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import Authorize, OpenDoor, Opening
from gateway.objects.factory import Rows
from gateway.settings import SITE_FILE
from gateway.store.journal import EntryKind
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.tables.modes import write_mode
from tests.demo_site import DEMO

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

CARD_OF_ANA = (123 << 32) | 45678
ANA, GATE, GATES_PORTAL, GATES_READER = 1, 65_793, 3, "gatecard"
LEAF, BUTTON = InputName(InputKind.DOOR_SENSOR, GATE), InputName(InputKind.REX, GATE)

BOX = """
[[sec_box]]
name = "gate"
portal = 3
egress = "mechanical"
port = "simulated"
module = "waveshare_io_8"
address = 1
relay = 0
sensor = 0
rex = { input = 1 }

[[reader]]
name = "gatecard"
index = 3
kind = "wiegand"
portal = 3
d0 = 7
d1 = 8

[flight_record]
enabled = true
"""
RULE: Rows = {
    "access_rules": [{"id": 9, "name": "Gate", "type": 1, "priority": 0}],
    "access_rule_time_zones": [{"access_rule_id": 9, "time_zone_id": 1}],
    "group_access_rules": [{"group_id": 1, "access_rule_id": 9}],
    "portal_access_rules": [{"portal_id": GATES_PORTAL, "access_rule_id": 9}],
}


class Gate:
    """The bench of a site with a SecBox; its line is a real pseudo-terminal with real threads."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        boxes = bench.simulator.sec_boxes
        assert boxes is not None
        self.boxes = boxes
        self.module = self.boxes.module("gate")

    @property
    def status(self) -> Any:
        return next(each for each in self.bench.controller.status().doors if each.id == GATE)

    @property
    def button_is_down(self) -> bool:
        """Whether its contact is closed, as the module reads it."""
        levels = self.bench.controller.status().levels
        return not next(it.high for it in levels if (it.kind, it.number) == ("rex", GATE))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        give_up = threading.Event()
        for _ in range(4000):
            self.bench.controller.turn(0)
            if condition():
                return
            give_up.wait(0.005)
        raise AssertionError("what was waited for did not happen")

    def wait_for_relay(self, *, on: bool) -> None:
        self.wait_for(lambda: self.module.relay(0) is on)

    def leaf(self, *, is_open: bool) -> None:
        # As `init` leaves it, the contact is open while the door is closed.
        self.bench.simulator.set_input(LEAF, high=not is_open)
        self.wait_for(lambda: self.status.sensor_open is is_open)

    def press(self, *, down: bool) -> None:
        self.bench.simulator.set_input(BUTTON, high=not down)
        self.wait_for(lambda: self.button_is_down is down)

    def cut(self) -> None:
        self.bench.simulator.unplug("gate")
        self.wait_for(lambda: bool(self.status.away))

    def mend(self) -> None:
        self.bench.simulator.plug("gate")
        self.wait_for(lambda: not self.status.away and self.status.sensor_open is not None)

    def set_row(self, **values: object) -> None:
        with self.bench.store() as store:
            store.modify("sec_boxs", values, [{"field": "id", "value": GATE}])
        self.bench.pass_time(1.1)

    def moves(self) -> list[tuple[str, str, str]]:
        rows = [body["row"] for body in self.bench.journal(EntryKind.ACCESS_EVENT)]
        return [(row["event"], row["type"], row["identification"]) for row in rows]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("gate") / "data"
    initialise(data, DEMO.replace("[[reader]]", BOX + "\n[[reader]]", 1), demo=True)
    return data


@contextmanager
def started(fresh: Path, tmp_path: Path, start: Start) -> Iterator[Gate]:
    data = tmp_path / "data"
    shutil.copytree(fresh, data)
    with start(data) as bench:
        with bench.store() as store:
            for name, rows in RULE.items():
                store.insert(name, rows)
        bench.pass_time(1.1)
        made = Gate(bench)
        made.wait_for(lambda: not made.status.away and made.status.sensor_open is False)
        yield made


@pytest.fixture
def gate(fresh: Path, tmp_path: Path, start: Start) -> Iterator[Gate]:
    with started(fresh, tmp_path, start) as made:
        yield made


def test_init_gives_it_its_row_its_action_and_its_portal(gate: Gate) -> None:
    with gate.bench.store() as store:
        (row,) = store.load({"object": "sec_boxs"}).rows
        named = {"object": "actions", "where": {"actions": {"action": "sec_box"}}}
        (action,) = store.load(named).rows
        links = list(store.load({"object": "portal_actions"}).rows)
    assert (row["id"], row["name"], row["door_sensor_enabled"]) == (GATE, "gate", 1)
    assert action["parameters"] == f"id={GATE}, reason=1"
    assert {"portal_id": GATES_PORTAL, "action_id": action["id"]} in links


def test_a_card_at_its_portal_opens_it_for_its_time(gate: Gate) -> None:
    gate.bench.swipe(CARD_OF_ANA, GATES_READER)
    gate.wait_for_relay(on=True)
    assert gate.bench.events() == [(7, ANA)]
    assert not gate.bench.unlocked(1)
    gate.bench.pass_time(3.1)
    gate.wait_for_relay(on=False)


def test_its_row_is_obeyed_at_once(gate: Gate) -> None:
    gate.set_row(relay_timeout=10_000, auto_close_enabled=0)
    gate.bench.ask(OpenDoor(door=GATE))
    gate.wait_for_relay(on=True)
    gate.leaf(is_open=True)
    gate.bench.pass_time(8)
    assert gate.status.unlocked
    gate.set_row(enabled=0)
    gate.wait_for_relay(on=False)
    gate.bench.swipe(CARD_OF_ANA, GATES_READER)
    assert not gate.status.unlocked


def test_without_its_row_it_works_as_init_leaves_it(gate: Gate) -> None:
    gate.set_row(enabled=0)
    with gate.bench.store() as store:
        store.destroy("sec_boxs", [])
    gate.bench.pass_time(1.1)
    gate.bench.ask(OpenDoor(door=GATE))
    gate.wait_for_relay(on=True)


def test_the_relay_drops_when_the_door_is_seen_open_and_its_moves_are_those_of_a_secbox(
    gate: Gate,
) -> None:
    gate.bench.ask(OpenDoor(door=GATE))
    gate.wait_for_relay(on=True)
    gate.leaf(is_open=True)
    gate.wait_for_relay(on=False)
    gate.leaf(is_open=False)
    assert gate.moves() == [("secbox", "OPEN", str(GATE)), ("secbox", "CLOSE", str(GATE))]


def test_a_contact_that_is_closed_at_rest_is_turned_over_by_its_row(gate: Gate) -> None:
    gate.set_row(door_sensor_idle=0)
    assert gate.status.sensor_open is True
    assert gate.moves() == [("secbox", "OPEN", str(GATE))]
    assert gate.bench.alarms() == []


def test_an_opening_that_nobody_allowed_is_an_alarm_of_this_door(gate: Gate) -> None:
    gate.leaf(is_open=True)
    gate.bench.pass_time(1)
    assert gate.bench.alarms() == [(1, 7, GATE)]
    gate.leaf(is_open=False)
    assert gate.bench.alarms() == [(1, 7, GATE), (2, 7, GATE)]


def test_its_button_opens_it_unless_its_row_has_none(gate: Gate) -> None:
    gate.press(down=True)
    gate.wait_for_relay(on=True)
    assert gate.bench.events() == [(11, 0)]
    gate.press(down=False)
    gate.bench.pass_time(3.1)
    gate.set_row(rex_mode=2)
    gate.press(down=True)
    gate.bench.pass_time(0.2)
    assert gate.bench.events() == [(11, 0)]


def test_a_button_that_is_closed_at_rest_is_pressed_when_it_opens(gate: Gate) -> None:
    gate.press(down=True)  # closed
    gate.set_row(rex_mode=1)
    gate.bench.pass_time(5)
    gate.wait_for_relay(on=False)
    gate.bench.simulator.set_input(BUTTON, high=True)
    gate.wait_for_relay(on=True)
    assert gate.bench.events() == [(11, 0), (11, 0)]


@pytest.mark.parametrize(
    ("timeout_ms", "after_s", "open_then"), [(500, 1, False), (5_000, 4, True), (0, 60, True)]
)
def test_a_client_opens_it_for_the_time_it_says(
    gate: Gate, timeout_ms: int, after_s: float, open_then: bool
) -> None:
    gate.bench.ask(OpenDoor(door=GATE, timeout_ms=timeout_ms, reason=3))
    gate.wait_for_relay(on=True)
    assert gate.bench.events() == [(12, 0)]
    gate.bench.pass_time(after_s)
    gate.wait_for_relay(on=open_then)
    gate.bench.ask(OpenDoor(door=GATE, timeout_ms=-1))
    gate.wait_for_relay(on=False)


def test_the_devices_mode_is_its_mode_and_fire_releases_it(gate: Gate) -> None:
    gate.bench.configure({"general": {"exception_mode": "lock_down"}})
    gate.bench.swipe(CARD_OF_ANA, GATES_READER)
    assert gate.bench.events() == [(6, ANA)]
    gate.bench.simulator.set_input(InputName(InputKind.FIRE), high=True)
    gate.bench.pass_time(0.2)
    gate.wait_for_relay(on=True)


# the line is cut


def test_a_sensor_that_is_gone_is_a_fault_and_no_alarm(gate: Gate) -> None:
    gate.leaf(is_open=True)
    gate.bench.pass_time(1)
    gate.cut()
    assert gate.status.sensor_open is None
    assert gate.bench.alarms() == [(1, 7, GATE), (2, 7, GATE)]
    device = next(each for each in gate.bench.controller.status().devices if each.name == "gate")
    assert (device.kind, device.health) == ("sec_box", "offline")
    assert "module 1 does not answer" in device.why


def test_whoever_comes_while_it_is_away_is_denied_and_nothing_opens_later(gate: Gate) -> None:
    gate.cut()
    gate.bench.swipe(CARD_OF_ANA, GATES_READER)
    (entry,) = gate.bench.journal(EntryKind.ACCESS)
    assert (entry["reason"], entry["row"]["event"]) == ("door_unreachable", 2)
    known = entry["facts"]["door_unreachable"]
    assert known["door"] == GATE
    assert "module 1 does not answer" in known["why"]
    with pytest.raises(DeviceUnavailable, match="does not answer"):
        gate.bench.ask(OpenDoor(door=GATE))
    opened = Authorize(event=7, user_id=ANA, openings=(Opening(door=1), Opening(door=GATE)))
    with pytest.raises(DeviceUnavailable):
        gate.bench.ask(opened)
    assert not gate.bench.unlocked(1)
    gate.bench.ask(OpenDoor(door=GATE, timeout_ms=-1))  # to close it is never refused
    gate.mend()
    gate.bench.pass_time(0.5)
    assert gate.module.edges == 0


def test_a_grant_for_two_doors_opens_the_one_that_is_there(gate: Gate) -> None:
    with gate.bench.store() as store:
        store.insert("portal_actions", [{"portal_id": GATES_PORTAL, "action_id": 1}])
    gate.bench.pass_time(1.1)
    gate.cut()
    gate.bench.swipe(CARD_OF_ANA, GATES_READER)
    assert gate.bench.events() == [(7, ANA)]
    assert gate.bench.unlocked(1)
    assert not gate.status.unlocked


def test_an_opening_that_ran_out_meanwhile_is_not_made_up_for(gate: Gate) -> None:
    gate.bench.ask(OpenDoor(door=GATE))
    gate.wait_for_relay(on=True)
    gate.cut()
    gate.wait_for_relay(on=False)  # by itself
    moved = gate.module.edges
    gate.bench.pass_time(3.1)
    gate.mend()
    gate.bench.pass_time(0.5)
    assert gate.module.edges == moved


def test_what_holds_it_open_holds_it_again_when_it_is_back(gate: Gate) -> None:
    gate.cut()
    gate.bench.configure({"general": {"exception_mode": "emergency"}})
    gate.mend()
    gate.wait_for_relay(on=True)


def test_a_button_that_is_down_when_it_is_back_is_no_press(gate: Gate) -> None:
    gate.cut()
    gate.bench.simulator.set_input(BUTTON, high=False)
    gate.mend()
    gate.wait_for(lambda: gate.button_is_down)
    gate.bench.pass_time(0.3)
    assert gate.bench.events() == []
    gate.press(down=False)
    gate.press(down=True)
    gate.wait_for_relay(on=True)
    assert gate.bench.events() == [(11, 0)]


def test_a_button_that_is_held_when_the_line_is_cut_gives_no_time_afterwards(
    fresh: Path, tmp_path: Path, start: Start
) -> None:
    held = tmp_path / "held"
    shutil.copytree(fresh, held)
    text = (held / SITE_FILE).read_text("utf-8")
    held.joinpath(SITE_FILE).write_text(
        text.replace("input = 1 }", 'input = 1, mode = "unlock_while_pressed" }'), "utf-8"
    )
    with started(held, tmp_path, start) as gate:
        gate.press(down=True)
        gate.wait_for_relay(on=True)
        gate.cut()
        assert not gate.status.unlocked
        gate.mend()
        gate.wait_for_relay(on=False)
        assert gate.bench.events() == [(11, 0)]


def test_a_record_of_it_replays_identically(gate: Gate) -> None:
    gate.bench.swipe(CARD_OF_ANA, GATES_READER)
    gate.wait_for_relay(on=True)
    gate.leaf(is_open=True)
    gate.leaf(is_open=False)
    gate.cut()
    gate.bench.pass_time(3)  # within two seconds it would be the same read
    gate.bench.swipe(CARD_OF_ANA, GATES_READER)
    gate.mend()
    gate.bench.pass_time(3)
    gate.press(down=True)
    gate.bench.settle()
    (record,) = (gate.bench.data / "flight").glob("*.jsonl")
    result = replay(record)
    assert (result.difference, result.broken) == (None, None)
    assert f'"drive":"door {GATE}"' in record.read_text()
    assert '"reason":"door_unreachable"' in record.read_text()


def test_a_stop_leaves_it_locked(
    fresh: Path, tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    relays: list[bool] = []
    with started(fresh, tmp_path, start) as gate:
        gate.bench.ask(OpenDoor(door=GATE, timeout_ms=0))
        gate.wait_for_relay(on=True)
        close_line = gate.boxes.close

        def close() -> None:
            relays.append(gate.module.relay(0))
            close_line()

        monkeypatch.setattr(gate.boxes, "close", close)
    assert relays == [False]


# modes, interlock and groups, as of a door on the board


def put_mode(gate: Gate, mode: str) -> None:
    with gate.bench.store() as store:
        write_mode(store, ModeRow(GATE, mode, "eva", "drill"))
    gate.bench.pass_time(1.1)


def test_it_has_a_mode_of_its_own_that_survives_a_restart(
    fresh: Path, tmp_path: Path, start: Start
) -> None:
    with started(fresh, tmp_path, start) as gate:
        put_mode(gate, "emergency")
        gate.wait_for_relay(on=True)
        assert gate.status.mode_by == "eva"
        assert not gate.bench.unlocked(1)
    with start(tmp_path / "data") as bench:
        gate = Gate(bench)
        gate.wait_for(lambda: not gate.status.away)
        gate.wait_for_relay(on=True)
        put_mode(gate, "lock_down")
        gate.wait_for_relay(on=False)
        with pytest.raises(NotPermitted):
            bench.ask(OpenDoor(door=GATE))
        bench.swipe(CARD_OF_ANA)
        assert bench.unlocked(1)


def test_it_is_interlocked_with_a_door_of_the_board_both_ways(gate: Gate) -> None:
    gate.set_row(interlock="1")
    gate.leaf(is_open=True)
    gate.bench.swipe(CARD_OF_ANA)
    assert not gate.bench.unlocked(1)
    (refused,) = gate.bench.journal(EntryKind.ACCESS)
    assert refused["facts"]["interlock"] == {"door": 1, "by": GATE, "why": "is open"}
    gate.leaf(is_open=False)
    gate.bench.simulator.set_input(InputName(InputKind.DOOR_SENSOR, 1), high=False)
    gate.bench.pass_time(0.2)
    with pytest.raises(NotPermitted, match=r"interlock, door 1 \(front\)|is open"):
        gate.bench.ask(OpenDoor(door=GATE))


def test_a_portal_opens_all_doors_of_a_group_or_none(gate: Gate) -> None:
    with gate.bench.store() as store:
        (group,) = store.insert("door_groups", [{"name": "yard"}])
        doors = [{"door_group_id": group, "door_id": door} for door in (2, GATE)]
        store.insert("door_group_doors", doors)
        row = {"name": "yard", "action": "door_group", "parameters": f"id={group}"}
        (action,) = store.insert("actions", [row])
        store.destroy("portal_actions", [{"field": "portal_id", "value": GATES_PORTAL}])
        store.insert("portal_actions", [{"portal_id": GATES_PORTAL, "action_id": action}])
    gate.bench.pass_time(1.1)
    gate.bench.swipe(CARD_OF_ANA, GATES_READER)
    gate.wait_for_relay(on=True)
    assert gate.bench.unlocked(2)
    gate.bench.pass_time(5)
    gate.wait_for_relay(on=False)
    with gate.bench.store() as store:
        store.set_configuration({"general": {"door2_interlock": "1"}})
    gate.bench.simulator.set_input(InputName(InputKind.DOOR_SENSOR, 1), high=False)
    gate.bench.pass_time(1.1)
    gate.bench.swipe(CARD_OF_ANA, GATES_READER)
    assert gate.bench.events() == [(7, ANA), (6, ANA)]
    assert not gate.bench.unlocked(2)
    assert not gate.status.unlocked
