"""Which edges never came, by the kernel's numbers."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gateway.hardware.wiegand.edges import EdgeNumbers


def take(numbers: EdgeNumbers, *arriving: int) -> list[bool]:
    """Let edges arrive; each is stamped with ten times its number."""
    return [numbers.arrived(number, number * 10) for number in arriving]


def test_edges_that_all_come_are_none_lost() -> None:
    numbers = EdgeNumbers()
    assert all(take(numbers, *range(1, 100)))
    assert numbers.lost_until(10_000) == 0


def test_an_edge_that_is_missing_is_lost_with_the_edge_that_showed_it() -> None:
    numbers = EdgeNumbers()
    take(numbers, 1, 2, 5, 6)
    assert numbers.lost_until(49) == 0
    assert numbers.lost_until(50) == 2
    assert numbers.lost_until(50) == 0


def test_an_edge_that_was_lost_before_the_first_one_is_known_too() -> None:
    numbers = EdgeNumbers()
    take(numbers, 3)
    assert numbers.lost_until(30) == 2


def test_lines_whose_edges_arrive_in_another_order_have_lost_nothing() -> None:
    numbers = EdgeNumbers()
    assert all(take(numbers, 2, 3, 1, 6, 4, 5))
    assert numbers.lost_until(10_000) == 0


def test_an_edge_that_comes_after_its_frame_was_given_up_is_left_aside() -> None:
    numbers = EdgeNumbers()
    take(numbers, 1, 3)
    assert numbers.lost_until(30) == 1
    assert take(numbers, 2) == [False]
    assert take(numbers, 4) == [True]


def test_the_numbers_go_on_at_nought_after_the_highest() -> None:
    numbers = EdgeNumbers()
    numbers._next = 2**32 - 2
    assert all(take(numbers, 2**32 - 2, 2**32 - 1, 2**32, 2**32 + 2))
    assert numbers.lost_until(10 * 2**33) == 1


def test_a_gap_of_any_size_is_a_loss_and_does_not_fill_the_memory() -> None:
    numbers = EdgeNumbers()
    take(numbers, 2**31 - 1)
    assert 0 < numbers.lost_until(10 * 2**31) <= 65_536
    assert take(numbers, 2**31) == [True]


@given(st.sets(st.integers(2, 199)), st.randoms(use_true_random=False))
def test_whatever_is_missing_is_counted_whatever_order_the_rest_comes_in(
    missing: set[int], rng: random.Random
) -> None:
    numbers = EdgeNumbers()
    arriving = [number for number in range(1, 200) if number not in missing]
    rng.shuffle(arriving)
    assert all(take(numbers, *arriving, 200))
    assert numbers.lost_until(10_000) == len(missing)
