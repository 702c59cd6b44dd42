"""API logins with roles over a real socket: who may make them, and how their sessions end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from gateway.store.tables.accounts import Role

Post = Callable[..., tuple[int, Any]]
SECRET = "a very long secret"


@pytest.fixture
def post(throwaway: SimpleNamespace) -> Post:
    """Posts a command with a session of `login`, or with one of an earlier call."""

    def send(
        command: str, body: object = None, login: str = "admin", token: str | None = None
    ) -> tuple[int, Any]:
        reply = requests.post(
            f"{throwaway.url}/{command}.fcgi?session={token or throwaway.token(login)}",
            json=body,
            timeout=30,
        )
        return reply.status_code, reply.json()

    accounts = throwaway.context.accounts
    accounts.set_password("admin", "right", Role.ADMINISTRATOR)
    accounts.set_password("operator", "right", Role.OPERATOR)
    for account in accounts.logins():
        if account.login not in {"admin", "operator"}:
            accounts.delete(account.login)
    return send


def alive(post: Post, token: str) -> bool:
    status, answer = post("session_is_valid", token=token)
    assert status == 200
    valid: bool = answer["session_is_valid"]
    return valid


def listed(post: Post) -> dict[str, str]:
    status, answer = post("list_logins")
    assert status == 200
    return {row["login"]: row["role"] for row in answer["logins"]}


def last_entries(post: Post, count: int) -> list[str]:
    status, answer = post(
        "load_objects", {"object": "audit_logs", "order": ["id", "descending"], "limit": count}
    )
    assert status == 200
    return [row["details"] for row in reversed(answer["audit_logs"])]


def test_a_login_is_made_listed_changed_and_deleted_and_each_is_told(post: Post) -> None:
    made = {"login": "desk", "password": SECRET, "role": "operator"}
    assert post("create_login", made) == (200, {})
    assert post("login", {"login": "desk", "password": SECRET})[0] == 200
    assert listed(post) == {"admin": "administrator", "desk": "operator", "operator": "operator"}
    assert post("list_logins", login="desk")[0] == 403
    assert post("modify_login", {"login": "desk", "role": "administrator"}) == (200, {})
    assert listed(post)["desk"] == "administrator"
    assert post("list_logins", login="desk")[0] == 200
    assert post("modify_login", {"login": "desk", "password": "the other"}) == (200, {})
    assert post("login", {"login": "desk", "password": SECRET})[0] == 401
    assert post("delete_login", {"login": "desk"}) == (200, {})
    assert "desk" not in listed(post)
    entries = [text for text in last_entries(post, 12) if "_login" in text]
    assert [text.partition("127.0.0.1: ")[2] for text in entries] == [
        "create_login of 'desk' as operator",
        "modify_login of 'desk': role administrator",
        "modify_login of 'desk': password",
        "delete_login of 'desk'",
    ]
    assert all(text.startswith("admin (administrator) at ") for text in entries)


def test_no_password_is_answered_or_told(post: Post) -> None:
    body = {"login": "desk", "password": SECRET, "role": "operator"}
    answers = [
        post("create_login", body),
        post("create_login", body),
        post("modify_login", {"login": "desk", "password": f"new {SECRET}"}),
        post("modify_login", {"login": "nobody", "password": SECRET}),
        post("list_logins"),
    ]
    assert [status for status, _ in answers] == [200, 400, 200, 404, 200]
    told = f"{answers} {last_entries(post, 20)}"
    assert "create_login of 'desk'" in told
    assert SECRET not in told
    assert "argon2" not in told


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("create_login", {"login": "mine", "password": SECRET, "role": "administrator"}),
        ("list_logins", {}),
        ("modify_login", {"login": "operator", "role": "administrator"}),
        ("delete_login", {"login": "admin"}),
        ("end_login_sessions", {"login": "admin"}),
    ],
)
def test_an_operator_has_no_say_in_logins(post: Post, command: str, body: object) -> None:
    assert post(command, body, login="operator") == (
        403,
        {"error": "Invalid access level", "code": 1},
    )
    assert listed(post) == {"admin": "administrator", "operator": "operator"}


@pytest.mark.parametrize(
    ("command", "body", "said"),
    [
        ("create_login", {"login": "x", "password": SECRET}, "'role'"),
        ("create_login", {"login": "x", "password": SECRET, "role": "root"}, "'role'"),
        ("create_login", {"login": "x", "password": 1, "role": "operator"}, "'password'"),
        ("create_login", {"login": "", "password": SECRET, "role": "operator"}, "login"),
        ("create_login", {"login": "x", "password": "", "role": "operator"}, "password"),
        ("create_login", {"login": "x", "password": "7 chars", "role": "operator"}, "password"),
        ("modify_login", {"login": "operator", "password": "7 chars"}, "password"),
        ("modify_login", {"login": "operator"}, "role or password"),
        ("modify_login", {"login": "operator", "role": "Operator"}, "'role'"),
        ("modify_login", {"login": "operator", "password": ""}, "password"),
        ("delete_login", {}, "'login'"),
        ("delete_login", {"login": 7}, "'login'"),
        ("delete_login", {"login": "admin"}, "last administrator"),
        ("modify_login", {"login": "admin", "role": "operator"}, "last administrator"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_changes_nothing(
    post: Post, command: str, body: object, said: str
) -> None:
    status, answer = post(command, body)
    assert status == 400
    assert said in answer["error"]
    assert listed(post) == {"admin": "administrator", "operator": "operator"}


@pytest.mark.refusal("end_login_sessions")
def test_a_login_that_is_not_there_is_404(post: Post) -> None:
    for command, more in (
        ("delete_login", {}),
        ("end_login_sessions", {}),
        ("modify_login", {"role": "operator"}),
    ):
        status, answer = post(command, {"login": "nobody", **more})
        assert (status, answer["error"]) == (404, "there is no login nobody")


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("delete_login", {}),
        ("modify_login", {"role": "operator"}),
        ("modify_login", {"password": "the other"}),
    ],
)
def test_whoever_is_deleted_or_changed_has_no_session_any_more(
    throwaway: SimpleNamespace, post: Post, command: str, more: dict[str, str]
) -> None:
    post("create_login", {"login": "eva", "password": SECRET, "role": "administrator"})
    evas, mine = throwaway.token("eva"), throwaway.token()
    assert alive(post, evas)
    assert post(command, {"login": "eva", **more}, token=mine) == (200, {})
    assert not alive(post, evas)
    assert post("system_information", token=evas)[0] == 401
    assert alive(post, mine)


@pytest.mark.effect("end_login_sessions")
def test_the_sessions_of_a_login_are_ended_but_not_the_caller_s(
    throwaway: SimpleNamespace, post: Post
) -> None:
    post("create_login", {"login": "eva", "password": SECRET, "role": "operator"})
    evas, elsewhere, mine = throwaway.token("eva"), throwaway.token(), throwaway.token()
    for login in ("eva", "admin"):
        assert post("end_login_sessions", {"login": login}, token=mine) == (200, {})
    assert [alive(post, it) for it in (evas, elsewhere, mine)] == [False, False, True]
    assert last_entries(post, 1) == [
        "admin (administrator) at 127.0.0.1: end_login_sessions of 'admin'"
    ]


def test_a_role_taken_by_another_process_ends_the_sessions_too(
    throwaway: SimpleNamespace, post: Post
) -> None:
    accounts = throwaway.context.accounts
    for deleted in (False, True):
        accounts.set_password("eva", "right", Role.ADMINISTRATOR)
        token = throwaway.token("eva")
        assert alive(post, token)
        if deleted:
            accounts.delete("eva")
        else:
            accounts.modify("eva", role=Role.OPERATOR)
        assert not alive(post, token)


def test_two_administrators_who_delete_each_other_at_once_leave_one(
    throwaway: SimpleNamespace, post: Post
) -> None:
    accounts = throwaway.context.accounts
    for _ in range(5):
        for name in ("admin", "eva"):
            accounts.set_password(name, "right", Role.ADMINISTRATOR)
        tokens = {name: throwaway.token(name) for name in ("admin", "eva")}
        start = threading.Barrier(2)
        found: dict[str, int] = {}

        def delete(own: str, other: str) -> None:
            token = tokens[own]  # noqa: B023 - joined before the loop goes on
            start.wait()  # noqa: B023 - as above
            found[own] = post("delete_login", {"login": other}, token=token)[0]  # noqa: B023 - so

        threads = [
            threading.Thread(target=delete, args=pair)
            for pair in (("admin", "eva"), ("eva", "admin"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # The second one is refused as the last, or finds its own session ended.
        assert sorted(found.values()) in ([200, 400], [200, 401])
        left = [account.login for account in accounts.logins() if account.login != "operator"]
        assert len(left) == 1


def test_the_audit_log_is_for_administrators_alone(post: Post) -> None:
    post("create_login", {"login": "desk", "password": SECRET, "role": "operator"})
    column = {"type": "object_field", "object": "audit_logs", "field": "details"}
    for command, body in (
        ("load_objects", {"object": "audit_logs"}),
        ("load_objects", {"object": "audit_logs", "fields": ["COUNT(*)"]}),
        ("load_objects", {"object": "audit_logs", "where": {"audit_logs": {"id": 1}}}),
        ("load_objects", {"object": "users", "where": {"audit_logs": {"details": "%desk%"}}}),
        ("load_objects", {"object": "users", "order": [{"object": "audit_logs", "field": "id"}]}),
        ("load_objects", {"object": "users", "group": [{"object": "audit_logs", "field": "id"}]}),
        ("report_generate", {"object": "audit_logs", "columns": [column]}),
        ("report_generate", {"object": "users", "columns": [column]}),
        ("export_object", {"object": "audit_logs"}),
        ("export_objects", {"objects": [{"object": "users"}, {"object": "audit_logs"}]}),
        ("export_audit_logs", {}),
        ("destroy_objects", {"object": "audit_logs"}),
        ("modify_objects", {"object": "audit_logs", "values": {"details": ""}}),
        ("modify_objects", {"object": "users", "values": {}, "where": {"audit_logs": {"id": 1}}}),
    ):
        status, answer = post(command, body, login="operator")
        assert (status, answer["error"]) == (403, "Invalid access level"), (command, body)
    assert post("load_objects", {"object": "audit_logs", "limit": 1})[0] == 200
