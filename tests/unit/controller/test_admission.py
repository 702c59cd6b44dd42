"""Second factors, keypads, several persons and anti-passback, from edges on pins to rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.controller.doors.interlock import Interlock
from gateway.credentials.password_hash import hash_password
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.errors import ConstraintViolation
from gateway.hardware.events import InputKind, InputName
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

ANA, BRUNO, CARLA = 1, 2, 3
CARD_OF_ANA = (123 << 32) | 45678
CARD_OF_BRUNO = (123 << 32) | 45679
PIN_OF_ANA = "1234#"
IN, OUT = 10, 11


def rows(bench: Bench) -> list[dict[str, Any]]:
    return [body["row"] for body in bench.journal(EntryKind.ACCESS)]


@pytest.fixture
def two_factors(bench: Bench) -> Bench:
    bench.configure({"identifier": {"multi_factor_authentication": 1}})
    return bench


def test_a_card_and_its_pin_open_the_door_together(two_factors: Bench) -> None:
    two_factors.swipe(CARD_OF_ANA)
    assert not two_factors.unlocked(1)
    two_factors.type_keys(PIN_OF_ANA)
    assert two_factors.unlocked(1)
    assert two_factors.events() == [(4, ANA), (7, ANA)]


def test_the_rows_of_both_factors_show_the_card_and_no_pin(two_factors: Bench) -> None:
    two_factors.swipe(CARD_OF_ANA)
    two_factors.type_keys(PIN_OF_ANA)
    for row in rows(two_factors):
        assert row["card_value"] == CARD_OF_ANA
        assert "pin_value" not in row


def test_a_wrong_second_factor_denies_the_person_of_the_card(two_factors: Bench) -> None:
    two_factors.swipe(CARD_OF_ANA)
    two_factors.type_keys("9999#")
    assert not two_factors.unlocked(1)
    assert two_factors.events() == [(4, ANA), (6, ANA)]
    assert "9999" not in str(two_factors.journal(EntryKind.ACCESS))


def test_without_a_key_for_ten_seconds_the_wait_is_over(two_factors: Bench) -> None:
    two_factors.swipe(CARD_OF_ANA)
    two_factors.pass_time(11)
    assert two_factors.events() == [(4, ANA), (5, ANA)]


def test_each_key_gives_time_for_the_next(two_factors: Bench) -> None:
    two_factors.swipe(CARD_OF_ANA)
    for key in "123":
        two_factors.pass_time(4)
        two_factors.type_keys(key)
    two_factors.type_keys("4#")
    assert two_factors.events() == [(4, ANA), (7, ANA)]


def test_user_id_and_password_are_keyed_where_pins_are_switched_off(bench: Bench) -> None:
    with bench.store() as store:
        store.modify(
            "users",
            {"password": hash_password("4711", "s"), "salt": "s"},
            [{"field": "id", "value": ANA}],
        )
    bench.configure({"identifier": {"pin_identification_enabled": 0}})
    bench.type_keys("1#")
    assert bench.events() == []
    bench.type_keys("4711#")
    assert bench.unlocked(1)
    assert bench.events() == [(7, ANA)]
    bench.type_keys("1#4712#")
    assert bench.events() == [(7, ANA), (3, 0)]
    assert "471" not in str(bench.journal(EntryKind.ACCESS))


def test_a_keypad_locks_after_five_wrong_entries_and_outlives_a_restart(
    demo: Path, start: Start
) -> None:
    with start(demo) as bench:
        for _ in range(5):
            bench.type_keys("9#")
        bench.type_keys(PIN_OF_ANA)
        assert bench.events() == [(3, 0)] * 6
        bench.swipe(CARD_OF_ANA)
        assert bench.events()[-1] == (7, ANA)
    with start(demo) as bench:
        bench.type_keys(PIN_OF_ANA)
        assert bench.events()[-1] == (3, 0)
        assert bench.journal(EntryKind.ACCESS)[-1]["reason"] == "keypad_locked"
        bench.pass_time(95)
        bench.type_keys(PIN_OF_ANA)
        assert bench.events()[-1] == (7, ANA)


@pytest.fixture
def airlock(bench: Bench) -> Bench:
    """Portal 1 leads from outside to inside; the area inside is watched."""
    with bench.store() as store:
        store.insert("areas", [{"id": OUT, "name": "out"}, {"id": IN, "name": "in"}])
        store.modify(
            "portals", {"area_from_id": OUT, "area_to_id": IN}, [{"field": "id", "value": 1}]
        )
        store.insert("antipassback_areas", [{"area_id": IN, "mode": 2}])
    bench.pass_time(1.1)
    return bench


def enter(bench: Bench) -> None:
    """Open the front door, and let it fall shut behind."""
    leaf = InputName(InputKind.DOOR_SENSOR, 1)
    for high in (False, True):
        bench.simulator.set_input(leaf, high=high)
        bench.pass_time(0.5)
    bench.pass_time(4)


def test_whoever_went_in_does_not_go_in_again(airlock: Bench) -> None:
    airlock.swipe(CARD_OF_ANA)
    enter(airlock)
    airlock.swipe(CARD_OF_ANA)
    assert airlock.events() == [(7, ANA), (6, ANA)]
    assert airlock.journal(EntryKind.ACCESS)[-1]["reason"] == "passback"


def test_a_turnstiles_own_switch_watches_every_portal_between_areas(airlock: Bench) -> None:
    with airlock.store() as store:
        store.destroy("antipassback_areas")
    airlock.configure({"catra": {"anti_passback": 1}})
    airlock.swipe(CARD_OF_ANA)
    enter(airlock)
    airlock.swipe(CARD_OF_ANA)
    assert airlock.events() == [(7, ANA), (6, ANA)]


def test_who_was_let_in_and_did_not_go_may_try_again(airlock: Bench) -> None:
    airlock.swipe(CARD_OF_ANA)
    airlock.pass_time(5)
    airlock.swipe(CARD_OF_ANA)
    assert airlock.events() == [(7, ANA), (7, ANA)]
    assert [body["users"] for body in airlock.journal(EntryKind.NO_ENTRY)] == [[ANA]]


def test_positions_outlive_a_restart(demo: Path, start: Start) -> None:
    with start(demo) as bench:
        with bench.store() as store:
            store.insert("areas", [{"id": OUT, "name": "out"}, {"id": IN, "name": "in"}])
            store.modify(
                "portals", {"area_from_id": OUT, "area_to_id": IN}, [{"field": "id", "value": 1}]
            )
            store.insert("antipassback_areas", [{"area_id": IN, "mode": 2}])
        bench.pass_time(1.1)
        bench.swipe(CARD_OF_ANA)
        enter(bench)
    with start(demo) as bench:
        bench.swipe(CARD_OF_ANA)
        assert bench.events() == [(7, ANA), (6, ANA)]


def test_two_people_open_together_what_neither_opens_alone(bench: Bench) -> None:
    with bench.store() as store:
        store.insert("portal_rules", [{"id": 1, "name": "two", "type": 1}])
        store.insert("portal_portal_rules", [{"portal_id": 1, "portal_rule_id": 1}])
        store.insert("portal_rule_groups", [{"portal_rule_id": 1, "group_id": 2, "quantity": 2}])
    bench.pass_time(1.1)
    bench.swipe(CARD_OF_ANA)
    assert not bench.unlocked(1)
    bench.swipe(CARD_OF_BRUNO)
    assert bench.unlocked(1)
    assert bench.events() == [(8, ANA), (7, BRUNO)]
    last = bench.journal(EntryKind.ACCESS)[-1]
    assert (last["portal_rules"], last["company"]) == ([1], [ANA, BRUNO])


def test_whoever_lost_their_right_while_waiting_fills_no_place(bench: Bench) -> None:
    with bench.store() as store:
        store.insert("portal_rules", [{"id": 1, "name": "two", "type": 1}])
        store.insert("portal_portal_rules", [{"portal_id": 1, "portal_rule_id": 1}])
        store.insert("portal_rule_groups", [{"portal_rule_id": 1, "group_id": 2, "quantity": 2}])
    bench.pass_time(1.1)
    bench.swipe(CARD_OF_ANA)
    with bench.store() as store:
        store.destroy("user_groups", [{"field": "user_id", "value": ANA}])
    bench.swipe(CARD_OF_BRUNO)
    assert not bench.unlocked(1)
    assert bench.events() == [(8, ANA), (6, ANA), (8, BRUNO)]


Change = Callable[[Any], object]
GONE_BETWEEN: dict[str, tuple[Change, str]] = {
    "its card is deleted": (
        lambda store: store.destroy("cards", {"cards": {"user_id": ANA}}),
        "credential_revoked",
    ),
    "its card is given to somebody else": (
        lambda store: store.modify("cards", {"user_id": CARLA}, {"cards": {"user_id": ANA}}),
        "credential_revoked",
    ),
    "cards are switched off": (
        lambda store: store.set_configuration({"identifier": {"card_identification_enabled": 0}}),
        "credential_revoked",
    ),
    "the person is deleted": (
        lambda store: store.destroy("users", {"users": {"id": ANA}}),
        "credential_revoked",
    ),
    "the person expires": (
        lambda store: store.modify("users", {"end_time": 1_000}, {"users": {"id": ANA}}),
        "expired",
    ),
    "the person leaves the group": (
        lambda store: store.destroy("user_groups", {"user_groups": {"user_id": ANA}}),
        "no_rule",
    ),
    "the person is blocked": (
        lambda store: (
            store.insert("access_rules", [{"id": 70, "name": "no", "type": 0, "priority": 0}]),
            store.insert("portal_access_rules", [{"portal_id": 1, "access_rule_id": 70}]),
            store.insert("user_access_rules", [{"user_id": ANA, "access_rule_id": 70}]),
        ),
        "blocked",
    ),
    "the rules are deleted": (lambda store: store.destroy("access_rules"), "no_rule"),
}


@pytest.mark.parametrize("what", GONE_BETWEEN)
def test_nobody_is_let_in_by_two_factors_when_between_them(two_factors: Bench, what: str) -> None:
    change, reason = GONE_BETWEEN[what]
    two_factors.swipe(CARD_OF_ANA)
    two_factors.type_keys(PIN_OF_ANA[:-1])
    with two_factors.store() as store:
        change(store)
    two_factors.type_keys(PIN_OF_ANA[-1])
    two_factors.settle()
    assert not two_factors.unlocked(1)
    assert two_factors.events() == [(4, ANA), (6, ANA)]
    last = two_factors.journal(EntryKind.ACCESS)[-1]
    assert (last["reason"], last["row"]["card_value"]) == (reason, CARD_OF_ANA)


def test_a_wrong_pin_after_a_revoked_card_counts_as_a_guess(two_factors: Bench) -> None:
    for _ in range(5):
        two_factors.swipe(CARD_OF_ANA)
        with two_factors.store() as store:
            (card,) = store.load({"object": "cards", "where": {"cards": {"user_id": ANA}}}).rows
            store.destroy("cards", {"cards": {"user_id": ANA}})
        two_factors.type_keys("9999#")
        with two_factors.store() as store:
            store.insert("cards", [card])
        two_factors.pass_time(2)
    assert {body["reason"] for body in two_factors.journal(EntryKind.ACCESS)} == {
        "second_factor_due",
        "credential_revoked",
    }
    assert len(two_factors.journal(EntryKind.KEYPAD)) == 1


def test_a_second_factor_that_is_deleted_before_it_is_keyed_is_wrong(two_factors: Bench) -> None:
    two_factors.swipe(CARD_OF_ANA)
    with two_factors.store() as store:
        store.destroy("pins", {"pins": {"user_id": ANA}})
    two_factors.type_keys(PIN_OF_ANA)
    assert not two_factors.unlocked(1)
    assert two_factors.events() == [(4, ANA), (6, ANA)]


def ask_for_two(bench: Bench) -> None:
    with bench.store() as store:
        store.insert("portal_rules", [{"id": 1, "name": "two", "type": 1}])
        store.insert("portal_portal_rules", [{"portal_id": 1, "portal_rule_id": 1}])
        store.insert("portal_rule_groups", [{"portal_rule_id": 1, "group_id": 2, "quantity": 2}])
    bench.pass_time(1.1)


@pytest.mark.parametrize("what", sorted(GONE_BETWEEN.keys() - {"cards are switched off"}))
def test_nobody_fills_a_place_among_several_when_meanwhile(bench: Bench, what: str) -> None:
    change, reason = GONE_BETWEEN[what]
    ask_for_two(bench)
    bench.swipe(CARD_OF_ANA)
    with bench.store() as store:
        change(store)
        if what == "the rules are deleted":  # but one for bruno alone
            store.insert("access_rules", [{"id": 71, "name": "b", "type": 1, "priority": 0}])
            store.insert("access_rule_time_zones", [{"access_rule_id": 71, "time_zone_id": 1}])
            store.insert("portal_access_rules", [{"portal_id": 1, "access_rule_id": 71}])
            store.insert("user_access_rules", [{"user_id": BRUNO, "access_rule_id": 71}])
    bench.swipe(CARD_OF_BRUNO)
    assert not bench.unlocked(1)
    assert bench.events() == [(8, ANA), (6, ANA), (8, BRUNO)]
    assert bench.journal(EntryKind.ACCESS)[1]["reason"] == reason


@pytest.mark.parametrize("gone", ["cards", "pins"])
def test_whoever_waits_for_others_keeps_their_place_with_both_factors_only(
    two_factors: Bench, gone: str
) -> None:
    ask_for_two(two_factors)
    two_factors.swipe(CARD_OF_ANA)
    two_factors.type_keys(PIN_OF_ANA)
    with two_factors.store() as store:
        store.destroy(gone, {gone: {"user_id": ANA}})
        store.insert("pins", [{"value": "4321", "user_id": BRUNO}])
    two_factors.swipe(CARD_OF_BRUNO)
    two_factors.type_keys("4321#")
    assert not two_factors.unlocked(1)
    assert two_factors.events() == [(4, ANA), (8, ANA), (4, BRUNO), (6, ANA), (8, BRUNO)]


def test_a_password_that_is_changed_while_its_owner_waits_fills_no_place(bench: Bench) -> None:
    ask_for_two(bench)
    bench.configure({"identifier": {"pin_identification_enabled": 0}})
    with bench.store() as store:
        for password, user in (("4711", ANA), ("4712", BRUNO)):
            values = {"password": hash_password(password, "s"), "salt": "s"}
            store.modify("users", values, {"users": {"id": user}})
    bench.type_keys(f"{ANA}#4711#")
    with bench.store() as store:
        values = {"password": hash_password("0815", "s"), "salt": "s"}
        store.modify("users", values, {"users": {"id": ANA}})
    bench.type_keys(f"{BRUNO}#4712#")
    assert bench.events() == [(8, ANA), (6, ANA), (8, BRUNO)]
    assert bench.journal(EntryKind.ACCESS)[1]["reason"] == "credential_revoked"


def put_validation(store: Any, *rules: int) -> None:
    store.insert("validations", [{"id": 1, "name": "no mask", "validation": "mask"}])
    ties = [{"access_rule_id": rule, "validation_id": 1} for rule in rules]
    store.insert("access_rule_validations", ties)


def test_a_rule_with_a_validation_opens_nothing_until_the_validation_is_taken_away(
    bench: Bench,
) -> None:
    with bench.store() as store:
        rules = [int(str(row["id"])) for row in store.load({"object": "access_rules"}).rows]
        put_validation(store, *rules)
    bench.swipe(CARD_OF_ANA)
    assert bench.events() == [(6, ANA)]
    last = bench.journal(EntryKind.ACCESS)[-1]
    assert last["reason"] == "unknown_condition"
    assert "unknown_condition" in {step["why"] for step in last["trace"]}
    # A rule without its condition would open more: only who unties it takes it away.
    refused = pytest.raises(ConstraintViolation, match="would lose the condition 1")
    with bench.store() as store, refused:
        store.destroy("validations")
    bench.pass_time(2)
    bench.swipe(CARD_OF_ANA)
    assert not bench.unlocked(1)
    with bench.store() as store:
        store.destroy("access_rule_validations")
        store.destroy("validations")
    bench.pass_time(2)
    bench.swipe(CARD_OF_ANA)
    assert bench.unlocked(1)


def test_an_unlock_schedule_of_a_rule_with_a_validation_unlocks_nothing(bench: Bench) -> None:
    with bench.store() as store:
        store.insert("scheduled_unlocks", [{"id": 1, "name": "open"}])
        store.insert(
            "scheduled_unlock_access_rules", [{"scheduled_unlock_id": 1, "access_rule_id": 1}]
        )
        store.insert_or_modify("portal_access_rules", [{"portal_id": 1, "access_rule_id": 1}])
    bench.pass_time(2.1)
    assert bench.unlocked(1)
    with bench.store() as store:
        put_validation(store, 1)
    bench.pass_time(2.1)
    assert not bench.unlocked(1)


def test_a_door_that_only_a_rule_opens_is_refused_in_a_lock_down_too(bench: Bench) -> None:
    with bench.store() as store:
        store.destroy("portal_actions")
        rules = [int(str(row["id"])) for row in store.load({"object": "access_rules"}).rows]
        store.insert(
            "access_rule_actions", [{"access_rule_id": rule, "action_id": 1} for rule in rules]
        )
    bench.configure({"general": {"door1_exception_mode": "lock_down"}})
    bench.swipe(CARD_OF_ANA)
    assert bench.events() == [(6, ANA)]
    assert bench.journal(EntryKind.ACCESS)[-1]["reason"] == "lock_down"
    bench.configure({"general": {"door1_exception_mode": "none"}})
    bench.pass_time(2)
    bench.swipe(CARD_OF_ANA)
    assert bench.unlocked(1)


def test_the_state_of_what_a_portal_opens_is_read_once_for_a_grant(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    obstacle = Interlock.obstacle

    def counted(desk: Interlock, *doors: Any) -> Any:
        asked.append(doors)
        return obstacle(desk, *doors)

    monkeypatch.setattr(Interlock, "obstacle", counted)
    card = Credential(CredentialKind.CARD, CARD_OF_ANA)
    bench.controller.happen(Identification("front", card, bench.clock.monotonic_ns()))
    assert asked == [((1,), ())]
    assert bench.unlocked(1)


def test_a_door_stays_unlocked_longer_for_whom_it_should(bench: Bench) -> None:
    with bench.store() as store:
        store.insert("opening_times", [{"user_id": ANA, "door_id": 1, "time": 20_000}])
    bench.swipe(CARD_OF_ANA)
    bench.pass_time(15)
    assert bench.unlocked(1)
    bench.pass_time(6)
    assert not bench.unlocked(1)
