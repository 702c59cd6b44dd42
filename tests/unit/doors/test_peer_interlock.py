"""Devices that exclude each other: whatever is lost, late or crossed, one opens at most."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.doors.peer_interlock import (
    LEASE_MS,
    OPENED_MS,
    WAIT_MS,
    Claims,
    Reply,
    announced,
    attempted,
    concluded,
)

DWELL_MS = 5_000


@dataclass
class Device:
    """One device as it runs: its claims, what it waits for, and its door."""

    id: int
    claims: Claims = field(default_factory=Claims)
    replies: dict[int, Reply] = field(default_factory=dict)
    waits: str = ""
    open_until_ms: int = 0


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Ids of devices; steps of a device, another one, and the milliseconds that pass before."""
    ids = draw(st.lists(st.integers(1, 9), min_size=2, max_size=3, unique=True))
    index = st.integers(0, len(ids) - 1)
    pause = st.sampled_from((0, 0, 0, 1, 30, 400, WAIT_MS - 1, WAIT_MS, LEASE_MS, DWELL_MS))
    return ids, draw(st.lists(st.tuples(index, index, pause), max_size=60))


@settings(max_examples=max(400, settings().max_examples))
@given(runs())
@example(([2, 1], [(0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 0), (0, 0, 0), (1, 1, 0)]))
def test_two_doors_are_never_open_together(
    run: tuple[list[int], list[tuple[int, int, int]]],
) -> None:
    """Each step delivers one message, begins an attempt, or ends one: in any order at all."""
    ids, steps = run
    devices, now_ms = [Device(id_) for id_ in ids], 10_000
    for number, (one, other, pause_ms) in enumerate(steps):
        now_ms += pause_ms
        device, peer = devices[one], devices[other]
        occupied = device.open_until_ms > now_ms
        if device is not peer and device.waits and peer.id not in device.replies:
            peer.claims, reply = announced(
                peer.claims, peer.id, device.id, now_ms, occupied=peer.open_until_ms > now_ms
            )
            device.replies[peer.id] = reply
        elif device.waits and len(device.replies) == len(ids) - 1:
            device.claims, opens = concluded(
                device.claims, device.waits, device.replies.values(), now_ms
            )
            device.waits = ""
            if opens:
                device.open_until_ms = now_ms + DWELL_MS
        elif not device.waits and not occupied:
            device.claims, holder = attempted(device.claims, f"{number}", now_ms)
            device.replies, device.waits = {}, f"{number}" if holder is None else ""
        assert sum(it.open_until_ms > now_ms for it in devices) <= 1


@given(st.integers(1, 100), st.integers(1, 100))
def test_of_two_that_announce_at_once_the_lower_id_opens(one: int, other: int) -> None:
    claims = {it: attempted(Claims(), "a", 0)[0] for it in (one, other)}
    replies = {}
    for asking, asked in ((one, other), (other, one)):
        claims[asked], replies[asking] = announced(claims[asked], asked, asking, 1, occupied=False)
    opens = {it: concluded(claims[it], "a", [replies[it]], 2)[1] for it in (one, other)}
    assert opens == {it: it == min(one, other) and one != other for it in (one, other)}


def test_a_device_that_gave_way_opens_nothing_until_the_lease_is_over() -> None:
    claims, reply = announced(Claims(), 1, 2, 0, occupied=False)
    assert reply is Reply.FREE
    assert attempted(claims, "a", LEASE_MS - 1)[1] == 2
    assert attempted(claims, "a", LEASE_MS)[1] is None


@pytest.mark.parametrize("reply", [Reply.OCCUPIED, Reply.CLAIMED])
def test_one_peer_that_is_not_free_is_enough(reply: Reply) -> None:
    claims, _ = attempted(Claims(), "a", 0)
    assert not concluded(claims, "a", [Reply.FREE, reply], 1)[1]


def test_an_attempt_that_took_too_long_opens_nothing() -> None:
    claims, _ = attempted(Claims(), "a", 0)
    assert concluded(claims, "a", [Reply.FREE], WAIT_MS - 1)[1]
    assert not concluded(claims, "a", [Reply.FREE], WAIT_MS)[1]


def test_a_device_that_opened_is_occupied_before_its_doors_show_it() -> None:
    claims, _ = attempted(Claims(), "a", 0)
    claims, opens = concluded(claims, "a", [], 0)
    assert opens
    assert announced(claims, 1, 2, OPENED_MS - 1, occupied=False)[1] is Reply.OCCUPIED
    assert announced(claims, 1, 2, OPENED_MS, occupied=False)[1] is Reply.FREE
    assert announced(claims, 1, 2, OPENED_MS, occupied=True)[1] is Reply.OCCUPIED
