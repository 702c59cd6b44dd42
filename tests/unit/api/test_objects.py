"""The object commands over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.link.messages import Obey

Ask = Callable[..., tuple[int, Any]]


def names(ask: Ask, object_name: str, field: str = "name") -> list[str]:
    status, body = ask("load_objects", {"object": object_name, "fields": [field]})
    assert status == 200
    return [row[field] for row in body[object_name]]


SPECIMENS = [
    ("number", [-(2**63), 0, 2**63 - 1], [2**63, -(2**63) - 1, 1.5, "1", True, []]),
    ("small", [-5, 5], [6, -6, "5"]),
    ("big", [0, 2**63, 2**64 - 1], [-1, 2**64, "7"]),
    ("flag", [0, 1], [2, True, False, "0"]),
    ("kind", [0, 2], [1, 3, "2"]),
    ("words", ["", "a" * 20, "\N{GRINNING FACE} 'quoted\" \\ ;"], ["a" * 21, 5, None, "\0", {}]),
    ("bytes", ["", "AAECAw=="], ["no base64!", 5]),
    ("owner_id", [0], ["x", 999_999, 1.0]),
    ("hidden", ["secret"], [1]),
]


@pytest.mark.parametrize(("field", "good", "bad"), SPECIMENS, ids=[row[0] for row in SPECIMENS])
def test_one_declaration_is_all_that_an_object_needs(
    ask: Ask, field: str, good: list[object], bad: list[object]
) -> None:
    for value in good:
        status, body = ask(
            "create_objects", {"object": "specimens", "values": [{"words": "w", field: value}]}
        )
        assert (status, len(body.get("ids", ()))) == (200, 1), body
        where = {"specimens": {"id": body["ids"]}}
        _, loaded = ask("load_objects", {"object": "specimens", "where": where})
        (row,) = loaded["specimens"]
        assert row[field] == value
        assert type(row[field]) is type(value)
        _, changed = ask(
            "modify_objects", {"object": "specimens", "values": {field: value}, "where": where}
        )
        assert changed == {"changes": 1}
        for wrong in bad:
            status, refusal = ask(
                "modify_objects", {"object": "specimens", "values": {field: wrong}, "where": where}
            )
            assert status == 400, (wrong, refusal)
            assert field in refusal["error"]
        assert ask("destroy_objects", {"object": "specimens", "where": where}) == (
            200,
            {"changes": 1},
        )
    assert ask("load_objects", {"object": "specimens"}) == (200, {"specimens": []})


def test_a_synthetic_object_is_in_the_metadata(ask: Ask) -> None:
    status, body = ask("object_metadata", {})
    assert status == 200
    assert set(body["specimens"]["fields"]) >= {"id", "big", "owner_id"}
    status, custom = ask("object_metadata", {"filter": "custom"})
    assert (status, set(custom)) == (200, {"c_users", "c_visits", "_visitors"})


BAD = [
    ("load_objects", {"object": "nothing"}, "nothing"),
    ("load_objects", {"object": "users", "fields": ["sun"]}, "sun is not a column of table users"),
    ("load_objects", {"object": "users", "where": {"users": {"sun": 1}}}, "sun is not a column"),
    ("load_objects", {"object": "users", "where": [{"field": "id", "operator": "~"}]}, "~"),
    ("load_objects", {"object": "users", "limit": "many"}, "limit"),
    ("load_objects", {"object": "users", "order": ["sun"]}, "sun is not a column"),
    ("load_objects", {}, "Invalid member 'object' (string expected, got undefined)"),
    ("create_objects", {"object": "users", "values": {}}, "array expected, got object"),
    ("create_objects", {"object": "users", "values": [{}]}, "got undefined"),
    ("create_objects", {"object": "nothing", "values": [{}]}, "nothing"),
    (
        "create_objects",
        {"object": "users", "values": [{"name": "half", "sun": 1}]},
        "sun is not a column of table users",
    ),
    (
        "create_objects",
        {"object": "users", "values": [{"name": "half"}, {"name": 7}]},
        "Invalid member 'name' (string expected, got int)",
    ),
    (
        "create_objects",
        {"object": "users", "values": [{"name": "half"}, {"name": "half", "id": 2**63}]},
        "id",
    ),
    (
        "create_objects",
        {"object": "groups", "values": [{"name": "half"}, {"name": "half", "id": 1}]},
        "UNIQUE constraint failed: groups.id",
    ),
    (
        "create_objects",
        {"object": "user_groups", "values": [{"user_id": 424242, "group_id": 1}]},
        "FOREIGN KEY constraint failed",
    ),
    (
        "create_objects",
        {"object": "access_logs", "values": [{"time": 1, "event": 7}]},
        "access_logs",
    ),
    ("modify_objects", {"object": "users"}, "Invalid member 'values'"),
    ("modify_objects", {"object": "users", "values": {"sun": 1}}, "sun is not a column"),
    ("destroy_objects", {"object": "users", "where": {"users": {"sun": 1}}}, "sun is not a column"),
]


@pytest.mark.parametrize(("command", "body", "text"), BAD)
def test_bad_input_is_refused_by_name_and_leaves_nothing_half_written(
    ask: Ask, command: str, body: dict[str, object], text: str
) -> None:
    before = names(ask, "users"), names(ask, "groups")
    status, refusal = ask(command, body)
    assert status == 400
    assert text in refusal["error"]
    assert refusal["code"] == 1
    assert (names(ask, "users"), names(ask, "groups")) == before


def test_an_enrolment_as_most_clients_do_it(ask: Ask) -> None:
    _, created = ask(
        "create_objects",
        {"object": "users", "values": [{"name": "Ana", "registration": "7"}], "fields": ["x"]},
    )
    (user,) = created["ids"]
    status, linked = ask(
        "create_objects", {"object": "user_groups", "values": [{"user_id": user, "group_id": 1}]}
    )
    assert (status, len(linked["ids"])) == (200, 1)
    card = {"value": 2**63 + 5, "user_id": user}
    assert ask("create_objects", {"object": "cards", "values": [card]})[0] == 200
    status, refusal = ask("create_objects", {"object": "cards", "values": [card]})
    assert status == 400
    assert "UNIQUE constraint failed: cards.value" in refusal["error"]
    assert str(user) in refusal["error"]
    where = {"users": {"id": user}}
    assert ask("destroy_objects", {"object": "users", "where": where}) == (200, {"changes": 1})
    assert ask("load_objects", {"object": "cards", "where": {"cards": {"user_id": user}}}) == (
        200,
        {"cards": []},
    )


@pytest.mark.parametrize("command", ["create_or_modify_objects", "create_or_update_objects"])
def test_create_or_modify_answers_both_ways_and_keeps_other_columns(ask: Ask, command: str) -> None:
    first = {"object": "users", "values": [{"id": 5_000, "name": "Eva", "registration": "r"}]}
    assert ask(command, first) == (200, {"changes": 1, "ids": [5_000]})
    second = {"object": "users", "values": [{"id": 5_000, "name": "Eve"}]}
    assert ask(command, second) == (200, {"changes": 1, "ids": [5_000]})
    where = {"users": {"id": 5_000}}
    _, loaded = ask("load_objects", {"object": "users", "where": where})
    assert (loaded["users"][0]["name"], loaded["users"][0]["registration"]) == ("Eve", "r")
    ask("destroy_objects", {"object": "users", "where": where})


def test_a_whole_table_without_a_limit_arrives(ask: Ask) -> None:
    for batch in range(8):
        values = [{"words": f"{batch}-{number}", "number": number} for number in range(250)]
        assert ask("create_objects", {"object": "specimens", "values": values})[0] == 200
    _, body = ask("load_objects", {"object": "specimens"})
    assert len(body["specimens"]) == 2_000
    _, count = ask("load_objects", {"object": "specimens", "fields": ["COUNT(*)"], "limit": 10})
    assert count == {"specimens": [{"COUNT(*)": 2_000}]}
    assert ask("destroy_objects", {"object": "specimens"}) == (200, {"changes": 2_000})


def test_a_change_of_the_rules_is_answered_once_the_controller_obeys(
    ask: Ask, device: SimpleNamespace
) -> None:
    _, created = ask("create_objects", {"object": "areas", "values": [{"name": "Hall"}]})
    version = device.context.store.policy_version()
    assert device.straw.of(Obey) == [Obey(version=version)]
    where = {"areas": {"id": created["ids"][0]}}
    ask("modify_objects", {"object": "areas", "values": {"name": "H"}, "where": where})
    ask("destroy_objects", {"object": "areas", "where": where})
    ask("set_configuration", {"general": {"relay1_timeout": "2500"}})
    obeyed = [command.version for command in device.straw.of(Obey)]
    assert obeyed == [version, version + 1, version + 2, version + 3]


def test_a_change_of_people_is_answered_once_the_controller_has_it(
    ask: Ask, device: SimpleNamespace
) -> None:
    _, created = ask("create_objects", {"object": "users", "values": [{"name": "Ivo"}]})
    ask("destroy_objects", {"object": "users", "where": {"users": {"id": created["ids"]}}})
    assert len(device.straw.of(Obey)) == 2


def test_what_decides_nothing_is_changed_without_asking_the_controller(
    ask: Ask, device: SimpleNamespace
) -> None:
    created = {"object": "log_types", "values": [{"name": "visit"}]}
    [kind] = ask("create_objects", created)[1]["ids"]
    device.straw.commands.clear()
    where = {"log_types": {"id": kind}}
    ask("modify_objects", {"object": "log_types", "values": {"name": "work"}, "where": where})
    assert device.straw.commands == []


def test_rules_can_be_changed_while_the_controller_is_away(lonely: SimpleNamespace) -> None:
    reply = requests.post(
        f"{lonely.url}/create_objects.fcgi?session={lonely.token}",
        json={"object": "areas", "values": [{"name": "Hall"}]},
        timeout=30,
    )
    assert reply.status_code == 200
    assert len(reply.json()["ids"]) == 1


@pytest.mark.parametrize(
    ("command", "body", "times"),
    [
        ("load_objects", {"object": "access_logs"}, 1),
        ("load_objects", {"object": "users", "where": {"access_logs": {"event": 7}}}, 1),
        (
            "load_objects",
            {
                "object": "users",
                "fields": [{"object": "alarm_logs", "field": "id"}],
                "join": "LEFT",
            },
            1,
        ),
        ("modify_objects", {"object": "access_logs", "values": {"event": 7}}, 1),
        ("destroy_objects", {"object": "access_events"}, 1),
        ("load_objects", {"object": "users"}, 0),
        ("destroy_objects", {"object": "specimens"}, 0),
    ],
)
def test_logs_are_brought_up_to_date_before_they_are_touched(
    ask: Ask, device: SimpleNamespace, command: str, body: dict[str, object], times: int
) -> None:
    device.caught_up.clear()
    assert ask(command, body)[0] == 200
    assert len(device.caught_up) == times


def test_only_administrators_write_to_logs(ask: Ask) -> None:
    for command in ("modify_objects", "destroy_objects"):
        body = {"object": "access_logs", "values": {"event": 7}}
        assert ask(command, body, login="operator") == (
            403,
            {"error": "Invalid access level", "code": 1},
        )
        assert ask(command, body)[0] == 200


def test_secrets_are_seen_and_searched_by_administrators_only(ask: Ask) -> None:
    values = {"words": "w", "hidden": "treasure"}
    _, created = ask("create_objects", {"object": "specimens", "values": [values]})
    search = {"object": "specimens", "where": {"specimens": {"hidden": "treasure"}}}
    everything = {"object": "specimens"}
    assert ask("load_objects", search)[1]["specimens"][0]["hidden"] == "treasure"
    (shown,) = ask("load_objects", everything, login="operator")[1]["specimens"]
    assert "hidden" not in shown
    assert shown["id"] == created["ids"][0]
    guess = {**search, "values": {"number": 1}}
    for command, body in (
        ("load_objects", search),
        ("load_objects", {**everything, "fields": ["hidden"]}),
        ("load_objects", {**everything, "order": ["hidden"]}),
        ("modify_objects", guess),
        ("destroy_objects", search),
    ):
        assert ask(command, body, login="operator")[0] == 400
    assert ask("destroy_objects", search) == (200, {"changes": 1})


def test_configuration_is_text_and_changes_whole_or_not_at_all(ask: Ask) -> None:
    assert ask("set_configuration", {"general": {"relay1_timeout": 1500}}) == (200, {})
    asked = {"general": ["relay1_timeout", "no_such_key"], "onvif": ["enabled"]}
    status, body = ask("get_configuration", asked)
    assert (status, body["general"]) == (200, {"relay1_timeout": "1500"})
    assert "onvif" not in body
    status, refusal = ask(
        "set_configuration", {"general": {"relay1_timeout": "700", "invalid_config": "1"}}
    )
    assert status == 400
    assert refusal["error"] == (
        "Node or attribute not found. Node path: config->general->param[name=invalid_config]"
    )
    assert ask("get_configuration", asked)[1] == body


def test_configuration_is_for_administrators_to_change(ask: Ask) -> None:
    body = {"general": {"relay1_timeout": "1500"}}
    assert ask("set_configuration", body, login="operator")[0] == 403
    assert ask("get_configuration", {"general": ["relay1_timeout"]}, login="operator")[0] == 200


def test_a_card_format_that_makes_no_sense_is_refused_by_the_name_of_its_field(ask: Ask) -> None:
    row = {"name": "house", "size": 26, "format": "F[2:9], C[10:25]"}
    row |= {"parities": "E(1)[2:13]", "inverted_facility": 0, "inverted_card": 0}
    for field, wrong in (("format", "FFFFCCCC"), ("parities", "E(1)[1]"), ("size", 20)):
        values = [{**row, field: wrong}]
        status, body = ask("create_objects", {"object": "wiegand_modes", "values": values})
        assert status == 400
        assert body["error"].startswith(f"Invalid member '{field}' (")
    assert names(ask, "wiegand_modes") == []
    status, body = ask("create_objects", {"object": "wiegand_modes", "values": [row]})
    assert status == 200
    here = {"wiegand_modes": {"id": body["ids"]}}
    change = {"object": "wiegand_modes", "values": {"size": 12}, "where": here}
    status, body = ask("modify_objects", change)
    assert (status, "'size'" in body["error"]) == (400, True)
    assert ask("destroy_objects", {"object": "wiegand_modes", "where": here})[0] == 200
