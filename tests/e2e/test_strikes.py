"""A fresh site, a strike and a magnet: the factory rows open door 1, and no edge comes unbidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running, Site

SITE = """
[site]
name = "Shop"
timezone = "Europe/Lisbon"
board = "simulated"

[[door]]
id = 1
name = "shop"
egress = "mechanical"
strike = {{ pin = {pin}, locked = "{locked}", unlocked = "{unlocked}" }}
on_stop = "{on_stop}"

[[reader]]
name = "shop"
index = 1
kind = "wiegand"
portal = 1
d0 = 5
d1 = 6

[initial.general]
relay1_timeout = 200
"""


@dataclass(frozen=True)
class Lock:
    """How a lock is wired, and the one edge that its start may need."""

    pin: int
    locked: str
    unlocked: str
    start_edges: int
    on_stop: str = "locked"

    @property
    def locked_high(self) -> bool:
        return self.locked == "high"

    @property
    def stopped_high(self) -> bool:
        return (self.locked if self.on_stop == "locked" else self.unlocked) == "high"


# Pin 17 is low from power-up until it is claimed, pin 4 is high.
LOCKS = {
    "strike": Lock(17, "low", "high", start_edges=0),
    "strike, free when stopped": Lock(17, "low", "high", start_edges=0, on_stop="unlocked"),
    "magnet": Lock(17, "high", "low", start_edges=1),
    "magnet, powered while booting and free when stopped": Lock(
        4, "high", "low", start_edges=0, on_stop="unlocked"
    ),
}


@pytest.fixture(params=list(LOCKS.values()), ids=list(LOCKS))
def lock(request: pytest.FixtureRequest) -> Lock:
    found: Lock = request.param
    return found


@pytest.fixture
def site(make: Maker, lock: Lock) -> Site:
    words = {"pin": lock.pin, "locked": lock.locked, "unlocked": lock.unlocked}
    return make.site(SITE.format(**words, on_stop=lock.on_stop))


def claimed_edges(site: Site) -> list[bool]:
    """Whether each start so far moved the strike's pin, as the journal has it."""
    starts = [entry for entry in site.journal() if entry.kind is EntryKind.STARTED]
    return [entry.body["outputs"][0]["edge"] for entry in starts]


def test_a_person_of_group_1_opens_door_1_and_nothing_moves_unbidden(
    site: Site, lock: Lock, start: Callable[..., Running]
) -> None:
    running = start(site)
    board, pin = running.board, lock.pin
    assert board.edges(pin) == lock.start_edges
    assert board.high(pin) is lock.locked_high
    assert claimed_edges(site) == [bool(lock.start_edges)]

    [user] = running.api.create("users", {"name": "Rui", "registration": ""})
    running.api.create("user_groups", {"user_id": user, "group_id": 1})
    running.api.create("cards", {"user_id": user, "value": (7 << 32) | 7})
    row = running.access(lambda: running.swipe("7,7", "shop"))
    assert (row["event"], row["user_id"], row["portal_id"]) == (7, user, 1)
    running.wait_locked()
    so_far = lock.start_edges + 2
    assert board.edges(pin) == so_far
    assert [edge.high for edge in board.history(pin)[-2:]] == [
        not lock.locked_high,
        lock.locked_high,
    ]

    # A refused card, a changed setting and a changed rule are no command to the lock.
    assert running.stranger("shop")["event"] == 3
    running.api.configure("general", relay1_timeout=250)
    running.api.modify("access_rules", {"name": "Everyone"}, id=1)
    assert board.edges(pin) == so_far

    assert running.stop() == 0
    moves = int(lock.stopped_high is not lock.locked_high)
    assert board.edges(pin) == so_far + moves
    assert board.high(pin) is lock.stopped_high

    again = start(site)
    assert board.edges(pin) == so_far + 2 * moves
    assert board.high(pin) is lock.locked_high
    assert claimed_edges(site) == [bool(lock.start_edges), bool(moves)]
    assert again.access(lambda: again.swipe("7,7", "shop"))["event"] == 7
    again.wait_locked()
    assert board.edges(pin) == so_far + 2 * moves + 2
