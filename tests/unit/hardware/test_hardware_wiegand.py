from __future__ import annotations

import gc
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.credentials.values import BadFrame, CredentialKind, Identification
from gateway.credentials.wiegand import FORMATS, encode
from gateway.hardware.events import HardwareEvent, Loop
from gateway.hardware.wiegand_reader import WiegandDriver
from gateway.settings import WiegandReader

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

CARD = 123 << 32 | 45678
MS = 1_000_000
Edges = list[tuple[int, int]]


class Script:
    """An edge source that delivers what a test puts into it."""

    def __init__(self, edge_lag_ns: int = 0) -> None:
        self.edge_lag_ns = edge_lag_ns
        self.edges: Edges = []
        self.closed = False

    def drain(self) -> Edges:
        taken, self.edges = self.edges, []
        return taken

    def levels(self) -> tuple[bool, bool]:
        return True, True

    def turns(self, now_ns: int) -> bool:
        return now_ns >= 0

    def close(self) -> None:
        self.closed = True


class Reader:
    def __init__(self, script: Script, clock: ManualClock, **settings: Any) -> None:
        self.events: list[HardwareEvent] = []
        fields = {"name": "r", "index": 1, "portal": 1, "kind": "wiegand", "d0": 5, "d1": 6}
        self.driver = WiegandDriver(
            WiegandReader.model_validate({**fields, **settings}),
            script,
            Loop(clock, self.events.append, lambda: None),
        )

    @property
    def values(self) -> list[int | str]:
        return [e.credential.value for e in self.events if isinstance(e, Identification)]


@pytest.fixture
def clock(bench: Bench) -> ManualClock:
    return bench.clock


def frame(bits: str, start_ns: int, interval_ns: int = 2 * MS) -> Edges:
    return [(start_ns + index * interval_ns, int(bit)) for index, bit in enumerate(bits)]


def test_a_swipe_at_the_pins_becomes_a_card_with_the_stamp_of_its_last_edge(bench: Bench) -> None:
    bench.start()
    bench.sim.swipe("card", CARD)
    last_ns = bench.clock.monotonic_ns() - 2 * MS
    bench.run(ms=20)
    assert bench.credentials == []
    bench.run(ms=10)
    (read,) = bench.posted(Identification)
    assert (read.reader, read.credential.kind, read.credential.value) == (
        "card",
        CredentialKind.CARD,
        CARD,
    )
    assert abs(read.at_ns - last_ns) <= 1


@pytest.mark.parametrize("layout", FORMATS)
def test_every_format_is_read_at_the_pins(bench: Bench, layout: str) -> None:
    bench.start()
    bench.sim.swipe("card", CARD, layout)
    bench.run(ms=50)
    assert bench.credentials == [("card", CARD)]


def test_a_pin_typed_at_the_keypad_is_one_identification(bench: Bench) -> None:
    bench.start()
    bench.sim.keys("card", "99*12")
    bench.sim.keys("card", "34#")
    bench.run(ms=1_000)
    (read,) = bench.posted(Identification)
    assert read.credential.kind is CredentialKind.PIN
    assert read.credential.value == "1234"


def test_keys_in_bursts_of_eight_are_read_too(bench: Bench) -> None:
    bench.start()
    for burst in ("11100001", "11010010", "01001011"):
        bench.sim.frame("card", burst)
    bench.run(ms=1_000)
    assert bench.credentials == [("card", "12")]


def test_cards_and_keys_share_the_line(bench: Bench) -> None:
    bench.start()
    bench.sim.keys("card", "12")
    bench.sim.swipe("card", CARD)
    bench.sim.keys("card", "34#")
    bench.run(ms=2_000)
    assert bench.credentials == [("card", CARD), ("card", "1234")]


@pytest.mark.parametrize(
    ("bits", "why"),
    [
        ("1" * 27, "27 bits fit no format"),
        ("1", "1 bits fit no format"),
        ("0" * 26, "parity bit"),
        ("1111", "no key"),
        ("00010001", "complement"),
        ("01" * 200, "257 bits fit no format"),
    ],
)
def test_a_frame_that_is_nothing_is_reported_with_its_bits(
    bench: Bench, bits: str, why: str
) -> None:
    bench.start()
    bench.sim.frame("card", bits)
    bench.run(ms=1_000)
    (bad,) = bench.posted(BadFrame)
    assert (bad.reader, bad.bits) == ("card", bits[:257])
    assert why in bad.why
    assert bench.credentials == []


def test_a_reader_with_swapped_lines_is_told_so(bench: Bench) -> None:
    bench.start()
    bits = encode(FORMATS["w26"], 123, 45678)
    bench.sim.frame("card", bits.translate(str.maketrans("01", "10")))
    bench.run(ms=100)
    assert "D0 and D1 may be swapped" in bench.refused[0][1]


def test_swipes_one_after_the_other_stay_apart(bench: Bench) -> None:
    bench.start()
    for number in range(5):
        bench.sim.swipe("card", number)
    bench.run(ms=2_000)
    assert bench.credentials == [("card", number) for number in range(5)]


