import random

from gateway.credentials.wiegand import Frame, ReplayDetector
from gateway.credentials.wiegand.replay import EXACT, HURRIED, REMEMBERED_NS

S = 1_000_000_000
BITS = "10" * 13
OTHER = "01" * 13


def frame(bits: str, start_ns: int, seed: int | None = None) -> Frame:
    """Bits 2 ms apart, each off by up to 4 us; without a seed, exactly."""
    rng = random.Random(seed)  # noqa: S311 - the noise of a wire, no secret
    shakes = (0 if seed is None else rng.randint(0, 4_000) for _ in bits)
    stamps = (start_ns + index * 2_000_000 + shake for index, shake in enumerate(shakes))
    return Frame(bits, tuple(stamps))


def told(*frames: Frame) -> list[str]:
    watch = ReplayDetector()
    return [watch.look(one) for one in frames]


def test_a_card_swiped_often_is_not_suspicious() -> None:
    assert set(told(*(frame(BITS, swipe * S, seed=swipe) for swipe in range(300)))) == {""}


def test_the_same_intervals_to_the_nanosecond_are_a_recording() -> None:
    assert told(frame(BITS, 0, 1), frame(BITS, 5 * S, 2), frame(BITS, 9 * S, 1)) == ["", "", EXACT]


def test_another_card_in_the_same_rhythm_is_not() -> None:
    assert told(frame(BITS, 0), frame(OTHER, 5 * S)) == ["", ""]


def test_a_recording_is_known_for_ten_minutes() -> None:
    length_ns = frame(BITS, 0).last_ns
    assert told(frame(BITS, 0), frame(BITS, length_ns + REMEMBERED_NS))[-1] == EXACT
    assert told(frame(BITS, 0), frame(BITS, length_ns + REMEMBERED_NS + 1))[-1] == ""


def test_a_card_faster_than_by_hand_is_told_at_the_third_repeat() -> None:
    each_ns = frame(BITS, 0).last_ns + 299_000_000
    found = told(*(frame(BITS, swipe * each_ns, seed=swipe) for swipe in range(5)))
    assert found == ["", "", "", HURRIED, HURRIED]


def test_a_pause_or_another_card_ends_the_hurry() -> None:
    quick = S // 5
    swipes = [(BITS, 0), (BITS, quick), (BITS, 2 * quick), (BITS, 2 * S), (BITS, 2 * S + quick)]
    swipes += [(OTHER, 2 * S + 2 * quick), (BITS, 2 * S + 3 * quick)]
    found = told(*(frame(bits, at, seed=number) for number, (bits, at) in enumerate(swipes)))
    assert set(found) == {""}
