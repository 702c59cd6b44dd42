"""Other devices: which of them run an action, until when, and what is sent to whom."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DeviceUnavailable, InvalidRequest
from gateway.host.certificate import file_fingerprint, make_self_signed
from gateway.settings import ServerSettings
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.uplink.peer_actions import LATE_S, devices_for, left_s, peer_of
from gateway.uplink.peer_client import Peer, PeerClient, clock_ahead_s, peer_address
from tests.wild_server import Talk, WildServer, hang

AMPLE_S = 30.0
SHORT_S = 0.5
NOW = datetime(2026, 11, 27, tzinfo=UTC)
GRANT = CommittedEntry(1, EntryKind.ACCESS, {}, NOW, 1_000_000_000, "boot")
ROW = {
    "id": 5,
    "name": "B",
    "ip": "192.0.2.5",
    "login": "gate-a",
    "password": "secret",
    "fingerprint": "",
}
OPEN = {"action": "door", "parameters": "door=1"}
Serve = Callable[..., WildServer]


@given(st.integers(0, 1 << 50))
def test_an_action_may_run_elsewhere_until_its_grant_is_too_old(now_ns: int) -> None:
    left = left_s(GRANT, "boot", now_ns)
    passed_s = (now_ns - GRANT.monotonic_ns) / 1e9
    assert left == (max(0.0, LATE_S - passed_s) if passed_s >= 0 else 0.0)
    assert left_s(GRANT, "another boot", now_ns) == 0


@given(
    run_at=st.integers(-1, 4),
    devices=st.sets(st.integers(1, 5)),
    own=st.integers(1, 5),
    server=st.integers(0, 5),
)
def test_an_action_for_all_spares_this_device_and_the_server_and_one_for_the_server_all_others(
    run_at: int, devices: set[int], own: int, server: int
) -> None:
    found = devices_for(run_at, devices, own, server)
    assert found <= devices - {own}
    assert (server in found) is (run_at == 2 and server in devices and server != own)
    assert found - {server} == (devices - {own, server} if run_at == 1 else set())


@given(st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 5), st.floats(0, 1))
def test_a_clock_that_agrees_is_never_said_to_differ(
    sent: int, fraction: float, took: float, part: float
) -> None:
    sent_s = sent + fraction
    made = datetime.fromtimestamp(int(sent_s + took * part), UTC)
    date = f"{made:%a, %d %b %Y %H:%M:%S} GMT"
    assert clock_ahead_s(date, sent_s, sent_s + took) == 0


@pytest.mark.parametrize(("date", "ahead"), [(160, 60), (40, -59), (100, 0)])
def test_a_clock_that_differs_is_measured(date: int, ahead: int) -> None:
    text = f"{datetime.fromtimestamp(date, UTC):%a, %d %b %Y %H:%M:%S} GMT"
    assert clock_ahead_s(text, 100.0, 100.0) == ahead
    assert clock_ahead_s("yesterday", 100.0, 100.0) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("192.0.2.5", "https://192.0.2.5:443"),
        ("192.0.2.5:8443", "https://192.0.2.5:8443"),
        ("http://192.0.2.5", "http://192.0.2.5:80"),
        ("2001:db8::5", "https://[2001:db8::5]:443"),
    ],
)
def test_a_peer_is_reached_with_tls_unless_its_address_says_otherwise(
    text: str, shown: str
) -> None:
    assert peer_address("ip", text).shown == shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ip": "http://192.0.2.5"}, "plain_secrets"),
        ({"login": ""}, "no login"),
        ({"ip": ""}, "no address"),
        ({"ip": "ftp://192.0.2.5"}, "http:// and https://"),
        ({"fingerprint": "0" * 63}, "64 hexadecimal digits"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(change: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        peer_of({**ROW, **change}, ServerSettings())


def test_a_fingerprint_may_be_written_as_browsers_show_it() -> None:
    row = {**ROW, "fingerprint": ":".join(["ab"] * 32)}
    assert peer_of(row, ServerSettings()).fingerprint == "AB" * 32


def test_a_password_goes_without_tls_only_where_the_site_file_says_so() -> None:
    plain = ServerSettings(plain_secrets=True)
    assert peer_of({**ROW, "ip": "http://192.0.2.5"}, plain).address.shown == "http://192.0.2.5:80"
    assert "secret" not in repr(peer_of(ROW, plain))


def replies(*answers: tuple[int, object]) -> Talk:
    """Answers each request with the next status and JSON."""
    left = iter(answers)

    def talk(connection: socket.socket) -> None:
        status, body = next(left)
        content = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)

    return talk


def peer_at(server: WildServer) -> Peer:
    return Peer("B", peer_address("ip", f"http://127.0.0.1:{server.port}"), "gate-a", "secret")


def opened(server: WildServer, peer: Peer | None = None, timeout_s: float = AMPLE_S) -> None:
    with PeerClient(peer or peer_at(server)).session(timeout_s) as session:
        session.execute([OPEN])


def test_a_peer_is_logged_in_at_and_told_in_the_vendors_words(serve: Serve) -> None:
    server = serve(replies((200, {"session": "a b"}), (200, {})))
    opened(server)
    login, order = server.requests
    assert login.target == "/login.fcgi"
    assert login.json == {"login": "gate-a", "password": "secret"}
    assert (order.target, order.json) == (
        "/execute_actions.fcgi?session=a%20b",
        {"actions": [OPEN]},
    )


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([(401, {"error": "Invalid login\x1b"})], "login: it answered 401: Invalid login $"),
        ([(200, {})], "without a session"),
        ([(200, [])], "without JSON"),
        ([(200, {"session": "s"}), (403, {"error": "no"})], "execute_actions: it answered 403: no"),
        (
            [
                (200, {"session": "s"}),
                (200, {"actions": [{"action": "door", "status": "denied"}]}),
            ],
            "interlock",
        ),
    ],
)
def test_what_went_wrong_at_a_peer_is_said(
    serve: Serve, answers: list[tuple[int, object]], words: str
) -> None:
    server = serve(replies(*answers))
    with pytest.raises(DeviceUnavailable, match=words):
        opened(server)


def test_a_peer_that_does_not_take_the_login_in_time_gets_no_order(serve: Serve) -> None:
    server = serve()
    server.talk = hang(server.ended)
    with pytest.raises(DeviceUnavailable, match="in time"):
        opened(server, timeout_s=SHORT_S)
    assert [request.target for request in server.requests] == ["/login.fcgi"]


@pytest.mark.parametrize("right", [True, False])
def test_nothing_is_said_to_a_peer_with_another_certificate(
    serve: Serve, tmp_path: Path, right: bool
) -> None:
    path = tmp_path / "https.pem"
    make_self_signed(path, NOW)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    server = serve(replies((200, {"session": "s"}), (200, {})), tls=tls)
    pinned = file_fingerprint(path) if right else "0" * 64
    peer = replace(
        peer_at(server),
        address=peer_address("ip", f"127.0.0.1:{server.port}"),
        fingerprint=pinned,
    )
    if right:
        opened(server, peer)
        assert len(server.requests) == 2
    else:
        with pytest.raises(DeviceUnavailable, match="not the pinned one"):
            opened(server, peer)
        assert not server.requests


def test_the_doors_of_a_peer_are_read(serve: Serve) -> None:
    doors = {"doors": [{"id": 1, "open": True}], "sec_boxes": [{"id": 65793, "open": False}]}
    server = serve(replies((200, {"session": "s"}), (200, doors)))
    with PeerClient(peer_at(server)).session(AMPLE_S) as session:
        assert session.doors() == {"door 1": True, "sec_box 65793": False}
