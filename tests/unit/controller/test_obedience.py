"""The next swipe obeys: each decision compares the store's rules with those in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from gateway.controller.core import LONGEST_WAIT_NS, Controller
from gateway.controller.mirror.mirror import LONGEST_HOLD_NS
from gateway.controller.state.policies import PolicyKeeper
from gateway.store.journal import EntryKind
from gateway.store.objects.store import Store
from gateway.store.policy.people import PeopleReader
from tests.unit.controller.conftest import InlineFeed

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

CARD_OF_ANA = (123 << 32) | 45678


def _delete_card(store: Store) -> None:
    store.destroy("cards", {"cards": {"user_id": 1}})


def _leave_group(store: Store) -> None:
    store.destroy("user_groups", {"user_groups": {"user_id": 1}})


def _unlink_rule(store: Store) -> None:
    store.destroy("portal_access_rules", {"portal_access_rules": {"access_rule_id": [1, 3]}})


def _expire(store: Store) -> None:
    store.modify("users", {"end_time": 1}, {"users": {"id": 1}})


def _empty_schedule(store: Store) -> None:
    store.destroy("time_spans")


def _block(store: Store) -> None:
    store.insert("access_rules", [{"id": 90, "name": "block", "type": 0, "priority": 0}])
    store.insert("user_access_rules", [{"user_id": 1, "access_rule_id": 90}])
    store.insert("portal_access_rules", [{"portal_id": 1, "access_rule_id": 90}])


@pytest.mark.parametrize(
    ("take_away", "event"),
    [
        (_delete_card, 3),
        (_leave_group, 6),
        (_unlink_rule, 6),
        (_expire, 6),
        (_empty_schedule, 6),
        (_block, 6),
    ],
)
def test_the_swipe_after_a_right_was_taken_away_is_refused(
    bench: Bench, take_away: Callable[[Store], None], event: int
) -> None:
    with bench.store() as store:
        take_away(store)
    bench.swipe(CARD_OF_ANA)
    assert [found for found, _ in bench.events()] == [event]
    assert bench.strike_edges(1) == 0


def test_an_identification_that_waited_too_long_for_new_rules_is_denied(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.store() as store:
        store.modify("access_rules", {"name": "renamed"})
    with monkeypatch.context() as patch:
        patch.setattr(PolicyKeeper, "slice", lambda _: None)
        bench.simulator.swipe("front", CARD_OF_ANA, "w26")
        for _ in range(5):
            bench.clock.advance(0.1)
            bench.controller.turn(0)
        bench.clock.advance(LONGEST_WAIT_NS / 1e9)
    bench.pass_time(0.2)
    assert bench.journal(EntryKind.ACCESS)[0]["reason"] == "internal_error"
    assert bench.strike_edges(1) == 0


@pytest.fixture
def attentive(demo: Path, start: Start) -> Iterator[Bench]:
    """A controller whose loop turns between what the feed says and the commit that follows."""
    running: list[Bench] = []

    def feed(data: Path, post: Callable[[dict[str, Any]], None]) -> InlineFeed:
        def posted(message: dict[str, Any]) -> None:
            post(message)
            if message["is"] == "committing" and running:
                Controller.turn(running[0].controller, 0)

        return InlineFeed(data, posted)

    with start(demo, make_feed=feed) as bench:
        running.append(bench)
        yield bench


def _restore_others(store: Store) -> None:
    """Other people and other rules in one transaction, as a backup brings them."""
    with store.transaction():
        _delete_card(store)
        _unlink_rule(store)


def test_a_swipe_while_new_rules_are_compiled_is_decided_by_people_and_rules_before_them(
    attentive: Bench,
) -> None:
    with attentive.store() as store:
        _restore_others(store)
    attentive.simulator.swipe("front", CARD_OF_ANA, "w26")
    attentive.clock.advance(0.1)
    with patch.object(PolicyKeeper, "slice"):
        for _ in range(5):
            attentive.controller.turn(0)
    assert attentive.unlocked(1)
    attentive.pass_time(5)
    attentive.swipe(CARD_OF_ANA)
    assert attentive.events() == [(7, 1), (3, 0)]


def test_people_of_a_change_that_is_not_compiled_in_time_are_waited_for(attentive: Bench) -> None:
    with attentive.store() as store:
        _restore_others(store)
    with patch.object(PolicyKeeper, "slice"):
        attentive.controller.turn(0)
        attentive.clock.advance(LONGEST_HOLD_NS / 1e9 + 0.1)
        attentive.simulator.swipe("front", CARD_OF_ANA, "w26")
        attentive.clock.advance(0.1)
        for _ in range(5):
            attentive.controller.turn(0)
    attentive.settle()
    assert attentive.events() == [(3, 0)]


def test_rules_that_are_refused_leave_people_as_they_are(attentive: Bench) -> None:
    with attentive.store() as store, store.transaction():
        _delete_card(store)
        store.insert("portal_rules", [{"id": 90, "name": "Two", "type": 0, "priority": 0}])
        store.database.execute_sql(
            "INSERT INTO portal_rule_groups (portal_rule_id, group_id, quantity)"
            " VALUES (90, 1, 'two')"
        )
    attentive.settle()
    attentive.swipe(CARD_OF_ANA)
    assert attentive.events() == [(3, 0)]


def test_a_change_of_people_compiles_nothing(bench: Bench) -> None:
    before = bench.policy_version
    with bench.store() as store:
        store.insert("users", [{"id": 77, "name": "New", "registration": ""}])
        store.insert("cards", [{"user_id": 77, "value": 1}])
        store.insert("user_groups", [{"user_id": 77, "group_id": 1}])
        assert store.policy_version() == before
    bench.swipe(1)
    assert bench.events() == [(7, 77)]


def test_a_store_that_cannot_be_read_denies_and_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, demo: Path
) -> None:
    del demo

    def broken(*_: object) -> None:
        raise __import__("sqlite3").OperationalError("disk I/O error")

    monkeypatch.setattr(PeopleReader, "_by_credential", broken)
    bench.swipe(CARD_OF_ANA)
    assert bench.journal(EntryKind.ACCESS)[0]["reason"] == "internal_error"
    assert bench.strike_edges(1) == 0


def test_a_switched_off_kind_of_credential_is_obeyed_by_the_very_next_swipe(bench: Bench) -> None:
    with bench.store() as store:
        store.set_configuration({"identifier": {"card_identification_enabled": 0}})
    bench.swipe(CARD_OF_ANA)
    assert bench.events() == []


@pytest.mark.parametrize(
    ("mode", "text", "event"),
    [
        (0, "DEMO-ANA", 7),
        (1, "DEMO-ANA", 3),
        (1, str(CARD_OF_ANA), 7),
        (2, f"{CARD_OF_ANA:X}", 7),
        (2, str(CARD_OF_ANA), 3),
        (1, "9" * 30, 3),
    ],
)
def test_a_qr_code_is_read_in_the_mode_that_was_set_before_it(
    bench: Bench, mode: int, text: str, event: int
) -> None:
    with bench.store() as store:
        store.set_configuration({"face_id": {"qrcode_legacy_mode_enabled": mode}})
    bench.wait_until(lambda: bench.online("qr"))
    bench.simulator.qr("qr", text)
    bench.wait_until(bench.events)
    assert [found for found, _ in bench.events()] == [event]
