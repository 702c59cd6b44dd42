"""HTTP as cheroot speaks it, with its rough edges taken off.

Errors that cheroot itself raises carry the device's JSON shape and headers. A body that was not
read to its end is never taken for the next request: the connection closes, after the client had
a chance to read the answer. The head and the first piece of an answer leave in one write, since
small clients read once.
"""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from cheroot import server as cheroot_server
from cheroot import wsgi

from gateway.api.bodies import Body, ChunkedBody, SizedBody
from gateway.api.replies import COMMON_HEADERS, JSON_TYPE, error_body

BODY_TIME_S = 60.0
"""A body has to be complete after this time."""
DISCARD_BYTES = 64 * 1024 * 1024
DISCARD_TIME_S = 8.0
"""How much of a refused body is read and dropped, so that a client which sends all before it reads
still sees the answer instead of a reset connection."""
UNREAD_BYTES = 65_536
"""An unread rest of at most this size is dropped and the connection kept."""

_DIGITS = re.compile(rb"\d{1,18}", re.ASCII)
_SLASHES = re.compile(rb"^([A-Z]+ )//+")

log = structlog.get_logger("api.wire")


class _OneSlash:
    """Clients glue `http://host/` and `/login.fcgi` together; the vendor's server takes both."""

    def __init__(self, source: cheroot_server.SizeCheckWrapper) -> None:
        self._source = source

    def readline(self) -> bytes:
        line: bytes = self._source.readline()
        return _SLASHES.sub(rb"\1/", line, count=1)


class WireRequest(cheroot_server.HTTPRequest):
    """One request on a connection."""

    _head = b""
    """The head of the answer, until its first piece goes out with it."""

    def read_request_line(self) -> bool:
        """As cheroot does, which takes the second of two leading slashes for a host's name."""
        source = self.rfile
        self.rfile = _OneSlash(source)
        try:
            read: Callable[[], bool] = super().read_request_line
            return read()
        finally:
            self.rfile = source

    def respond(self) -> None:
        """Let the application answer, then bring the connection into a known state."""
        body = self._body()
        if body is None:
            self.close_connection = True
            self.simple_response("400 Bad Request", "Malformed Content-Length Header.")
            return
        self.rfile = body
        self.server.gateway(self).respond()
        self.ensure_headers_sent()
        self._flush(b"0\r\n\r\n" if self.chunked_write else b"")
        if not body.finished and not body.broken:
            _linger(self.conn.socket)

    def _body(self) -> Body | None:
        """The body that the headers announce; None when they cannot be trusted."""
        deadline = time.monotonic() + BODY_TIME_S

        def late() -> bool:
            return time.monotonic() > deadline

        announced = self.inheaders.get(b"Content-Length", b"0").strip()
        encoded = b"Transfer-Encoding" in self.inheaders
        if encoded and b"Content-Length" in self.inheaders:
            # Whoever stands between us and the client may have read the other one.
            self.close_connection = True
        if self.chunked_read:
            return ChunkedBody(self.conn.rfile, late)
        if encoded or not _DIGITS.fullmatch(announced):
            return None
        return SizedBody(self.conn.rfile, late, int(announced))

    def send_headers(self) -> None:
        """As cheroot does, but kept back for the first piece of the body."""
        if not self._settled():
            self.close_connection = True
        connection, held = self.conn.wfile, io.BytesIO()
        # cheroot would now read an unread body to its end, however long.
        body, self.rfile = self.rfile, None
        self.conn.wfile = held
        try:
            super().send_headers()
        finally:
            self.conn.wfile = connection
            self.rfile = body
        self._head = held.getvalue()

    def _settled(self) -> bool:
        """Whether the next request may follow: the body was read, or what was left is little."""
        body: Body = self.rfile
        if not body.finished and not body.broken:
            with suppress(OSError):
                body.discard(UNREAD_BYTES)
        return body.finished

    def write(self, chunk: bytes) -> None:
        """Send a piece of the body."""
        self._flush(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self.chunked_write else chunk)

    def _flush(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if head or data:
            self.conn.wfile.write(head + data)

    def simple_response(self, status: str | int, msg: str = "") -> None:
        """Refuse a request that never reaches the application, in the device's error shape."""
        status = str(status)
        if status[:3] in {"413", "414"}:
            self.close_connection = True
        body = error_body(msg or status[4:])
        lines = [
            f"{self.server.protocol} {status}",
            f"Content-Length: {len(body)}",
            f"Content-Type: {JSON_TYPE}",
            *(f"{name}: {value}" for name, value in COMMON_HEADERS),
            "Connection: close",
        ]
        # Whoever sends nonsense may be gone already.
        with suppress(OSError):
            self.conn.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def _linger(connection: socket.socket) -> None:
    """Say that the answer is complete, then drop what still comes, within bounds."""
    deadline = time.monotonic() + DISCARD_TIME_S
    left = DISCARD_BYTES
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while left > 0 and time.monotonic() < deadline:
            piece = connection.recv(65_536)
            if not piece:
                return
            left -= len(piece)


class WireConnection(cheroot_server.HTTPConnection):
    """A connection whose requests are ours."""

    RequestHandlerClass = WireRequest

    def close(self) -> None:
        """As cheroot does, and let go of what a client that went away was still to be sent."""
        super().close()
        with suppress(OSError):
            self.wfile.close()


class WireServer(wsgi.Server):
    """cheroot's server with our requests and our log."""

    ConnectionClass = WireConnection
    max_request_header_size = 65_536

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """As cheroot does, which leaves the socket open when the address cannot be had."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        # cheroot leaves this out for a port that the system chose, so that none is taken from
        # others. Set once the port is ours, it lets a server that was killed come back to it
        # while connections of the dead one linger.
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return socket_

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:  # noqa: FBT001, FBT002 - cheroot's own signature
        """Write to the process's log instead of standard error."""
        log.log(level, "http server", text=msg, exc_info=traceback)
