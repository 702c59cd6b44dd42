"""The query language by example, most of them from the API's documentation and captures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.store.objects.store import Store

TABLES = Path(__file__).parent / "tables"


def load(store: Store, name: str, **request: Any) -> list[dict[str, object]]:
    return list(store.load({"object": name, **request}).rows)


def ids(store: Store, name: str, **request: Any) -> list[object]:
    return [row["id"] for row in load(store, name, fields=["id"], **request)]


@pytest.fixture(scope="module")
def site(shared_store: Store) -> Store:
    """Users 1-4: Ana and Bia in group 1, Bia in group 2 too, Caio in none, Davi a visitor."""
    store = shared_store
    store.insert(
        "users",
        [
            {"id": 1, "name": "Ana", "user_type_id": 0, "password": "secret"},
            {"id": 2, "name": "Bia"},
            {"id": 3, "name": "Caio"},
            {"id": 4, "name": "Davi", "user_type_id": 1},
        ],
    )
    store.insert("groups", [{"id": 2, "name": "Lab"}])
    store.insert(
        "user_groups",
        [{"user_id": user, "group_id": group} for user, group in [(1, 1), (2, 1), (2, 2)]],
    )
    store.insert("cards", [{"value": 10 + user, "user_id": user} for user in (1, 1 + 1, 3)])
    with store.transaction():
        logs = store.model("access_logs")
        for number, (user, event) in enumerate([(1, 7), (0, 3), (2, 7), (4, 6)], start=1):
            logs.insert(id=number, time=100 * number, event=event, user_id=user).execute()
    return store


def test_only_an_object_means_all_rows_and_fields(site: Store) -> None:
    result = site.load({"object": "groups"})

    assert result.object_name == "groups"
    assert list(result.rows) == [{"id": 1, "name": "Standard"}, {"id": 2, "name": "Lab"}]


@pytest.mark.parametrize("where", [None, {}, [], {"users": {}}, {"users": {}, "groups": {}}])
def test_a_where_that_says_nothing_selects_everything(site: Store, where: object) -> None:
    assert ids(site, "users", where=where) == [1, 2, 3, 4]


def test_the_user_search_of_the_web_page(site: Store) -> None:
    where = [
        {"field": "user_type_id", "operator": "=", "value": 0, "connector": "OR"},
        {"field": "user_type_id", "operator": "IS NULL", "connector": ") AND ("},
        {"object": "users", "field": "name", "operator": "LIKE", "value": "%a%"},
    ]

    assert ids(site, "users", where=where, order=["name"], limit=10) == [1, 2, 3]


def test_a_closing_glue_binds_brackets_and_the_last_glue_is_dropped(site: Store) -> None:
    where = [
        {
            "object": "access_logs",
            "field": "id",
            "operator": ">",
            "value": 1,
            "connector": ") AND (",
        },
        {"object": "access_logs", "field": "event", "operator": "=", "value": 7, "connector": "OR"},
    ]

    assert ids(site, "access_logs", where=where) == [3]


def test_a_range_with_empty_maps_of_others_keeps_rows_of_nobody(site: Store) -> None:
    where = {"access_logs": {"time": {">=": 200, "<=": 300}}, "users": {}, "groups": {}}

    assert ids(site, "access_logs", where=where, order=["descending", "time"], limit=20) == [3, 2]


CONDITIONS = [
    (case["where"], case["ids"])
    for case in json.loads((TABLES / "conditions_on_users.json").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("where", "expected"), CONDITIONS)
def test_what_a_condition_on_users_selects(site: Store, where: object, expected: list[int]) -> None:
    assert ids(site, "users", where=where) == expected


def test_left_keeps_rows_without_a_partner_in_an_alternative(site: Store) -> None:
    where = [
        {"field": "id", "value": 4, "connector": "OR"},
        {"object": "cards", "field": "value", "value": 11},
    ]

    assert ids(site, "users", where=where, join="LEFT") == [1, 4]
    assert ids(site, "users", where={"cards": {"id": None}}, join="left") == [4]


def test_fields_of_other_objects_come_under_dotted_names(site: Store) -> None:
    fields = ["id", {"object": "users", "field": "name"}, {"object": "cards", "field": "value"}]
    rows = load(site, "users", fields=fields, join="LEFT", where={"users": {"id": [1, 4]}})

    assert rows == [
        {"id": 1, "name": "Ana", "cards.value": 11},
        {"id": 4, "name": "Davi", "cards.value": 0},
    ]


def test_a_condition_and_a_field_of_one_object_speak_of_the_same_row(site: Store) -> None:
    rows = load(
        site,
        "users",
        fields=["id", {"object": "groups", "field": "name"}],
        where={"groups": {"id": 2}},
    )

    assert rows == [{"id": 2, "groups.name": "Lab"}]


@pytest.mark.parametrize(
    ("name", "where", "expected"),
    [
        ("portals", {"access_rules": {"id": 1}}, [1]),
        ("portals", {"areas": {"id": 1}}, [1]),
        ("time_zones", {"groups": {"id": 1}}, [1]),
        ("groups", {"access_logs": {"id": 3}}, [1, 2]),
        ("access_logs", {"groups": {"id": 1}}, [1, 3]),
        ("access_logs", {"users": {"name": "Davi"}}, [4]),
        ("actions", {"portals": {"id": 1}}, [1]),
    ],
)
def test_objects_are_joined_over_their_links(
    site: Store, name: str, where: object, expected: list[int]
) -> None:
    assert ids(site, name, where=where) == expected


@pytest.mark.parametrize(
    "order",
    [
        ["descending", "time"],
        ["time", "descending"],
        ["time DESC"],
        ["TIME desc".lower()],
        ["Descending", "time"],
        ["ascending", "time", "descending"],
        [{"object": "access_logs", "field": "time"}, "DESCENDING"],
    ],
)
def test_every_dialect_of_descending_order(site: Store, order: list[object]) -> None:
    assert ids(site, "access_logs", order=order) == [4, 3, 2, 1]


@pytest.mark.parametrize("order", [None, [], "time", ["time"], ["time ASC"], ["time", "asc"]])
def test_every_dialect_of_ascending_order(site: Store, order: object) -> None:
    assert ids(site, "access_logs", order=order) == [1, 2, 3, 4]


def test_a_direction_of_ones_own_outweighs_that_of_the_list(site: Store) -> None:
    assert ids(site, "access_logs", order=["event ASC", "time", "descending"]) == [2, 4, 3, 1]


def test_rows_may_be_ordered_by_another_object(site: Store) -> None:
    order = [{"object": "cards", "field": "value"}, "descending"]

    assert ids(site, "users", order=order) == [3, 2, 1]


def test_pages_by_offset_and_by_id(site: Store) -> None:
    assert ids(site, "users", limit=2, offset=2, order=["id"]) == [3, 4]
    assert ids(site, "users", where={"users": {"id": {">": 2}}}, order=["id"], limit=1) == [3]
    assert ids(site, "users", offset=2) == [1, 2, 3, 4]
    assert ids(site, "users", limit=0) == []
    assert ids(site, "users", limit=-1, offset=-1) == [1, 2, 3, 4]


def test_a_count_is_one_row_named_literally(site: Store) -> None:
    assert load(site, "users", fields=["COUNT(*)"]) == [{"COUNT(*)": 4}]
    assert load(site, "users", fields=["count( * )"], limit=5, offset=2) == [{"COUNT(*)": 4}]
    counted = load(site, "users", fields=["COUNT(*)"], where={"groups": {"id": [1, 2]}})
    assert counted == [{"COUNT(*)": 2}]


def test_groups_are_counted_and_ordered_by_their_count(site: Store) -> None:
    rows = load(
        site,
        "access_logs",
        fields=["event", "COUNT(*)"],
        group=["event"],
        order=["COUNT(*)", "descending"],
        limit=1,
    )

    assert rows == [{"event": 7, "COUNT(*)": 2}]
    by_other = load(site, "users", fields=["COUNT(*)"], group=[{"object": "groups", "field": "id"}])
    assert by_other == [{"COUNT(*)": 2}, {"COUNT(*)": 1}]


def test_unknown_members_of_a_request_are_ignored(site: Store) -> None:
    assert ids(site, "users", finish=True, values=[], filter="x") == [1, 2, 3, 4]


REFUSED = [
    (case["request"], case["refusal"])
    for case in json.loads((TABLES / "refused_requests.json").read_text(encoding="utf-8"))
]
TOO_LARGE: list[tuple[dict[str, object], str]] = [
    ({"limit": 1 << 63}, "limit is too large"),
    ({"where": [{"field": "id", "value": 1 << 63}]}, "Invalid member 'id' (int between"),
    ({"where": {"users": {"id": [1] * 1000}}}, "id has more than 999 elements"),
    ({"where": {"users": {"name": "%" * 257}}}, "the pattern of name is over 256"),
    ({"where": [{"field": "id", "value": 1}] * 1000}, "where has more than 999 clauses"),
]


@pytest.mark.parametrize(
    ("request_", "text"),
    [*REFUSED, *(({"object": "users", **request}, text) for request, text in TOO_LARGE)],
)
def test_a_request_that_makes_no_sense_is_refused(
    site: Store, request_: dict[str, object], text: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        site.load(request_)

    assert str(refusal.value).startswith(text)


def test_the_largest_requests_that_are_allowed_are_answered(site: Store) -> None:
    clauses = [{"field": "id", "value": number, "connector": "OR"} for number in range(999)]
    assert ids(site, "users", where=clauses) == [1, 2, 3, 4]
    lists = [{"field": "id", "value": list(range(999)), "connector": "AND"}] * 31
    assert ids(site, "users", where=lists) == [1, 2, 3, 4]


SECRET_FIELDS = [
    ("users", "password"),
    ("users", "salt"),
    ("users", "panic_password"),
    ("users", "panic_salt"),
    ("pins", "value"),
    ("cards", "secret"),
    ("access_logs", "pin_value"),
]


@pytest.mark.parametrize(("name", "field"), SECRET_FIELDS)
def test_no_query_of_lower_roles_reaches_a_secret(site: Store, name: str, field: str) -> None:
    other = {"object": name, "field": field}
    for request in (
        {"object": name, "fields": [field]},
        {"object": name, "order": [field]},
        {"object": name, "order": [f"{field} DESC"]},
        {"object": name, "group": [field]},
        {"object": name, "where": {name: {field: "x%"}}},
        {"object": name, "where": [{"field": field, "operator": "IS NULL"}]},
        {"object": "user_groups", "where": {name: {field: ""}}},
        {"object": "user_groups", "fields": [other]},
        {"object": "user_groups", "order": [other]},
    ):
        with pytest.raises(InvalidRequest, match=f"^{field} is not a column of table {name}$"):
            site.load(request, show_secrets=False)
    shown = site.load({"object": name}, show_secrets=False).rows
    assert all(field not in row for row in shown)
    with pytest.raises(InvalidRequest, match="is not a column"):
        site.condition(name, {name: {field: "x"}}, show_secrets=False)


def test_a_condition_that_has_been_parsed_selects_the_same_rows(site: Store) -> None:
    where = {"users": {"name": "Passing%"}}
    site.insert("users", [{"name": "Passing by"}])
    parsed = site.condition("users", where)
    assert load(site, "users", where=parsed) == load(site, "users", where=where) != []
    assert site.modify("users", {"registration": "9000"}, parsed) == 1
    assert site.destroy("users", parsed) == 1
    assert load(site, "users", where=parsed) == []


def test_administrators_see_secrets(site: Store) -> None:
    (row,) = load(site, "users", where={"users": {"password": "secret"}})

    assert row["password"] == "secret"


def roles(site: Store, **request: Any) -> list[tuple[object, object]]:
    fields = ["id", {"object": "user_roles", "field": "role"}]
    rows = load(site, "users", fields=fields, join="LEFT", **request)
    return [(row["id"], row["user_roles.role"]) for row in rows]


def test_a_joined_object_without_a_row_shows_empty_values_and_is_found_by_them(site: Store) -> None:
    site.insert("user_roles", [{"user_id": 2, "role": 1}])
    try:
        assert roles(site) == [(1, 0), (2, 1), (3, 0), (4, 0)]
        for where in (0, None, [0], {"<": 1}, {"!=": 1}, {"NOT IN": [1, 2]}, {"LIKE": "0"}):
            found = roles(site, where={"user_roles": {"role": where}})
            assert found == [(1, 0), (3, 0), (4, 0)], where
        order = [{"object": "user_roles", "field": "role"}, "descending"]
        assert roles(site, order=order)[0] == (2, 1)
        fields = ["id", {"object": "cards", "field": "secret"}]
        (row,) = load(site, "users", fields=fields, join="LEFT", where={"users": {"id": 4}})
        assert row == {"id": 4, "cards.secret": ""}
    finally:
        site.destroy("user_roles")


def test_people_of_no_type_are_one_group(site: Store) -> None:
    # As an older program kept it.
    users = site.model("users")
    type_id = site.models.column("users", "user_type_id")
    with site.transaction():
        users.update({type_id: 0}).where(site.models.key("users") == 3).execute()
    counted = load(site, "users", fields=["user_type_id", "COUNT(*)"], group=["user_type_id"])
    assert counted == [{"user_type_id": 0, "COUNT(*)": 3}, {"user_type_id": 1, "COUNT(*)": 1}]
    assert ids(site, "users", where={"users": {"user_type_id": None}}) == [1, 2, 3]


def test_a_reference_to_row_0_is_no_reference(site: Store) -> None:
    (kind,) = site.insert("user_types", [{"custom_table_id": 0}])
    (visit,) = site.insert("visits", [{"visitor_id": 4, "host_id": 1, "begin_time": 5}])
    site.modify("visits", {"host_id": 0}, {"visits": {"id": visit}})
    assert load(site, "user_types", where={"user_types": {"id": kind}}) == [
        {"id": kind, "custom_table_id": 0, "require_visitor": 0}
    ]
    assert load(site, "visits", fields=["visitor_id", "host_id", "end_time"]) == [
        {"visitor_id": 4, "host_id": 0, "end_time": 0}
    ]
    assert ids(site, "visits", where={"visits": {"host_id": 0}}) == [visit]
