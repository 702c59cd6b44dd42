"""Request models word their refusals as the device does."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.commands.requests import (
    ActionsRequest,
    AlarmRequest,
    CreateRequest,
    LoadRequest,
    LoginRequest,
    RequestModel,
    parse,
)
from gateway.errors import InvalidRequest


@pytest.mark.parametrize(
    ("model", "body", "text"),
    [
        (LoadRequest, {}, "Invalid member 'object' (string expected, got undefined)"),
        (LoadRequest, {"object": None}, "Invalid member 'object' (string expected, got null)"),
        (LoadRequest, {"object": 5}, "Invalid member 'object' (string expected, got int)"),
        (
            CreateRequest,
            {"object": "users"},
            "Invalid member 'values' (array expected, got undefined)",
        ),
        (
            CreateRequest,
            {"object": "users", "values": {}},
            "Invalid member 'values' (array expected, got object)",
        ),
        (
            CreateRequest,
            {"object": "users", "values": [{}, True]},
            "Invalid member 'values[1]' (object expected, got boolean)",
        ),
        (
            ActionsRequest,
            {"actions": [{"parameters": "door=1"}]},
            "Invalid member 'action' (string expected, got undefined)",
        ),
        (
            ActionsRequest,
            {"actions": ["door"]},
            "Invalid member 'actions[0]' (object expected, got string)",
        ),
        (
            ActionsRequest,
            {"actions": [{"action": "door", "parameters": 1.5}]},
            "Invalid member 'parameters' (string expected, got double)",
        ),
        (AlarmRequest, {"stop": "yes"}, "Invalid member 'stop' (bool expected, got string)"),
        (AlarmRequest, {"stop": 2}, "Invalid member 'stop' (bool expected, got int)"),
        (
            LoginRequest,
            {"login": "admin", "password": 1},
            "Invalid member 'password' (string expected, got int)",
        ),
    ],
)
def test_a_wrong_member_is_named_with_what_was_expected_and_what_came(
    model: type[RequestModel], body: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(model, body)
    assert str(refusal.value) == text


class Inner(RequestModel):
    """A member that may be left out, and has one that may not."""

    name: str


class Outer(RequestModel):
    """Its inner part may be null."""

    inner: Inner | None = None


def test_what_is_missing_in_a_member_that_may_be_null_is_named() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(Outer, {"inner": {}})
    assert str(refusal.value) == "Invalid member 'name' (string expected, got undefined)"


def test_other_limits_name_the_member_too() -> None:
    with pytest.raises(InvalidRequest, match=r"Invalid member 'login'.*at most 64"):
        parse(LoginRequest, {"login": "a" * 65, "password": "x"})


def test_stray_members_are_ignored() -> None:
    request = parse(CreateRequest, {"object": "users", "values": [], "fields": 1, "finish": True})
    assert request.object_name == "users"


def test_a_search_is_handed_on_as_it_came() -> None:
    body = {"object": "users", "where": [{"field": "id", "value": 1}], "limit": 3, "x": None}
    assert parse(LoadRequest, body).search() == body


@pytest.mark.parametrize(
    ("body", "stop"),
    [
        ({}, False),
        ({"stop": False}, False),
        ({"stop": 0}, False),
        ({"stop": 1}, True),
        ({"stop": True}, True),
    ],
)
def test_stop_is_false_unless_it_says_true(body: dict[str, object], stop: bool) -> None:
    assert parse(AlarmRequest, body).stop is stop
