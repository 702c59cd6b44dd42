from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from gateway.errors import DeviceUnavailable, InvalidRequest, NotFound
from gateway.hardware.events import DeviceState, InputKind, InputName
from gateway.settings import LockState

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.hardware.simulated.simulator import Simulator
    from tests.unit.hardware.conftest import Bench

REX = InputName(InputKind.REX, 1)
SENSOR = InputName(InputKind.DOOR_SENSOR, 1)


def shown(bench: Bench, part: str, name: str) -> dict[str, object]:
    (found,) = [row for row in bench.sim.state()[part] if row["name"] == name]  # type: ignore[attr-defined] # - rows of JSON
    return dict(found)


def test_pulses_are_short_and_low_and_never_on_both_lines(bench: Bench) -> None:
    bench.start()
    bench.sim.swipe("card", 0xFFFF)
    edges = [edge for edge in bench.sim.state()["recent"] if edge["pin"] in {5, 6}]  # type: ignore[attr-defined] # - rows of JSON
    assert len(edges) == 2 * 26
    falls, rises = edges[::2], edges[1::2]
    assert {edge["level"] for edge in falls} == {"low"}
    assert {edge["level"] for edge in rises} == {"high"}
    assert [f["pin"] for f in falls] == [r["pin"] for r in rises]
    assert {r["stamp_ns"] - f["stamp_ns"] for f, r in zip(falls, rises, strict=True)} == {50_000}
    starts = [fall["stamp_ns"] for fall in falls]
    # As real wires do, they shake.
    intervals = {b - a for a, b in pairwise(starts)}
    assert len(intervals) > 1
    assert all(abs(interval - 2_000_000) <= 4_000 for interval in intervals)
    assert starts[-1] <= bench.clock.monotonic_ns()


def test_a_code_goes_through_the_port(bench: Bench) -> None:
    bench.start()
    bench.sim.qr("code", "ABC-123")
    bench.wait_for(lambda: bench.credentials == [("code", "ABC-123")])


def test_the_port_of_a_reader_can_be_named(bench: Bench) -> None:
    bench.start()
    assert bench.sim.port_of("code") == str(bench.runtime_dir / "ports" / "code")


def test_an_unplugged_code_reader_goes_offline_and_comes_back(bench: Bench) -> None:
    bench.start()
    bench.sim.unplug("code")
    bench.sim.unplug("code")
    with pytest.raises(DeviceUnavailable, match="offline"):
        bench.sim.qr("code", "x")
    bench.wait_for(lambda: [event.online for event in bench.posted(DeviceState)] == [False])
    assert not (bench.runtime_dir / "ports" / "code").exists()
    bench.sim.plug("code")
    bench.sim.plug("code")
    bench.wait_for(lambda: bench.posted(DeviceState)[-1].online)
    bench.sim.qr("code", "back")
    bench.wait_for(lambda: bench.credentials == [("code", "back")])


def test_a_code_is_refused_while_nobody_has_the_port_open(bench: Bench) -> None:
    bench.open()
    with pytest.raises(DeviceUnavailable, match="offline"):
        bench.sim.qr("code", "x")


def test_an_unplugged_card_reader_reads_nothing_until_it_is_plugged(bench: Bench) -> None:
    bench.start()
    bench.sim.unplug("card")
    with pytest.raises(DeviceUnavailable, match="unplugged"):
        bench.sim.swipe("card", 1)
    with pytest.raises(DeviceUnavailable, match="unplugged"):
        bench.sim.keys("card", "1#")
    with pytest.raises(DeviceUnavailable, match="unplugged"):
        bench.sim.frame("card", "1")
    bench.run(ms=100)
    assert bench.events == []
    bench.sim.plug("card")
    bench.sim.swipe("card", 1)
    bench.run(ms=100)
    assert bench.credentials == [("card", 1)]


