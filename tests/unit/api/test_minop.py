"""The second vendor's API over a real socket: tokens, statuses, shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.commands.minop import MINOP_COMMANDS

Reply = tuple[int, Any]
ADD = {
    "CommandName": "Add",
    "CommandEntity": "User",
    "OperationData": {"UserID": "88001", "FirstName": "Ana", "LastName": "", "UserType": "1"},
}
DELETE = {"CommandName": "Delete", "CommandEntity": "User", "OperationData": {"UserID": "88001"}}


@pytest.fixture
def token(device: SimpleNamespace) -> Iterator[str]:
    yield device.context.tokens.create("suite")
    device.context.tokens.revoke("suite")


def send(device: SimpleNamespace, method: str = "POST", **how: Any) -> requests.Response:
    answer = requests.request(method, f"{device.url}/api/v1/execute", timeout=30, **how)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    return answer


@pytest.fixture
def execute(device: SimpleNamespace, token: str) -> Callable[[object], Reply]:
    def post(body: object) -> Reply:
        answer = send(device, json=body, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.json()

    return post


def of(name: str) -> dict[str, object]:
    """The request that is the example of a command."""
    word, entity = name.split(" ")
    operation = MINOP_COMMANDS[name].example
    return {"CommandName": word, "CommandEntity": entity, "OperationData": operation}


@pytest.mark.parametrize("name", MINOP_COMMANDS)
def test_the_example_of_a_command_is_carried_out(
    execute: Callable[[object], Reply], name: str
) -> None:
    assert execute(of("Add User"))[0] == 200
    assert execute(of(name)) == (200, {"status": "done"})
    if name != "Delete User":
        assert execute(of("Delete User"))[0] == 200


def users(device: SimpleNamespace) -> list[dict[str, Any]]:
    return list(device.context.store.load({"object": "users"}).rows)


def test_a_command_is_done_and_obeyed(
    device: SimpleNamespace, execute: Callable[[object], Reply]
) -> None:
    assert execute(ADD) == (200, {"status": "done"})
    assert 88_001 in [user["id"] for user in users(device)]
    assert execute(DELETE) == (200, {"status": "done"})
    assert execute(DELETE) == (404, {"status": "error", "message": "there is no user 88001"})


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Invalid member 'CommandName' (string expected, got undefined)"),
        ({**ADD, "OperationData": []}, "Invalid member 'OperationData' (object expected, got arr"),
        ({**ADD, "CommandName": "Open", "CommandEntity": "Door"}, "Open Door is not a command"),
        ({**ADD, "OperationData": {"UserID": "x"}}, "Invalid member 'UserID'"),
        ([], "Invalid JSON: an object is needed"),
    ],
)
def test_bad_data_is_a_400_that_says_what_is_wrong(
    device: SimpleNamespace, execute: Callable[[object], Reply], body: object, text: str
) -> None:
    before = users(device)
    status, answer = execute(body)
    assert (status, answer["status"], set(answer)) == (400, "error", {"status", "message"})
    assert text in answer["message"]
    assert users(device) == before


def test_a_broken_body_is_a_400(device: SimpleNamespace, token: str) -> None:
    answer = send(device, data=b'{"CommandName": ', headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid JSON")


def test_a_body_over_the_limit_is_refused_in_this_apis_shape(
    device: SimpleNamespace, token: str
) -> None:
    body = {**ADD, "OperationData": {"UserID": "88001", "FaceTemplate": "A" * (3 << 20)}}
    answer = send(device, json=body, headers={"Authorization": f"bearer {token}"})
    assert answer.status_code == 413
    assert answer.json()["status"] == "error"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "{token}"]
)
def test_without_a_token_that_counts_nothing_happens(
    device: SimpleNamespace, token: str, header: str | None
) -> None:
    before = users(device)
    headers = {} if header is None else {"Authorization": header.format(token=token)}
    answer = send(device, json=ADD, headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["status"] == "error"
    assert users(device) == before


def test_a_session_is_no_token_and_a_token_no_session(
    device: SimpleNamespace, token: str, new_token: Callable[..., str]
) -> None:
    session = new_token()
    answer = send(device, json=ADD, params={"session": session})
    assert answer.status_code == 401
    answer = send(device, json=ADD, headers={"Authorization": f"Bearer {session}"})
    assert answer.status_code == 401
    url = f"{device.url}/load_objects.fcgi"
    headers = {"Authorization": f"Bearer {token}"}
    for params in ({}, {"session": token}):
        answer = requests.post(
            url, json={"object": "users"}, headers=headers, params=params, timeout=30
        )
        assert answer.status_code == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_taken(device: SimpleNamespace, token: str, method: str) -> None:
    answer = send(device, method, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_an_administrator_makes_lists_and_revokes_tokens(
    device: SimpleNamespace, ask: Callable[..., Reply]
) -> None:
    status, made = ask("create_token", {"name": "cloud"})
    assert (status, set(made)) == (200, {"token"})
    assert len(made["token"]) == 64
    listed = {"name": "cloud", "created": "2025-07-01T12:00:00+00:00"}
    assert ask("list_tokens") == (200, {"tokens": [listed]})
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert send(device, json={}, headers=headers).status_code == 400
    assert ask("create_token", {"name": "cloud"})[0] == 400
    assert ask("revoke_token", {"name": "cloud"}) == (200, {})
    assert send(device, json={}, headers=headers).status_code == 401
    assert ask("revoke_token", {"name": "cloud"})[0] == 404
    assert ask("list_tokens") == (200, {"tokens": []})


@pytest.mark.parametrize("name", ["", " padded", "x" * 65, "a\0b", 5])
def test_an_unfit_name_makes_no_token(ask: Callable[..., Reply], name: object) -> None:
    assert ask("create_token", {"name": name})[0] == 400
    assert ask("list_tokens") == (200, {"tokens": []})


@pytest.mark.parametrize("command", ["create_token", "list_tokens", "revoke_token"])
def test_tokens_are_no_business_of_an_operator(ask: Callable[..., Reply], command: str) -> None:
    assert ask(command, {"name": "cloud"}, "operator")[0] == 403


def test_the_file_holds_no_token(device: SimpleNamespace, token: str) -> None:
    for path in device.context.data.glob("store.db*"):
        assert token.encode() not in path.read_bytes()


def test_a_fault_is_a_500_without_its_details(
    execute: Callable[[object], Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr("gateway.commands.minop.set_access_time", fail)
    assert execute(ADD)[0] == 200
    data = {
        "UserID": "88001",
        "AccessStartTime": "08:00:00",
        "AccessEndTime": "18:00:00",
        "AccessDays": "1",
    }
    body = {"CommandName": "Update", "CommandEntity": "AccessTime", "OperationData": data}
    assert execute(body) == (500, {"status": "error", "message": "Internal error"})
    assert execute(DELETE)[0] == 200
