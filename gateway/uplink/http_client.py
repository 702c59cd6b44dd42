"""One HTTP request to one server, which may be of any quality: it ends by its deadline.

httpcore speaks HTTP and keeps the connection. Its time-outs are for each read, so that a server
which sends a byte a second would hold it for ever; the stream here gives each read what is left of
the whole. The name server's answer, connecting and TLS are inside the deadline too.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpcore

from gateway.host.certificate import fingerprint_of
from gateway.objects.server_address import ServerAddress, server_address

LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer's body that are read; then the connection is closed."""
_SLICE = 16 * 1024
"""Bytes of one write: a server that reads slowly is noticed after each."""
_IDLE_S = 30.0
"""How long an unused connection is kept."""

_NO_NAME = "the name server does not answer"
_LOOK_S = 0.25
"""How often a request that waits for a name looks whether it was aborted."""

_DROP_UNSENT = struct.pack("ii", 1, 0)
"""Closing resets the connection at once (socket(7), SO_LINGER)."""

_SocketOption = Any
"""As httpcore types it, which does not export the name."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came of a request."""

    status: int
    """0 for no answer."""
    why: str = ""
    """What is wrong with it, or why there is none."""
    body: bytes | None = field(default=None, repr=False, compare=False)
    """None if it did not arrive whole."""
    date: str = field(default="", compare=False)
    """The header of that name."""

    @property
    def accepted(self) -> bool:
        """Whether the status is one from 200 to 299."""
        return 200 <= self.status < 300

    @property
    def fault(self) -> str:
        """What is wrong with it, in words that stand for themselves."""
        if not self.status or self.accepted:
            return self.why
        return f"answered {self.status}" + (f": {self.why}" if self.why else "")


class Deadline:
    """The instant by which the running request must have ended. One thread sets it."""

    def __init__(self) -> None:
        self._ends_s = 0.0
        self._aborted = False
        self.stream: httpcore.NetworkStream | None = None
        """The connection in use."""
        self.unanswered = False
        """Whether the running request, or the last one, has got no answer."""

    def set(self, timeout_s: float) -> None:
        self._ends_s = time.monotonic() + timeout_s
        self.unanswered = True

    def abort(self) -> None:
        """Let this request and all later ones fail at once. Any thread may call it."""
        self._aborted = True
        self.interrupt()

    def interrupt(self) -> None:
        """Let this request fail at once. Any thread may call it."""
        self._ends_s = 0.0
        if self.stream is not None:
            with suppress(OSError, AttributeError):
                self.stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def left_s(self, error: type[httpcore.TimeoutException]) -> float:
        """The seconds that are left. Raises `error` when there are none."""
        left_s = self._ends_s - time.monotonic()
        if left_s <= 0 or self._aborted:
            raise error("no answer in time")
        return left_s


class _Stream(httpcore.NetworkStream):
    """A connection whose every step gets what is left of the deadline."""

    def __init__(
        self, stream: httpcore.NetworkStream, deadline: Deadline, fingerprint: str
    ) -> None:
        self._stream = stream
        self._deadline = deadline
        self._fingerprint = fingerprint
        deadline.stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - httpcore's
        return self._stream.read(max_bytes, self._deadline.left_s(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - httpcore's
        for at in range(0, len(buffer), _SLICE):
            left_s = self._deadline.left_s(httpcore.WriteTimeout)
            self._stream.write(buffer[at : at + _SLICE], left_s)

    def close(self) -> None:
        if self._deadline.unanswered:
            # The system would go on sending what is left of the request for minutes: an order to
            # open a door must not arrive when it was given up.
            with suppress(OSError, AttributeError):
                own = self._stream.get_extra_info("socket")
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT)
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - httpcore's
    ) -> httpcore.NetworkStream:
        left_s = self._deadline.left_s(httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left_s)
        if self._fingerprint:
            shown = stream.get_extra_info("ssl_object").getpeercert(True)  # DER
            found = fingerprint_of(shown or b"")
            if found != self._fingerprint:
                stream.close()
                raise httpcore.ConnectError(f"its certificate is not the pinned one: {found}")
        return _Stream(stream, self._deadline, self._fingerprint)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _NoName(httpcore.ConnectTimeout):
    """The name server does not answer."""


