from __future__ import annotations

import gc
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.credentials.keypad import encode_key
from gateway.credentials.values import BadFrame, CredentialKind, Identification
from gateway.credentials.wiegand import FORMATS, WiegandFormat, encode
from gateway.credentials.wiegand.replay import EXACT
from gateway.hardware.events import (
    DeviceState,
    HardwareEvent,
    Health,
    KeyPressed,
    Loop,
    ReplaySuspected,
)
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.recent_faults import LASTS_NS
from gateway.hardware.wiegand.edges import EdgeCounts
from gateway.hardware.wiegand.reader import WiegandDriver
from gateway.settings import WiegandReader

if TYPE_CHECKING:
    from tests.unit.hardware.conftest import Bench

CARD = 123 << 32 | 45678
READER = {"name": "card", "index": 1, "portal": 1, "kind": "wiegand", "d0": 5, "d1": 6}
W26 = FORMATS["w26"]
MS = 1_000_000
Edges = list[tuple[int, int]]


class Script:
    """An edge source that delivers what a test puts into it."""

    failure = ""
    measuring = False

    def __init__(self, stamp_lag_ns: int = 0) -> None:
        self.counts = EdgeCounts()
        self.lost: Edges = []
        self.stamp_lag_ns = stamp_lag_ns
        self.edges: Edges = []
        self.closed = False

    def drain(self) -> Edges:
        taken, self.edges = self.edges, []
        return taken

    def lost_until(self, stamp_ns: int) -> int:
        """What `lost` holds as (stamp, number of edges), up to a stamp and once."""
        told = sum(number for at_ns, number in self.lost if at_ns <= stamp_ns)
        self.lost = [loss for loss in self.lost if loss[0] > stamp_ns]
        return told

    def measure(self, *, on: bool) -> None:
        self.measuring = on

    def rises(self) -> Edges:
        return []

    def levels(self) -> tuple[bool, bool]:
        return True, True

    def responsive(self, now_ns: int) -> bool:
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

    @property
    def refused(self) -> list[str]:
        return [e.why for e in self.events if isinstance(e, BadFrame)]

    @property
    def states(self) -> list[tuple[Health, str]]:
        return [(e.health, e.why) for e in self.events if isinstance(e, DeviceState)]


@pytest.fixture
def clock(bench: Bench) -> ManualClock:
    return bench.clock


def frame(bits: str, start_ns: int, interval_ns: int = 2 * MS) -> Edges:
    return [(start_ns + index * interval_ns, int(bit)) for index, bit in enumerate(bits)]


def test_noise_before_a_card_does_not_keep_the_card_from_being_read(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock)
    for _ in range(50):
        script.edges = [(clock.monotonic_ns(), 0)]
        clock.advance(0.1)
        reader.driver.service(clock.monotonic_ns())
    script.edges = frame(encode(FORMATS["w26"], 123, 45678), clock.monotonic_ns())
    clock.advance(0.2)
    reader.driver.service(clock.monotonic_ns())
    assert reader.values == [123 << 32 | 45678]


def test_a_card_left_on_a_reader_that_repeats_it_fills_no_journal(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock)
    bits = encode(FORMATS["w26"], 123, 45678)
    for _ in range(600):
        script.edges = frame(bits, clock.monotonic_ns(), MS)
        clock.advance(0.1)
        reader.driver.service(clock.monotonic_ns())
    told = [event for event in reader.events if isinstance(event, ReplaySuspected)]
    assert reader.driver.counters["replays"] == 599
    # Twenty at once, and one more in every thirty seconds.
    assert len(told) == 21


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
    # The simulated wire shakes.
    assert abs(read.at_ns - last_ns) <= 5_000


@pytest.mark.parametrize("layout", FORMATS)
def test_every_format_is_read_at_the_pins(bench: Bench, layout: str) -> None:
    bench.use(reader=[{**READER, "formats": [layout]}])
    card = CARD if FORMATS[layout].facility else (1 << len(FORMATS[layout].number)) - 5
    bench.start()
    bench.sim.swipe("card", card, layout)
    bench.run(ms=50)
    assert bench.credentials == [("card", card)]