@pytest.mark.parametrize(
    ("act", "there"),
    [
        (lambda sim: sim.swipe("side", 1), "card, code"),
        (lambda sim: sim.keys("side", "1"), "card, code"),
        (lambda sim: sim.qr("side", "x"), "card, code"),
        (lambda sim: sim.unplug("side"), "card, code"),
        (lambda sim: sim.plug("side"), "card, code"),
        (lambda sim: sim.swipe("card", 1, "w27"), r"\['w26', 'w32'.*'w66'\]"),
        (lambda sim: sim.press(InputName(InputKind.REX, 2), high=False, hold_ms=1), "rex 1"),
        (lambda sim: sim.set_input(InputName(InputKind.ZONE, 9), high=True), "zone 1"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    bench: Bench, act: Callable[[Simulator], None], there: str
) -> None:
    bench.start()
    with pytest.raises(NotFound, match=there):
        act(bench.sim)


@pytest.mark.parametrize(
    "act",
    [
        lambda sim: sim.swipe("card", 256 << 32),
        lambda sim: sim.swipe("card", 1 << 20),
        lambda sim: sim.swipe("card", -1),
        lambda sim: sim.swipe("code", 1),
        lambda sim: sim.keys("card", "12a"),
        lambda sim: sim.frame("card", ""),
        lambda sim: sim.frame("card", "012"),
        lambda sim: sim.qr("card", "x"),
        lambda sim: sim.qr("code", "x" * 2954),
        lambda sim: sim.port_of("card"),
    ],
)
def test_what_a_reader_cannot_do_is_refused_and_moves_no_line(
    bench: Bench, act: Callable[[Simulator], None]
) -> None:
    bench.start()
    edges = bench.sim.state()["recent"]
    with pytest.raises(InvalidRequest):
        act(bench.sim)
    assert bench.sim.state()["recent"] == edges


def test_the_longest_code_is_read(bench: Bench) -> None:
    bench.start()
    bench.sim.qr("code", "x" * 2953)
    bench.wait_for(lambda: bench.credentials == [("code", "x" * 2953)])


def test_a_press_is_held_and_let_go(bench: Bench) -> None:
    bench.start()
    bench.sim.press(REX, high=False, hold_ms=100)
    bench.run(ms=99)
    assert bench.levels(REX) == [False]
    bench.run(ms=50)
    assert bench.levels(REX) == [False, True]


def test_a_press_that_is_overruled_by_hand_is_not_let_go_later(bench: Bench) -> None:
    bench.start()
    bench.sim.press(REX, high=False, hold_ms=100)
    bench.sim.set_input(REX, high=False)
    bench.run(ms=1_000)
    assert bench.levels(REX) == [False]


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        (SENSOR, True),
        (InputName(InputKind.DOOR_SENSOR, 2), False),
        (InputName(InputKind.TAMPER), True),
        (InputName(InputKind.FIRE), False),
    ],
)
def test_inputs_rest_where_their_wiring_holds_them(
    bench: Bench, name: InputName, rest: bool
) -> None:
    bench.open()
    bench.run(ms=0)
    assert bench.levels(name) == [rest]


def test_an_input_without_a_pull_rests_high(bench: Bench) -> None:
    bench.use(zone=[{"number": 1, "pin": 24, "pull": "floating"}])
    bench.open()
    bench.run(ms=0)
    assert bench.levels(InputName(InputKind.ZONE, 1)) == [True]


def test_the_state_shows_outputs_inputs_readers_and_edges(bench: Bench) -> None:
    bench.start()
    bench.rig.strikes[1].drive(LockState.UNLOCKED)
    bench.sim.set_input(SENSOR, high=False)
    bench.sim.unplug("card")
    assert shown(bench, "outputs", "door 'strike' strike") == {
        "pin": 17,
        "name": "door 'strike' strike",
        "level": "high",
        "edges": 1,
        "door": 1,
    }
    assert shown(bench, "inputs", "door 'strike' sensor") == {
        "pin": 27,
        "name": "door 'strike' sensor",
        "level": "low",
        "edges": 1,
        "kind": "door_sensor",
        "number": 1,
    }
    state = bench.sim.state()
    assert state["readers"] == [
        {"name": "card", "kind": "wiegand", "plugged": False},
        {"name": "code", "kind": "serial_qr", "plugged": True},
    ]
    now_ns = bench.clock.monotonic_ns()
    assert state["recent"] == [
        {"stamp_ns": now_ns, "pin": 18, "level": "high"},
        {"stamp_ns": now_ns, "pin": 17, "level": "high"},
        {"stamp_ns": now_ns, "pin": 27, "level": "low"},
    ]
    assert json.loads(json.dumps(state)) == state
