"""Supervised contacts seen from the whole controller: a door's contact and button, a zone and the
fire loop at a simulated converter."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.alarms.zones import LOST_MS
from gateway.cli.sim import adc_lines
from gateway.commands.provisioning import initialise
from gateway.controller.replay.replay import replay
from gateway.errors import InvalidRequest, NotFound
from gateway.hardware.events import InputName
from gateway.hardware.simulated.adc import SimulatedAdcs
from gateway.link.messages import ResetFire, Simulate
from gateway.link.wiring import WatchWiring

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

SITE = """
[site]
name = "Loops"
timezone = "UTC"
board = "simulated"

[[adc]]
name = "loops"
kind = "mcp3208"
device = "simulated"

[[door]]
id = 1
name = "gate"
egress = "mechanical"
lock = { pin = 17, locked = "low", unlocked = "high" }
sensor = { adc = "loops", channel = 0 }
rex = { adc = "loops", channel = 1 }

[[zone]]
number = 2
adc = "loops"
channel = 2

[fire]
adc = "loops"
channel = 3
idle = "low"

[flight_record]
enabled = true

[initial.alarm]
forced_access_enabled = 1
device_violation_enabled = 1
"""
SENSOR, BUTTON, ZONE, FIRE = range(4)
OF_ZONE, TAMPER, FORCED = 2, 9, 7


class Loops:
    """The bench, with the wires at the converter."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def wires(self, channel: int, what: str, reading: str = "") -> None:
        self.bench.ask(Simulate(verb="adc", adc="loops", channel=channel, value=what))
        self.bench.wait_until(lambda: self.readings[channel][0] == (reading or what))

    @property
    def readings(self) -> list[tuple[str, int | None]]:
        """What each channel reads, and its ohms."""
        lines = self.bench.ask(WatchWiring())["inputs"]
        assert isinstance(lines, list)
        of = {it["kind"]: (it["reading"], it["ohm"]) for it in lines}
        return [of[kind] for kind in ("door_sensor", "rex", "zone", "fire")]

    @property
    def faults(self) -> set[str]:
        return {it.part for it in self.bench.controller.status().faults}

    @property
    def alarms(self) -> list[tuple[int, int]]:
        return [(event, cause) for event, cause, _door in self.bench.alarms()]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("loops") / "data"
    initialise(data, SITE, demo=False)
    return data


@pytest.fixture
def loops(fresh: Path, tmp_path: Path, start: Start) -> Iterator[Loops]:
    data = tmp_path / "data"
    shutil.copytree(fresh, data)
    with start(data) as bench:
        made = Loops(bench)
        bench.wait_until(lambda: len(bench.controller.status().levels) == 4)
        yield made


def test_contacts_work_as_at_pins_and_the_bench_shows_what_was_measured(loops: Loops) -> None:
    # The bench's time passes faster than the converter is read.
    loops.bench.ask(Simulate(verb="rex", door="gate", value="60"))
    loops.bench.wait_until(lambda: loops.bench.unlocked(1))
    loops.bench.ask(Simulate(verb="door", door="gate", value="open"))
    loops.bench.wait_until(lambda: loops.bench.controller.status().doors[0].sensor_open)
    loops.bench.ask(Simulate(verb="zone", zone=2, value="active"))
    loops.bench.wait_until(lambda: loops.alarms)
    assert loops.bench.events() == [(11, 0)]
    assert loops.alarms == [(1, OF_ZONE)]
    reading, ohm = loops.readings[FIRE]
    assert reading == "closed"
    assert ohm == pytest.approx(4_700, rel=0.01)


def test_the_state_of_the_simulated_board_has_the_loops_of_its_converters(loops: Loops) -> None:
    loops.bench.ask(Simulate(verb="adc", adc="loops", channel=ZONE, value="cut"))
    loops.bench.ask(Simulate(verb="adc", adc="loops", channel=FIRE, value="0"))
    answer: Any = loops.bench.ask(Simulate(verb="state"))
    (adc,) = answer["adcs"]
    assert (adc["name"], adc["kind"], adc["plugged"]) == ("loops", "mcp3208", True)
    assert [(it["channel"], it["kind"], it["reading"], it["ohm"]) for it in adc["loops"]] == [
        (SENSOR, "door_sensor", "open", 9_400),
        (BUTTON, "rex", "open", 9_400),
        (ZONE, "zone", "cut", None),
        (FIRE, "fire", "shorted", 0),
    ]
    assert list(adc_lines([adc]))[3] == "adc loops channel 2 zone 2: cut, no current"


