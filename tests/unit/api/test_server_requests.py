"""Commands that a server sends run as those over HTTP do, with rights of their own."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.api.controlid.dispatch import run_for_server
from gateway.api.controlid.endpoints import PATHS, http_of
from gateway.commands.answers import ByteStream, Rows
from gateway.commands.rights import Right
from gateway.commands.server_requests import ServerReply, ServerRequest
from gateway.commands.table import COMMANDS
from gateway.link.messages import OpenDoor

SERVER = "https://s.example:443"
Order = Callable[..., requests.Response]
Pushed = Callable[..., ServerReply]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FOR_OWNERS = {
    "apply_site_file",
    "backup_objects",
    "begin_setup",
    "change_login",
    "check_site_file",
    "confirm_site_file",
    "create_login",
    "create_token",
    "delete_login",
    "diagnostics",
    "end_login_sessions",
    "export_audit_logs",
    "install_update",
    "list_logins",
    "list_tokens",
    "login",
    "modify_login",
    "osdp_address",
    "osdp_key",
    "osdp_packets",
    "osdp_packets_file",
    "osdp_scan",
    "preview_restore",
    "reset_to_factory_default",
    "restore_objects",
    "revoke_token",
    "save_setup",
    "setup_state",
    "set_osdp_installation_mode",
    "site_file",
    "ssl_certificate_change",
    "take_back_site_file",
    "update_state",
    "upload_update",
}
"""What no server may do, written without the code."""


@pytest.fixture
def pushed(throwaway: SimpleNamespace) -> Pushed:
    """`pushed(name, body)`: runs a command as one of a server."""

    def run(
        name: str,
        body: object = None,
        *,
        data: bytes | None = None,
        query: str = "",
        method: str = "POST",
        longest: int = 1 << 20,
    ) -> ServerReply:
        content = data if data is not None else b"" if body is None else json.dumps(body).encode()
        request = ServerRequest(method, name, query, content)
        reply = run_for_server(throwaway.context, SERVER, request, longest)
        reply.afterwards()
        return reply

    return run


@pytest.fixture
def audit(order: Order) -> Callable[[], list[str]]:
    """The lines of the audit log."""

    def lines() -> list[str]:
        return order("export_audit_logs").text.splitlines()

    return lines


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("load_objects", {"body": {"object": "groups"}}),
        ("load_objects", {"body": {"object": "nothing"}}),
        ("load_objects", {"body": {"object": 5}}),
        ("load_objects", {"data": b'{"object":'}),
        ("create_or_update_objects", {"body": {"object": "groups", "values": []}}),
        ("get_configuration", {"body": {"general": ["relay1_timeout"]}}),
        ("set_configuration", {"body": {"general": {"sessionless": "1"}}}),
        ("door_state", {}),
        ("system_information", {}),
        ("user_get_image", {"query": "user_id=9999"}),
        ("user_list_images", {"query": "get_timestamp=1"}),
        ("user_set_image", {"query": "user_id=9999&timestamp=1", "data": PNG}),
        ("import_objects", {"data": b"id,name\r\n", "query": "object=groups&dry_run=1"}),
        ("export_object", {"body": {"object": "groups"}}),
        ("object_metadata", {}),
        ("no_such_command", {}),
        ("bell", {}),
    ],
)
def test_an_answer_and_a_refusal_are_those_of_http(
    throwaway: SimpleNamespace, pushed: Pushed, name: str, sent: dict[str, Any]
) -> None:
    data = sent.get("data")
    over_http = requests.post(
        f"{throwaway.url}/{name}.fcgi?{sent.get('query', '')}&session={throwaway.token()}",
        data=data if data is not None else json.dumps(sent.get("body")).encode(),
        timeout=60,
    )
    reply = pushed(name, **sent)
    if over_http.status_code == 200:
        assert reply.error is None
        if name != "system_information":  # which has the time
            assert reply.content == over_http.content
        assert reply.media_type == over_http.headers["Content-Type"]
    else:
        assert reply.error == over_http.json()["error"]


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "BREW"])
def test_a_method_is_refused_where_http_refuses_it(pushed: Pushed, method: str) -> None:
    allowed = method in http_of(PATHS["user_set_image"]).methods
    reply = pushed("user_set_image", method=method, query="user_id=1")
    assert (reply.error == "Method not allowed") != allowed


def test_a_server_may_not_do_what_is_for_owners() -> None:
    beyond = {it.name for it in COMMANDS.values() if it.needs in {Right.OWNER, Right.LOG_IN}}
    assert beyond == FOR_OWNERS


@pytest.mark.parametrize("name", sorted(FOR_OWNERS))
def test_each_of_them_is_refused_before_its_body_is_read(pushed: Pushed, name: str) -> None:
    assert pushed(name, data=b"no json").error == "Invalid access level"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("destroy_objects", {"object": "access_logs"}),
        ("modify_objects", {"object": "alarm_logs", "values": {"cause": 1}}),
        ("explain", {"pin": "1234", "portal_id": 1, "time": 1}),
    ],
)
def test_logs_are_not_forged_and_pins_not_tried(
    pushed: Pushed, name: str, body: dict[str, Any]
) -> None:
    assert pushed(name, body).error == "Invalid access level"


def test_a_server_sees_no_secret(order: Order, pushed: Pushed) -> None:
    user = order("create_objects", {"object": "users", "values": [{"name": "Eva"}]}).json()["ids"][
        0
    ]
    pin = {"object": "pins", "values": [{"user_id": user, "value": "836402"}]}
    order("create_objects", pin).raise_for_status()
    reply = pushed("load_objects", {"object": "pins"})
    assert b'"user_id"' in reply.content
    assert b"836402" not in reply.content
    for body in (
        {"object": "pins", "where": {"pins": {"value": "836402"}}},
        {"object": "pins", "fields": ["value"]},
        {"object": "audit_logs"},
    ):
        assert pushed("load_objects", body).error
    assert b"836402" not in pushed("export_objects", {"objects": ["pins"]}).content


def test_a_server_adds_people_and_the_audit_log_names_it(
    pushed: Pushed, audit: Callable[[], list[str]]
) -> None:
    reply = pushed("create_objects", {"object": "users", "values": [{"name": "Pushed person"}]})
    assert json.loads(reply.content)["ids"]
    (line,) = [it for it in audit() if "Pushed person" in it]
    assert f"push (server) at {SERVER}: create_objects users" in line
    pushed("set_configuration", {"general": {"relay1_timeout": "2500"}})
    (line,) = [it for it in audit() if "relay1_timeout" in it]
    assert f"push (server) at {SERVER}: set_configuration" in line


def test_a_refused_command_is_in_the_audit_log_as_over_http(
    pushed: Pushed, audit: Callable[[], list[str]]
) -> None:
    body = {"actions": [{"action": "door", "parameters": "door=9"}]}
    assert pushed("execute_actions", body).error
    assert any(f"push (server) at {SERVER}: execute_actions" in line for line in audit())


def test_a_door_opens(throwaway: SimpleNamespace, pushed: Pushed) -> None:
    body = {"actions": [{"action": "door", "parameters": "door=1"}]}
    assert pushed("execute_actions", body).error is None
    assert throwaway.straw.of(OpenDoor)[-1].door == 1


def test_a_session_in_the_query_gives_a_server_no_other_rights(
    throwaway: SimpleNamespace, pushed: Pushed
) -> None:
    reply = pushed("list_logins", query=f"session={throwaway.token()}")
    assert reply.error == "Invalid access level"


def test_an_answer_is_bounded_however_it_is_made(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    def pieces() -> Any:
        try:
            while True:
                yield bytes(1_000)
        finally:
            closed.append(True)

    answers = [
        Rows("users", iter(lambda: {"name": "x" * 1_000}, None)),
        ByteStream(pieces(), 1 << 40),
        {"text": "x" * 100_001},
    ]
    monkeypatch.setattr("gateway.api.controlid.dispatch.execute", lambda *_: answers.pop(0))
    for _ in range(3):
        reply = pushed("load_objects", longest=100_000)
        assert reply.error == "the answer is longer than 100000 bytes: ask for less"
    assert closed == [True]


def test_a_failure_of_the_program_is_told_as_over_http(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.api.controlid.dispatch.execute", partial(divmod, 1, 0))
    assert pushed("load_objects").error == "Internal error"


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("modify_objects", {"values": {"ip": "192.0.2.66"}}),
        ("modify_objects", {"values": {"fingerprint": "AB" * 32}}),
        ("create_or_modify_objects", {"values": [{"id": 500, "ip": "192.0.2.66"}]}),
        (
            "create_or_modify_objects",
            {"values": [{"id": 501, "ip": "b", "password": "x"}, {"id": 500, "ip": "c"}]},
        ),
        ("import_objects", {"data": "id,ip\r\n500,192.0.2.66\r\n", "resolution": "replace"}),
    ],
)
def test_a_server_has_no_stored_password_sent_to_another_machine(
    order: Order, pushed: Pushed, command: str, body: dict[str, Any]
) -> None:
    row = {"id": 500, "name": "B", "ip": "192.0.2.1", "login": "a", "password": "of a peer"}
    order("create_or_modify_objects", {"object": "devices", "values": [row]})
    reply = pushed(command, {"object": "devices", **body})
    assert "the stored password would be sent elsewhere" in (reply.error or "")
    renamed = {"object": "devices", "values": {"name": "C"}, "where": {"devices": {"id": 500}}}
    assert pushed("modify_objects", renamed).error is None
    moved = {**renamed, "values": {"ip": "192.0.2.66", "password": "its own"}}
    assert pushed("modify_objects", moved).error is None
