"""How often a tag in the field of a UHF reader is an identification."""

from __future__ import annotations

from gateway.credentials import tag_intervals
from gateway.credentials.tag_intervals import Intervals, TagIntervals

A, B, C = b"A", b"B", b"C"
EVERY = Intervals(same_ns=5_000, other_ns=100)


def counted(*seen: tuple[bytes, int]) -> list[tuple[bytes, int]]:
    tags = TagIntervals()
    return [(tag, at_ns) for tag, at_ns in seen if tags.counts(tag, at_ns, EVERY)]


def test_a_tag_that_stays_counts_once_per_interval() -> None:
    found = counted(*((A, at_ns) for at_ns in range(0, 15_000, 100)))
    assert found == [(A, 0), (A, 5_000), (A, 10_000)]


def test_another_tag_counts_when_its_interval_has_passed() -> None:
    assert counted((A, 0), (B, 0), (B, 99), (B, 100), (C, 150), (C, 200)) == [
        (A, 0),
        (B, 100),
        (C, 200),
    ]


def test_tags_that_stay_together_each_count() -> None:
    found = counted(*((tag, at_ns) for at_ns in range(0, 5_000, 100) for tag in (A, B, C)))
    assert found == [(A, 0), (B, 100), (C, 200)]


def test_more_tags_than_can_be_kept_push_out_the_oldest() -> None:
    tags, free = TagIntervals(), Intervals(same_ns=10**9, other_ns=0)
    many = [number.to_bytes(2, "big") for number in range(2 * tag_intervals._TAGS_KEPT)]
    for tag in many:
        assert tags.counts(tag, 0, free)
    assert len(tags._counted) == tag_intervals._TAGS_KEPT
    assert not tags.counts(many[-1], 1, free)
    assert tags.counts(many[0], 1, free)
