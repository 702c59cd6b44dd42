"""Sessions, logins and tokens over a real socket: each command carried out and refused."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import requests

from gateway.credentials.password_hash import verify
from gateway.store.tables.accounts import Role

Order = Callable[..., requests.Response]

PASSWORD = "long enough"
NO_SESSION = {"error": "Invalid session", "code": 1}


@pytest.fixture
def somebody(throwaway: SimpleNamespace) -> str:
    """A login of an operator."""
    throwaway.context.accounts.set_password("somebody", PASSWORD, Role.OPERATOR)
    return "somebody"


def logs_in(order: Order, login: str, password: str) -> bool:
    body = {"login": login, "password": password}
    return order("login", body, login=None).status_code == 200


@pytest.mark.effect("login", "session_is_valid", "logout")
def test_a_session_is_opened_known_and_closed(order: Order, somebody: str) -> None:
    reply = order("login", {"login": somebody, "password": PASSWORD}, login=None)
    session = reply.json()["session"]
    for valid in (True, False):
        known = order("session_is_valid", login=None, session=session)
        assert (known.status_code, known.json()) == (200, {"session_is_valid": valid})
        ended = order("logout", login=None, session=session)
        assert (ended.status_code, ended.json()) == ((200, {}) if valid else (401, NO_SESSION))


@pytest.mark.refusal("login")
def test_a_wrong_password_opens_no_session(order: Order, somebody: str) -> None:
    reply = order("login", {"login": somebody, "password": "wrong"}, login=None)
    assert (reply.status_code, reply.json()["error"]) == (401, "Invalid login or password")


@pytest.mark.refusal("session_is_valid")
def test_a_session_is_asked_for_by_get_or_post_alone(throwaway: SimpleNamespace) -> None:
    reply = requests.put(f"{throwaway.url}/session_is_valid.fcgi", timeout=30)
    assert (reply.status_code, reply.json()["error"]) == (405, "Method not allowed")


@pytest.mark.effect("change_login")
@pytest.mark.refusal("change_login")
def test_a_password_is_changed_by_an_administrator(order: Order, somebody: str) -> None:
    changed = {"login": somebody, "password": "another one"}
    assert order("change_login", changed, login=somebody).status_code == 403
    assert logs_in(order, somebody, PASSWORD)
    assert order("change_login", changed).json() == {}
    assert not logs_in(order, somebody, PASSWORD)
    assert logs_in(order, somebody, "another one")


@pytest.mark.effect("user_hash_password")
@pytest.mark.refusal("user_hash_password")
def test_a_hash_is_the_vendors(order: Order) -> None:
    stored = order("user_hash_password", {"password": "abc123"}).json()
    assert verify("abc123", stored["password"], stored["salt"])
    reply = order("user_hash_password", {"password": 123})
    assert reply.status_code == 400
    assert "'password'" in reply.json()["error"]


@pytest.mark.effect("create_login", "list_logins", "modify_login", "delete_login")
def test_a_login_is_made_listed_changed_and_deleted(order: Order) -> None:
    def listed() -> dict[str, str]:
        logins = order("list_logins").json()["logins"]
        return {login["login"]: login["role"] for login in logins}

    new = {"login": "reception", "password": PASSWORD, "role": "operator"}
    assert order("create_login", new).json() == {}
    assert listed()["reception"] == "operator"
    assert logs_in(order, "reception", PASSWORD)
    change = {"login": "reception", "role": "administrator", "password": "another one"}
    assert order("modify_login", change).json() == {}
    assert listed()["reception"] == "administrator"
    assert logs_in(order, "reception", "another one")
    assert order("delete_login", {"login": "reception"}).json() == {}
    assert "reception" not in listed()


@pytest.mark.parametrize(
    ("command", "body", "status", "said"),
    [
        pytest.param(
            "create_login",
            {"login": "new", "password": "x" * 8, "role": "king"},
            400,
            "'role'",
            marks=pytest.mark.refusal("create_login"),
        ),
        pytest.param(
            "modify_login",
            {"login": "nobody", "role": "operator"},
            404,
            "nobody",
            marks=pytest.mark.refusal("modify_login"),
        ),
        pytest.param(
            "delete_login",
            {"login": "nobody"},
            404,
            "nobody",
            marks=pytest.mark.refusal("delete_login"),
        ),
        pytest.param(
            "create_token",
            {"name": 7},
            400,
            "'name'",
            marks=pytest.mark.refusal("create_token"),
        ),
        pytest.param(
            "revoke_token",
            {"name": "nonesuch"},
            404,
            "nonesuch",
            marks=pytest.mark.refusal("revoke_token"),
        ),
    ],
)
def test_a_login_or_token_that_makes_no_sense_is_refused_by_name(
    order: Order, command: str, body: dict[str, object], status: int, said: str
) -> None:
    before = order("list_logins").json(), order("list_tokens").json()
    reply = order(command, body)
    assert reply.status_code == status
    assert said in reply.json()["error"]
    assert (order("list_logins").json(), order("list_tokens").json()) == before


@pytest.mark.refusal("list_logins", "list_tokens")
def test_lists_of_those_who_may_are_for_administrators(order: Order) -> None:
    for command in ("list_logins", "list_tokens"):
        reply = order(command, login="operator")
        assert (reply.status_code, reply.json()["error"]) == (403, "Invalid access level")


@pytest.mark.effect("create_token", "list_tokens", "revoke_token")
def test_a_token_is_made_listed_and_revoked(order: Order, throwaway: SimpleNamespace) -> None:
    def status(token: str) -> int:
        return requests.post(
            f"{throwaway.url}/api/v1/execute",
            json={},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        ).status_code

    def listed() -> list[str]:
        return [token["name"] for token in order("list_tokens").json()["tokens"]]

    token = order("create_token", {"name": "gate"}).json()["token"]
    assert "gate" in listed()
    assert status(token) == 400  # known, and asked for nothing
    assert order("revoke_token", {"name": "gate"}).json() == {}
    assert "gate" not in listed()
    assert status(token) == 401


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("logout", marks=pytest.mark.refusal("logout")),
        pytest.param("doors_state", marks=pytest.mark.refusal("doors_state")),
        pytest.param("object_metadata", marks=pytest.mark.refusal("object_metadata")),
        pytest.param("device_is_alive", marks=pytest.mark.refusal("device_is_alive")),
        pytest.param("template_sync_init", marks=pytest.mark.refusal("template_sync_init")),
        pytest.param("template_sync_end", marks=pytest.mark.refusal("template_sync_end")),
        pytest.param("secbox_is_active", marks=pytest.mark.refusal("secbox_is_active")),
        pytest.param(
            "has_audio_access_messages", marks=pytest.mark.refusal("has_audio_access_messages")
        ),
        pytest.param(
            "has_pjsip_audio_message", marks=pytest.mark.refusal("has_pjsip_audio_message")
        ),
        pytest.param("get_sip_status", marks=pytest.mark.refusal("get_sip_status")),
        pytest.param("has_vpn_file", marks=pytest.mark.refusal("has_vpn_file")),
        pytest.param("get_vpn_status", marks=pytest.mark.refusal("get_vpn_status")),
        pytest.param("cancel_remote_enroll", marks=pytest.mark.refusal("cancel_remote_enroll")),
        pytest.param("enroller_state", marks=pytest.mark.refusal("enroller_state")),
        pytest.param(
            "face_template_count_distinct",
            marks=pytest.mark.refusal("face_template_count_distinct"),
        ),
    ],
)
def test_what_takes_no_members_is_refused_without_a_session(order: Order, command: str) -> None:
    for session in ({}, {"session": "x" * 24}):
        reply = order(command, login=None, **session)
        assert (reply.status_code, reply.json()) == (401, NO_SESSION)
