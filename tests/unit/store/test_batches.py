"""Batches: however many rows a client creates at once, it is as if they came one by one."""

from __future__ import annotations

import pytest

from gateway.errors import ConstraintViolation
from gateway.store.objects.store import Store
from gateway.store.objects.writes import ROWS_AT_ONCE

LENGTHS = (1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE + 7)
MANY = 2 * ROWS_AT_ONCE + 20
LARGEST = (1 << 64) - 2
"""All bits set is no card."""


def column(store: Store, name: str, field: str) -> list[object]:
    search = {"object": name, "fields": [field], "order": ["id"]}
    return [row[field] for row in store.load(search).rows]


def people(count: int) -> list[dict[str, object]]:
    return [{"name": f"n{number}"} for number in range(count)]


@pytest.mark.parametrize("length", LENGTHS)
def test_every_row_of_a_batch_is_stored_under_the_id_that_is_answered(
    store: Store, length: int
) -> None:
    before = store.insert("users", [{"name": "first"}])
    ids = store.insert("users", people(length))

    assert ids == list(range(before[0] + 1, before[0] + 1 + length))
    assert column(store, "users", "id") == [*before, *ids]
    assert column(store, "users", "name") == ["first", *(f"n{number}" for number in range(length))]


@pytest.mark.parametrize("length", LENGTHS)
def test_every_value_of_a_batch_is_stored_as_its_column_holds_it(store: Store, length: int) -> None:
    (user,) = store.insert("users", [{"name": "first"}])
    values = [LARGEST - number for number in range(length)]
    store.insert("cards", [{"value": value, "user_id": user} for value in values])

    assert column(store, "cards", "value") == values


def test_every_row_of_a_batch_is_in_the_change_log(store: Store) -> None:
    ids = store.insert("users", people(MANY))

    assert column(store, "change_logs", "table_id")[-MANY:] == ids


def test_ids_of_the_client_and_of_the_device_mix_in_a_batch(store: Store) -> None:
    rows = people(MANY)
    at = ROWS_AT_ONCE
    rows[at]["id"], rows[at + 2]["id"] = 5_000, 4_000

    ids = store.insert("users", rows)

    assert ids[at - 1 : at + 4] == [at, 5_000, 5_001, 4_000, 5_002]
    assert column(store, "users", "id") == sorted(ids)


@pytest.mark.parametrize("wrong", [ROWS_AT_ONCE // 2, ROWS_AT_ONCE, MANY - 1])
def test_a_refused_row_is_named_and_nothing_of_its_batch_stays(store: Store, wrong: int) -> None:
    (user,) = store.insert("users", [{"name": "first"}])
    cards = [{"value": 100 + number, "user_id": user} for number in range(MANY)]
    cards[wrong]["value"] = 100

    with pytest.raises(ConstraintViolation, match=rf"row {wrong + 1}\b"):
        store.insert("cards", cards)

    assert column(store, "cards", "id") == []


def test_a_refused_batch_leaves_the_rest_of_its_transaction_alone(store: Store) -> None:
    with store.transaction():
        store.insert("users", [{"name": "kept"}])
        with pytest.raises(ConstraintViolation):
            store.insert("users", [*people(MANY), {"id": 1, "name": "taken"}])
        store.insert("users", [{"name": "kept too"}])

    assert column(store, "users", "name") == ["kept", "kept too"]