class _Lookup(threading.Thread):
    """Asks the name server, which cannot be interrupted."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(name="name look-up", daemon=True)
        self.asked = (host, port)
        self.addresses: list[str] = []
        self.error: OSError | None = None
        self.start()

    def run(self) -> None:
        try:
            found = socket.getaddrinfo(*self.asked, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self.error = OSError(f"its name is not known: {error}")
        else:
            self.addresses = list(dict.fromkeys(str(each[4][0]) for each in found))


class _Network(httpcore.NetworkBackend):
    """Connects within the deadline, to each of the host's addresses in turn."""

    def __init__(self, deadline: Deadline, fingerprint: str) -> None:
        self._deadline = deadline
        self._fingerprint = fingerprint
        self._plain = httpcore.SyncBackend()
        self._lookup: _Lookup | None = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._addresses(host, port)
        last: Exception | None = None
        for number, address in enumerate(addresses):
            left_s = self._deadline.left_s(httpcore.ConnectTimeout) / (len(addresses) - number)
            try:
                stream = self._plain.connect_tcp(
                    address, port, left_s, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
                continue
            return _Stream(stream, self._deadline, self._fingerprint)
        raise last or httpcore.ConnectError("its name has no address")

    def _addresses(self, host: str, port: int) -> list[str]:
        """At most one look-up runs: one that hangs is waited for again, not repeated."""
        lookup = self._lookup
        if lookup is None or (lookup.asked != (host, port) and not lookup.is_alive()):
            lookup = self._lookup = _Lookup(host, port)
        while lookup.is_alive():
            lookup.join(min(_LOOK_S, self._deadline.left_s(_NoName)))
        self._lookup = None
        if lookup.asked != (host, port):
            return self._addresses(host, port)
        if lookup.error is not None:
            raise httpcore.ConnectError(str(lookup.error))
        return lookup.addresses


class HttpClient:
    """Sends requests, one at a time, on one kept connection. No redirect is followed."""

    def __init__(self, ca_file: Path | None = None, fingerprint: str = "") -> None:
        """`ca_file` has certificates of authorities to trust besides the machine's.

        With a `fingerprint`, of `fingerprint_of`, the server's certificate must be that one,
        whoever signed it.
        """
        self._deadline = Deadline()
        self._network = _Network(self._deadline, fingerprint)
        self._ca_file = ca_file
        self._fingerprint = fingerprint
        self._pool: httpcore.ConnectionPool | None = None
        self._server: tuple[str, str, int] | None = None
        """The server that the connection leads to."""

    def post(
        self,
        address: ServerAddress,
        topic: str,
        body: Mapping[str, Any],
        timeout_s: float,
        query: str = "",
    ) -> HttpAnswer:
        """POST `body` as JSON, see `request`. `query` follows that of the address."""
        content, target = json_content(body), address.target(topic, query)
        return self.request(address, target, timeout_s, content=content, kind="application/json")

    def request(
        self,
        address: ServerAddress,
        target: str,
        timeout_s: float,
        *,
        method: str = "POST",
        content: bytes = b"",
        kind: str = "",
        largest: int = LARGEST_ANSWER,
    ) -> HttpAnswer:
        """The answer to a request for `target` at `address`, `timeout_s` later at the latest.

        `kind` is the media type of `content`. `largest` bytes of the answer's body are read.
        """
        self._deadline.set(timeout_s)
        url = httpcore.URL(
            scheme=address.scheme, host=address.host, port=address.port, target=target
        )
        headers = [("Host", _host(address)), ("Accept", "*/*")]
        headers += [("Content-Type", kind)] if kind else []
        try:
            pool = self._opened(address)
            with pool.stream(method, url, headers=headers, content=content) as response:
                self._deadline.unanswered = False
                status, where = response.status, _header(response.headers, b"location")
                date = _header(response.headers, b"date")
                body, why = self._read(response, largest)
        except (
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            OSError,
        ) as error:
            self.close()
            return HttpAnswer(0, _words(error))
        if 300 <= status < 400:
            why = f"it redirects to {_place(where)}"
        return HttpAnswer(status, why, body, date)

    def abort(self) -> None:
        """End the running request, and refuse others. Any thread may call it."""
        self._deadline.abort()

    def interrupt(self) -> None:
        """End the running request, if there is one. Any thread may call it."""
        self._deadline.interrupt()

    def close(self) -> None:
        """Close the connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _opened(self, address: ServerAddress) -> httpcore.ConnectionPool:
        """Raises OSError if the file of authorities cannot be used."""
        server = address.scheme, address.host, address.port
        if server != self._server:
            self.close()
        if self._pool is None:
            self._pool = httpcore.ConnectionPool(
                ssl_context=self._context() if address.tls else None,
                max_connections=1,
                keepalive_expiry=_IDLE_S,
                network_backend=self._network,
            )
            self._server = server
        return self._pool

    def _context(self) -> ssl.SSLContext:
        return unverified_context() if self._fingerprint else tls_context(self._ca_file)

    @staticmethod
    def _read(response: httpcore.Response, largest: int) -> tuple[bytes | None, str]:
        """The body, None if it is not whole, and why: the status stands all the same."""
        read = bytearray()
        try:
            for part in response.iter_stream():
                read += part
                if len(read) > largest:
                    return None, f"its answer has more than {largest} bytes"
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            return None, f"its answer breaks off: {_words(error)}"
        return bytes(read), ""


def json_content(body: Mapping[str, Any]) -> bytes:
    """`body` as compact JSON in UTF-8."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts the machine's authorities and those in `ca_file`. Raises OSError that names the file
    if it cannot be used."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            what = error.strerror or "it has no certificates"
            raise OSError(f"[servers] ca_file {ca_file} cannot be used: {what}") from error
    return context


def unverified_context() -> ssl.SSLContext:
    """A TLS context that accepts every certificate: the caller compares it with a pinned one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _host(address: ServerAddress) -> str:
    """The header `Host`."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    standard = address.port == (443 if address.tls else 80)
    return host if standard else f"{host}:{address.port}"


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    found = (value for key, value in headers if key.lower() == name)
    return next(found, b"").decode("latin-1")


def _place(location: str) -> str:
    """The server in `location`; the rest may repeat what is secret in the request's address."""
    try:
        parts = urlsplit(location)
        return server_address("", f"{parts.scheme}://{parts.netloc}").shown
    except ValueError:
        return "another path"


def _words(error: Exception) -> str:
    """The cause in one line."""
    if isinstance(error, httpcore.TimeoutException):
        return _NO_NAME if isinstance(error, _NoName) else "no answer in time"
    if isinstance(error, httpcore.ProtocolError):
        return f"no HTTP: {error}"
    text = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"its certificate is not trusted: {text.rpartition('failed: ')[2]}"
    return text