@pytest.mark.parametrize("layout", FORMATS)
def test_a_frame_that_only_one_format_can_be_is_read_before_the_gap(
    bench: Bench, layout: str
) -> None:
    bench.use(reader=[{**READER, "formats": [layout]}])
    bench.start()
    bench.sim.swipe("card", 77, layout)
    bench.run(ms=3)
    # Where no parity tells that a frame is whole, the silence has to.
    assert bench.credentials == ([("card", 77)] if FORMATS[layout].parities else [])
    bench.run(ms=50)
    assert bench.credentials == [("card", 77)]
    assert bench.refused == []


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
def test_a_frame_that_is_nothing_is_reported_with_its_bits_unless_it_may_be_a_key(
    bench: Bench, bits: str, why: str
) -> None:
    bench.start()
    bench.sim.frame("card", bits)
    bench.run(ms=1_000)
    (bad,) = bench.posted(BadFrame)
    shown = "" if len(bits) <= 8 else bits[:257]
    assert (bad.reader, bad.bits) == ("card", shown)
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
    for number in range(1, 6):
        bench.sim.swipe("card", number)
    bench.run(ms=2_000)
    assert bench.credentials == [("card", number) for number in range(1, 6)]


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


@given(
    st.lists(st.integers(1, 2**24 - 2), min_size=1, max_size=5),
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


def served_each_edge(reader: Reader, script: Script, edges: Edges) -> None:
    """As the loop does: at each edge, and whenever something is due between two."""
    for edge in edges:
        while (due_ns := reader.driver.due_ns) is not None and due_ns < edge[0]:
            reader.driver.service(due_ns)
        script.edges = [edge]
        reader.driver.service(edge[0])


def test_a_longer_format_is_read_when_its_next_bit_is_overdue_and_a_shorter_one_after_the_gap(
    clock: ManualClock,
) -> None:
    script = Script()
    reader = Reader(script, clock)
    long = frame(encode(FORMATS["w34"], 1, 2), 0)
    served_each_edge(reader, script, long)
    assert reader.driver.due_ns == long[-1][0] + 4 * MS
    reader.driver.service(long[-1][0] + 4 * MS - 1)
    assert reader.values == []
    reader.driver.service(long[-1][0] + 4 * MS)
    assert reader.values == [1 << 32 | 2]
    short = frame(encode(W26, 3, 4), 500 * MS)
    served_each_edge(reader, script, short)
    reader.driver.service(short[-1][0] + 25 * MS)
    assert len(reader.values) == 1
    reader.driver.service(short[-1][0] + 26 * MS)
    assert reader.values[1:] == [3 << 32 | 4]
    assert reader.driver.due_ns is None


def test_edges_that_take_their_time_are_waited_for_a_little(clock: ManualClock) -> None:
    script = Script(stamp_lag_ns=2 * MS)
    reader = Reader(script, clock, formats=["w26"])
    edges = frame(encode(W26, 7, 9), 0)
    served_each_edge(reader, script, edges)
    assert reader.driver.due_ns == edges[-1][0] + 6 * MS
    reader.driver.service(edges[-1][0] + 6 * MS)
    assert reader.values == [7 << 32 | 9]


@given(st.integers(0, (1 << 34) - 1))
def test_a_longer_card_is_never_taken_for_a_shorter_one_that_it_begins_with(bits: int) -> None:
    script = Script()
    reader = Reader(script, ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), formats=["w26"])
    edges = frame(f"{bits:034b}", 0)
    served_each_edge(reader, script, edges)
    reader.driver.service(edges[-1][0] + 26 * MS)
    assert reader.values == []
    assert "34 bits fit no format" in reader.refused[0]


