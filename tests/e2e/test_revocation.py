"""A right that is taken away is gone with the answer: the swipe that follows at once is refused.

Each way of taking it, again and again, given back in between; and the same with the link between
the two processes cut, where nothing but the store tells the controller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Api, Row, Running

Act = Callable[["Api"], None]
Change = tuple[Act, Act]

ROUNDS = 2
"""Of every way of taking a right."""
USER, GROUP, RULE, ZONE, SPAN = 800, 80, 81, 82, 83
CARDS = ("61,10001", "61,10002")
"""Both of one person, shown in turns: the same one twice within two seconds is one read."""
STRIKE_PIN = 17
KINDS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "hol1", "hol2", "hol3")

ROWS: dict[str, tuple[Row, ...]] = {
    "users": ({"id": USER, "name": "Ida", "registration": ""},),
    "groups": ({"id": GROUP, "name": "Late shift"},),
    "time_zones": ({"id": ZONE, "name": "All week"},),
    "access_rules": ({"id": RULE, "name": "Late shift", "type": 1, "priority": 0},),
    "time_spans": (
        {"id": SPAN, "time_zone_id": ZONE, "start": 0, "end": 86_400, **dict.fromkeys(KINDS, 1)},
    ),
    "cards": tuple({"user_id": USER, "value": (61 << 32) | number} for number in (10_001, 10_002)),
    "user_groups": ({"user_id": USER, "group_id": GROUP},),
    "access_rule_time_zones": ({"access_rule_id": RULE, "time_zone_id": ZONE},),
    "group_access_rules": ({"group_id": GROUP, "access_rule_id": RULE},),
    "portal_access_rules": ({"portal_id": 1, "access_rule_id": RULE},),
}
"""All that lets Ida in, in an order in which it can be made."""


def dropped(*names: str) -> Change:
    """Take the rows of the first name away, which takes those of the others along."""
    column = {"cards": "user_id"}.get(names[0], "id")

    def take(api: Api) -> None:
        [*rows] = ROWS[names[0]]
        where = {column: rows[0][column]} if column in rows[0] else rows[0]
        assert api.destroy(names[0], **where) == len(rows)

    def give(api: Api) -> None:
        for name in names:
            api.create(name, *ROWS[name])

    return take, give


def changed(name: str, refused: Row, given: Row) -> Change:
    [row] = ROWS[name]

    def change(api: Api, values: Row) -> None:
        assert api.modify(name, values, id=row["id"]) == 1

    return lambda api: change(api, refused), lambda api: change(api, given)


WAYS: dict[str, tuple[int, Change]] = {
    "cards deleted": (3, dropped("cards")),
    "out of the group": (6, dropped("user_groups")),
    "rule not the group's": (6, dropped("group_access_rules")),
    "rule not the portal's": (6, dropped("portal_access_rules")),
    "rule without a zone": (6, dropped("access_rule_time_zones")),
    "span deleted": (6, dropped("time_spans")),
    "zone deleted": (6, dropped("time_zones", "time_spans", "access_rule_time_zones")),
    "rule deleted": (
        6,
        dropped(
            "access_rules", "access_rule_time_zones", "group_access_rules", "portal_access_rules"
        ),
    ),
    "person deleted": (3, dropped("users", "cards", "user_groups")),
    "rule blocks": (6, changed("access_rules", {"type": 0}, {"type": 1})),
    "expired": (6, changed("users", {"end_time": 1_000}, {"end_time": 0})),
    "too early": (6, changed("users", {"begin_time": 4_000_000_000}, {"begin_time": 0})),
    "another hour": (6, changed("time_spans", {"start": 1, "end": 1}, {"start": 0, "end": 86_400})),
}


class Ida:
    """Somebody with two cards who tries the front door again and again."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self._next = 0

    def tries(self, act: Act | None = None) -> int:
        """The event of a swipe in the instant after `act` was answered; the relay obeys too."""
        running = self.running
        running.wait_locked()
        edges = running.board.edges(STRIKE_PIN)
        self._next += 1

        def change_and_swipe() -> None:
            if act is not None:
                act(running.api)
            running.swipe(CARDS[self._next % 2])

        row = running.access(change_and_swipe)
        assert (running.board.edges(STRIKE_PIN) > edges) is (row["event"] == 7)
        return int(row["event"])


@pytest.fixture
def ida(demo: Running) -> Iterator[Ida]:
    for name, rows in ROWS.items():
        demo.api.create(name, *rows)
    demo.stranger()  # whichever card came last, the next one is no second reading of it
    yield Ida(demo)
    for name, key in (("users", USER), ("groups", GROUP), ("access_rules", RULE)):
        demo.api.destroy(name, id=key)
    demo.api.destroy("time_zones", id=ZONE)


def test_the_swipe_after_the_answer_is_refused_and_after_the_right_is_back_granted(
    ida: Ida,
) -> None:
    order = [*WAYS] * ROUNDS
    Random(1).shuffle(order)  # noqa: S311 - an order, always the same
    assert ida.tries() == 7
    for way in order:
        event, (take, give) = WAYS[way]
        assert ida.tries(take) == event, way
        assert ida.tries(give) == 7, way


def test_with_the_link_cut_the_store_alone_is_obeyed(
    ida: Ida, eventually: Callable[..., object]
) -> None:
    running = ida.running
    socket = running.runtime.command_socket
    hidden = socket.with_name("hidden")

    def logged_in() -> bool:
        try:
            running.api.login(running.site.password)
        except OSError:
            return False
        return True

    def linked() -> bool:
        return running.api.post("doors_state")[0] == 200

    for way in ("out of the group", "cards deleted", "rule not the portal's", "expired"):
        event, (take, give) = WAYS[way]
        # Whoever connects now finds nobody; the hand at the board is connected already.
        socket.rename(hidden)
        try:
            dead = running.kill("api")
            eventually(lambda dead=dead: running.child("api") not in {0, dead}, "another api")
            eventually(logged_in, "the api's return")
            assert not linked()
            # Nobody wakes the controller, which looks for changes some times a second.
            take(running.api)
            eventually(lambda event=event: ida.tries() == event, f"nobody enters: {way}")
            give(running.api)
            eventually(lambda: ida.tries() == 7, f"Ida enters again: {way}")
            assert not linked()
        finally:
            hidden.rename(socket)
        eventually(linked, "the link")
        assert ida.tries(take) == event, way
        assert ida.tries(give) == 7, way
