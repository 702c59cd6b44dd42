from __future__ import annotations

import pytest

from gateway.errors import ConstraintViolation, InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.store.objects.store import Store


def rows(store: Store, name: str, *fields: str) -> list[tuple[object, ...]]:
    result = store.load({"object": name, "fields": list(fields)})
    return [tuple(row.values()) for row in result.rows]


@pytest.fixture
def people(store: Store) -> Store:
    store.insert("users", [{"id": 7, "name": "Ana"}, {"id": 8, "name": "Rui"}])
    store.insert("user_groups", [{"user_id": 7, "group_id": 1}, {"user_id": 8, "group_id": 1}])
    store.insert("cards", [{"value": 5, "user_id": 7}, {"value": 6, "user_id": 8}])
    store.insert("pins", [{"value": "1234", "user_id": 7}])
    store.insert("qrcodes", [{"value": "abc", "user_id": 7}])
    store.insert("user_access_rules", [{"user_id": 7, "access_rule_id": 1}])
    return store


def log_a_passage(store: Store, user_id: int) -> None:
    with store.transaction():
        log = store.model("access_logs").insert(time=1, event=7, user_id=user_id).execute()
        links = store.model("access_log_access_rules")
        links.insert(access_log_id=log, access_rule_id=1).execute()


def test_a_deleted_person_takes_credentials_and_links_but_no_logs(people: Store) -> None:
    log_a_passage(people, 7)

    assert people.destroy("users", {"users": {"id": 7}}) == 1

    for name in ("pins", "qrcodes", "user_access_rules"):
        assert rows(people, name) == []
    assert rows(people, "cards", "user_id") == [(8,)]
    assert rows(people, "user_groups", "user_id") == [(8,)]
    assert rows(people, "access_logs", "user_id") == [(7,)]
    assert len(rows(people, "access_log_access_rules")) == 1


def test_a_deleted_rule_stays_named_in_the_logs(people: Store) -> None:
    log_a_passage(people, 7)
    people.destroy("access_rules")

    assert rows(people, "portal_access_rules") == []
    assert rows(people, "access_log_access_rules", "access_rule_id") == [(1,)]
    people.destroy("access_logs")
    assert rows(people, "access_log_access_rules") == []


def test_a_deleted_time_zone_takes_its_spans_and_ties(store: Store) -> None:
    store.destroy("time_zones")

    assert rows(store, "time_spans") == []
    assert rows(store, "access_rule_time_zones") == []


def test_an_area_in_use_cannot_be_deleted(store: Store) -> None:
    with pytest.raises(ConstraintViolation, match=r"FOREIGN KEY .*portals\.area_to_id"):
        store.destroy("areas")

    assert rows(store, "areas", "id") == [(1,)]


def test_a_duplicate_names_column_row_and_owner_and_nothing_is_added(people: Store) -> None:
    batch = [{"value": 9, "user_id": 8}, {"value": 5, "user_id": 8}]
    with pytest.raises(ConstraintViolation) as refusal:
        people.insert("cards", batch)

    assert str(refusal.value) == "UNIQUE constraint failed: cards.value (row 2, owned by user 7)"
    assert rows(people, "cards", "value") == [(5,), (6,)]


def test_a_duplicate_within_one_batch_is_found(people: Store) -> None:
    with pytest.raises(ConstraintViolation, match=r"\(row 3, owned by user 8\)$"):
        people.insert("cards", [{"value": value, "user_id": 8} for value in (9, 10, 9)])


def test_whose_pin_it_is_is_never_told(people: Store) -> None:
    with pytest.raises(ConstraintViolation) as refusal:
        people.insert("pins", [{"value": "1234", "user_id": 8}])

    assert str(refusal.value) == "UNIQUE constraint failed: pins.value (row 1)"


def test_a_pair_may_be_linked_once(people: Store) -> None:
    with pytest.raises(ConstraintViolation, match=r"user_groups\.user_id, user_groups\.group_id"):
        people.insert("user_groups", [{"user_id": 7, "group_id": 1}])


def test_a_reference_to_nothing_names_column_and_value(store: Store) -> None:
    with pytest.raises(ConstraintViolation) as refusal:
        store.insert("cards", [{"value": 1, "user_id": 99}])
    assert str(refusal.value) == (
        "FOREIGN KEY constraint failed: cards.user_id (row 1: 99 is not a row of users)"
    )
    with pytest.raises(ConstraintViolation, match="99 is not a row of areas"):
        store.modify("portals", {"area_to_id": 99})


def test_changing_a_card_to_one_that_is_taken_names_the_owner(people: Store) -> None:
    with pytest.raises(ConstraintViolation) as refusal:
        people.modify("cards", {"value": 5}, {"cards": {"value": 6}})

    assert str(refusal.value) == "UNIQUE constraint failed: cards.value (owned by user 7)"


