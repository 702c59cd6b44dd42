"""Contacts and buttons at an OSDP reader, seen from the whole controller: its bus is a real
pseudo-terminal, with the library at both ends."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.alarms.zones import LOST_MS
from gateway.commands.provisioning import initialise
from gateway.controller.replay.replay import replay
from gateway.controller.state.flight import Asked
from gateway.credentials.values import CredentialKind
from gateway.errors import InvalidRequest
from gateway.hardware.events import InputKind, InputName
from gateway.hardware.osdp.keys import KEYS_FILE, KeyFile, ReaderKeys, new_key
from gateway.hardware.osdp.patterns import LightColour
from gateway.hardware.simulated.port import port_path
from gateway.link.messages import CancelCapture, Capture, Request, Simulate
from gateway.link.runtime import RuntimeDirectory
from gateway.link.wiring import WatchWiring

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

LEAF, BUTTON = InputName(InputKind.DOOR_SENSOR, 1), InputName(InputKind.REX, 1)
ZONE, CASE = InputName(InputKind.ZONE, 2), InputName(InputKind.TAMPER)

SITE = """
[site]
name = "Bus"
timezone = "UTC"
board = "simulated"

[[door]]
id = 1
name = "gate"
egress = "mechanical"
lock = { pin = 17, locked = "low", unlocked = "high" }
sensor = { reader = "hall", input = 0 }
rex = { reader = "hall", input = 1, mode = "unlock_while_pressed" }

[[reader]]
name = "hall"
index = 1
kind = "osdp"
portal = 1
port = "simulated"
baud = 115200
inside = true

[[zone]]
number = 2
reader = "hall"
input = 2

[tamper]
reader = "hall"
input = 3
idle = "low"

[flight_record]
enabled = true

[initial.alarm]
forced_access_enabled = 1
door_sensor_enabled = 1
door_sensor_delay = 30
"""


class Gate:
    """The bench of a door whose contact and button are at its reader."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    @property
    def status(self) -> Any:
        (found,) = self.bench.controller.status().doors
        return found

    @property
    def levels(self) -> dict[str, bool]:
        return {it.kind: it.high for it in self.bench.controller.status().levels}

    @property
    def faults(self) -> list[tuple[str, str]]:
        return [(it.part, it.name) for it in self.bench.controller.status().faults]

    @property
    def idle_colour(self) -> int:
        """What the reader was told to show while it shows nothing else."""
        osdp = self.bench.simulator.osdp
        assert osdp is not None
        lights = [it for it in osdp.told("hall") if it["command"] == 2 and not it["temporary"]]
        return int(lights[-1]["on_color"]) if lights else -1

    def wait_for(self, condition: Callable[[], bool]) -> None:
        give_up = threading.Event()
        for _ in range(4000):
            self.bench.controller.turn(0)
            if condition():
                return
            give_up.wait(0.005)
        raise AssertionError("what was waited for did not happen")

    def set(self, name: InputName, *, high: bool) -> None:
        self.bench.simulator.set_input(name, high=high)
        self.wait_for(lambda: self.levels.get(name.kind) is high)

    def press(self, *, down: bool) -> None:
        self.set(BUTTON, high=not down)

    def leaf(self, *, is_open: bool) -> None:
        # As `init` leaves it, the contact is open while the door is closed.
        self.set(LEAF, high=not is_open)
        self.wait_for(lambda: self.status.sensor_open is is_open)

    def cut(self) -> None:
        self.bench.simulator.unplug("hall")
        self.wait_for(lambda: not self.levels)

    def mend(self) -> None:
        self.bench.simulator.plug("hall")
        self.wait_for(lambda: len(self.levels) == 4)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("bus") / "data"
    initialise(data, SITE, demo=False)
    return data


