"""Places of connections at the safe page."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.safe.connections import (
    MOST,
    MOST_ENDING,
    MOST_OF_ONE_ADDRESS,
    REQUEST_S,
    Connection,
    Connections,
)


class Clients:
    """Makes connections, at a time that the test sets."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.now_s = 0.0
        self.places = Connections(lambda: self.now_s)

    def come(self, address: str) -> Connection | None:
        ends = socket.socketpair()
        for end in ends:
            self._stack.enter_context(end)
        return self.places.admit(ends[0], address)

    def fill(self) -> list[Connection]:
        found = [self.come(f"10.0.0.{number // MOST_OF_ONE_ADDRESS}") for number in range(MOST)]
        return [it for it in found if it is not None]


@pytest.fixture
def clients() -> Iterator[Clients]:
    with ExitStack() as stack:
        yield Clients(stack)


def test_an_address_has_few_places_and_the_oldest_of_all_gives_way(clients: Clients) -> None:
    first, second, *_ = made = clients.fill()
    assert len(made) == MOST
    assert clients.come("10.0.0.0") is None
    assert clients.come("10.0.1.1") is not None
    assert first.ended
    assert not second.ended


def test_whoever_sends_an_update_does_not_give_way(clients: Clients) -> None:
    first, second, *others = clients.fill()
    first.lasting = True
    assert clients.come("10.0.1.1") is not None
    assert (first.ended, second.ended) == (False, True)
    for each in others:
        each.lasting = True
    assert clients.come("10.0.1.2") is not None  # in the place of the one that came last
    assert not first.ended


def test_those_that_have_not_ended_yet_are_bounded_too(clients: Clients) -> None:
    made = clients.fill()
    for number in range(MOST_ENDING):
        assert clients.come(f"10.0.1.{number}") is not None
    assert clients.come("10.0.2.1") is None
    clients.places.gone(made[0])
    assert clients.come("10.0.2.1") is not None


def test_a_request_that_takes_too_long_ends(clients: Clients) -> None:
    slow, sends = clients.come("10.0.0.1"), clients.come("10.0.0.1")
    assert slow is not None
    assert sends is not None
    sends.lasting = True
    clients.now_s = REQUEST_S + 1
    clients.places.end_slow()
    assert (slow.ended, sends.ended) == (True, False)
    assert slow.socket.recv(1) == b""
