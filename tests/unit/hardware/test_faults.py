"""Lines that do not do what they should: a state with words for a technician, and no exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.errors import DeviceUnavailable
from gateway.hardware.devices import Device
from gateway.hardware.events import DeviceState, Health, InputKind, InputName
from gateway.hardware.simulated.pins import SimulatedFactory
from gateway.hardware.wiegand.edges import EdgeCounts, EdgeSource
from gateway.hardware.wiegand.line_watch import LOST_NS, LineWatch
from gateway.settings import LockState

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

SENSOR = InputName(InputKind.DOOR_SENSOR, 1)
D0, D1 = 5, 6


def board(bench: Bench) -> SimulatedFactory:
    factory = bench.rig._factory
    assert isinstance(factory, SimulatedFactory)
    return factory


def named(bench: Bench, name: str) -> Device:
    return next(device for device in bench.rig.devices if device.name == name)


def told(bench: Bench, device: str) -> list[tuple[str, str]]:
    """What was told of a device, the same thing once."""
    return [
        (state.health.value, state.why)
        for state in bench.posted(DeviceState)
        if state.device == device
    ]


# data lines


@pytest.mark.parametrize(
    ("low", "why"),
    [
        ([D0], "D0 is low: short or no power"),
        ([D1], "D1 is low: short or no power"),
        ([D0, D1], "D0 and D1 are low: short or no power"),
    ],
    ids=["d0", "d1", "both"],
)
def test_a_data_line_that_stays_low_is_a_fault_of_its_reader_until_it_is_high_again(
    bench: Bench, low: list[int], why: str
) -> None:
    bench.start()
    for line in low:
        board(bench).pin(line).drive(high=False)
    bench.run(ms=2_000)
    assert told(bench, "card") == [("offline", why)]
    assert not named(bench, "card").online
    for line in low:
        board(bench).pin(line).drive(high=True)
    bench.run(ms=1_100)
    assert told(bench, "card") == [("offline", why), ("online", "")]


def test_a_line_that_is_low_at_many_looks_but_sends_is_no_fault(bench: Bench) -> None:
    bench.start()
    line = board(bench).pin(D0)
    for _ in range(100):
        line.drive(high=False)
        bench.run(ms=100)
        line.drive(high=True)
        line.drive(high=False)
    assert told(bench, "card") == []


def test_a_line_that_is_low_for_a_moment_is_no_fault(bench: Bench) -> None:
    bench.start()
    bench.run(ms=999)
    board(bench).pin(D0).drive(high=False)
    bench.run(ms=400)
    board(bench).pin(D0).drive(high=True)
    bench.run(ms=5_000)
    assert told(bench, "card") == []


def test_data_lines_that_cannot_be_read_are_a_state_and_nothing_else_stops(bench: Bench) -> None:
    bench.start()
    board(bench).faults[D1] = "No such device"
    bench.run(ms=1_100)
    assert told(bench, "card") == [("offline", "lines cannot be read: No such device")]
    kinds = {kind for kind, _number, _high in bench.rig.levels()}
    assert "door_sensor" in kinds
    assert "wiegand_d0" not in kinds
    del board(bench).faults[D1]
    bench.run(ms=1_100)
    assert named(bench, "card").online


class Lines:
    """An edge source about which everything is as a test says."""

    stamp_lag_ns = 0
    measuring = False

    def __init__(self) -> None:
        self.failure = ""
        self.counts = EdgeCounts()

    def drain(self) -> list[tuple[int, int]]:
        return []

    def lost_until(self, stamp_ns: int) -> int:
        return stamp_ns * 0

    def measure(self, *, on: bool) -> None:
        self.measuring = on

    def rises(self) -> list[tuple[int, int]]:
        return []

    def levels(self) -> tuple[bool, bool]:
        return True, True

    def responsive(self, now_ns: int) -> bool:
        return now_ns >= 0

    def close(self) -> None:
        pass


def look(watch: LineWatch, bench: Bench, seconds: float = 1) -> None:
    """Let time pass, and the watch look at its lines."""
    bench.clock.advance(seconds)
    watch.service(bench.clock.monotonic_ns())


def test_a_reader_whose_edges_were_lost_is_degraded_for_a_while(bench: Bench) -> None:
    lines: EdgeSource = Lines()
    watch = LineWatch("r", lines, bench.loop)
    look(watch, bench)
    lines.counts.lost = 3
    look(watch, bench)
    look(watch, bench)
    why = "edges were lost: present the card again"
    assert told(bench, "r") == [("degraded", why)]
    look(watch, bench, LOST_NS / 1e9 - 2)
    assert told(bench, "r") == [("degraded", why)]
    look(watch, bench)
    assert told(bench, "r") == [("degraded", why), ("online", "")]


def test_a_source_that_fails_makes_its_reader_offline_with_its_words(bench: Bench) -> None:
    lines = Lines()
    watch = LineWatch("r", lines, bench.loop)
    lines.failure = "edges cannot be read: No such device"
    look(watch, bench)
    lines.failure = ""
    look(watch, bench)
    assert told(bench, "r") == [
        ("offline", "edges cannot be read: No such device"),
        ("online", ""),
    ]


def test_edges_are_counted_and_so_are_those_of_the_last_second(bench: Bench) -> None:
    lines = Lines()
    watch = LineWatch("r", lines, bench.loop)
    look(watch, bench)
    lines.counts.d0, lines.counts.d1, lines.counts.largest_batch = 30, 20, 26
    look(watch, bench, 2)
    assert watch.counters() == {
        "edges": 50,
        "edges_per_s": 25,
        "edges_lost": 0,
        "largest_batch": 26,
    }
    look(watch, bench)
    assert watch.counters()["edges_per_s"] == 0


def test_the_counters_of_a_reader_are_part_of_its_state(bench: Bench) -> None:
    bench.start()
    bench.sim.swipe("card", 7)
    bench.sim.frame("card", "0" * 26)
    bench.run(ms=500)
    counters = named(bench, "card").counters
    assert (counters["edges"], counters["frames"], counters["bad_frames"]) == (52, 2, 1)
    assert named(bench, "zone 1").counters == {}


# outputs


def test_an_output_that_cannot_be_driven_is_told_and_driven_as_soon_as_it_can_be(
    bench: Bench,
) -> None:
    bench.start()
    board(bench).faults[17] = "No such device"
    bench.rig.strikes[1].drive(LockState.UNLOCKED)
    bench.run(ms=10)
    why = "cannot be driven high: No such device"
    assert told(bench, "door strike strike") == [("offline", why)]
    assert not bench.pin(17).high
    bench.rig.strikes[2].drive(LockState.UNLOCKED)
    assert not bench.pin(18).high
    del board(bench).faults[17]
    bench.run(ms=2_000)
    assert bench.pin(17).high
    assert told(bench, "door strike strike")[-1] == ("online", "")


def test_an_order_that_was_taken_back_meanwhile_is_not_made_up_for(bench: Bench) -> None:
    bench.start()
    board(bench).faults[17] = "No such device"
    bench.rig.strikes[1].drive(LockState.UNLOCKED)
    bench.run(ms=1_500)
    bench.rig.strikes[1].drive(LockState.LOCKED)
    edges = bench.pin(17).edges
    del board(bench).faults[17]
    bench.run(ms=3_000)
    assert bench.pin(17).edges == edges
    assert named(bench, "door strike strike").online


def test_an_output_that_is_not_as_it_is_driven_is_told_until_it_is(bench: Bench) -> None:
    bench.start()
    board(bench).faults[17] = True
    bench.run(ms=3_000)
    (state,) = told(bench, "door strike strike")
    assert state[0] == Health.OFFLINE
    assert state[1].startswith("is high though it is driven low: a short")
    del board(bench).faults[17]
    bench.run(ms=1_000)
    assert told(bench, "door strike strike")[-1] == ("online", "")


def test_an_output_that_something_else_moved_is_put_back(bench: Bench) -> None:
    bench.start()
    board(bench).pin(17)._change_state(True)
    bench.run(ms=1_000)
    assert not bench.pin(17).high
    bench.run(ms=1_000)
    assert [health for health, _why in told(bench, "door strike strike")] == ["offline", "online"]


def test_an_output_that_obeys_is_read_and_never_written_again(bench: Bench) -> None:
    bench.start()
    edges = bench.pin(17).edges
    bench.run(ms=10_000)
    assert bench.pin(17).edges == edges
    assert told(bench, "door strike strike") == []


def test_a_lock_that_does_not_obey_at_the_end_is_an_error_and_the_others_are_put(
    bench: Bench,
) -> None:
    rig = bench.open()
    for strike in rig.strikes.values():
        strike.drive(LockState.UNLOCKED)
    board(bench).faults[17] = "No such device"
    with pytest.raises(DeviceUnavailable, match="GPIO17 cannot be driven low: No such device"):
        rig.close()
    assert bench.pin(18).high


# inputs


def test_an_input_that_cannot_be_read_is_told_and_keeps_its_last_level(bench: Bench) -> None:
    bench.start()
    board(bench).faults[27] = "No such device"
    bench.run(ms=1_100)
    assert told(bench, "door strike sensor") == [("offline", "cannot be read: No such device")]
    assert bench.levels(SENSOR) == []
    board(bench).pin(27).drive(high=False)
    bench.run(ms=1_100)
    assert bench.levels(SENSOR) == []
    del board(bench).faults[27]
    bench.run(ms=2_000)
    assert bench.levels(SENSOR) == [False]
    assert told(bench, "door strike sensor")[-1] == ("online", "")


def test_an_input_that_cannot_be_read_at_the_start_posts_its_level_once_it_can_be(
    bench: Bench,
) -> None:
    bench.open()
    board(bench).faults[27] = "No such device"
    bench.run(ms=2_500)
    assert bench.levels(SENSOR) == []
    assert not named(bench, "door strike sensor").online
    del board(bench).faults[27]
    bench.run(ms=1_000)
    assert bench.levels(SENSOR) == [True]
    assert named(bench, "door strike sensor").online
