"""Requests to servers that hang, drip, reset, redirect, flood, lie about names: all end in time."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.host.certificate import make_self_signed
from gateway.objects.server_address import server_address
from gateway.uplink.http_client import HttpAnswer, HttpClient

if TYPE_CHECKING:
    from tests.unit.uplink.conftest import WildServer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SHORT_S = 0.5
AMPLE_S = 30.0
Serve = Callable[..., "WildServer"]


@pytest.fixture
def client() -> Iterator[HttpClient]:
    made = HttpClient()
    yield made
    made.close()


def post(client: HttpClient, server: WildServer, timeout_s: float = AMPLE_S) -> HttpAnswer:
    address = server_address("host", "127.0.0.1", str(server.port), "api?secret=x")
    return client.post(address, "door", {"name": "São"}, timeout_s)


def test_a_request_has_a_length_the_path_before_the_query_and_json(
    client: HttpClient, serve: Serve
) -> None:
    server = serve()
    assert post(client, server) == HttpAnswer(200)
    (request,) = server.requests
    assert request.line == "POST /api/door?secret=x HTTP/1.1\r\n"
    assert request.headers["Host"] == f"127.0.0.1:{server.port}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Content-Length"] == str(len(request.body))
    assert request.body == '{"name":"São"}'.encode()


def test_one_connection_serves_many_requests_and_is_replaced_when_the_server_ends_it(
    client: HttpClient, serve: Serve
) -> None:
    server = serve()
    assert [post(client, server).status for _ in range(3)] == [200] * 3
    assert server.connections == 1
    server.talk = lambda it: it.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert [post(client, server).status for _ in range(2)] == [200] * 2
    assert server.connections == 2


def _drip(text: bytes, ended: threading.Event) -> Callable[[socket.socket], None]:
    """A byte at a time, each well within any time-out of one read, and never an end."""

    def talk(connection: socket.socket) -> None:
        while not ended.is_set():
            for byte in text:
                connection.sendall(bytes([byte]))
                ended.wait(SHORT_S / 20)

    return talk


def _hang(ended: threading.Event) -> Callable[[socket.socket], None]:
    def talk(_: socket.socket) -> None:
        ended.wait()

    return talk


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _end(connection)


def _end(_: socket.socket) -> None:
    raise ConnectionAbortedError  # ends the connection


def _speak_ssh(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH\r\n")
    _end(connection)


def _flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
    for _ in range(1_600):
        connection.sendall(bytes(65_536))


@pytest.mark.parametrize(
    "text",
    [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200", b""],
    ids=["in a header", "in the first line", "nothing at all"],
)
def test_a_server_that_drips_or_hangs_has_until_the_deadline_and_no_longer(
    client: HttpClient, serve: Serve, text: bytes
) -> None:
    server = serve()
    server.talk = _drip(text, server.ended) if text else _hang(server.ended)
    assert post(client, server, SHORT_S) == HttpAnswer(0, "no answer in time")


def test_the_status_counts_whatever_becomes_of_the_body(client: HttpClient, serve: Serve) -> None:
    server = serve(_flood)
    assert post(client, server).status == 200
    drip = _drip(b"x", server.ended)

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
        drip(connection)

    server.talk = talk
    assert post(client, server, SHORT_S).status == 200


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 9000\r\n\r\nshort", b"Transfer-Encoding: chunked\r\n\r\nno chunk\r\n"],
    ids=["cut off", "malformed"],
)
def test_a_broken_body_does_not_make_a_message_that_was_taken_one_that_failed(
    client: HttpClient, serve: Serve, rest: bytes
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + rest)
        _end(connection)

    server = serve(talk)
    assert post(client, server) == HttpAnswer(200)
    server.talk = lambda it: it.sendall(OK)
    assert post(client, server) == HttpAnswer(200)


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (_reset, "reset"),
        (_end, "disconnected"),
        (_speak_ssh, "no HTTP"),
        (lambda it: it.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: " + bytes(300_000)), "no HTTP"),
    ],
    ids=["reset", "end", "another protocol", "endless head"],
)
def test_what_is_no_answer_is_a_failure_with_a_cause(
    client: HttpClient, serve: Serve, talk: Callable[[socket.socket], None], why: str
) -> None:
    server = serve(talk)
    answer = post(client, server)
    assert answer.status == 0
    assert why in answer.why.lower() or why in answer.why
    server.talk = lambda it: it.sendall(OK)
    assert post(client, server).status == 200


def test_no_redirect_is_followed(client: HttpClient, serve: Serve) -> None:
    other = serve()
    host = f"http://127.0.0.1:{other.port}"
    where = f"{host}/api/door?secret=x"
    head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n"
    server = serve(lambda it: it.sendall(head.encode()))
    assert post(client, server) == HttpAnswer(307, f"it redirects to {host}"), "no secret"
    assert other.requests == []


def test_nobody_at_the_address_is_a_failure_with_a_cause(client: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = client.post(server_address("host", "127.0.0.1", str(port)), "door", {}, AMPLE_S)
    assert answer.status == 0
    assert "refused" in answer.why


def test_a_certificate_that_nobody_trusts_is_refused_and_one_that_is_trusted_accepted(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "certificate.pem"
    make_self_signed(path, datetime.now(UTC))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    server = serve(tls=tls)
    address = server_address("host", "https://localhost", str(server.port))
    wary = HttpClient()
    answer = wary.post(address, "door", {}, AMPLE_S)
    wary.close()
    assert answer.status == 0
    assert "its certificate is not trusted" in answer.why
    assert server.requests == []
    trusting = HttpClient(ssl.create_default_context(cafile=str(path)))
    assert trusting.post(address, "door", {}, AMPLE_S).status == 200
    trusting.close()


def test_a_name_server_that_hangs_has_until_the_deadline_and_is_asked_once(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    server = serve()
    answered = threading.Event()
    asked = []

    def slow(host: str, port: int, *_: object, **__: object) -> list[object]:
        if host != "127.0.0.1":
            asked.append(host)
            answered.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    address = server_address("host", "slow.example", str(server.port))
    late = HttpAnswer(0, "the name server does not answer")
    assert [client.post(address, "door", {}, SHORT_S) for _ in range(2)] == [late, late]
    assert asked == ["slow.example"]
    answered.set()
    assert client.post(address, "door", {}, AMPLE_S).status == 200


def test_the_end_of_the_process_ends_a_running_request(client: HttpClient, serve: Serve) -> None:
    server = serve()
    begun = threading.Event()

    def talk(_: socket.socket) -> None:
        begun.set()
        server.ended.wait()

    server.talk = talk
    answers: list[HttpAnswer] = []
    thread = threading.Thread(target=lambda: answers.append(post(client, server, 600.0)))
    thread.start()
    assert begun.wait(AMPLE_S)
    client.abort()
    thread.join(AMPLE_S)
    assert [answer.status for answer in answers] == [0]
    began_s = time.monotonic()
    assert post(client, server, 600.0).status == 0
    assert time.monotonic() - began_s < AMPLE_S