def test_an_id_is_never_given_twice(store: Store) -> None:
    first, second = store.insert("users", [{"name": "a"}, {"name": "b"}])
    store.destroy("users")

    assert store.insert("users", [{"name": "c"}]) == [second + 1]
    assert first < second


def test_ids_come_in_the_order_of_the_rows(store: Store) -> None:
    batch = [{"name": "a"}, {"id": 50, "name": "b"}, {"name": "c"}, {"id": 3, "name": "d"}]

    assert store.insert("users", batch) == [1, 50, 51, 3]
    assert rows(store, "users", "id", "name") == [(1, "a"), (3, "d"), (50, "b"), (51, "c")]


def test_a_moved_row_does_not_make_the_next_id_collide(store: Store) -> None:
    store.insert("groups", [{"id": 2, "name": "a"}])
    store.modify("groups", {"id": 9}, {"groups": {"id": 2}})

    assert store.insert("groups", [{"name": "b"}]) == [10]


def test_links_get_rowids(people: Store) -> None:
    (group,) = people.insert("groups", [{"name": "x"}])
    links = [{"user_id": 7, "group_id": group}, {"user_id": 8, "group_id": group}]

    assert people.insert("user_groups", links) == [3, 4]


def test_an_id_may_be_changed_and_references_follow(people: Store) -> None:
    assert people.modify("users", {"id": 70}, {"users": {"id": 7}}) == 1

    assert rows(people, "cards", "user_id") == [(70,), (8,)]


def test_changing_without_where_changes_every_row(people: Store) -> None:
    assert people.modify("users", {"registration": "x"}) == 2
    assert people.modify("users", {}) == 0
    assert rows(people, "users", "registration") == [("x",), ("x",)]


def test_rows_are_chosen_by_what_they_are_linked_with(people: Store) -> None:
    (group,) = people.insert("groups", [{"name": "visitors"}])
    people.insert("user_groups", [{"user_id": 8, "group_id": group}])

    assert people.modify("users", {"registration": "v"}, {"groups": {"name": "visitors"}}) == 1
    assert people.destroy("users", [{"object": "groups", "field": "id", "value": group}]) == 1
    assert rows(people, "users", "id") == [(7,)]


def test_putting_keeps_fields_that_were_not_sent(people: Store) -> None:
    people.modify("users", {"registration": "r"}, {"users": {"id": 7}})
    batch = [{"id": 7, "name": "Eva"}, {"id": 9, "name": "New"}, {"name": "Auto"}]

    assert people.insert_or_modify("users", batch) == [7, 9, 10]
    assert rows(people, "users", "id", "name", "registration") == [
        (7, "Eva", "r"),
        (8, "Rui", ""),
        (9, "New", ""),
        (10, "Auto", ""),
    ]


def test_putting_a_link_twice_is_no_fault(people: Store) -> None:
    link = {"user_id": 7, "group_id": 1}

    assert people.insert_or_modify("user_groups", [link, link]) == [1, 1]


def test_putting_is_all_or_nothing(people: Store) -> None:
    with pytest.raises(ConstraintViolation, match=r"cards\.value \(row 2, owned by user 7\)"):
        people.insert_or_modify(
            "cards", [{"id": 2, "value": 60}, {"id": 9, "value": 5, "user_id": 8}]
        )
    with pytest.raises(ConstraintViolation, match=r"cards\.value \(row 1, owned by user 7\)"):
        people.insert_or_modify("cards", [{"id": 8, "value": 5, "user_id": 8}])
    with pytest.raises(InvalidRequest, match=r"'name' .*got undefined"):
        people.insert_or_modify("users", [{"id": 7, "name": "X"}, {"id": 11}])

    assert rows(people, "cards", "value") == [(5,), (6,)]
    assert rows(people, "users", "name") == [("Ana",), ("Rui",)]


def test_one_id_twice_in_a_put_lets_the_later_row_win(people: Store) -> None:
    batch = [{"id": 20, "name": "a"}, {"id": 20, "name": "b"}]

    assert people.insert_or_modify("users", batch) == [20, 20]
    assert ("b",) in rows(people, "users", "name")


@pytest.mark.parametrize("name", [it.name for it in REGISTRY if it.log])
def test_logs_take_no_rows_from_clients(store: Store, name: str) -> None:
    with pytest.raises(InvalidRequest, match="only the device writes"):
        store.insert(name, [{}])
    with pytest.raises(InvalidRequest, match="only the device writes"):
        store.insert_or_modify(name, [{}])


