"""Once the API has answered, the next swipe obeys: again and again, whatever was changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Api, Row, Running

ROUNDS = 3
USER, GROUP, RULE, ZONE, SPAN = 700, 70, 71, 72, 73
CARD = (55 << 32) | 12_345
WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
STRIKE_PIN = 17

Change = Callable[["Api"], object]

SPAN_ROW = {
    "id": SPAN,
    "time_zone_id": ZONE,
    "start": 0,
    "end": 86_400,
    **dict.fromkeys((*WEEK, "hol1", "hol2", "hol3"), 1),
}
BUILD: tuple[tuple[str, Row], ...] = (
    ("users", {"id": USER, "name": "Gil", "registration": ""}),
    ("groups", {"id": GROUP, "name": "Night"}),
    ("user_groups", {"user_id": USER, "group_id": GROUP}),
    ("cards", {"user_id": USER, "value": CARD}),
    ("time_zones", {"id": ZONE, "name": "All week"}),
    ("time_spans", SPAN_ROW),
    ("access_rules", {"id": RULE, "name": "Night", "type": 1, "priority": 0}),
    ("access_rule_time_zones", {"access_rule_id": RULE, "time_zone_id": ZONE}),
    ("group_access_rules", {"group_id": GROUP, "access_rule_id": RULE}),
    ("portal_access_rules", {"portal_id": 1, "access_rule_id": RULE}),
)


@pytest.fixture
def gil(demo: Running) -> Running:
    """The demo with a person who may pass the front by one rule of one group in one zone."""
    for name in ("users", "groups", "access_rules", "time_zones"):
        demo.api.destroy(name, id=[USER, GROUP, RULE, ZONE])
    for name, row in BUILD:
        demo.api.create(name, row)
    return demo


def _unlink(name: str) -> tuple[Change, Change]:
    row = dict(BUILD)[name]
    return lambda api: api.destroy(name, **row), lambda api: api.create(name, row)


def _change(
    name: str, key: int, refused: object, given: object, *columns: str
) -> tuple[Change, Change]:
    return (
        lambda api: api.modify(name, dict.fromkeys(columns, refused), id=key),
        lambda api: api.modify(name, dict.fromkeys(columns, given), id=key),
    )


@pytest.mark.parametrize(
    ("event", "change", "revert"),
    [
        pytest.param(3, *_unlink("cards"), id="card deleted"),
        pytest.param(6, *_unlink("user_groups"), id="out of the group"),
        pytest.param(6, *_unlink("group_access_rules"), id="rule not the group's"),
        pytest.param(6, *_unlink("portal_access_rules"), id="rule not the portal's"),
        pytest.param(6, *_unlink("access_rule_time_zones"), id="rule without a zone"),
        pytest.param(6, *_change("access_rules", RULE, 0, 1, "type"), id="rule blocks"),
        pytest.param(6, *_change("users", USER, 1_000, 0, "end_time"), id="expired"),
        pytest.param(6, *_change("users", USER, 4_000_000_000, 0, "begin_time"), id="too early"),
        pytest.param(6, *_change("time_spans", SPAN, 0, 1, *WEEK), id="no day of the week"),
    ],
)
def test_the_swipe_after_the_answer_is_refused_and_after_the_next_one_granted(
    gil: Running, event: int, change: Change, revert: Change
) -> None:
    def changed_and_swiped(change: Change) -> Row:
        def act() -> None:
            change(gil.api)
            gil.swipe("55,12345")

        gil.stranger()  # so that this is no second reading of the same card
        gil.wait_locked()
        return gil.access(act)

    assert gil.swiped("55,12345")["event"] == 7
    for _ in range(ROUNDS):
        gil.wait_locked()
        edges = gil.board.edges(STRIKE_PIN)
        refused = changed_and_swiped(change)
        assert (refused["event"], refused["user_id"]) == (event, 0 if event == 3 else USER)
        assert gil.board.edges(STRIKE_PIN) == edges
        assert changed_and_swiped(revert)["event"] == 7
        assert gil.board.edges(STRIKE_PIN) > edges


def test_a_changed_configuration_counts_for_the_next_swipe(demo: Running) -> None:
    for mode, event in [("lock_down", 6), ("none", 7)] * ROUNDS:

        def act(mode: str = mode) -> None:
            demo.api.configure("general", door1_exception_mode=mode)
            demo.swipe("123,45678")

        demo.stranger()
        demo.wait_locked()
        assert demo.access(act)["event"] == event


def test_a_portal_that_lost_its_action_grants_and_opens_nothing(demo: Running) -> None:
    row = {"portal_id": 1, "action_id": 1}
    demo.api.destroy("portal_actions", **row)
    try:
        edges = demo.board.edges(STRIKE_PIN)
        assert demo.swiped("123,45678")["event"] == 7
        assert demo.board.edges(STRIKE_PIN) == edges
        assert "portal 1 has no action" in demo.site.type("doctor").stdout
    finally:
        demo.api.create("portal_actions", row)
    assert demo.swiped("123,45678")["event"] == 7
    assert demo.board.edges(STRIKE_PIN) > edges
