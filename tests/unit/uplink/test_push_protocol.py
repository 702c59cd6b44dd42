"""What push servers send, in all dialects, and what they are sent."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.server_requests import ServerReply, ServerRequest
from gateway.errors import InvalidRequest
from gateway.objects.server_address import server_address
from gateway.uplink.push_protocol import (
    MOST_TRANSACTIONS,
    PushedBatch,
    PushedCommand,
    batch_result,
    push_settings,
    push_target,
    read_order,
    single_result,
)

VALUES = {"push_request_timeout": "15000", "push_request_period": "60"}
_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
_members = st.sampled_from(["endpoint", "verb", "body", "queryString", "contentType"])
_commands = st.dictionaries(_members | st.just("transactionid"), _values)
_orders = _commands | st.fixed_dictionaries({"transactions": _values | st.lists(_commands)})


def read(**members: object) -> PushedCommand:
    order = read_order(json.dumps(members).encode())
    assert isinstance(order, PushedCommand)
    return order


def request(**members: object) -> ServerRequest:
    found = read(**members)
    assert found.request is not None, found.why
    return found.request


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        b"{}",
        b"null",
        b'{"transactions":[]}',
        b'{"success":true}',
        b'{"transactions":null,"message":"no commands"}',
    ],
)
def test_these_bodies_are_nothing_to_do(body: bytes) -> None:
    assert read_order(body) is None


@pytest.mark.parametrize("body", [b"OK", b"<html>", b"[]", b'"ok"', b"7", b'{"endpoint":', b"\xff"])
def test_a_body_that_is_no_object_is_a_failure_of_the_server(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="Invalid JSON"):
        read_order(body)


@pytest.mark.parametrize(
    "endpoint", ["load_objects", "load_objects.fcgi", "/load_objects.fcgi", " load_objects "]
)
def test_a_name_comes_with_and_without_slash_and_ending(endpoint: str) -> None:
    assert request(endpoint=endpoint) == ServerRequest("POST", "load_objects", "", b"")


def test_queries_of_the_endpoint_and_beside_it_are_one() -> None:
    found = request(
        verb="get", endpoint="user_get_image.fcgi?user_id=1", queryString="?get_timestamp=1"
    )
    assert found == ServerRequest("GET", "user_get_image", "user_id=1&get_timestamp=1", b"")


@pytest.mark.parametrize(
    ("members", "body"),
    [
        ({"body": {"object": "users"}}, b'{"object": "users"}'),
        ({"body": '{"object":"users"}'}, b'{"object":"users"}'),
        ({"body": None}, b""),
        ({"body": "id,name\r\n", "contentType": "text/csv"}, b"id,name\r\n"),
        ({"body": "/9j/\r\n4A==", "contentType": "application/octet-stream"}, b"\xff\xd8\xff\xe0"),
        ({"body": "/9j/4A==", "contentType": "image/jpeg; q=1"}, b"\xff\xd8\xff\xe0"),
        ({"body": "São", "contentType": "application/json"}, "São".encode()),
    ],
)
def test_a_body_is_an_object_a_text_or_a_file(members: dict[str, Any], body: bytes) -> None:
    assert request(endpoint="any", **members).body == body


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"body": {}}, "endpoint: the name of a command is needed"),
        ({"endpoint": " /.fcgi?x=1"}, "endpoint: the name of a command is needed"),
        ({"endpoint": 5}, "endpoint: a text is needed"),
        ({"endpoint": "a", "verb": ["POST"]}, "verb: a text is needed"),
        ({"endpoint": "a", "queryString": {}}, "queryString: a text is needed"),
        (
            {"endpoint": "a", "body": "***", "contentType": "application/octet-stream"},
            "body: base64 is needed for application/octet-stream",
        ),
        ({"transactions": {"endpoint": "a"}}, "transactions: an array is needed"),
    ],
)
def test_a_malformed_command_keeps_the_reason(members: dict[str, Any], why: str) -> None:
    found = read(**members)
    assert (found.request, found.why) == (None, why)


def test_a_batch_keeps_its_order_and_the_names_of_its_transactions() -> None:
    names = ["1", 2, "-3", "one", None, True, [1], "9" * 19]
    body = {"transactions": [{"transactionid": name, "endpoint": "reboot"} for name in names]}
    order = read_order(json.dumps(body).encode())
    assert isinstance(order, PushedBatch)
    assert [it.id for it in order.transactions] == [1, 2, -3, "one", None, None, None, "9" * 19]
    assert all(it.command.request for it in order.transactions)


def test_what_is_too_much_for_a_batch_or_no_command_is_refused_by_itself() -> None:
    body = {"transactions": [{"endpoint": "reboot"}, 7, *[{"endpoint": "a"}] * MOST_TRANSACTIONS]}
    order = read_order(json.dumps(body).encode())
    assert isinstance(order, PushedBatch)
    why = [it.command.why for it in order.transactions]
    assert why[:3] == ["", "an object is needed", ""]
    assert why[MOST_TRANSACTIONS:] == [f"more than {MOST_TRANSACTIONS} transactions"] * 2


@given(_orders)
def test_any_object_is_read_or_refused_with_a_reason(order: dict[str, Any]) -> None:
    found = read_order(json.dumps(order).encode())
    if found is None:
        return
    each = [it.command for it in found.transactions] if isinstance(found, PushedBatch) else [found]
    assert all((it.request is None) != (it.why == "") for it in each)
    replies = [ServerReply(error=it.why) for it in each]
    assert json.dumps(single_result(1, replies[0], as_object=True))
    assert all(it.request is None or it.request.name for it in each)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(InvalidRequest):
        read_order(data)


@given(st.dictionaries(st.text(), _values))
def test_a_body_arrives_as_it_was_sent(body: dict[str, Any]) -> None:
    assert json.loads(request(endpoint="a", body=body).body) == body
    assert json.loads(request(endpoint="a", body=json.dumps(body)).body) == body


@pytest.mark.parametrize(
    ("as_object", "response"), [(False, '{"users":[{"id":1}]}'), (True, {"users": [{"id": 1}]})]
)
def test_an_answer_is_json_text_or_an_object(as_object: bool, response: object) -> None:
    reply = ServerReply(b'{"users":[{"id":1}]}', "application/json; charset=utf-8")
    assert single_result(9, reply, as_object=as_object) == {"deviceId": 9, "response": response}


@pytest.mark.parametrize("as_object", [False, True])
def test_text_stays_text_and_a_file_becomes_base64(as_object: bool) -> None:
    text = ServerReply(b"1;Ana\n", "text/csv; charset=utf-8")
    photo = ServerReply(b"\xff\xd8", "image/jpeg")
    assert single_result(9, text, as_object=as_object)["response"] == "1;Ana\n"
    found = single_result(9, photo, as_object=as_object)["response"]
    assert base64.b64decode(found) == b"\xff\xd8"


def test_a_refusal_has_the_text_and_the_vendors_code() -> None:
    refusal = ServerReply(error="Invalid command")
    assert single_result(9, refusal, as_object=False) == {
        "deviceId": 9,
        "error": "Invalid command",
        "code": 1,
    }
    assert batch_result(
        9, [(1, ServerReply(b"{}", "application/json")), ("x", refusal)], as_object=False
    ) == {
        "deviceId": 9,
        "transactions_results": [
            {"transactionid": 1, "success": True, "response": "{}"},
            {"transactionid": "x", "success": False, "error": "Invalid command", "code": 1},
        ],
    }


@pytest.mark.parametrize(
    ("base", "target"),
    [
        ("https://s.example", "/push?deviceId=5&uuid=u-1"),
        ("https://s.example/api/", "/api/push?deviceId=5&uuid=u-1"),
        ("https://s.example/hook?key=1", "/hook/push?key=1&deviceId=5&uuid=u-1"),
    ],
)
def test_paths_follow_the_address_and_members_its_query(base: str, target: str) -> None:
    assert push_target(server_address("a", base), "push", deviceId=5, uuid="u-1") == target


@given(st.text(max_size=30))
def test_an_endpoint_is_sent_back_as_it_came(endpoint: str) -> None:
    target = push_target(server_address("a", "https://s"), "result", endpoint=endpoint)
    assert target.isascii()
    assert " " not in target
    assert dict(parse_qsl(urlsplit(target).query, keep_blank_values=True)) == {"endpoint": endpoint}


def test_an_address_without_tls_is_refused_unless_it_is_allowed() -> None:
    values = {**VALUES, "push_remote_address": "10.0.0.7:3000/api"}
    with pytest.raises(
        InvalidRequest, match=r"http://10.0.0.7:3000 has no TLS.* plain_push = true"
    ):
        push_settings(values, plain=False)
    settings = push_settings(values, plain=True)
    assert settings is not None
    assert (settings.address.shown, settings.timeout_s) == ("http://10.0.0.7:3000", 15.0)
    assert push_settings({**values, "push_remote_address": " "}, plain=False) is None


@pytest.mark.parametrize(("period", "seconds"), [("60", 60.0), ("0.5", 0.5), ("0", 0.1)])
def test_a_period_is_seconds_with_decimals_and_a_least(period: str, seconds: float) -> None:
    values = {"push_remote_address": "https://s", **VALUES, "push_request_period": period}
    settings = push_settings(values, plain=False)
    assert settings is not None
    assert settings.period_s == seconds
