"""Connections that send nothing, drip or do not read: others are served all the same."""

from __future__ import annotations

import resource
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog.testing
from werkzeug.wsgi import ClosingIterator

from gateway.api.server import Listener, Server
from gateway.api.serving.admission import Waiting
from gateway.api.serving.connection import HttpConnection
from gateway.api.serving.limits import Limits
from gateway.clock import SystemClock
from gateway.host.certificate import make_self_signed
from tests.waiting import eventually

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Address = tuple[str, int]
PATIENCE_S = 30.0
QUICK = Limits(head_s=0.3, idle_s=0.3, grace_s=0.3, linger_s=0.3, large_wait_s=0.3, sweep_s=0.02)
"""For what is over when a time has passed."""
HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
REQUEST = HEAD + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello"
LARGE = Limits().whole_bytes * 2


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Answers the body, at `/endless` without end, at `/ticks` something now and then."""
    if environ["PATH_INFO"] == "/echo":
        yield from whole(environ["wsgi.input"].read(), start_response)
        return
    start_response("200 OK", [])
    yield b"tick"
    while True:
        yield b"x" * 65_536 if environ["PATH_INFO"] == "/endless" else b""


def whole(body: bytes, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@contextmanager
def serving(limits: Limits | None = None, run: Any = application) -> Iterator[Server]:
    with Server(run, Listener("127.0.0.1", 0), limits=limits) as server:
        yield server


def connected(address: Address, sent: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
    connection = socket.create_connection(address, PATIENCE_S, (source, 0))
    connection.sendall(sent)
    return connection


def everything(connection: socket.socket, drip: bytes = b"") -> bytes:
    """What comes until the server closes, or resets the connection; `drip` is sent meanwhile."""
    answer = b""
    if drip:
        connection.settimeout(0.01)
    with suppress(ConnectionError):
        while True:
            try:
                piece = connection.recv(65_536)
            except TimeoutError:
                if not drip:
                    raise
                connection.sendall(drip)
                continue
            if not piece:
                break
            answer += piece
    return answer


def echoed(address: Address, source: str = "127.0.0.1") -> bool:
    with connected(address, REQUEST, source) as connection:
        return everything(connection).endswith(b"hello")


SILENT = b""
HALF_A_HEAD = HEAD[:-5]
NO_BODY = HEAD + b"Content-Length: 5\r\n\r\n"
LARGE_BODY_BEGUN = HEAD + b"Content-Length: %d\r\n\r\n" % LARGE + b"x" * 1_000


@pytest.mark.parametrize("sent", [SILENT, HALF_A_HEAD, NO_BODY, LARGE_BODY_BEGUN])
def test_three_hundred_connections_that_wait_keep_nobody_waiting(sent: bytes) -> None:
    with serving() as server, ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connected(server.address, sent))
        assert echoed(server.address)
        # Those that make room for others are the oldest: no address has more than its share.
        assert len(server.admission) <= server.limits.connections_each


def test_another_address_is_served_while_one_takes_all_that_it_can() -> None:
    limits = Limits(connections=8, connections_each=6, workers=3, workers_each=2)
    entered, release = threading.Semaphore(0), threading.Event()

    def slow(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        if environ["REMOTE_ADDR"] == "127.0.0.1":
            entered.release()
            release.wait(PATIENCE_S)
        return whole(b"hello", start_response)

    with serving(limits, slow) as server, ExitStack() as stack:
        stack.callback(release.set)
        for _ in range(6):
            stack.enter_context(connected(server.address, REQUEST))
        for _ in range(limits.workers_each):
            assert entered.acquire(timeout=PATIENCE_S)
        assert echoed(server.address, "127.0.0.2")
        # All of its connections are at work: one more of the first address is refused.
        with connected(server.address) as further:
            assert everything(further).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize(
    ("sent", "drip", "status"),
    [
        (HALF_A_HEAD, b"a", b"408"),
        (NO_BODY, b"", b"408"),
        (LARGE_BODY_BEGUN, b"", b"408"),
        (SILENT, b"", b""),
    ],
    ids=["dripping head", "no body", "half a large body", "silent"],
)
def test_who_is_too_slow_is_told_so_and_cut_off(sent: bytes, drip: bytes, status: bytes) -> None:
    with serving(QUICK) as server, connected(server.address, sent) as connection:
        assert everything(connection, drip)[9:12] == status


def test_a_slow_line_may_take_longer_than_the_grace_for_its_body() -> None:
    body = b"x" * (LARGE * 2)
    limits = Limits(grace_s=0.2, slowest=1_000, sweep_s=0.02)
    pause = threading.Event()
    with (
        serving(limits) as server,
        connected(server.address, HEAD + b"Content-Length: %d\r\n\r\n" % len(body)) as connection,
    ):
        for at in range(0, len(body), 16_384):
            connection.sendall(body[at : at + 16_384])
            pause.wait(0.05)
        connection.shutdown(socket.SHUT_WR)
        assert everything(connection).count(b"x") == len(body)


def test_a_worker_that_reads_a_body_is_released_when_the_body_stops() -> None:
    failed: list[str] = []

    def reading(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            failed.append(str(error))
        return whole(b"done", start_response)

    sent = HEAD + b"Content-Length: %d\r\n\r\n" % (LARGE * 2) + b"x" * LARGE
    with serving(QUICK, reading) as server, connected(server.address, sent) as connection:
        assert everything(connection).endswith(b"done")
    assert failed == ["it came too slowly"]


def test_who_does_not_read_a_long_answer_holds_no_worker_and_is_cut_off() -> None:
    with serving(Limits(workers=1, workers_each=1)) as server, ExitStack() as stack:
        for _ in range(4):
            reader = stack.enter_context(
                connected(server.address, b"GET /endless HTTP/1.1\r\n\r\n")
            )
            assert reader.recv(100).startswith(b"HTTP/1.1 200 ")
        assert echoed(server.address)
    with serving(QUICK) as server, ExitStack() as stack:
        stack.enter_context(connected(server.address, b"GET /endless HTTP/1.1\r\n\r\n"))
        eventually(lambda: len(server.admission) == 1)
        eventually(lambda: len(server.admission) == 0)


def test_an_answer_that_waits_for_events_holds_no_worker() -> None:
    with serving(Limits(workers=1, workers_each=1)) as server, ExitStack() as stack:
        for _ in range(4):
            reader = stack.enter_context(connected(server.address, b"GET /ticks HTTP/1.1\r\n\r\n"))
            while b"tick" not in reader.recv(1_000):
                pass
        assert echoed(server.address)


def test_an_application_learns_that_the_client_has_gone() -> None:
    began, noticed = threading.Event(), threading.Event()

    def waiting(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        began.set()
        pause = threading.Event()
        while not environ["gateway.abandoned"]():
            pause.wait(0.01)
        noticed.set()
        return whole(b"", start_response)

    with serving(run=waiting) as server:
        with connected(server.address, REQUEST):
            assert began.wait(PATIENCE_S)
        assert noticed.wait(PATIENCE_S)


def test_large_requests_take_turns_and_wait_only_so_long() -> None:
    release, entered = threading.Event(), threading.Semaphore(0)

    def slow(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        if int(environ["CONTENT_LENGTH"]) >= LARGE:
            entered.release()
            release.wait(PATIENCE_S)
        return whole(environ["wsgi.input"].read(), start_response)

    sent = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE
    limits = Limits(large_at_once=1, large_wait_s=0.3, sweep_s=0.02)
    with serving(limits, slow) as server, ExitStack() as stack:
        stack.callback(release.set)
        first = stack.enter_context(connected(server.address, sent))
        assert entered.acquire(timeout=PATIENCE_S)
        with connected(server.address, sent) as second:
            answer = everything(second)
            assert answer.startswith(b"HTTP/1.1 429 ")
            assert b"\r\nRetry-After: " in answer
        assert echoed(server.address)
        release.set()
        assert everything(first).count(b"x") == LARGE
        with connected(server.address, sent) as third:  # the place is free again
            assert everything(third).count(b"x") == LARGE


@pytest.mark.parametrize(
    ("path", "sent"),
    [(b"/echo", LARGE - 1), (b"/endless", LARGE)],
    ids=["a dripping body", "an answer that is not read"],
)
def test_a_slow_client_keeps_a_large_place_only_while_nobody_wants_it(
    path: bytes, sent: int
) -> None:
    limits = Limits(
        large_at_once=1,
        large_hold_s=0.1,
        large_wait_s=PATIENCE_S,
        grace_s=10 * PATIENCE_S,
        sweep_s=0.02,
    )
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with serving(limits) as server, ExitStack() as stack:
        slow = stack.enter_context(connected(server.address, head % (path, LARGE) + b"x" * sent))
        eventually(lambda: not server.workers._large_free, "the slow one has the place")
        for _ in range(2):
            other = head % (b"/echo", LARGE) + b"y" * LARGE
            with connected(server.address, other) as quick:
                assert everything(quick).count(b"y") == LARGE
        everything(slow)


def test_handshakes_that_never_end_keep_nobody_waiting(tmp_path: Path) -> None:
    path = tmp_path / "https.pem"
    make_self_signed(path, SystemClock().utc())
    context = ssl.create_default_context(cafile=path)
    half = b"\x16\x03\x01\x02\x00\x01"
    with (
        Server(application, Listener("127.0.0.1", 0, path), limits=QUICK) as server,
        ExitStack() as stack,
    ):
        begun = [stack.enter_context(connected(server.address, half)) for _ in range(100)]
        plain = stack.enter_context(connected(server.address))
        connection = stack.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1"))
        connection.sendall(REQUEST)
        assert everything(connection).endswith(b"hello")
        for each in begun:
            everything(each)


CHILD = """
import resource, sys, threading
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from gateway.api.server import Listener, Server
from gateway.api.serving.limits import Limits

