import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.wiegand import MAX_BITS, Frame, FrameAssembler

GAP_NS = 25_000_000

Edges = list[tuple[int, int]]


def run(edges: Edges) -> list[Frame]:
    assembler = FrameAssembler(GAP_NS)
    frames = [assembler.edge(stamp, bit) for stamp, bit in edges]
    frames.append(assembler.close(edges[-1][0] + 10 * GAP_NS) if edges else None)
    return [frame for frame in frames if frame is not None]


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
            stamp += draw(st.integers(0, GAP_NS))
        stamp = burst[-1][0]
        found.append(burst)
    return found


@given(bursts())
def test_every_burst_of_edges_is_one_frame(burst_list: list[Edges]) -> None:
    # Edges with the same stamp have no order of their own; the smaller bit is put first.
    expected = [
        Frame("".join(str(bit) for _, bit in sorted(burst)), burst[0][0], burst[-1][0])
        for burst in burst_list
    ]
    assert run([edge for burst in burst_list for edge in burst]) == expected


@given(st.lists(st.integers(0, 1), min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_edges_that_arrive_out_of_order_are_put_in_order(
    bits: list[int], rng: random.Random
) -> None:
    edges = [(index * 200_000, bit) for index, bit in enumerate(bits)]
    shuffled = edges.copy()
    rng.shuffle(shuffled)
    assert run(shuffled) == [Frame("".join(map(str, bits)), 0, edges[-1][0])]


def test_an_edge_at_the_gap_belongs_to_the_frame_and_one_later_to_the_next() -> None:
    assembler = FrameAssembler(GAP_NS)
    assert assembler.edge(0, 1) is None
    assert assembler.edge(GAP_NS, 0) is None
    assert assembler.edge(2 * GAP_NS + 1, 1) == Frame("10", 0, GAP_NS)


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
    assert assembler.close(due_ns) == Frame("1", 1_000, 1_000)
    assert assembler.due_ns is None
    assert assembler.close(due_ns) is None


def test_noise_makes_one_frame_longer_than_any_format_and_the_next_card_is_read() -> None:
    noise = [(index * 1_000_000, 0) for index in range(20 * MAX_BITS)]
    after = noise[-1][0] + GAP_NS + 1
    frames = run([*noise, (after, 1), (after + 1, 0)])
    assert [len(frame.bits) for frame in frames] == [MAX_BITS + 1, 2]
    assert frames[1].bits == "10"


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 1)), max_size=600))
def test_no_edge_list_makes_a_frame_beyond_the_cap_or_out_of_order(edges: Edges) -> None:
    frames = run(edges)
    assert all(1 <= len(frame.bits) <= MAX_BITS + 1 for frame in frames)
    assert all(frame.first_ns <= frame.last_ns for frame in frames)
    assert sum(len(frame.bits) for frame in frames) <= len(edges)


@given(bursts())
def test_frames_come_out_in_the_order_of_their_stamps(burst_list: list[Edges]) -> None:
    frames = run([edge for burst in burst_list for edge in burst])
    assert all(before.last_ns + GAP_NS < after.first_ns for before, after in pairwise(frames))