@pytest.mark.parametrize("what", ["cut", "shorted"])
def test_a_disturbed_contact_of_a_door_is_a_fault_and_tampering_but_never_an_opening(
    loops: Loops, what: str
) -> None:
    loops.wires(SENSOR, what)
    assert loops.bench.controller.status().doors[0].sensor_open is None
    assert loops.faults == {"sensor"}
    assert loops.bench.alarms() == [(1, TAMPER, 1)]
    loops.wires(SENSOR, "9400", "open")
    loops.bench.settle()
    assert loops.faults == set()
    assert loops.alarms == [(1, TAMPER), (2, TAMPER)]


@pytest.mark.parametrize("what", ["cut", "shorted", "6800"])
def test_a_disturbed_exit_button_releases_nothing_and_is_a_fault(loops: Loops, what: str) -> None:
    loops.wires(BUTTON, what, "fault" if what == "6800" else what)
    loops.bench.pass_time(LOST_MS / 1000 + 1)
    assert loops.faults == {"exit button"}
    loops.wires(BUTTON, "4700", "closed")  # as if pressed: a state after a disturbance, no press
    loops.bench.pass_time(1)
    assert not loops.bench.unlocked(1)
    assert loops.bench.events() == []


def test_a_cut_zone_is_an_alarm_and_tampering_and_a_disarmed_one_tampering_alone(
    loops: Loops,
) -> None:
    loops.wires(ZONE, "cut")
    loops.bench.settle()
    assert sorted(loops.alarms) == [(1, OF_ZONE), (1, TAMPER)]
    parts = {it.part for it in loops.bench.controller.status().alarms}
    assert parts == {"", "wires of zone 2"}
    loops.bench.configure({"alarm": {"device_violation_enabled": 0}})
    assert loops.alarms[-1] == (2, TAMPER)


@pytest.mark.parametrize("what", ["cut", "shorted"])
def test_a_broken_fire_loop_is_a_fire_until_it_is_whole_and_reset(loops: Loops, what: str) -> None:
    loops.wires(FIRE, what)
    loops.bench.ask(ResetFire())
    loops.bench.settle()
    assert loops.bench.unlocked(1)
    loops.wires(FIRE, "4700", "closed")
    assert loops.bench.unlocked(1)
    loops.bench.ask(ResetFire())
    loops.bench.settle()
    assert not loops.bench.unlocked(1)


def test_a_converter_that_does_not_answer_is_a_fire_after_ten_seconds_and_no_tampering(
    loops: Loops,
) -> None:
    loops.bench.ask(Simulate(verb="unplug", reader="loops"))
    loops.bench.wait_until(lambda: not loops.bench.online("loops"))
    assert loops.bench.controller.status().fire is None
    assert {"zone", "sensor", "exit button", "fire input"} <= loops.faults
    loops.bench.pass_time(LOST_MS / 1000 + 1)
    assert loops.bench.controller.status().fire is not None
    assert loops.bench.unlocked(1)
    assert [cause for _event, cause in loops.alarms] == [OF_ZONE]
    loops.bench.ask(Simulate(verb="plug", reader="loops"))
    loops.bench.wait_until(lambda: loops.bench.online("loops"))


def test_a_record_of_it_replays_identically(loops: Loops) -> None:
    loops.wires(SENSOR, "cut")
    loops.wires(FIRE, "6800", "fault")
    loops.bench.pass_time(12)
    loops.wires(SENSOR, "9400", "open")
    (record,) = (loops.bench.data / "flight").glob("*.jsonl")
    result = replay(record)
    assert (result.difference, result.broken) == (None, None)


def test_tampering_goes_on_over_a_restart_as_one_alarm(
    loops: Loops, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops.wires(ZONE, "shorted")
    loops.bench.settle()

    set_contact = SimulatedAdcs.set_contact

    def still_shorted(self: SimulatedAdcs, name: InputName, *, high: bool) -> None:
        set_contact(self, name, high=high)
        self.play("loops", ZONE, "shorted")

    monkeypatch.setattr(SimulatedAdcs, "set_contact", still_shorted)
    with start(loops.bench.data) as bench:
        again = Loops(bench)
        bench.wait_until(lambda: again.readings[ZONE][0] == "shorted")
        assert sorted(again.alarms) == [(1, OF_ZONE), (1, TAMPER)]
        again.wires(ZONE, "9400", "open")
        bench.settle()
        assert (2, TAMPER) in again.alarms


def test_sim_refuses_what_is_no_loop(loops: Loops) -> None:
    for wrong in ("open", "-1", "99999999", ""):
        with pytest.raises(InvalidRequest):
            loops.bench.ask(Simulate(verb="adc", adc="loops", channel=0, value=wrong))
    with pytest.raises(NotFound):
        loops.bench.ask(Simulate(verb="adc", adc="other", channel=0, value="cut"))