def test_a_frame_that_goes_on_is_reported_and_never_a_second_card(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock, formats=["w26"])
    bits = encode(W26, 7, 9)
    first = frame(bits, 0)
    second = frame(bits, first[-1][0] + 12 * MS)
    served_each_edge(reader, script, [*first, *second])
    assert reader.values == [7 << 32 | 9]
    reader.driver.service(second[-1][0] + 26 * MS)
    assert reader.values == [7 << 32 | 9]
    assert [event.bits for event in reader.events if isinstance(event, BadFrame)] == [bits + bits]
    assert "26 more bits followed 26 that were read" in reader.refused[0]
    assert reader.driver.counts.overrun == 1


def test_a_longer_frame_that_is_there_as_a_whole_is_not_cut(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock, formats=["w26"])
    script.edges = frame(encode(W26, 7, 9) + "1", 0)
    reader.driver.service(60 * MS)
    reader.driver.service(100 * MS)
    assert reader.values == []
    assert "27 bits fit no format" in reader.refused[0]


def test_a_wrong_frame_of_the_longest_format_waits_for_the_gap(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock, formats=["w26"])
    edges = frame("0" * 26, 0)
    served_each_edge(reader, script, edges)
    reader.driver.service(edges[-1][0] + 4 * MS)
    assert reader.events == []
    assert reader.driver.due_ns == edges[-1][0] + 25 * MS + 1
    reader.driver.service(edges[-1][0] + 26 * MS)
    assert "parity" in reader.refused[0]


OWN = WiegandFormat("own", 30, range(2, 12), range(12, 30), W26.parities[:1])


def test_the_sites_own_formats_come_and_go_while_the_reader_runs(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock)
    for start, formats in ((0, ()), (500 * MS, (OWN,)), (1_000 * MS, ())):
        reader.driver.configure(ReadingSettings(wiegand_formats=formats))
        script.edges = frame(encode(OWN, 3, 4), start)
        reader.driver.service(start + 100 * MS)
        script.edges = frame(encode(W26, 1, 2), start + 200 * MS)
        reader.driver.service(start + 300 * MS)
    card, own = 1 << 32 | 2, 3 << 32 | 4
    assert reader.values == [card, own, card, card]
    assert len(reader.refused) == 2


def test_only_the_named_readers_send_their_last_byte_first(clock: ManualClock) -> None:
    for indices, value in (({2}, 0x89D41B81), ({1, 2}, 0x811BD489)):
        script = Script()
        reader = Reader(script, clock, formats=["w32"])
        reader.driver.configure(ReadingSettings(last_byte_first=frozenset(indices)))
        script.edges = frame(encode(FORMATS["w32"], 0, 0x89D41B81), 0)
        reader.driver.service(100 * MS)
        assert reader.values == [value]


def typed(reader: Reader, script: Script, *bursts: str) -> None:
    for number, burst in enumerate(bursts):
        script.edges = frame(burst, number * 200 * MS)
        reader.driver.service(number * 200 * MS + 100 * MS)


def test_end_and_clear_keys_are_those_of_the_site(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock, end_key="*", clear_key="#")
    typed(reader, script, "1001", "1011", "0001", "0010", "1010")
    assert reader.values == ["12"]


@pytest.mark.parametrize(("option", "pin"), [("rosslare", "10"), ("plain", "1")])
def test_keys_in_bursts_of_six_are_read_by_the_keypads_option(
    clock: ManualClock, option: str, pin: str
) -> None:
    script = Script()
    reader = Reader(script, clock, six_bit_keys=option)
    typed(reader, script, "000010", "110100", "000010" if option == "plain" else "011001")
    typed(reader, script, "110111" if option == "plain" else "011001")
    # `110100` is 0 in one option and the clear key in the other.
    assert reader.values == [pin]


def test_a_reader_without_a_keypad_has_no_keys(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock, keypad=False)
    typed(reader, script, "0001", "1011")
    assert (reader.values, len(reader.refused)) == ([], 2)
    assert "no keypad" in reader.refused[0]
    assert not any(isinstance(event, KeyPressed) for event in reader.events)


