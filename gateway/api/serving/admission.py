"""Who may connect: caps on connections, in all and of one address.

At a cap, the new connection takes the place of the one that has waited longest for its client: a
silent or dripping client loses to one that asks. Nobody loses a request that a worker computes.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from enum import IntEnum
from typing import Generic, Protocol, TypeVar


class Waiting(IntEnum):
    """What a connection waits for; the lower ones are given up first."""

    REQUEST = 0
    BODY = 1
    READER = 2
    """The client does not take its answer."""
    US = 3
    """Not for the client: it is never given up."""


class CountedConnection(Protocol):
    """A connection, as far as admission cares."""

    @property
    def address(self) -> str: ...
    @property
    def waiting(self) -> tuple[Waiting, float]:
        """What for, and since when."""


P = TypeVar("P", bound=CountedConnection)


class ConnectionCaps(Generic[P]):
    """The connections that are open."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._by_address: dict[str, set[P]] = defaultdict(set)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def all(self) -> list[P]:
        """Every connection."""
        return [peer for group in self._by_address.values() for peer in group]

    def admit(self, peer: P) -> tuple[bool, P | None]:
        """Whether `peer` may stay, and the connection that has to make room for it, if any.

        The caller ends that one and calls `leave` for it.
        """
        group = self._by_address.get(peer.address, set())
        victim: P | None = None
        if len(group) >= self._most_each:
            victim = self._first_to_go(group)
            if victim is None:
                return False, None
        elif self._count >= self._most:
            victim = self.victim()
            if victim is None:
                return False, None
        self._by_address[peer.address].add(peer)
        self._count += 1
        return True, victim

    def victim(self) -> P | None:
        """The connection to give up first, of the address that has most of those that wait."""
        groups = sorted(self._by_address.values(), key=len, reverse=True)
        return next(filter(None, map(self._first_to_go, groups)), None)

    def leave(self, peer: P) -> None:
        """`peer` is gone; a second time is no error."""
        group = self._by_address.get(peer.address, set())
        if peer in group:
            group.remove(peer)
            self._count -= 1
            if not group:
                del self._by_address[peer.address]

    @staticmethod
    def _first_to_go(group: set[P]) -> P | None:
        waiting = [peer for peer in group if peer.waiting[0] is not Waiting.US]
        return min(waiting, key=lambda peer: peer.waiting, default=None)


def counted_as(host: str) -> str:
    """The address that `host` is counted under: a client has a whole /64 of IPv6."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