def as_just_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a reader counts as just back for as long as the test lasts."""
    monkeypatch.setattr("gateway.hardware.osdp.inputs.SETTLE_MS", 3_600_000)


@pytest.fixture
def gate(
    fresh: Path, tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Gate]:
    monkeypatch.setattr("gateway.hardware.osdp.inputs.SETTLE_MS", 0)
    data = tmp_path / "data"
    shutil.copytree(fresh, data)
    key = new_key()
    KeyFile(data / KEYS_FILE).put("hall", ReaderKeys(key))
    port = port_path(RuntimeDirectory.create(data).path, "hall")
    port.parent.mkdir()
    port.with_name("hall.key").write_text(key.hex())
    with start(data) as bench:
        made = Gate(bench)
        # At first all contacts but the one that rests closed are open, as `init` assumes.
        made.wait_for(lambda: len(made.levels) == 4)
        yield made


def test_the_contact_and_the_button_work_as_at_pins(gate: Gate) -> None:
    assert gate.levels == {"door_sensor": True, "rex": True, "zone": True, "tamper": False}
    gate.press(down=True)
    assert gate.status.unlocked
    gate.leaf(is_open=True)
    gate.press(down=False)
    gate.leaf(is_open=False)
    assert gate.bench.events() == [(11, 0)]
    assert gate.bench.alarms() == []
    bench = gate.bench.ask(WatchWiring())["inputs"]
    assert isinstance(bench, list)
    shown = {(it["kind"], it["number"]): it["changes"] for it in bench}
    assert shown == {("door_sensor", 1): 2, ("rex", 1): 2, ("zone", 2): 0, ("tamper", 0): 0}
    gate.set(ZONE, high=False)
    gate.set(CASE, high=True)
    assert [(event, cause) for event, cause, _door in gate.bench.alarms()] == [(1, 2), (1, 9)]


def test_a_button_that_is_down_when_the_reader_is_lost_opens_nothing(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.press(down=True)
    assert gate.status.unlocked
    as_just_back(monkeypatch)
    gate.cut()
    # It gives no time either: the door is locked again at once.
    assert not gate.status.unlocked
    assert ("exit button", "gate") in gate.faults
    # An answer of other devices that comes now is too late.
    gate.bench.controller._components.interlock.exit_cleared(
        1, gate.bench.clock.monotonic_ns() // 1_000_000
    )
    assert not gate.status.unlocked
    gate.mend()
    assert not gate.status.unlocked
    assert gate.bench.events() == [(11, 0)]
    assert gate.faults == []


def test_a_press_while_the_reader_was_away_opens_nothing_later(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_just_back(monkeypatch)
    gate.cut()
    for high in (False, True):
        gate.bench.simulator.set_input(BUTTON, high=high)
    gate.mend()
    gate.leaf(is_open=True)  # the reader has told all that it had kept
    assert gate.bench.events() == []
    assert not gate.status.unlocked


def test_a_door_that_was_opened_meanwhile_is_seen_and_no_break_in(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_just_back(monkeypatch)
    gate.cut()
    assert gate.status.sensor_open is None
    assert ("sensor", "gate") in gate.faults
    gate.bench.simulator.set_input(LEAF, high=False)
    gate.mend()
    gate.wait_for(lambda: gate.status.sensor_open is True)
    gate.bench.pass_time(29)
    assert gate.bench.alarms() == []
    gate.bench.pass_time(2)
    assert [(event, cause) for event, cause, _door in gate.bench.alarms()] == [(1, 6)]


def test_a_cut_cable_is_an_alarm_of_its_zone_and_contact(gate: Gate) -> None:
    gate.cut()
    gate.bench.pass_time(LOST_MS / 1000 - 1)
    assert gate.bench.alarms() == []
    gate.bench.pass_time(2)
    assert {(event, cause) for event, cause, _door in gate.bench.alarms()} == {(1, 2), (1, 9)}
    assert {("zone", "2"), ("tamper", "case")} <= set(gate.faults)
    gate.mend()
    assert {(event, cause) for event, cause, _door in gate.bench.alarms()[2:]} == {(2, 2), (2, 9)}


def test_a_record_of_it_replays_identically(gate: Gate) -> None:
    gate.press(down=True)
    gate.cut()
    gate.bench.pass_time(20)
    gate.mend()
    gate.leaf(is_open=True)
    (record,) = (gate.bench.data / "flight").glob("*.jsonl")
    result = replay(record)
    assert (result.difference, result.broken) == (None, None)
    assert '"input_lost"' in record.read_text()


def test_sim_drives_the_inputs_by_their_door_and_by_their_number(gate: Gate) -> None:
    gate.bench.ask(Simulate(verb="door", door="gate", value="open"))
    gate.wait_for(lambda: gate.status.sensor_open is True)
    gate.bench.ask(Simulate(verb="osdp", reader="hall", value="input 0 off"))
    gate.wait_for(lambda: gate.status.sensor_open is False)
    gate.bench.ask(Simulate(verb="tamper", value="on"))
    gate.wait_for(lambda: gate.levels["tamper"])
    for wrong in ("input 4 on", "input x on", "input 1", "input 1 open"):
        with pytest.raises(InvalidRequest):
            gate.bench.ask(Simulate(verb="osdp", reader="hall", value=wrong))


def test_its_light_tells_of_an_enrolment_and_of_a_lock_down(gate: Gate) -> None:
    def wait_for_light(colour: LightColour) -> None:
        gate.wait_for(lambda: gate.idle_colour == colour)

    wait_for_light(LightColour.OFF)
    capture = Capture(ticket="one", credential=CredentialKind.CARD, reader="hall", left_ms=60_000)
    gate.bench.controller.happen(Asked(b"", Request(id="1", expires_ns=1 << 62, command=capture)))
    wait_for_light(LightColour.AMBER)
    gate.bench.ask(CancelCapture(ticket="one"))
    wait_for_light(LightColour.OFF)
    gate.bench.configure({"general": {"door1_exception_mode": "lock_down"}})
    wait_for_light(LightColour.RED)
    gate.bench.configure({"general": {"door1_exception_mode": "none"}})
    wait_for_light(LightColour.OFF)