@pytest.mark.parametrize("formats", [["w26"], ["w34"], ["w26", "w34"]])
def test_a_whole_pin_is_a_pin_whatever_the_formats(clock: ManualClock, formats: list[str]) -> None:
    script = Script()
    for pin_bits, pin in ((24, "4711"), (24, "123456"), (32, "4711"), (32, "4294967295")):
        reader = Reader(script, clock, whole_pins=pin_bits, formats=formats)
        data = f"{int(pin):0{pin_bits}b}"
        for bits in (data, with_parity(data)):
            script.edges = frame(bits, 0)
            reader.driver.service(100 * MS)
            (read,) = [event for event in reader.events if isinstance(event, Identification)]
            assert (read.credential.kind, read.credential.value) == (CredentialKind.PIN, pin)
            reader.events.clear()


def with_parity(data: str) -> str:
    """Between two parity bits, each of the half beside it."""
    half = len(data) // 2
    return f"{data[:half].count('1') % 2}{data}{1 - data[half:].count('1') % 2}"


@pytest.mark.parametrize(("whole_pins", "layout"), [(24, "w34"), (32, "w26")])
def test_a_card_of_another_length_is_a_card_beside_whole_pins(
    clock: ManualClock, whole_pins: int, layout: str
) -> None:
    script = Script()
    reader = Reader(script, clock, whole_pins=whole_pins)
    script.edges = frame(encode(FORMATS[layout], 1, 4711), 0)
    reader.driver.service(100 * MS)
    assert reader.values == [1 << 32 | 4711]


@pytest.mark.parametrize(("given_", "bits"), [(True, 24), (False, None), (24, 24), (32, 32)])
def test_the_length_of_whole_pins_is_24_or_32_bits(given_: Any, bits: int | None) -> None:
    fields = {"name": "r", "index": 1, "portal": 1, "kind": "wiegand", "d0": 5, "d1": 6}
    assert WiegandReader.model_validate({**fields, "whole_pins": given_}).whole_pins == bits
    with pytest.raises(ValueError, match="whole_pins"):
        WiegandReader.model_validate({**fields, "whole_pins": 26})
    with pytest.raises(ValueError, match="whole_pins needs a keypad"):
        WiegandReader.model_validate({**fields, "whole_pins": 24, "keypad": False})


def test_a_pin_of_a_known_length_needs_no_end_key(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock, pin_length=4)
    for at, key in enumerate("4711"):
        script.edges = frame(encode_key(key), at * 200 * MS)
        reader.driver.service(at * 200 * MS + 100 * MS)
    assert reader.values == ["4711"]


@pytest.mark.parametrize("keypad", [True, False])
@pytest.mark.parametrize("bits", ["1101", "00000001", "".join(map(encode_key, "123456#"))])
def test_keys_that_are_no_entry_are_not_shown(clock: ManualClock, keypad: bool, bits: str) -> None:
    script = Script()
    reader = Reader(script, clock, keypad=keypad)
    script.edges = frame(bits, 0)
    reader.driver.service(100 * MS)
    assert [event.bits for event in reader.events if isinstance(event, BadFrame)] == [""]


def test_the_bits_of_what_may_be_a_pin_are_not_shown(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock, whole_pins=24)
    broken = encode(W26, 0, 4711)[:-1] + "0"
    assert broken != encode(W26, 0, 4711)
    script.edges = frame(broken, 0)
    reader.driver.service(100 * MS)
    script.edges = frame("1" * 27, 500 * MS)
    reader.driver.service(600 * MS)
    shown = [event.bits for event in reader.events if isinstance(event, BadFrame)]
    assert shown == ["", ""]


def test_both_lines_at_once_spoil_the_frame(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock, formats=["w26"])
    edges = frame(encode(W26, 7, 9), 0)
    first, other = edges[3], 1 - edges[3][1]
    script.edges = [*edges[:4], (first[0] + 5_000, other), *edges[5:]]
    reader.driver.service(60 * MS)
    reader.driver.service(100 * MS)
    assert reader.values == []
    assert "pulsed together" in reader.refused[0]
    assert reader.driver.counts.together == 1


