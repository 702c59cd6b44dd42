"""What nobody should send: a documented error, nothing half written, and the gateway lives on."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Running

MEGABYTE = 1024 * 1024
PERSON = {"name": "Ines", "registration": "1"}

COUNTED = (
    "users",
    "user_groups",
    "groups",
    "cards",
    "pins",
    "access_rules",
    "time_spans",
    "access_logs",
)


def snapshot(demo: Running) -> dict[str, Any]:
    """All that bad input might have touched."""
    tables = {name: demo.api.load(name) for name in COUNTED}
    tables["configuration"] = demo.api.ask(
        "get_configuration", {"general": ["relay1_timeout", "exception_mode"]}
    )
    return tables


@pytest.fixture(scope="module")
def demo(shared_demo: Running) -> Iterator[Running]:
    """Whatever the tests send: in the end nothing has changed, and the door opens."""
    demo = shared_demo
    before, pids = snapshot(demo), [demo.child(role) for role in ("controller", "api")]
    yield demo
    assert snapshot(demo) == before
    assert [demo.child(role) for role in ("controller", "api")] == pids
    edges = demo.board.edges(17)
    assert demo.swiped("123,45678")["event"] == 7
    assert demo.board.edges(17) > edges
    assert "Traceback" not in demo.errors.read_text()


def raw(demo: Running, command: str, body: bytes, **headers: str) -> tuple[int, Any]:
    """Post bytes as they are."""
    answer = demo.api.http.post(
        f"{demo.url}/{command}.fcgi",
        params={"session": demo.api.token},
        data=body,
        headers={"Content-Type": "application/json", **headers},
        timeout=20,
    )
    return answer.status_code, answer.json()


def refused(reply: tuple[int, Any], status: int, *words: str) -> None:
    found, answer = reply
    assert found == status, answer
    assert set(answer) == {"error", "code"}
    assert answer["code"] == 1
    for word in words:
        assert word in answer["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"object":"users",}',
        b"[1]",
        b'"users"',
        b"nonsense",
        b'{"object":"users","values":[{"name":"\xff"}]}',
        b'{"object":"users","values":[{"name":"a","registration":NaN}]}',
        b"[" * 100_000,
        b'{"object":"users","values":[{"name":"a","registration":"","id":' + b"9" * 5000 + b"}]}",
    ],
    ids=["cut", "comma", "list", "string", "words", "not UTF-8", "NaN", "deep", "digits"],
)
def test_broken_json_is_400(demo: Running, body: bytes) -> None:
    refused(raw(demo, "create_objects", body), 400)


def values(name: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return {"object": name, "values": list(rows)}


@pytest.mark.parametrize(
    ("command", "body", "words"),
    [
        ("load_objects", {}, ("object",)),
        ("load_objects", {"object": "dragons"}, ("dragons",)),
        ("load_objects", {"object": 7}, ("object",)),
        (
            "load_objects",
            {"object": "users", "fields": ["wings"]},
            ("wings is not a column of table users",),
        ),
        (
            "load_objects",
            {"object": "users", "where": {"users": {"wings": 1}}},
            ("wings is not a column of table users",),
        ),
        ("load_objects", {"object": "users", "limit": "many"}, ("limit",)),
        ("load_objects", {"object": "users; DROP TABLE users"}, ()),
        ("load_objects", {"object": "users", "order": ["id; DROP TABLE users"]}, ()),
        ("create_objects", {"object": "users", "values": PERSON}, ("values",)),
        ("create_objects", values("dragons", PERSON), ("dragons",)),
        (
            "create_objects",
            values("users", {**PERSON, "wings": 2}),
            ("wings is not a column of table users",),
        ),
        ("create_objects", values("users", {"registration": "1"}), ("name",)),
        ("create_objects", values("users", {**PERSON, "name": 5}), ("name", "int")),
        ("create_objects", values("users", {**PERSON, "begin_time": "soon"}), ("begin_time",)),
        ("create_objects", values("users", {**PERSON, "begin_time": True}), ("begin_time",)),
        ("create_objects", values("users", {**PERSON, "id": 2**64}), ("id",)),
        ("create_objects", values("cards", {"user_id": 1, "value": -1}), ("value",)),
        ("create_objects", values("cards", {"user_id": 1, "value": 2**64}), ("value",)),
        ("create_objects", values("cards", {"user_id": 987_654, "value": 5}), ("987654",)),
        (
            "create_objects",
            values("cards", {"user_id": 2, "value": (123 << 32) | 45678}),
            ("UNIQUE constraint failed: cards.value", "user 1"),
        ),
        ("create_objects", values("pins", {"user_id": 2, "value": "1234"}), ("UNIQUE",)),
        ("create_objects", values("users", {**PERSON, "id": 1}), ("UNIQUE",)),
        (
            "create_objects",
            values("users", {**PERSON, "id": 800}, {**PERSON, "id": 801}, {**PERSON, "id": 1}),
            ("UNIQUE",),
        ),
        (
            "create_objects",
            values("user_groups", {"user_id": 1, "group_id": 3}, {"user_id": 1, "group_id": 99}),
            ("FOREIGN KEY", "99"),
        ),
        ("modify_objects", {"object": "users", "values": {"wings": 1}}, ("wings",)),
        ("modify_objects", {"object": "users", "values": {"id": 1}}, ("UNIQUE",)),
        ("destroy_objects", {"object": "users", "where": {"users": {"wings": 1}}}, ("wings",)),
        ("set_configuration", {"general": {"wings": "1"}}, ("Node or attribute not found",)),
        ("set_configuration", {"onvif": {"enabled": "1"}}, ("Node or attribute not found",)),
        ("set_configuration", {"general": {"relay1_timeout": "99"}}, ("relay1_timeout",)),
        (
            "set_configuration",
            {"general": {"relay1_timeout": "700", "exception_mode": "lockdown"}},
            ("exception_mode",),
        ),
        ("execute_actions", {"actions": "door=1"}, ("actions",)),
        ("execute_actions", {"actions": [{"action": "fly", "parameters": ""}]}, ("fly",)),
        ("execute_actions", {"actions": [{"action": "door", "parameters": "door=3"}]}, ("3",)),
        ("execute_actions", {"actions": [{"action": "door", "parameters": ""}]}, ("door",)),
        (
            "execute_actions",
            {
                "actions": [
                    {"action": "door", "parameters": "door=1"},
                    {"action": "door", "parameters": "door=9"},
                ]
            },
            ("9",),
        ),
        (
            "execute_actions",
            {"actions": [{"action": "door", "parameters": "door=1,timeout=99999999"}]},
            ("timeout",),
        ),
        ("alarm_status", {"stop": "yes"}, ("stop",)),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else None,
)
def test_what_makes_no_sense_is_400_and_says_why(
    demo: Running, command: str, body: dict[str, Any], words: tuple[str, ...]
) -> None:
    edges = demo.board.edges(17)
    reply = demo.api.post(command, body)
    refused(reply, 400, *words)
    assert "session" not in reply[1]["error"].lower()  # clients read that as a dead session
    assert demo.board.edges(17) == edges


@pytest.mark.parametrize("token", ["", "x" * 24, "'; DROP TABLE users; --"])
@pytest.mark.parametrize("command", ["load_objects", "execute_actions", "set_configuration"])
def test_without_a_living_session_every_command_is_401(
    demo: Running, command: str, token: str
) -> None:
    answer = demo.api.http.post(
        f"{demo.url}/{command}.fcgi",
        params={"session": token},
        json={"actions": [{"action": "door", "parameters": "door=1"}]},
        timeout=20,
    )
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid session", "code": 1})


def test_a_session_is_dead_after_its_logout(demo: Running) -> None:
    living = demo.api.token
    demo.api.login(demo.site.password)
    other, demo.api.token = demo.api.token, living
    params = {"session": other}
    gone = demo.api.http.post(f"{demo.url}/logout.fcgi", params=params, timeout=20)
    assert gone.json() == {}
    answer = demo.api.http.post(
        f"{demo.url}/load_objects.fcgi", params=params, json={"object": "users"}, timeout=20
    )
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid session", "code": 1})
    valid = demo.api.http.post(f"{demo.url}/session_is_valid.fcgi", params=params, timeout=20)
    assert (valid.status_code, valid.json()) == (200, {"session_is_valid": False})


def test_a_wrong_password_is_401(demo: Running) -> None:
    refused(demo.api.post("login", {"login": "admin", "password": "admin"}), 401, "Invalid login")


def test_an_unknown_command_is_a_404_in_json(demo: Running) -> None:
    refused(demo.api.post("make_coffee", {}), 404)


def test_a_wrong_method_is_a_405_in_json(demo: Running) -> None:
    answer = demo.api.http.get(f"{demo.url}/create_objects.fcgi", timeout=20)
    assert answer.status_code == 405
    assert set(answer.json()) == {"error", "code"}


def _connect(demo: Running) -> http.client.HTTPConnection:
    address = urlsplit(demo.url)
    return http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)


def _pieces() -> Iterator[bytes]:
    yield b'{"object":"users","values":[{"name":"big","registration":"'
    for _ in range(50):
        yield b"x" * MEGABYTE
    yield b'"}]}'


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in chunks"])
def test_a_body_of_50_megabytes_is_refused_and_the_next_request_served(
    demo: Running, chunked: bool
) -> None:
    connection = _connect(demo)
    headers = {} if chunked else {"Content-Length": str(sum(map(len, _pieces())))}
    target = f"/create_objects.fcgi?session={demo.api.token}"
    try:
        connection.request("POST", target, _pieces(), headers, encode_chunked=chunked)
        answer = connection.getresponse()
        status, body = answer.status, json.loads(answer.read())
    finally:
        connection.close()
    assert status == 413
    assert set(body) == {"error", "code"}
    assert demo.api.post("session_is_valid") == (200, {"session_is_valid": True})


def test_a_client_that_hangs_up_in_its_body_does_no_harm(demo: Running) -> None:
    address = urlsplit(demo.url)
    for _ in range(20):
        with socket.create_connection((str(address.hostname), address.port or 0)) as line:
            line.sendall(
                f"POST /create_objects.fcgi?session={demo.api.token} HTTP/1.1\r\n"
                f"Host: {address.netloc}\r\nContent-Length: 1000\r\n\r\n"
                '{"object":"users","values":[{"name":"half"'.encode()
            )
    assert demo.api.post("session_is_valid") == (200, {"session_is_valid": True})
