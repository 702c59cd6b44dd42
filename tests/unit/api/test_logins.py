"""Sessions and the API's own logins over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.credentials.password_hash import verify
from gateway.store.tables.accounts import Role

Ask = Callable[..., tuple[int, Any]]
NewToken = Callable[..., str]


@pytest.fixture(autouse=True)
def _accounts_as_before(device: SimpleNamespace) -> Iterator[None]:
    yield
    accounts = device.context.accounts
    if accounts.find("root"):
        accounts.rename("root", "admin", device.password)
    accounts.set_password("admin", device.password, Role.ADMINISTRATOR)
    accounts.set_password("operator", device.password, Role.OPERATOR)


def post(device: SimpleNamespace, command: str, token: str, body: object = None) -> Any:
    url = f"{device.url}/{command}.fcgi?session={token}"
    return requests.post(url, json=body, timeout=30)


def alive(device: SimpleNamespace, token: str) -> bool:
    answer: bool = post(device, "session_is_valid", token).json()["session_is_valid"]
    return answer


def logs_in(device: SimpleNamespace, login: str, password: str) -> bool:
    body = {"login": login, "password": password}
    status: int = requests.post(f"{device.url}/login.fcgi", json=body, timeout=30).status_code
    assert status in {200, 401}
    return status == 200


def test_a_session_is_dead_after_logout(device: SimpleNamespace, new_token: NewToken) -> None:
    token = new_token()
    assert alive(device, token)
    reply = post(device, "logout", token)
    assert (reply.status_code, reply.json()) == (200, {})
    assert not alive(device, token)
    assert post(device, "doors_state", token).json() == {"error": "Invalid session", "code": 1}


def test_a_new_password_works_at_once_and_ends_the_others_sessions(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    assert logs_in(device, "admin", device.password)
    own, other, operators = new_token(), new_token(), new_token("operator")
    reply = post(device, "change_login", own, {"login": "admin", "password": "a new one"})
    assert (reply.status_code, reply.json()) == (200, {})
    assert not logs_in(device, "admin", device.password)
    assert logs_in(device, "admin", "a new one")
    assert [alive(device, token) for token in (own, other, operators)] == [True, False, True]


def test_a_name_that_is_no_login_renames_the_callers(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    own, other = new_token(), new_token()
    reply = post(device, "change_login", own, {"login": "root", "password": "a new one"})
    assert reply.status_code == 200
    assert not logs_in(device, "admin", device.password)
    assert not logs_in(device, "admin", "a new one")
    assert logs_in(device, "root", "a new one")
    assert [alive(device, token) for token in (own, other)] == [True, False]


def test_another_logins_password_can_be_set_and_ends_its_sessions(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    own, operators = new_token(), new_token("operator")
    reply = post(device, "change_login", own, {"login": "operator", "password": "a new one"})
    assert reply.status_code == 200
    assert logs_in(device, "operator", "a new one")
    assert [alive(device, token) for token in (own, operators)] == [True, False]
    account = device.context.accounts.find("operator")
    assert account.role is Role.OPERATOR


def test_an_operator_changes_no_login(device: SimpleNamespace, new_token: NewToken) -> None:
    token = new_token("operator")
    reply = post(device, "change_login", token, {"login": "operator", "password": "mine"})
    assert reply.status_code == 403
    assert logs_in(device, "operator", device.password)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"login": "admin"},
        {"login": "admin", "password": ""},
        {"login": "admin", "password": "7 chars"},
        {"login": "", "password": "x"},
        {"login": "admin", "password": 1},
        {"login": "a" * 65, "password": "x"},
        {"login": "admin ", "password": "x"},
        {"login": "adm\0in", "password": "x"},
        {"login": "admin", "password": "x" * 1_025},
    ],
)
def test_an_unfit_login_or_password_changes_nothing(
    device: SimpleNamespace, new_token: NewToken, body: dict[str, object]
) -> None:
    reply = post(device, "change_login", new_token(), body)
    assert reply.status_code == 400
    assert logs_in(device, "admin", device.password)


def test_a_password_set_elsewhere_ends_the_sessions_too(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    token = new_token()
    device.context.accounts.set_password("admin", "set by another process")
    assert not alive(device, token)
    with device.context.sessions.use(token) as session:
        assert session is None


def test_a_person_s_password_is_hashed_as_the_vendor_does(ask: Ask) -> None:
    status, body = ask("user_hash_password", {"password": "1234"})
    assert status == 200
    assert set(body) == {"password", "salt"}
    assert verify("1234", body["password"], body["salt"])
    assert ask("user_hash_password", {"password": 1234})[0] == 400
