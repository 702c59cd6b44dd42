"""HTTP at the socket: bodies that are too long, old clients, connections that go on."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import structlog.testing

from gateway.api.reading import BODY_LIMIT
from gateway.api.server import Listener, Server
from gateway.api.serving.connection import HttpConnection
from gateway.commands.answers import Rows
from gateway.errors import GatewayError, SettingsError
from gateway.settings.addresses import parse_address

NewToken = Callable[..., str]
FIFTY_MB = 50 * 1024 * 1024


def pieces(total: int) -> Iterator[bytes]:
    piece = b"x" * 65_536
    for _ in range(total // len(piece)):
        yield piece


def talk(device: SimpleNamespace, *sent: bytes) -> bytes:
    """Everything the server says to `sent` until it closes the connection."""
    with socket.create_connection(device.address, timeout=30) as connection:
        for part in sent:
            connection.sendall(part)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
        return answer


def post(path: str, body: bytes, *headers: str, version: str = "1.1") -> bytes:
    lines = (f"POST {path} HTTP/{version}", "Host: 127.0.0.1", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("command", ["create_objects", "login", "unknown"])
def test_fifty_megabytes_are_refused_and_the_server_goes_on(
    device: SimpleNamespace, new_token: NewToken, chunked: bool, command: str
) -> None:
    data: Any = pieces(FIFTY_MB) if chunked else b"x" * FIFTY_MB
    url = f"{device.url}/{command}.fcgi"
    reply = requests.post(url, params={"session": new_token()}, data=data, timeout=60)
    # An unknown command is known to be so before its chunks are counted.
    expected = 404 if chunked and command == "unknown" else 413
    assert reply.status_code == expected
    assert reply.json()["code"] == 1
    assert "session" not in reply.json()["error"]
    assert reply.headers["Connection"] == "close"
    assert requests.post(f"{device.url}/session_is_valid.fcgi", timeout=30).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_fifty_megabytes_without_a_session_do_no_harm(
    device: SimpleNamespace, chunked: bool
) -> None:
    data: Any = pieces(FIFTY_MB) if chunked else b"x" * FIFTY_MB
    reply = requests.post(f"{device.url}/create_objects.fcgi", data=data, timeout=60)
    assert reply.status_code == (401 if chunked else 413)


def test_a_body_at_the_limit_is_read(device: SimpleNamespace, new_token: NewToken) -> None:
    body = b'{"object":"groups","values":[]}'
    for data, status in (
        (body.ljust(BODY_LIMIT), 200),
        (iter([body.ljust(BODY_LIMIT)]), 200),
        (body.ljust(BODY_LIMIT + 1), 413),
        (iter([body.ljust(BODY_LIMIT + 1)]), 413),
    ):
        reply = requests.post(
            f"{device.url}/create_objects.fcgi",
            params={"session": new_token()},
            data=data,
            timeout=60,
        )
        assert reply.status_code == status


def test_the_rest_of_a_refused_body_is_no_request(
    device: SimpleNamespace, new_token: NewToken
) -> None:
    token = new_token()
    hidden = post(
        f"/execute_actions.fcgi?session={token}",
        b'{"actions":[{"action":"door","parameters":"door=1"}]}',
        "Content-Length: 54",
    )
    filler = b"x" * (BODY_LIMIT + 70_000)
    for sent in (
        post(
            "/unknown.fcgi",
            b"%x\r\n%b" % (len(filler) + len(hidden), filler) + hidden,
            "Transfer-Encoding: chunked",
        ),
        post(
            f"/create_objects.fcgi?session={token}",
            b"%x\r\n%b\r\n" % (len(filler), filler) + hidden,
            "Transfer-Encoding: chunked",
        ),
        post("/unknown.fcgi", filler + hidden, f"Content-Length: {len(filler + hidden)}"),
        post(
            "/unknown.fcgi",
            b"0\r\n\r\n" + hidden,
            "Content-Length: 999999999",
            "Transfer-Encoding: chunked",
        ),
    ):
        assert talk(device, sent, b"").count(b"HTTP/1.1 ") == 1
    assert device.straw.commands == []


def test_a_connection_goes_on_after_a_refusal_that_read_no_body(
    device: SimpleNamespace,
) -> None:
    answer = talk(
        device,
        post("/load_objects.fcgi", b"x" * 5_000, "Content-Length: 5000"),
        post("/load_objects.fcgi", b"3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        post("/session_is_valid.fcgi", b"", "Content-Length: 0", "Connection: close"),
    )
    assert answer.count(b"HTTP/1.1 401") == 2
    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.endswith(b'{"session_is_valid":false}')


@pytest.mark.parametrize("length", ["-5", "+5", "5_0", "abc", "1" * 30])
def test_a_length_that_is_no_number_is_refused_in_the_devices_shape(
    device: SimpleNamespace, length: str
) -> None:
    answer = talk(device, post("/session_is_valid.fcgi", b"hello", f"Content-Length: {length}"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == b"400"
    assert b"Access-Control-Allow-Origin: *" in head
    assert "Content-Length" in json.loads(body)["error"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (post("/login.fcgi", b"", "Transfer-Encoding: gzip"), b"501"),
        (post("/login.fcgi", b"0\r\n\r\n", "Transfer-Encoding: chunked", version="1.0"), b"400"),
    ],
)
def test_what_is_no_http_is_refused_in_the_devices_shape(
    device: SimpleNamespace, sent: bytes, status: bytes
) -> None:
    with socket.create_connection(device.address, timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert set(json.loads(body)) == {"error", "code"}


def test_an_old_client_gets_a_length_and_no_chunks(device: SimpleNamespace) -> None:
    answer = talk(device, post("/session_is_valid.fcgi", b"", version="1.0"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: 26" in head
    assert b"chunked" not in head
    assert body == b'{"session_is_valid":false}'


def test_a_client_may_wait_for_100_continue(device: SimpleNamespace, new_token: NewToken) -> None:
    body = b'{"object":"groups"}'
    request = post(
        f"/load_objects.fcgi?session={new_token()}",
        b"",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
        "Connection: close",
    )
    with socket.create_connection(device.address, timeout=30) as connection:
        connection.sendall(request)
        stream = connection.makefile("rb")
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert stream.readline() == b"\r\n"
        connection.sendall(body)
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"


def test_a_small_answer_leaves_in_one_write(
    device: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[bytes] = []
    write = HttpConnection._send_raw

    def noting(self: HttpConnection, data: bytes) -> None:
        writes.append(data)
        write(self, data)

    monkeypatch.setattr(HttpConnection, "_send_raw", noting)
    requests.post(f"{device.url}/session_is_valid.fcgi", timeout=30)
    assert len(writes) == 1
    assert writes[0].endswith(b'{"session_is_valid":false}')


def rows(count: int, error: Exception | None = None) -> Iterator[dict[str, object]]:
    for number in range(count):
        yield {"id": number, "name": "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}" * 20}
    if error:
        raise error


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterator[dict[str, object]]], None]:
    def use(given: Iterator[dict[str, object]]) -> None:
        monkeypatch.setattr(
            "gateway.api.controlid.dispatch.execute", lambda *_: Rows("users", given)
        )

    return use


@pytest.mark.parametrize("count", [0, 1, 3, 20_000])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_rows_arrive_whole_and_small_answers_have_a_length(
    device: SimpleNamespace, answers: Callable[..., None], count: int, version: str
) -> None:
    answers(rows(count))
    answer = talk(device, post("/load_objects.fcgi", b"", "Connection: close", version=version))
    head, _, body = answer.partition(b"\r\n\r\n")
    big = count > 3
    assert (b"Content-Length" in head) == (not big)
    assert (b"Transfer-Encoding: chunked" in head) == (big and version == "1.1")
    if big and version == "1.1":
        body = unchunk(body)
    assert json.loads(body) == {"users": list(rows(count))}


def unchunk(data: bytes) -> bytes:
    whole = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if not int(size, 16):
            return whole
        whole += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]


def test_an_answer_that_breaks_off_cannot_be_taken_for_a_whole_one(
    device: SimpleNamespace, answers: Callable[..., None]
) -> None:
    answers(rows(20_000, RuntimeError("the card was pulled")))
    with structlog.testing.capture_logs() as logged, pytest.raises(requests.RequestException):
        requests.post(f"{device.url}/load_objects.fcgi", timeout=30)
    assert any(entry["event"] == "the answer was aborted" for entry in logged)
    assert requests.get(f"{device.url}/nowhere", timeout=30).status_code == 404


def test_rows_are_read_only_as_fast_as_the_client_takes_them(
    device: SimpleNamespace, answers: Callable[..., None]
) -> None:
    taken = [0]

    def endless() -> Iterator[dict[str, object]]:
        while True:
            taken[0] += 1
            yield {"id": taken[0], "name": "x" * 1_000}

    answers(endless())
    with socket.create_connection(device.address, timeout=30) as connection:
        connection.sendall(post("/load_objects.fcgi", b""))
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200")
        # What is on the way fits into the socket's buffers.
        assert taken[0] < 50_000
    assert requests.get(f"{device.url}/nowhere", timeout=30).status_code == 404


def test_a_busy_port_is_refused_with_the_way_out(device: SimpleNamespace) -> None:
    other = Server(lambda _environ, _start: [], Listener(*device.address))
    with pytest.raises(GatewayError, match=r"already in use; choose another .* --http HOST:PORT"):
        other.start()
    other.stop()


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(GatewayError, match=r"cannot listen on 192\.0\.2\.1:0"):
        Server(lambda _environ, _start: [], Listener("192.0.2.1", 0)).start()


def test_a_server_stops_and_frees_its_port() -> None:
    server = Server(lambda _environ, _start: [], Listener("127.0.0.1", 0))
    server.start()
    address = server.address
    assert server.url == f"http://127.0.0.1:{address[1]}"
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=30)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:80", ("::1", 80)), ("pi:0", ("pi", 0))],
)
def test_addresses_are_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["8080", ":8080", "host:", "host:x", "host:70000", "host:\u0661"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="HOST:PORT"):
        parse_address(text)
