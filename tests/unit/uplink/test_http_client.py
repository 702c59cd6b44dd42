"""Requests to servers that hang, drip, reset, redirect, flood, lie about names: all end in time."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.host.certificate import make_self_signed
from gateway.objects.server_address import server_address
from gateway.uplink.http_client import HttpAnswer, HttpClient
from tests.wild_server import OK, WildServer, drip, end, flood, hang, reset, speak_ssh

SHORT_S = 0.5
AMPLE_S = 30.0
Serve = Callable[..., WildServer]


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


def test_a_body_that_arrives_whole_is_handed_on(client: HttpClient, serve: Serve) -> None:
    server = serve(lambda it: it.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    assert post(client, server).body == b"{}"
    assert "{}" not in repr(post(client, server)), "it may be secret"


def test_a_request_may_have_any_method_target_and_kind(client: HttpClient, serve: Serve) -> None:
    server = serve()
    address = server_address("host", "127.0.0.1", str(server.port))
    client.request(address, "/new_card.fcgi?session=", AMPLE_S, content=b"a=1", kind="text/x-y")
    client.request(address, "/push?deviceId=1", AMPLE_S, method="GET")
    first, second = server.requests
    assert (first.line, first.body) == ("POST /new_card.fcgi?session= HTTP/1.1\r\n", b"a=1")
    assert first.headers["Content-Type"] == "text/x-y"
    assert (second.line, second.body) == ("GET /push?deviceId=1 HTTP/1.1\r\n", b"")


def test_another_server_gets_a_connection_of_its_own(client: HttpClient, serve: Serve) -> None:
    first, second = serve(), serve()
    assert [post(client, it).status for it in (first, second, second)] == [200] * 3
    assert (len(first.requests), len(second.requests), second.connections) == (1, 2, 1)


def test_one_connection_serves_many_requests_and_is_replaced_when_the_serverends_it(
    client: HttpClient, serve: Serve
) -> None:
    server = serve()
    assert [post(client, server).status for _ in range(3)] == [200] * 3
    assert server.connections == 1
    server.talk = lambda it: it.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert [post(client, server).status for _ in range(2)] == [200] * 2
    assert server.connections == 2


@pytest.mark.parametrize(
    "text",
    [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200", b""],
    ids=["in a header", "in the first line", "nothing at all"],
)
def test_a_server_thatdrips_orhangs_has_until_the_deadline_and_no_longer(
    client: HttpClient, serve: Serve, text: bytes
) -> None:
    server = serve()
    server.talk = drip(text, server.ended) if text else hang(server.ended)
    assert post(client, server, SHORT_S) == HttpAnswer(0, "no answer in time")


def test_the_status_counts_whatever_becomes_of_the_body(client: HttpClient, serve: Serve) -> None:
    server = serve(flood)
    answer = post(client, server)
    assert (answer.status, answer.body) == (200, None)
    assert "more than 65536 bytes" in answer.why
    slowly = drip(b"x", server.ended)

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
        slowly(connection)

    server.talk = talk
    answer = post(client, server, SHORT_S)
    assert (answer.status, answer.body) == (200, None)
    assert answer.why == "its answer breaks off: no answer in time"


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
        end(connection)

    server = serve(talk)
    answer = post(client, server)
    assert (answer.status, answer.body) == (200, None)
    assert "breaks off" in answer.why
    server.talk = lambda it: it.sendall(OK)
    assert post(client, server) == HttpAnswer(200)


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (reset, "reset"),
        (end, "disconnected"),
        (speak_ssh, "no HTTP"),
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
    trusting = HttpClient(path)
    assert trusting.post(address, "door", {}, AMPLE_S).status == 200
    trusting.close()


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_file_of_authorities_that_cannot_be_used_is_named_and_trusts_nobody(
    serve: Serve, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "authority.pem"
    if text is not None:
        path.write_text(text)
    server = serve()
    client = HttpClient(path)
    answer = client.post(server_address("host", f"https://127.0.0.1:{server.port}"), "x", {}, 9.0)
    assert answer.status == 0
    assert f"[servers] ca_file {path} cannot be used" in answer.why
    assert server.connections == 0
    assert post(client, server).status == 200, "without TLS it does not matter"
    client.close()


def test_a_name_server_thathangs_has_until_the_deadline_and_is_asked_once(
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


def test_the_end_of_the_process_ends_a_running_request_and_refuses_others(
    client: HttpClient, serve: Serve
) -> None:
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
    # A later one, too. One that hung would outlast what a test may take.
    assert post(client, server, 600.0).status == 0


def test_a_request_that_was_given_up_does_not_arrive_later(client: HttpClient) -> None:
    with socket.socket() as listener:
        # So little fits on the way that most of the request waits in this system.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = server_address("host", "127.0.0.1", str(listener.getsockname()[1]))
        answer = client.request(address, "/execute_actions.fcgi", SHORT_S, content=bytes(60_000))
        assert answer.status == 0
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(AMPLE_S)
            arrived, was_reset = 0, False
            try:
                while part := connection.recv(4_096):
                    arrived += len(part)
            except ConnectionResetError:
                was_reset = True
        assert was_reset
        assert arrived < 60_000


def test_the_connection_of_a_request_that_was_answered_ends_in_order(client: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = server_address("host", "127.0.0.1", str(listener.getsockname()[1]))
        asking = threading.Thread(target=client.request, args=(address, "/", AMPLE_S))
        asking.start()
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(AMPLE_S)
            assert connection.recv(4_096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            asking.join()
            client.close()
            assert connection.recv(4_096) == b""