def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [environ["wsgi.input"].read()]

# More connections than there are descriptors, so that `accept` itself fails.
limits = Limits(connections_each=1_000)
Limits.within_descriptors = lambda self: 1_000
with Server(application, Listener("127.0.0.1", 0), limits=limits) as server:
    print(server.address[1], flush=True)
    sys.stdin.read()
"""


def test_a_process_without_descriptors_gives_up_who_waits_and_says_so_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        assert child.stdout is not None
        address = ("127.0.0.1", int(child.stdout.readline()))
        with ExitStack() as stack:
            for _ in range(120):
                stack.enter_context(connected(address))
            assert echoed(address)
        said = child.communicate()[0]
        assert child.returncode == 0
    assert said.count(b"out of system resource") == 1
    assert len(said) < 10_000


@pytest.mark.parametrize("path", [b"/ticks", b"/endless"])
def test_a_client_that_breaks_tls_during_its_answer_gives_back_what_it_held(
    path: bytes, tmp_path: Path
) -> None:
    """The place among the large requests, and what the application opened."""
    certificate = tmp_path / "certificate.pem"
    make_self_signed(certificate, SystemClock().utc())
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False
    closed = threading.Event()

    def run(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if environ["PATH_INFO"] == "/echo":
            return application(environ, start_response)
        environ["wsgi.input"].read()
        return ClosingIterator(application(environ, start_response), closed.set)

    with (
        Server(
            run, Listener("127.0.0.1", 0, certificate), limits=Limits(large_at_once=1)
        ) as server,
        ExitStack() as stack,
    ):

        def large(path: bytes) -> ssl.SSLSocket:
            raw = stack.enter_context(connected(server.address))
            tls = stack.enter_context(trusting.wrap_socket(raw))
            head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (path, LARGE)
            tls.sendall(head + b"x" * LARGE)
            return tls

        broken = large(path)
        assert broken.recv(1)
        if path == b"/endless":
            eventually(
                lambda: any(it.waiting[0] is Waiting.READER for it in server.admission.all())
            )
        with socket.socket(fileno=broken.detach()) as raw:
            raw.settimeout(PATIENCE_S)
            raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            everything(raw)
        assert closed.wait(PATIENCE_S)
        assert large(b"/echo").recv(12) == b"HTTP/1.1 200"


def test_an_answer_that_is_no_http_ends_its_connection_and_is_closed() -> None:
    closed = threading.Event()

    def run(_: WSGIEnvironment, start_response: StartResponse) -> ClosingIterator:
        start_response("200 OK", [("X-Name", "\u20ac")])
        return ClosingIterator([b"x" * 65_536, b"x"], closed.set)

    with serving(run=run) as server, connected(server.address, REQUEST) as connection:
        assert everything(connection) == b""
        assert closed.wait(PATIENCE_S)
        eventually(lambda: not len(server.admission))


def test_a_connection_that_cannot_be_looked_after_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(QUICK) as server, connected(server.address) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(HttpConnection, "sweep", _fail)
            assert everything(connection) == b""
        assert echoed(server.address)


def _fail(*_: object) -> None:
    raise OSError(107, "Transport endpoint is not connected")


def test_the_cap_leaves_descriptors_for_the_databases() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 8 <= Limits().within_descriptors() <= max(8, soft // 4)


def test_a_client_that_goes_leaves_no_trace_in_the_log() -> None:
    with structlog.testing.capture_logs() as logged, serving() as server:
        for sent in (SILENT, HALF_A_HEAD, NO_BODY, REQUEST, b"GET /endless HTTP/1.1\r\n\r\n"):
            connected(server.address, sent).close()
        assert echoed(server.address)
    assert logged == []
