"""`search`: people by what is typed, doors and tables by name, never anything by a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

CARD = 123 << 32 | 45679


@pytest.fixture
def peopled(desk: Desk) -> Desk:
    for name, values in {
        "groups": [{"id": 9, "name": "Night shift"}],
        "users": [
            {"id": 1, "name": "Ana Lima", "registration": "A-77"},
            {"id": 2, "name": "Bruno Reis"},
            {"id": 3, "name": "Anabela Reis", "password": "anabela", "salt": "salt"},
        ],
        "user_groups": [{"user_id": 3, "group_id": 9}],
        "cards": [{"user_id": 2, "value": CARD}],
        "qrcodes": [{"user_id": 1, "value": "GUEST-1"}],
        "uhf_tags": [{"user_id": 3, "value": "E200AB"}],
        "pins": [{"user_id": 1, "value": "471147"}],
    }.items():
        desk.ask("create_objects", {"object": name, "values": values})
    return desk


def _found(desk: Desk, text: str, **more: Any) -> list[tuple[int, str]]:
    answer = desk.ask("search", {"text": text, **more}, login="operator")
    return [(person["id"], person["by"]) for person in answer["people"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ana", [(1, "name"), (3, "name")]),
        ("REIS an", [(3, "name")]),
        ("a77", [(1, "name")]),
        ("2", [(2, "id")]),
        ("123,45679", [(2, "card")]),
        ("528281023087", [(2, "card")]),
        ("0008106607", [(2, "card")]),
        ("12345679", [(2, "card")]),
        ("7B:B2:6F", [(2, "card")]),
        ("GUEST-1", [(1, "qrcode")]),
        ("e200ab", [(3, "uhf_tag")]),
    ],
)
def test_an_operator_finds_people_by_everything_that_is_no_secret(
    peopled: Desk, text: str, found: list[tuple[int, str]]
) -> None:
    assert _found(peopled, text) == found


@pytest.mark.parametrize("secret", ["471147", "anabela salt", "salt"])
@pytest.mark.parametrize("login", ["admin", "operator"])
def test_nobody_is_found_by_a_secret(peopled: Desk, secret: str, login: str) -> None:
    assert peopled.ask("search", {"text": secret}, login=login)["people"] == []


def test_a_group_narrows_the_search_and_a_limit_says_that_there_are_more(peopled: Desk) -> None:
    assert _found(peopled, "ana", group_id=9) == [(3, "name")]
    answer = peopled.ask("search", {"text": "ana", "limit": 1})
    assert [it["id"] for it in answer["people"]] == [1]
    assert answer["more"]


def test_a_card_is_shown_as_it_is_printed(peopled: Desk) -> None:
    [person] = peopled.ask("search", {"text": "7BB26F"})["people"]
    assert person == {
        "id": 2,
        "name": "Bruno Reis",
        "registration": "",
        "by": "card",
        "credential": "123,45679",
    }


def test_what_has_a_name_is_found_by_it(peopled: Desk) -> None:
    assert peopled.ask("search", {"text": "nigh"})["groups"] == [{"id": 9, "name": "Night shift"}]
    door = peopled.context.site.doors()[0]
    assert peopled.ask("search", {"text": door.name})["doors"] == [
        {"id": door.id, "name": door.name}
    ]
    area = peopled.ask("load_objects", {"object": "areas"})["areas"][0]
    assert area["name"] in {
        it["name"] for it in peopled.ask("search", {"text": area["name"]})["areas"]
    }


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "x" * 101}, "text"),
        ({"text": "x", "limit": 201}, "limit"),
    ],
)
def test_a_search_is_bounded(desk: Desk, body: dict[str, Any], member: str) -> None:
    status, said = desk.refusal("search", body)
    assert status == 400
    assert member in said
