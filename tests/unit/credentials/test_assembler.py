import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.wiegand import MAX_BITS, RINGING_NS, Frame, FrameAssembler

GAP_NS = 25_000_000
APART_NS = 200_000

Edges = list[tuple[int, int]]


def run(edges: Edges) -> list[Frame]:
    assembler = FrameAssembler(GAP_NS)
    frames = [assembler.edge(stamp, bit) for stamp, bit in edges]
    frames.append(assembler.close(edges[-1][0] + 10 * GAP_NS) if edges else None)
    return [frame for frame in frames if frame is not None]


def frame_of(edges: Edges, taken: int = 0) -> Frame:
    return Frame("".join(str(bit) for _, bit in edges), tuple(stamp for stamp, _ in edges), taken)


@st.composite
def bursts(draw: st.DrawFn) -> list[Edges]:
    """Bursts of edges: at most the gap apart inside, more than the gap between."""
    stamp = draw(st.integers(0, 10**15))
    found: list[Edges] = []
    for bits in draw(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=40), max_size=6)):
        stamp += GAP_NS + draw(st.integers(1, 10**10))
        burst: Edges = []
        for bit in bits:
            burst.append((stamp, bit))
            stamp += draw(st.integers(RINGING_NS, GAP_NS))
        stamp = burst[-1][0]
        found.append(burst)
    return found


@given(bursts())
def test_every_burst_of_edges_is_one_frame(burst_list: list[Edges]) -> None:
    frames = run([edge for burst in burst_list for edge in burst])
    assert frames == [frame_of(burst) for burst in burst_list]
    assert not any(frame.together for frame in frames)


@given(st.lists(st.integers(0, 1), min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_edges_that_arrive_out_of_order_are_put_in_order(
    bits: list[int], rng: random.Random
) -> None:
    edges = [(index * APART_NS, bit) for index, bit in enumerate(bits)]
    shuffled = edges.copy()
    rng.shuffle(shuffled)
    assert run(shuffled) == [frame_of(edges)]


def test_a_frame_knows_its_stamps_and_intervals() -> None:
    frame = frame_of([(100_000, 1), (300_000, 0), (600_000, 1)])
    assert (frame.first_ns, frame.last_ns) == (100_000, 600_000)
    assert frame.intervals_ns == (200_000, 300_000)


def test_an_edge_at_the_gap_belongs_to_the_frame_and_one_later_to_the_next() -> None:
    assembler = FrameAssembler(GAP_NS)
    assert assembler.edge(0, 1) is None
    assert assembler.edge(GAP_NS, 0) is None
    assert assembler.edge(2 * GAP_NS + 1, 1) == frame_of([(0, 1), (GAP_NS, 0)])


def test_an_edge_that_comes_late_does_not_end_its_frame_sooner() -> None:
    assembler = FrameAssembler(GAP_NS)
    assembler.edge(10_000_000, 1)
    due_ns = assembler.due_ns
    assembler.edge(0, 0)
    assert assembler.due_ns == due_ns
    assert assembler.edge(10_000_000 + GAP_NS, 1) is None


def test_a_frame_is_closed_when_due_and_not_before() -> None:
    assembler = FrameAssembler(GAP_NS)
    assert assembler.due_ns is None
    assembler.edge(1_000, 1)
    due_ns = assembler.due_ns
    assert due_ns is not None
    assert assembler.close(due_ns - 1) is None
    assert assembler.close(due_ns) == frame_of([(1_000, 1)])
    assert assembler.due_ns is None
    assert assembler.close(due_ns) is None


def test_an_edge_too_soon_after_another_of_its_line_is_no_bit_and_is_counted() -> None:
    assembler = FrameAssembler(GAP_NS)
    for stamp, bit in ((0, 1), (5_000, 1), (5_000 + RINGING_NS, 1), (300_000, 0), (319_999, 0)):
        assembler.edge(stamp, bit)
    frame = assembler.close(10 * GAP_NS)
    assert frame == frame_of([(0, 1), (5_000 + RINGING_NS, 1), (300_000, 0)])
    assert assembler.ringing == 2


@pytest.mark.parametrize(("apart_ns", "together"), [(0, True), (19_999, True), (20_000, False)])
def test_both_lines_at_once_are_noticed_in_whatever_order_they_are_told(
    apart_ns: int, together: bool
) -> None:
    edges = [(0, 0), (APART_NS, 1), (APART_NS + apart_ns, 0), (3 * APART_NS, 1)]
    for told in (edges, edges[::-1]):
        (frame,) = run(told)
        assert frame.together is together
        assert len(frame.bits) == 4


def test_a_frame_can_be_used_before_the_gap_and_is_not_handed_out_again() -> None:
    assembler = FrameAssembler(GAP_NS)
    edges = [(index * APART_NS, index % 2) for index in range(5)]
    for edge in edges[:4]:
        assembler.edge(*edge)
    assert assembler.whole(5) is None
    assembler.edge(*edges[4])
    assert assembler.whole(5) == frame_of(edges)
    assembler.take()
    assert assembler.whole(5) is None
    assert assembler.due_ns is None
    assert assembler.close(10 * GAP_NS) is None
    assert assembler.edge(10 * GAP_NS, 1) is None
    assert assembler.close(20 * GAP_NS) == frame_of([(10 * GAP_NS, 1)])


def test_what_comes_after_a_used_frame_makes_one_bad_frame_with_all_bits() -> None:
    assembler = FrameAssembler(GAP_NS)
    edges = [(index * APART_NS, 1) for index in range(8)]
    for edge in edges[:5]:
        assembler.edge(*edge)
    assembler.take()
    for edge in edges[5:]:
        assert assembler.edge(*edge) is None
    assert assembler.due_ns == edges[-1][0] + GAP_NS + 1
    assert assembler.close(10 * GAP_NS) == frame_of(edges, taken=5)
    assembler.edge(20 * GAP_NS, 1)
    assert assembler.close(30 * GAP_NS) == frame_of([(20 * GAP_NS, 1)])


def test_noise_after_a_used_frame_is_one_bad_frame_too() -> None:
    assembler = FrameAssembler(GAP_NS)
    assembler.edge(0, 1)
    assembler.take()
    frames = [assembler.edge(index * APART_NS, 1) for index in range(1, 3 * MAX_BITS)]
    (bad,) = [frame for frame in frames if frame is not None]
    assert (len(bad.bits), bad.taken) == (MAX_BITS + 1, 1)
    assert assembler.due_ns is None


def test_noise_makes_one_frame_longer_than_any_format_and_the_next_card_is_read() -> None:
    noise = [(index * 1_000_000, 0) for index in range(20 * MAX_BITS)]
    after = noise[-1][0] + GAP_NS + 1
    frames = run([*noise, (after, 1), (after + APART_NS, 0)])
    assert [len(frame.bits) for frame in frames] == [MAX_BITS + 1, 2]
    assert frames[1].bits == "10"


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 1)), max_size=600))
def test_no_edge_list_makes_a_frame_beyond_the_cap_or_out_of_order(edges: Edges) -> None:
    frames = run(edges)
    assert all(1 <= len(frame.bits) <= MAX_BITS + 1 for frame in frames)
    assert all(sorted(frame.stamps_ns) == list(frame.stamps_ns) for frame in frames)
    assert sum(len(frame.bits) for frame in frames) <= len(edges)


@given(bursts())
def test_frames_come_out_in_the_order_of_their_stamps(burst_list: list[Edges]) -> None:
    frames = run([edge for burst in burst_list for edge in burst])
    assert all(before.last_ns + GAP_NS < after.first_ns for before, after in pairwise(frames))
