"""HTTPS on cheroot's server, with a certificate that may change while it serves.

cheroot's own adapter is not used: it shakes hands in the one thread that accepts connections, so
that a single client which connects and stays silent stops everybody for ten seconds. Here the
thread that serves a connection shakes hands, when it reads for the first time.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from cheroot import errors as cheroot_errors
from cheroot.makefile import StreamReader, StreamWriter
from cheroot.ssl import Adapter

from gateway.api.replies import COMMON_HEADERS, JSON_TYPE, error_body
from gateway.api.wire import WireConnection
from gateway.errors import StorageError
from gateway.host.certificate import server_context

if TYPE_CHECKING:
    from typing_extensions import Buffer

_ENVIRONMENT = {"wsgi.url_scheme": "https", "HTTPS": "on"}
_PLAIN_HTTP = "HTTP_REQUEST"
"""OpenSSL's reason when a client speaks HTTP without TLS."""

log = structlog.get_logger("api.tls")


class TlsSocket(ssl.SSLSocket):
    """A connection whose handshake is due when its first byte is read.

    What a peer does wrong ends the connection like one that went away: it is no fault of ours.
    """

    _shaken = False

    def recv_into(self, buffer: Buffer, nbytes: int | None = None, flags: int = 0) -> int:
        try:
            if not self._shaken:
                self.do_handshake()
                self._shaken = True
            return super().recv_into(buffer, nbytes, flags)
        except ssl.SSLError as error:
            if error.reason == _PLAIN_HTTP:
                raise cheroot_errors.NoSSLError(str(error)) from error
            raise _gone(error) from error

    def send(self, data: Buffer, flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        except ssl.SSLError as error:
            raise _gone(error) from error


def _gone(error: ssl.SSLError) -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, f"TLS: {error.reason or error}")


class _TlsReader(StreamReader):
    """Knows of bytes that were deciphered and not read yet, which no selector sees."""

    def __init__(self, tls: TlsSocket, mode: str, size: int) -> None:
        super().__init__(tls, mode, size)
        self._tls = tls

    def has_data(self) -> bool:
        buffered: Callable[[], bool] = super().has_data
        return buffered() or self._tls.pending() > 0


class TlsAdapter(Adapter):
    """Turns accepted connections into TLS ones.

    The certificate's file is looked at for each: one that was replaced, by whomever, is served
    from then on. One that cannot be used leaves the last good one in force.
    """

    def __init__(self, certificate: Path) -> None:
        """Raises StorageError when the file cannot be used."""
        super().__init__(certificate, certificate)
        self._path = certificate
        self._lock = threading.Lock()
        try:
            self._seen = _identity(certificate)
            self.context = _context(certificate)
        except OSError as error:
            raise StorageError(f"{certificate} cannot be used for HTTPS: {error}") from error

    def bind(self, sock: socket.socket) -> socket.socket:
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """The connection with TLS, not shaken hands on, and what requests on it are told."""
        try:
            wrapped = self._current().wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )
        except OSError as error:
            raise cheroot_errors.FatalSSLAlert(str(error)) from error
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        return dict(_ENVIRONMENT)

    def makefile(
        self, sock: TlsSocket, mode: str = "r", bufsize: int = -1
    ) -> StreamReader | StreamWriter:
        return _TlsReader(sock, mode, bufsize) if "r" in mode else StreamWriter(sock, mode, bufsize)

    def _current(self) -> ssl.SSLContext:
        with self._lock:
            with suppress(OSError):
                found = _identity(self._path)
                if found != self._seen:
                    self._seen = found
                    self._load()
            context: ssl.SSLContext = self.context
            return context

    def _load(self) -> None:
        try:
            self.context = _context(self._path)
        except OSError as error:
            log.warning("the new certificate cannot be used; the last one stays", why=str(error))
        else:
            log.info("serving a new certificate")


def _context(path: Path) -> ssl.SSLContext:
    context = server_context(path)
    context.sslsocket_class = TlsSocket
    return context


def _identity(path: Path) -> tuple[int, int, int]:
    """Changes with the file: a replaced one is another inode."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


class TlsConnection(WireConnection):
    """A connection that tells a client which speaks plain HTTP what to do."""

    def _handle_no_ssl(self, _request: Any) -> None:
        """Called by cheroot. The answer goes out below TLS, which never came about."""
        body = error_body("This port speaks HTTPS only")
        lines = [
            "HTTP/1.1 400 Bad Request",
            f"Content-Length: {len(body)}",
            f"Content-Type: {JSON_TYPE}",
            *(f"{name}: {value}" for name, value in COMMON_HEADERS),
            "WireConnection: close",
        ]
        with suppress(OSError), socket.socket(fileno=os.dup(self.socket.fileno())) as below:
            below.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