def test_ringing_is_dropped_and_the_card_is_read(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock)
    for stamp, bit in frame(encode(W26, 7, 9), 0):
        script.edges += [(stamp, bit), (stamp + 3_000, bit), (stamp + 9_000, bit)]
    reader.driver.service(60 * MS)
    reader.driver.service(100 * MS)
    assert reader.values == [7 << 32 | 9]
    assert reader.driver.counts.ringing == 52
    assert reader.states == [(Health.DEGRADED, "pulses ring")]


def test_three_frames_with_a_lost_bit_degrade_the_reader_for_ten_minutes(
    clock: ManualClock,
) -> None:
    script = Script()
    reader = Reader(script, clock)
    for number in range(3):
        assert reader.states == []
        script.edges = frame(encode(W26, 7, number)[:-1], number * 500 * MS)
        reader.driver.service(number * 500 * MS + 100 * MS)
    assert "a bit may have been lost" in reader.refused[0]
    assert reader.driver.counts.short == 3
    assert reader.states == [(Health.DEGRADED, "frames are one bit short")]
    over_ns = reader.driver.due_ns
    assert over_ns is not None
    reader.driver.service(over_ns - 1)
    assert len(reader.states) == 1
    reader.driver.service(over_ns)
    assert reader.states[1:] == [(Health.ONLINE, "")]
    assert over_ns == 50 * MS - 2 * MS + LASTS_NS
    assert reader.driver.due_ns is None


def test_a_recording_is_told_and_read_all_the_same(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock)
    for start in (0, 5_000 * MS):
        script.edges = frame(encode(W26, 7, 9), start)
        reader.driver.service(start + 100 * MS)
    assert reader.values == [7 << 32 | 9] * 2
    (told,) = [event for event in reader.events if isinstance(event, ReplaySuspected)]
    assert (told.reader, told.why) == ("r", EXACT)
    assert reader.states == [(Health.DEGRADED, EXACT)]
    assert reader.driver.counts.replays == 1


def test_swipes_by_hand_at_the_simulated_board_are_no_recording(bench: Bench) -> None:
    bench.start()
    for _ in range(20):
        bench.sim.swipe("card", CARD)
        bench.run(ms=1_500)
    assert bench.credentials == [("card", CARD)] * 20
    assert bench.posted(ReplaySuspected) == []


def test_the_same_bits_twice_at_the_simulated_board_are_a_recording(bench: Bench) -> None:
    bench.start()
    for _ in range(2):
        bench.sim.frame("card", encode(W26, 7, 9))
        bench.run(ms=1_500)
    assert len(bench.credentials) == 2
    assert len(bench.posted(ReplaySuspected)) == 1
    assert bench.rig.devices[0].health is Health.DEGRADED


def test_every_frame_is_counted(clock: ManualClock) -> None:
    script = Script()
    reader = Reader(script, clock)
    typed(reader, script, "0001", encode(W26, 1, 2), "1" * 30)
    counts = reader.driver.counts
    assert (counts.frames, counts.bad) == (3, 1)


@given(st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 1)), max_size=300))
def test_no_edges_upset_a_reader_or_make_more_cards_than_frames(edges: Edges) -> None:
    script = Script()
    reader = Reader(script, ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), formats=["w26", "w35"])
    script.edges = [(stamp * 1_000, bit) for stamp, bit in edges]
    reader.driver.service(500 * MS)
    reader.driver.service(600 * MS)
    assert len(reader.values) + len(reader.refused) <= reader.driver.counts.frames


def test_a_frame_in_which_an_edge_was_lost_is_refused_even_if_what_is_left_would_fit(
    clock: ManualClock,
) -> None:
    script = Script()
    reader = Reader(script, clock)
    first, second = (
        frame(encode(FORMATS["w26"], 7, number), at * MS) for number, at in ((9, 1_000), (8, 1_200))
    )
    script.edges = first + second
    script.lost = [(first[5][0], 8)]
    reader.driver.service(2_000 * MS)
    (bad,) = [event for event in reader.events if isinstance(event, BadFrame)]
    assert bad.why == "8 edges lost"
    assert reader.values == [7 << 32 | 8]
    assert (reader.driver.counts.frames, reader.driver.counts.bad) == (2, 1)
