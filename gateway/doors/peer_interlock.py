"""The interlock between devices: of all their doors at most one is open. Pure.

Mutual exclusion by announcements (Ricart and Agrawala, 1981), with refusal in place of waiting. A
device that wants to open announces that to every peer, and opens only if each answers that it is
free. A peer that answers so opens nothing itself for LEASE_MS, by when the other one shows a door
that is not free. Of two devices that announce at the same time the one with the lower id wins:
it denies the other. Two of equal ids both lose.

All times are monotonic milliseconds of the device whose state it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

WAIT_MS = 1_000
"""Longest time from an attempt to its end; a peer that is silent for as long is not free."""
LEASE_MS = 1_500
"""Longer than WAIT_MS: whom a peer let open has opened by then, or never does."""
OPENED_MS = 1_500
"""Time after a grant by which the device's own doors show it."""


class Reply(StrEnum):
    """What a device answers to the announcement of another; the values are stable."""

    FREE = "free"
    OCCUPIED = "occupied"
    """One of its doors is not free."""
    CLAIMED = "claimed"
    """It is about to open a door itself, and goes first."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What one device has announced, and to whom it gave way."""

    attempts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Openings that wait for the answers of the peers, each with its end."""
    leases: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """By device, until when it may open a door."""
    opened_ms: int = 0
    """Until when a grant of this device may not show at its doors yet."""


def attempted(claims: Claims, key: str, now_ms: int) -> tuple[Claims, int | None]:
    """The claims with the attempt `key`, to be announced; or those without it, and the device that
    may open a door now."""
    claims = _pruned(claims, now_ms)
    holder = min(claims.leases, default=None)
    if holder is not None:
        return claims, holder
    attempts = {**claims.attempts, key: now_ms + WAIT_MS}
    return replace(claims, attempts=attempts), None


def announced(
    claims: Claims, own: int, peer: int, now_ms: int, *, occupied: bool
) -> tuple[Claims, Reply]:
    """The answer of the device `own` to an announcement of `peer`; `occupied` tells whether one of
    its doors is not free."""
    claims = _pruned(claims, now_ms)
    if occupied or claims.opened_ms > now_ms:
        return claims, Reply.OCCUPIED
    if own <= peer and claims.attempts:
        return claims, Reply.CLAIMED
    return replace(claims, leases={**claims.leases, peer: now_ms + LEASE_MS}), Reply.FREE


def concluded(
    claims: Claims, key: str, replies: Iterable[Reply], now_ms: int
) -> tuple[Claims, bool]:
    """The claims after the attempt `key`, and whether it may open; `replies` are those of all
    peers."""
    claims = _pruned(claims, now_ms)
    in_time = key in claims.attempts
    attempts = {name: one for name, one in claims.attempts.items() if name != key}
    free = all(reply is Reply.FREE for reply in replies)
    if not in_time or not free:
        return replace(claims, attempts=attempts), False
    return replace(claims, attempts=attempts, opened_ms=now_ms + OPENED_MS), True


def _pruned(claims: Claims, now_ms: int) -> Claims:
    return replace(
        claims,
        attempts={key: ends for key, ends in claims.attempts.items() if ends > now_ms},
        leases={peer: ends for peer, ends in claims.leases.items() if ends > now_ms},
    )
