"""Where a request ends, what its head says, and what is refused, over a socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.server import Listener, Server
from gateway.api.serving.admission import counted_as
from gateway.api.serving.body import BodyError
from gateway.api.serving.pace import Pace

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answers what it was told, as JSON."""
    try:
        body = environ["wsgi.input"].read().decode("latin-1")
    except BodyError:
        start_response("400 Bad Request", [("Content-Length", "0")])
        return [b""]
    shown = {name: value for name, value in environ.items() if isinstance(value, str)}
    answer = json.dumps({**shown, "body": body}).encode() + b"\n"
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(application, Listener("127.0.0.1", 0)) as started:
        yield started


def talk(server: Server, *sent: bytes) -> bytes:
    """The answer to `sent`, which leaves in as many pieces."""
    with socket.create_connection(server.address, timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in sent:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def told(answer: bytes) -> list[dict[str, str]]:
    """What the application was told by each request that reached it."""
    return [json.loads(line) for line in answer.splitlines() if line.startswith(b"{")]


def chunk(data: bytes) -> bytes:
    return b"%x;name=value\r\n%b\r\n" % (len(data), data)


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZED = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


@given(
    bodies=st.lists(st.tuples(st.binary(max_size=300), st.booleans()), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 800), max_size=6),
)
def test_requests_are_the_same_wherever_the_network_cuts_them(
    server: Server, bodies: list[tuple[bytes, bool]], cuts: list[int]
) -> None:
    wire = b"".join(
        CHUNKED + (chunk(body) if body else b"") + b"0\r\nTrailer: x\r\n\r\n"
        if chunked
        else SIZED % len(body) + body
        for body, chunked in bodies
    )
    places = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    pieces = [wire[a:b] for a, b in pairwise(places)]
    reached = [one["body"].encode("latin-1") for one in told(talk(server, *pieces))]
    assert reached == [body for body, _ in bodies]


@pytest.mark.parametrize(
    "wire",
    [
        b"5\r\nabc",
        b"-5\r\nabcde\r\n0\r\n\r\n",
        b"+5\r\nabcde\r\n0\r\n\r\n",
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"\r\n",
        b"zz\r\n",
        b"3\r\nabcde\r\n0\r\n\r\n",
        b"3\r\nabcXX0\r\n\r\n",
        b"3" + b" " * 70_000 + b"\r\nabc\r\n0\r\n\r\n",
        b"1" * 30 + b"\r\n",
        b"0\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        b"0\r\n",
        b"",
    ],
)
def test_malformed_chunks_are_refused_and_nothing_behind_them_is_a_request(
    server: Server, wire: bytes
) -> None:
    answer = talk(server, CHUNKED + wire, b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer[9:12] in {b"400", b"431"}
    assert not any("PATH_INFO" in one for one in told(answer))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"400"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"400"),
        (b"Content-Length: 5\r\nContent-Length: 6", b"400"),
        (b"Content-Length: 5, 6", b"400"),
        (b"Transfer-Encoding: chunked, chunked", b"501"),
        (b"Transfer-Encoding: gzip, chunked", b"501"),
        (b"Transfer-Encoding: \x0bchunked", b"400"),
        (b"Content-Length : 5", b"400"),
        (b" Content-Length: 5", b"400"),
        (b"Host: b", b"400"),
        (b"X: a\x00b", b"400"),
        (b"X: a\rb", b"400"),
        (b"X: a\nContent-Length: 5", b"400"),
    ],
)
def test_a_head_that_two_programs_may_read_in_two_ways_is_refused(
    server: Server, headers: bytes, status: bytes
) -> None:
    answer = talk(server, b"POST / HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n\r\nhello")
    assert answer[9:12] == status
    assert set(told(answer)[0]) == {"error", "code"}


def test_small_clients_may_leave_out_the_host_and_send_text_as_it_is(server: Server) -> None:
    name = "José".encode()
    [one] = told(talk(server, b"GET /" + name + b"?q=" + name + b" HTTP/1.1\r\n\r\n"))
    assert one["PATH_INFO"].encode("latin-1") == b"/" + name
    assert one["QUERY_STRING"] == "q=Jos%C3%A9"
    assert one["HTTP_HOST"] == ""


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%20b?c=%20", "/a b", "c=%20"),
        (b"//login.fcgi?x", "/login.fcgi", "x"),
        (b"http://door//a?b", "/a", "b"),
        (b"*", "*", ""),
        (b"/a?b?c", "/a", "b?c"),
    ],
)
def test_an_address_is_path_and_query(server: Server, target: bytes, path: str, query: str) -> None:
    [one] = told(talk(server, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert (one["PATH_INFO"], one["QUERY_STRING"]) == (path, query)


def test_a_header_that_comes_twice_is_one_list(server: Server) -> None:
    headers = b"Cookie: a=1\r\nX-A: 1\r\nCookie: b=2\r\nx-a: 2\r\nX_A: forged\r\n"
    [one] = told(talk(server, b"GET / HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n"))
    assert (one["HTTP_COOKIE"], one["HTTP_X_A"]) == ("a=1; b=2", "1, 2")


def test_line_ends_between_requests_are_ignored(server: Server) -> None:
    one = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert len(told(talk(server, b"\r\n\r\n" + one + b"\r\n" + one))) == 2


def test_silence_uses_up_a_credit_that_bytes_restore_and_that_has_a_limit() -> None:
    pace = Pace(grace_s=10, slowest=100)
    assert not pace.late(9, 0)
    assert not pace.late(9, 1_000)  # 100 bytes are a second
    assert not pace.late(0, 1_000_000)
    assert pace.late(11, 0)


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_network_of_ipv6_counts_as_one_address(host: str, counted: str) -> None:
    assert counted_as(host) == counted
