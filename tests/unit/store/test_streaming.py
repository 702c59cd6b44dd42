"""Pages of a query: whatever the size of a page, the result is that of one read."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from gateway.objects.joins import Joins
from gateway.store.objects.store import Store
from gateway.store.query.compile import Compiler
from gateway.store.query.request import parse_query
from gateway.store.query.run import Runner

WITH_CARDS = ["id", {"object": "cards", "field": "value"}]
BY_CARD = [{"object": "cards", "field": "value"}, "descending"]
REQUESTS: list[dict[str, Any]] = [
    {},
    {"order": ["id", "descending"]},
    {"order": ["name"]},
    {"order": ["registration", "descending"], "fields": ["name"]},
    {"where": {"users": {"id": {">": 3}}}},
    {"where": {"groups": {"id": [1, 2]}}},
    {"limit": 7},
    {"limit": 7, "offset": 4},
    {"limit": 7, "offset": 4, "order": ["name"]},
    {"fields": WITH_CARDS},
    {"fields": WITH_CARDS, "join": "LEFT", "order": ["name"]},
    {"fields": WITH_CARDS, "limit": 5, "offset": 2},
    {"fields": WITH_CARDS, "where": {"groups": {"id": 2}}},
    {"fields": WITH_CARDS, "order": BY_CARD, "limit": 5},
]


def fill(store: Store) -> Store:
    people = [{"name": f"n{7 * n % 20}", "registration": str(n % 3)} for n in range(20)]
    numbers = store.insert("users", people)
    store.insert("groups", [{"id": 2, "name": "b"}])
    store.insert(
        "user_groups",
        [{"user_id": user, "group_id": user % 2 + 1} for user in numbers if user % 5],
    )
    store.insert("user_groups", [{"user_id": 1, "group_id": 1}])
    store.insert(
        "cards",
        [{"value": user % 10 + 10 * n, "user_id": user} for n, user in enumerate(numbers[:12])],
    )
    return store  # fmt: skip


@pytest.fixture(scope="module")
def still_crowd(shared_store: Store) -> Store:
    return fill(shared_store)


@pytest.fixture
def crowd(store: Store) -> Store:
    return fill(store)


def paged(store: Store, request: dict[str, Any], page: int) -> list[dict[str, object]]:
    compiler = Compiler(store.models, Joins(store.registry))
    query = parse_query(store.registry, {"object": "users", **request}, show_secrets=True)
    return list(Runner(compiler, store.reader(), page).run(query))


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
@pytest.mark.parametrize("page", [1, 3, 20])
def test_pages_make_up_the_same_result(
    still_crowd: Store, request_: dict[str, Any], page: int
) -> None:
    at_once = list(still_crowd.load({"object": "users", "limit": 900, **request_}).rows)

    assert paged(still_crowd, request_, page) == at_once
    assert at_once


def test_rows_that_vanish_while_pages_are_read_are_left_out(crowd: Store) -> None:
    compiler = Compiler(crowd.models, Joins(crowd.registry))
    for order in (["id"], ["name"]):
        request = {"object": "users", "fields": ["id"], "order": order}
        rows = Runner(compiler, crowd.reader(), 3).run(
            parse_query(crowd.registry, request, show_secrets=True)
        )
        seen = [next(rows)["id"] for _ in range(3)]
        crowd.destroy("users", [{"field": "id", "operator": "NOT IN", "value": seen}])
        assert list(rows) == []
        crowd.insert("users", [{"name": f"m{n}"} for n in range(10)])


def test_writes_go_on_while_a_result_is_being_read(crowd: Store) -> None:
    rows = crowd.load({"object": "users", "fields": ["id"]}).rows
    next(rows)
    crowd.insert("users", [{"name": "late"}])
    checkpoint = crowd.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    assert checkpoint[0] == 0, "a reader held up the checkpoint"
    assert len(list(rows)) >= 19


def test_a_long_export_needs_little_memory(store: Store) -> None:
    for start in range(0, 6_000, 1_000):
        people = [{"name": f"n{n}" * 20} for n in range(start, start + 1_000)]
        store.insert("users", people)
    peaks = {}
    for order in ("id", "name"):
        tracemalloc.start()
        count = sum(1 for _ in store.load({"object": "users", "order": [order]}).rows)
        peaks[order] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 6_000
    tracemalloc.start()
    everything = list(store.load({"object": "users"}).rows)
    whole = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(everything) == 6_000
    assert max(peaks.values()) < whole / 2
