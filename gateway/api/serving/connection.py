"""One connection: TLS, heads and bodies in, answers out. Everything here runs on the event loop."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from email.utils import formatdate
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import h11
import structlog

from gateway.api.serving.admission import ConnectionCaps, Waiting, counted_as
from gateway.api.serving.body import Body
from gateway.api.serving.exchange import Exchange, Piece, error_piece
from gateway.api.serving.head import HeadError, check, environ_of, tolerated
from gateway.api.serving.limits import Limits
from gateway.api.serving.pace import Pace
from gateway.api.serving.tls import Certificate, NotTls, TlsStream
from gateway.api.serving.workers import Workers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

RECEIVED_AT_ONCE = 65_536
"""Bytes; one buffer serves all connections."""
HALF_CLOSED_S = 1.0
"""A client that sends nothing more may still read, or may have gone: from this time on it counts
as gone where an answer takes long."""
PAUSED_S = 0.25
"""How long an answer rests whose application has nothing to send."""

log = structlog.get_logger("api.http")


class SharedParts(Protocol):
    """What all connections of a server share."""

    application: WSGIApplication
    limits: Limits
    workers: Workers
    admission: ConnectionCaps[HttpConnection]
    receiving: memoryview
    stopping: bool


class ConnectionStage(Enum):
    """Where a connection is."""

    HEAD = auto()
    """Waits for a request; has perhaps some of its head."""
    BODY = auto()
    """Has a head, and waits for the body."""
    QUEUED = auto()
    """Waits for a place among the large requests."""
    WORKING = auto()
    """A worker computes the next piece of the answer."""
    SENDING = auto()
    """The client has to take some of the answer before the next piece is made."""
    PAUSED = auto()
    """The application has nothing to send at the moment."""
    LINGERING = auto()
    """The answer is complete, and the rest of a refused body is dropped."""
    CLOSED = auto()


_WAITS = {
    ConnectionStage.HEAD: Waiting.REQUEST,
    ConnectionStage.LINGERING: Waiting.REQUEST,
    ConnectionStage.BODY: Waiting.BODY,
    ConnectionStage.SENDING: Waiting.READER,
}

_NO_STEP_RUNS = frozenset(
    {
        ConnectionStage.BODY,
        ConnectionStage.QUEUED,
        ConnectionStage.SENDING,
        ConnectionStage.PAUSED,
    }
)
"""Stages with a request on which no worker works."""


class HttpConnection(asyncio.BufferedProtocol):
    """One client's connection."""

    address = ""
    """What it is counted under."""

    def __init__(self, host: SharedParts, certificate: Certificate | None) -> None:
        self._host = host
        self._limits = host.limits
        self._tls = TlsStream(certificate.context()) if certificate else None
        self._scheme = "https" if certificate else "http"
        self._loop = asyncio.get_running_loop()
        self._stage = ConnectionStage.HEAD
        self._since = self._loop.time()
        self._fresh = True
        """No request came yet, so that there is less patience than between two."""
        self._head = bytearray()
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._exchange: Exchange | None = None
        self._large = False
        self._large_since = 0.0
        self._ended_at: float | None = None
        self._gone = False
        self._dropped = 0
        self._swept = self._since
        self._arrived = self._written = self._unsent = 0
        """Bytes since the last sweep, and those that waited then to be sent."""
        self._new_paces()

    def _new_paces(self) -> None:
        self._pace_in = Pace(self._limits.grace_s, self._limits.slowest)
        self._pace_out = Pace(self._limits.grace_s, self._limits.slowest)

    @property
    def waiting(self) -> tuple[Waiting, float]:
        """What the connection waits for, and since when."""
        return _WAITS.get(self._stage, Waiting.US), self._since

    @property
    def busy(self) -> bool:
        """Whether there is a request that was not answered yet."""
        return self._exchange is not None or bool(self._transport.get_write_buffer_size())

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a TCP server makes
        self._transport = transport
        self._peer: tuple[str, int] = (transport.get_extra_info("peername") or ("", 0))[:2]
        transport.set_write_buffer_limits(high=0)  # told as soon as all is on its way
        self._own: tuple[str, int] = (transport.get_extra_info("sockname") or ("", 0))[:2]
        self.address = counted_as(self._peer[0])
        admitted, victim = self._host.admission.admit(self)
        if victim is not None:
            victim.abort()
        if not admitted:
            if self._tls is None:
                self._refuse(503, "Too many connections", ("Retry-After", "1"))
            self.abort()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return self._host.receiving

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._host.receiving[:nbytes])
        self._arrived += nbytes
        if self._stage is ConnectionStage.LINGERING:
            self._dropped += nbytes
            if self._dropped > self._limits.linger_bytes:
                self.abort()
            return
        if self._tls is not None:
            decrypted = self._decrypted(self._tls, data)
            if decrypted is None:
                return
            data = decrypted
        if data:
            self._received(data)
        if self._tls is not None and self._tls.ended:
            self.eof_received()

    def eof_received(self) -> bool:
        """The client sends nothing more; the answer to what it sent is still its own."""
        if self._ended_at is None:
            self._ended_at = self._loop.time()
        if self._stage is ConnectionStage.HEAD:
            if self._head:
                self._refuse(400, "The request ended inside its head")
            else:
                self._close()
        elif self._stage is ConnectionStage.BODY:
            self._refuse(400, "The connection ended inside the body")
        elif self._stage is ConnectionStage.LINGERING:
            self._close()
        elif self._exchange is not None:
            self._exchange.body.fail("the connection ended inside the body")
        return self._stage is not ConnectionStage.CLOSED

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._gone = True
        self._host.admission.leave(self)
        self._leave_exchange()
        self._stage = ConnectionStage.CLOSED

    def pause_writing(self) -> None:
        """Nothing to do: the next piece is made when everything of the last is on its way."""

    def resume_writing(self) -> None:
        if self._stage is ConnectionStage.SENDING:
            self._next_step()

    # Bytes in

    def _decrypted(self, tls: TlsStream, data: bytes) -> bytes | None:
        """None when the connection is over."""
        try:
            plain = tls.received(data)
        except NotTls:
            self._tls = None
            self._refuse(400, "This port speaks HTTPS only")
            return None
        except ssl.SSLError:
            # What a peer does wrong is no fault of ours; the alert tells it.
            self._send_raw(tls.to_send())
            self._close()
            return None
        if waiting := tls.to_send():
            self._send_raw(waiting)
        return plain

    def _received(self, data: bytes) -> None:
        if self._exchange is None or self._exchange.body.complete:
            self._head += data
            if self._stage is ConnectionStage.HEAD:
                self._try_head()
            elif len(self._head) > self._limits.head_bytes:
                self._transport.pause_reading()
            return
        self._http.receive_data(data)
        self._read_body(self._exchange)

    def _try_head(self) -> None:
        # Clients are known to send a line end after a body.
        stripped = len(self._head) - len(self._head.lstrip(b"\r\n"))
        del self._head[:stripped]
        if not self._head:
            return
        if not self._fresh:
            self._fresh, self._since = True, self._loop.time()
        end = self._head.find(b"\r\n\r\n")
        if end > self._limits.head_bytes or (end < 0 and len(self._head) > self._limits.head_bytes):
            long_line = self._head.find(b"\r\n", 0, self._limits.head_bytes) < 0
            self._refuse(414 if long_line else 413, "The head of the request is too long")
            return
        if end < 0:
            return
        head, rest = bytes(self._head[:end]), bytes(self._head[end + 4 :])
        self._head.clear()
        try:
            self._http.receive_data(tolerated(head))
            request = self._http.next_event()
            assert isinstance(request, h11.Request)  # noqa: S101 - the head is complete
            check(request)
            environ = environ_of(request, self._scheme, self._own, self._peer)
        except HeadError as error:
            self._refuse(error.status, str(error))
            return
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, str(error))
            return
        self._begin(request, environ, rest)

    def _begin(self, request: h11.Request, environ: dict[str, Any], rest: bytes) -> None:
        self._request = request
        body = Body(
            self._limits.whole_bytes // 2,
            lambda: self._loop.call_soon_threadsafe(self._resume_reading),
        )
        exchange = Exchange(self._host.application, environ, body, self.address, self._abandoned)
        self._exchange = exchange
        self._stage = ConnectionStage.BODY
        self._since = self._loop.time()
        self._new_paces()
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            self._send(self._http.send(go_on))
        if rest:
            self._http.receive_data(rest)
        self._read_body(exchange)

    def _read_body(self, exchange: Exchange) -> None:
        body = exchange.body
        try:
            while isinstance(event := self._http.next_event(), h11.Data):
                body.feed(bytes(event.data))
        except h11.RemoteProtocolError as error:
            body.fail(str(error))
            if self._stage in {ConnectionStage.BODY, ConnectionStage.QUEUED}:
                self._refuse(error.error_status_hint, f"The body could not be read: {error}")
            return
        if isinstance(event, h11.EndOfMessage):
            body.end()
            self._head += self._http.trailing_data[0]
        if self._stage is ConnectionStage.BODY:
            large = body.waiting >= self._limits.whole_bytes
            if large:
                self._stage = ConnectionStage.QUEUED
                self._since = self._loop.time()
                self._host.workers.enter_large(self._start_large)
            elif body.complete:
                self._next_step()
        if body.waiting >= self._limits.whole_bytes:
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        exchange = self._exchange
        if self._stage is ConnectionStage.CLOSED or exchange is None:
            return
        self._transport.resume_reading()

    # Answers out

    def _start_large(self) -> None:
        self._large, self._large_since = True, self._loop.time()
        self._next_step()

    def _next_step(self) -> None:
        exchange = self._exchange
        if exchange is None or self._stage is ConnectionStage.CLOSED:
            return
        self._stage = ConnectionStage.WORKING
        self._since = self._loop.time()
        self._host.workers.run(self.address, lambda: self._step(exchange))

    def _step(self, exchange: Exchange) -> None:
        """On a worker's thread."""
        piece = exchange.step()
        self._loop.call_soon_threadsafe(self._deliver, exchange, piece)
        if piece.last:
            exchange.close()

    def _deliver(self, exchange: Exchange, piece: Piece) -> None:
        if self._gone:
            if not piece.last:
                self._host.workers.run(self.address, exchange.close)
            self._finished()
            return
        try:
            self._send(self._framed(piece))
        except Exception:  # whatever is wrong with it - nobody else ends the connection
            log.exception("the answer was aborted", path=exchange.path)
            if not piece.last:
                self._host.workers.run(self.address, exchange.close)
            piece = Piece(None, b"", last=True, broken=True)
        if piece.broken:
            self._finished()
            self.abort()
        elif piece.last:
            self._finished()
            self._answered()
        elif piece.pause:
            self._stage = ConnectionStage.PAUSED
            self._loop.call_later(PAUSED_S, self._go_on, exchange)
        elif self._transport.get_write_buffer_size() > 0:
            self._stage = ConnectionStage.SENDING
            self._since = self._loop.time()
        else:
            self._next_step()

    def _go_on(self, exchange: Exchange) -> None:
        if self._stage is ConnectionStage.PAUSED and self._exchange is exchange:
            self._next_step()

    def _framed(self, piece: Piece) -> bytes:
        """The bytes of `piece` as HTTP has them.

        Raises h11.LocalProtocolError, or ValueError for a header that cannot be encoded.
        """
        if piece.broken:
            return b""
        out = b""
        if piece.head is not None:
            status, headers = piece.head
            code, _, reason = status.partition(" ")
            sent = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            sent.append((b"Date", _date(int(self._loop.time()))))
            if self._http.their_state is not h11.DONE or self._host.stopping:
                # The body was not read to its end: no next request could be told from it.
                sent = [pair for pair in sent if pair[0].lower() != b"connection"]
                sent.append((b"Connection", b"close"))
            response = h11.Response(
                status_code=int(code), headers=sent, reason=reason.encode("latin-1")
            )
            out += self._http.send(response) or b""
            self._bodiless = int(code) in {204, 304} or (
                self._request is not None and self._request.method == b"HEAD"
            )
        if piece.data and not self._bodiless:
            out += self._http.send(h11.Data(piece.data)) or b""
        if piece.last:
            out += self._http.send(h11.EndOfMessage()) or b""
        return out

    def _finished(self) -> None:
        """No worker has to do with the request any more."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.body.fail("the answer is complete")
        if self._large:
            self._large = False
            self._host.workers.leave_large()
        else:
            self._host.workers.give_up_large(self._start_large)

    def _answered(self) -> None:
        """Be ready for the next request, or close."""
        if self._stage is ConnectionStage.CLOSED:
            return
        self._since = self._loop.time()
        http = self._http
        if http.our_state is h11.DONE and http.their_state is h11.DONE:
            self._http, self._request = h11.Connection(h11.SERVER), None
            self._stage = ConnectionStage.HEAD
            self._fresh = False
            self._transport.resume_reading()
            self._try_head()
            if self._ended_at is not None and self._stage is ConnectionStage.HEAD:
                self.eof_received()
        elif http.their_state in {h11.SEND_BODY, h11.ERROR, h11.IDLE}:
            self._linger()
        else:
            self._close()

    def _refuse(self, status: int, text: str, *more: tuple[str, str]) -> None:
        """Answer what never reaches the application, and close."""
        if self._stage is ConnectionStage.CLOSED or self._http.our_state not in {
            h11.IDLE,
            h11.SEND_RESPONSE,
        }:
            self.abort()
            return
        if self._exchange is not None:
            self._finished()
        reason = _REASONS.get(status, "Refused")
        self._send(self._framed(error_piece(f"{status} {reason}", text, *more)))
        self._linger()

    def _linger(self) -> None:
        """Say that the answer is complete, then drop what still comes, within bounds."""
        self._stage = ConnectionStage.LINGERING
        self._since = self._loop.time()
        if self._tls is not None:
            self._send_raw(self._tls.closing())
        with suppress(OSError):  # it was reset just now
            self._transport.write_eof()
        if self._ended_at is not None:
            self._close()
        else:
            self._transport.resume_reading()

    def _send(self, data: bytes | None) -> None:
        if not data or self._transport.is_closing():
            return
        if self._tls is not None:
            try:
                data = self._tls.encrypted(data)
            except ssl.SSLError:
                self.abort()
                return
        self._send_raw(data)

    def _send_raw(self, data: bytes) -> None:
        if data and not self._transport.is_closing():
            self._written += len(data)
            self._transport.write(data)

    # The end

    def _leave_exchange(self) -> None:
        """Give up the request, if any; while a step runs, `_deliver` does so after it."""
        exchange = self._exchange
        if exchange is None:
            return
        exchange.body.fail("the client has gone")
        if self._stage in _NO_STEP_RUNS:
            self._host.workers.run(self.address, exchange.close)
            self._finished()

    def _close(self) -> None:
        """Close when what was written has gone out; the sweep goes on until then."""
        if self._tls is not None and self._stage is not ConnectionStage.LINGERING:
            self._send_raw(self._tls.closing())
        self._leave_exchange()
        self._stage = ConnectionStage.LINGERING
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
        self._host.admission.leave(self)

    def _abandoned(self) -> bool:
        """Whether nobody waits for the answer. On a worker's thread."""
        ended = self._ended_at
        return self._gone or (ended is not None and self._loop.time() - ended > HALF_CLOSED_S)

    def shut_down(self) -> None:
        """The server stops: end at once unless there is an answer to finish."""
        if self._stage is ConnectionStage.PAUSED:
            self.abort()
        elif not self.busy:
            self._close()

    def sweep(self, now: float) -> None:
        """Compare with the clock what the client has to do; called every now and then."""
        elapsed, self._swept = now - self._swept, now
        arrived, self._arrived = self._arrived, 0
        unsent = self._transport.get_write_buffer_size()
        moved, self._written = self._unsent + self._written - unsent, 0
        before, self._unsent = self._unsent, unsent
        if before and unsent and self._pace_out.late(elapsed, moved):
            self.abort()
            return
        limits, waited = self._limits, now - self._since
        if self._stage is ConnectionStage.HEAD and not unsent:
            self._sweep_head(waited)
        elif self._stage is ConnectionStage.BODY:
            if self._pace_in.late(elapsed, arrived):
                self._refuse(408, "The body came too slowly")
        elif self._stage is ConnectionStage.QUEUED and waited > limits.large_wait_s:
            if self._host.workers.give_up_large(self._start_large):
                self._refuse(429, "Other large requests are at work", ("Retry-After", "10"))
        elif self._stage is ConnectionStage.LINGERING and waited > limits.linger_s and not unsent:
            self.abort()
        elif self._exchange is not None:
            self._sweep_exchange(self._exchange.body, elapsed, arrived, now)

    def _sweep_exchange(self, body: Body, elapsed: float, arrived: int, now: float) -> None:
        if self._stage is ConnectionStage.SENDING and self._in_the_way(now):
            self.abort()
        elif self._stage is ConnectionStage.WORKING:
            wanted = not body.complete and not body.waiting
            if wanted and (self._pace_in.late(elapsed, arrived) or self._in_the_way(now)):
                body.fail("it came too slowly")

    def _in_the_way(self, now: float) -> bool:
        """Whether the client has had a place among the large requests for long, and others want
        it. To be asked while the request waits for its client."""
        held = self._large and now - self._large_since > self._limits.large_hold_s
        return held and self._host.workers.large_wanted

    def _sweep_head(self, waited: float) -> None:
        if self._head and waited > self._limits.head_s:
            self._refuse(408, "The request came too slowly")
        elif not self._head and waited > (
            self._limits.head_s if self._fresh else self._limits.idle_s
        ):
            self._close()


_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


@lru_cache(maxsize=1)
def _date(_second: int) -> bytes:
    """The `Date` header, made once a second."""
    return formatdate(usegmt=True).encode()