def test_edges_are_still_heard_after_a_garbage_collection(bench: Bench) -> None:
    bench.start()
    gc.collect()
    bench.sim.swipe("card", CARD)
    bench.run(ms=50)
    assert bench.credentials == [("card", CARD)]


def test_edges_wake_the_loop(bench: Bench) -> None:
    bench.start()
    wakes = bench.wakes
    bench.sim.swipe("card", CARD)
    assert bench.wakes > wakes


def test_the_lines_are_ordered_by_stamp_and_not_by_arrival(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock)
    edges = frame(encode(FORMATS["w26"], 7, 9), 1_000 * MS, interval_ns=200_000)
    by_line = [edge for edge in edges if edge[1]] + [edge for edge in edges if not edge[1]]
    script.edges = by_line[:20]
    reader.driver.service(edges[19][0])
    script.edges = by_line[20:]
    reader.driver.service(edges[-1][0] + 26 * MS)
    assert reader.values == [7 << 32 | 9]


def test_a_late_loop_still_splits_frames_by_the_edges_own_time(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock)
    for start, number in ((1_000 * MS, 1), (1_100 * MS, 2), (1_200 * MS, 3)):
        script.edges += frame(encode(FORMATS["w26"], 0, number), start)
    reader.driver.service(60_000 * MS)
    assert reader.values == [1, 2, 3]


def test_lines_that_arrive_one_after_the_other_are_merged_before_frames_are_cut(
    clock: ManualClock,
) -> None:
    script = Script()
    reader = Reader(script, clock)
    edges: Edges = []
    for start, number in ((1_000 * MS, 1), (1_100 * MS, 2)):
        edges += frame(encode(FORMATS["w26"], 0, number), start)
    script.edges = [edge for edge in edges if edge[1]] + [edge for edge in edges if not edge[1]]
    reader.driver.service(2_000 * MS)
    assert reader.values == [1, 2]


def test_a_loop_that_was_held_up_waits_for_edges_that_were_held_up_with_it(
    clock: ManualClock,
) -> None:
    script = Script(edge_lag_ns=10 * MS)
    reader = Reader(script, clock)
    edges = frame(encode(FORMATS["w26"], 7, 9), 1_000 * MS)
    script.edges = edges[:10]
    reader.driver.service(edges[9][0])
    late_ns = edges[9][0] + 800 * MS
    reader.driver.service(late_ns)
    assert reader.events == []
    assert reader.driver.due_ns == late_ns + 10 * MS
    script.edges = edges[10:]
    reader.driver.service(late_ns + 1 * MS)
    reader.driver.service(late_ns + 11 * MS)
    assert reader.values == [7 << 32 | 9]


def test_a_loop_in_time_does_not_wait_for_held_up_edges(clock: ManualClock) -> None:
    script = Script(edge_lag_ns=10 * MS)
    reader = Reader(script, clock)
    script.edges = frame(encode(FORMATS["w26"], 7, 9), 1_000 * MS)
    reader.driver.service(1_051 * MS)
    due_ns = reader.driver.due_ns
    assert due_ns == 1_050 * MS + 25 * MS + 1
    reader.driver.service(due_ns)
    assert reader.values == [7 << 32 | 9]
    assert reader.driver.due_ns is None


@given(
    st.lists(st.integers(0, 2**24 - 1), min_size=1, max_size=5),
    st.integers(200_000, 20 * MS),
    st.randoms(use_true_random=False),
)
def test_any_cards_come_through_in_any_pieces(
    numbers: list[int], interval_ns: int, rng: random.Random
) -> None:
    script = Script()
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    reader = Reader(script, clock)
    stamp = 1_000 * MS
    for value in numbers:
        edges = frame(encode(FORMATS["w26"], value >> 16, value & 0xFFFF), stamp, interval_ns)
        while edges:
            size = rng.randint(1, len(edges))
            script.edges, edges = edges[:size], edges[size:]
            stamp = script.edges[-1][0]
            reader.driver.service(stamp)
        stamp += 25 * MS + 1 + rng.randint(0, 100 * MS)
    reader.driver.service(stamp + 100 * MS)
    assert reader.values == [(value >> 16) << 32 | value & 0xFFFF for value in numbers]


def test_noise_does_not_grow_without_bound_and_ends_as_one_bad_frame(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock)
    for start in range(10):
        script.edges = frame("0" * 1000, start * 2_000 * MS)
        reader.driver.service(start * 2_000 * MS)
    reader.driver.service(30_000 * MS)
    assert len(reader.events) == 1


def test_keys_are_forgotten_after_the_readers_own_time_out(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock, key_timeout_ms=1_000)
    for start, burst in ((0, "0001"), (1_500 * MS, "0010"), (1_600 * MS, "1011")):
        script.edges = frame(burst, start)
        reader.driver.service(start + 100 * MS)
    assert reader.values == ["2"]


def test_a_closed_driver_lets_go_of_its_lines(clock: ManualClock) -> None:
    script = Script()
    Reader(script, clock).driver.close()
    assert script.closed
