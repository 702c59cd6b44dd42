"""The Access API's transport: sessions, encodings, error shape, headers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import structlog.testing

from gateway.api.controlid.endpoints import PATHS, http_of
from gateway.commands.absent import ABSENT
from gateway.errors import StorageError

Ask = Callable[..., tuple[int, Any]]
NewToken = Callable[..., str]

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "origin, x-csrftoken, content-type, accept",
    "X-Content-Type-Options": "nosniff",
}
DEAD = {"error": "Invalid session", "code": 1}


def is_valid(url: str, **kwargs: Any) -> bool:
    reply = requests.post(f"{url}/session_is_valid.fcgi", timeout=30, **kwargs)
    assert reply.status_code == 200
    answer: bool = reply.json()["session_is_valid"]
    return answer


def quoted(members: dict[str, str]) -> dict[str, str]:
    return {name: urlencode({name: value}) for name, value in members.items()}


@pytest.mark.parametrize("command", ["login", "hidlogin"])
@pytest.mark.parametrize(
    "how",
    [
        lambda members: {"json": members},
        lambda members: {"data": members},
        lambda members: {"data": json.dumps(members), "headers": {"Content-Type": "text/plain"}},
        lambda members: {
            "data": json.dumps(members),
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        lambda members: {"data": "{login}&x=&{password}".format(**quoted(members))},
    ],
    ids=["json", "form", "json-as-text", "json-as-form", "form-without-type"],
)
def test_login_takes_json_and_forms_on_both_paths(
    device: SimpleNamespace, command: str, how: Callable[[dict[str, str]], dict[str, Any]]
) -> None:
    members = {"login": "admin", "password": device.password}
    reply = requests.post(f"{device.url}/{command}.fcgi", timeout=30, **how(members))
    assert reply.status_code == 200
    token = reply.json()["session"]
    assert re.fullmatch("[A-Za-z0-9]{24}", token)
    assert is_valid(device.url, params={"session": token})


@pytest.mark.parametrize(
    "members",
    [{"login": "admin", "password": "wrong"}, {"login": "Admin", "password": "correct horse"}],
)
def test_a_wrong_password_and_an_unknown_login_are_refused_alike(
    device: SimpleNamespace, members: dict[str, str]
) -> None:
    reply = requests.post(f"{device.url}/login.fcgi", json=members, timeout=30)
    assert reply.status_code == 401
    assert reply.json() == {"error": "Invalid login or password", "code": 1}
    assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize(
    "query",
    [
        "session={}",
        "?&session={}",
        "&session={}&",
        "_=17&session={}",
        "session={}&x=&object=users",
        "session=&session={}",
    ],
)
def test_the_token_stands_anywhere_in_the_query(
    device: SimpleNamespace, new_token: NewToken, query: str
) -> None:
    url = f"{device.url}/session_is_valid.fcgi?{query.format(new_token())}"
    assert requests.get(url, timeout=30).json() == {"session_is_valid": True}


def test_the_query_wins_over_the_cookie(device: SimpleNamespace, new_token: NewToken) -> None:
    token = new_token()
    dead = "x" * 24
    assert is_valid(device.url, cookies={"session": token})
    assert is_valid(device.url, cookies={"session": dead}, params={"session": token})
    assert not is_valid(device.url, cookies={"session": token}, params={"session": dead})
    assert not is_valid(device.url)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://{host}"}, 200),
        ({"Origin": "http://{host}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:8080", "Origin": "http://[::1]:8080"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "["}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
def test_a_cookie_acts_only_for_the_devices_own_pages(
    device: SimpleNamespace, new_token: NewToken, headers: dict[str, str], status: int
) -> None:
    host = ":".join(map(str, device.address))
    sent = {name: value.format(host=host) for name, value in headers.items()}
    token = new_token()
    url = f"{device.url}/doors_state.fcgi"
    cookie = {**sent, "Cookie": f"login=admin; session={token}"}
    reply = requests.post(url, headers=cookie, timeout=30)
    assert reply.status_code == status
    if status != 200:
        assert "session" not in reply.json()["error"].lower()
    by_query = requests.post(url, headers=sent, params={"session": token}, timeout=30)
    assert by_query.status_code == 200


@pytest.mark.parametrize("session", [None, "x" * 24])
def test_every_command_is_there_and_refuses_without_a_session(
    device: SimpleNamespace, session: str | None
) -> None:
    with requests.Session() as line:
        for name, command in PATHS.items():
            reply = line.post(
                f"{device.url}/{name}.fcgi",
                params={"session": session},
                data=b"{broken",
                timeout=30,
            )
            found = reply.status_code, reply.json()
            if command.needs.with_session:
                assert found == (401, DEAD), name
            else:
                assert found[0] == 400, name
                assert found[1]["error"].startswith("Invalid JSON"), name
    assert device.straw.commands == []


def test_every_command_answers_in_its_shape_with_a_session(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    for name, command in PATHS.items():
        if not command.needs.with_session:
            continue
        reply = requests.post(
            f"{device.url}/{name}.fcgi", params={"session": new_token()}, data=b"", timeout=30
        )
        assert reply.status_code in {200, 400, 404}, name
        kind = http_of(command).answers if reply.status_code == 200 else "application/json"
        assert reply.headers["Content-Type"].partition(";")[0] == kind, name
        if kind == "application/json":
            assert isinstance(reply.json(), dict), name
            assert ("error" in reply.json()) == (reply.status_code != 200), name


@pytest.mark.parametrize("data", [None, b"", b"null", b"{}", b" \n"])
@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded"])
def test_missing_empty_and_null_bodies_are_alike(
    device: SimpleNamespace, new_token: NewToken, data: bytes | None, kind: str | None
) -> None:
    reply = requests.post(
        f"{device.url}/doors_state.fcgi",
        params={"session": new_token()},
        data=data,
        headers={"Content-Type": kind},
        timeout=30,
    )
    assert reply.status_code == 200


def test_json_is_read_whatever_its_content_type(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    reply = requests.post(
        f"{device.url}/load_objects.fcgi",
        params={"session": new_token()},
        data=b'{"object":"groups","fields":["name"]}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=30,
    )
    assert reply.json() == {"groups": [{"name": "Standard"}]}


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/no_such_thing.fcgi", 404, "Invalid command"),
        ("/nowhere", 404, "Not Found"),
        ("/docs", 405, "Method Not Allowed"),
        ("/login", 404, "Not Found"),
        ("/x/login.fcgi", 404, "Not Found"),
        ("/%ff.fcgi", 404, "Invalid command"),
    ],
)
def test_a_path_that_takes_no_command_is_refused_in_json(
    device: SimpleNamespace, path: str, status: int, error: str
) -> None:
    reply = requests.post(device.url + path, data=b"{}", timeout=30)
    assert (reply.status_code, reply.json()) == (status, {"error": error, "code": 1})


TAKE_GET = {
    "enroller_biometry_state",
    "enroller_state",
    "get_catra_info",
    "get_exception_modes",
    "get_threat_level",
    "get_osdp_installation_mode",
    "get_ac_log",
    "get_countries",
    "get_language",
    "get_ntp_server",
    "get_sip_status",
    "get_vpn_status",
    "has_audio_access_messages",
    "has_pjsip_audio_message",
    "has_vpn_file",
    "init_device_set",
    "is_first_web_login",
    "logout",
    "secbox_is_active",
    "session_is_valid",
    "system_information",
    "user_get_image",
    "user_list_images",
}
"""What clients ask for by GET: reads, and `logout`."""


def test_get_is_taken_where_clients_use_it_and_nowhere_else(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    taken = set()
    for name in sorted(PATHS.keys() - ABSENT.keys()):
        reply = requests.get(
            f"{device.url}/{name}.fcgi", params={"session": new_token()}, timeout=30
        )
        if reply.status_code != 405:
            taken.add(name)
    assert taken == TAKE_GET


def test_execute_actions_is_found_without_its_ending_and_with_two_slashes(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    for path in ("/execute_actions", "//execute_actions.fcgi", "/execute_actions.fcgi"):
        reply = requests.post(
            f"{device.url}{path}",
            params={"session": new_token()},
            json={"actions": []},
            timeout=30,
            allow_redirects=False,
        )
        assert (reply.status_code, reply.json()) == (200, {})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/session_is_valid.fcgi"),
        ("POST", "/load_objects.fcgi"),
        ("POST", "/unknown.fcgi"),
        ("GET", "/nowhere"),
        ("GET", "/login.fcgi"),
        ("POST", "/login.fcgi"),
        ("OPTIONS", "/login.fcgi"),
    ],
)
def test_every_answer_carries_the_devices_headers(
    device: SimpleNamespace, method: str, path: str
) -> None:
    reply = requests.request(method, device.url + path, timeout=30)
    for name, value in CORS.items():
        assert reply.headers[name] == value
    assert reply.headers["Cache-Control"].startswith("no-store, no-cache, must-revalidate")
    if method != "OPTIONS":
        assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
        assert int(reply.headers["Content-Length"]) == len(reply.content)


@pytest.mark.parametrize("path", ["/login.fcgi", "/load_objects.fcgi", "/anything", "/"])
def test_options_is_always_answered(device: SimpleNamespace, path: str) -> None:
    reply = requests.options(device.url + path, timeout=30)
    assert (reply.status_code, reply.content) == (200, b"")


def test_broken_json_names_its_place(device: SimpleNamespace, new_token: NewToken) -> None:
    reply = requests.post(
        f"{device.url}/load_objects.fcgi",
        params={"session": new_token()},
        data=b'{"object":"users" 1}',
        timeout=30,
    )
    assert reply.status_code == 400
    assert "line 1 column 19" in reply.json()["error"]


def test_an_unforeseen_failure_shows_nothing_and_is_logged_without_the_token(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("inside story")

    monkeypatch.setattr("gateway.store.objects.store.Store.load", fail)
    with structlog.testing.capture_logs() as logged:
        status, body = ask("load_objects", {"object": "users"})
    assert (status, body) == (500, {"error": "Internal error", "code": 1})
    assert [entry["path"] for entry in logged] == ["/load_objects.fcgi"]
    assert isinstance(logged[0]["exc_info"], RuntimeError)
    assert not re.search("[A-Za-z0-9]{24}", repr(logged))


def test_a_storage_fault_is_told(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr("gateway.store.objects.store.Store.load", fail)
    with structlog.testing.capture_logs():
        answer = ask("load_objects", {"object": "users"})
    assert answer == (500, {"error": "the disk is full", "code": 1})


def test_the_word_for_expiry_is_in_no_other_error(ask: Ask) -> None:
    status, body = ask("load_objects", {"object": "sessions", "fields": ["session"]})
    assert status == 400
    assert "session" not in body["error"].lower()