def test_logs_can_be_deleted(people: Store) -> None:
    log_a_passage(people, 7)

    assert people.destroy("access_logs", {"access_logs": {"id": {"<=": 1}}}) == 1


def test_the_other_name_of_an_actions_id_is_understood(store: Store) -> None:
    row = {"group_id": 5, "name": "b", "action": "door", "parameters": "door=2", "run_at": 0}

    assert store.insert("actions", [row]) == [5]


def test_an_alarm_zone_needs_its_number(store: Store) -> None:
    zone = {"enabled": 1, "active_level": 0, "alarm_delay": 0}
    with pytest.raises(InvalidRequest, match=r"'zone' .*got undefined"):
        store.insert("alarm_zones", [zone])
    with pytest.raises(InvalidRequest, match=r"'zone' .*between 1 and 5"):
        store.insert("alarm_zones", [{"zone": 6, **zone}])

    assert store.insert("alarm_zones", [{"zone": 5, **zone}]) == [5]


def test_an_unknown_object_is_refused(store: Store) -> None:
    for act in (
        lambda: store.insert("nope", []),
        lambda: store.insert_or_modify("nope", []),
        lambda: store.modify("nope", {}),
        lambda: store.destroy("nope"),
        lambda: store.load({"object": "nope"}),
        lambda: store.model("nope"),
    ):
        with pytest.raises(InvalidRequest, match="'nope' is not an object"):
            act()


def test_a_failed_part_leaves_the_rest_of_a_transaction(store: Store) -> None:
    with store.transaction():
        store.insert("users", [{"id": 1, "name": "a"}])
        with pytest.raises(ConstraintViolation):
            store.insert("users", [{"id": 2, "name": "b"}, {"id": 1, "name": "c"}])

    assert rows(store, "users", "id") == [(1,)]


def test_what_is_raised_in_a_transaction_undoes_it(store: Store) -> None:
    with pytest.raises(KeyError), store.transaction():  # noqa: PT012 - what comes before counts
        store.insert("users", [{"id": 1, "name": "a"}])
        raise KeyError

    assert rows(store, "users") == []


MODE = {
    "name": "house",
    "size": 26,
    "format": "F[2:9], C[10:25]",
    "inverted_facility": 0,
    "inverted_card": 0,
}


def test_a_row_whose_fields_do_not_go_together_is_not_added(store: Store) -> None:
    with pytest.raises(InvalidRequest, match=r"'size' .*at least 25.*got 24\) \(row 2\)$"):
        store.insert("wiegand_modes", [MODE, {**MODE, "size": 24}])
    for row in ({**MODE, "size": 24}, {**MODE, "size": 24, "id": 5}):
        with pytest.raises(InvalidRequest, match="'size'"):
            store.insert_or_modify("wiegand_modes", [row])
    assert rows(store, "wiegand_modes") == []


def test_a_change_that_makes_a_row_wrong_as_a_whole_changes_nothing(store: Store) -> None:
    store.insert("wiegand_modes", [{**MODE, "id": 1}, {**MODE, "id": 2, "size": 40}])
    before = store.policy_version()
    for act in (
        lambda: store.modify("wiegand_modes", {"format": "C[10:30]"}),
        lambda: store.modify("wiegand_modes", {"size": 20}, {"wiegand_modes": {"id": 1}}),
        lambda: store.modify("wiegand_modes", {"id": 9, "size": 20}, {"wiegand_modes": {"id": 1}}),
        lambda: store.insert_or_modify("wiegand_modes", [{"id": 2, "size": 20}]),
        lambda: store.insert_or_modify("wiegand_modes", [{"id": 7, **MODE}, {"id": 1, "size": 9}]),
    ):
        with pytest.raises(InvalidRequest, match="'size'"):
            act()
    assert rows(store, "wiegand_modes", "id", "size", "format") == [
        (1, 26, MODE["format"]),
        (2, 40, MODE["format"]),
    ]
    assert store.policy_version() == before


def test_rows_that_a_change_does_not_touch_do_not_hinder_it(store: Store) -> None:
    store.insert("wiegand_modes", [{**MODE, "id": 1}])
    store.model("wiegand_modes").insert(
        **{**MODE, "id": 2, "format": "of an earlier version"}
    ).execute()
    here = {"wiegand_modes": {"id": 1}}
    assert store.modify("wiegand_modes", {"size": 30}, here) == 1
    with pytest.raises(InvalidRequest, match="'format'"):
        store.modify("wiegand_modes", {"size": 31})
    cure = {"format": MODE["format"]}
    assert store.modify("wiegand_modes", cure, {"wiegand_modes": {"id": 2}}) == 1
    assert rows(store, "wiegand_modes", "id", "size") == [(1, 30), (2, 26)]
