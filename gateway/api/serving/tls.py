"""TLS for one connection, and the certificate that may change while the server runs.

asyncio's own TLS is not used: it takes 300 KB for each connection, before the client has sent a
byte.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

import structlog

from gateway.errors import StorageError
from gateway.host.certificate import server_context

_HANDSHAKE = 0x16
"""First byte of every TLS connection: the record type (RFC 8446, 5.1)."""
_PIECE = 65_536

log = structlog.get_logger("api.tls")


class NotTls(Exception):
    """The client does not speak TLS, and most likely plain HTTP."""


class TlsStream:
    """The server's end of one connection, without its socket: bytes in, bytes out."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._shaken = False
        self.ended = False
        """Whether the client has said that it sends nothing more."""

    def received(self, data: bytes) -> bytes:
        """What `data` from the socket holds for the application, if anything yet.

        The handshake and alerts leave bytes for `to_send`. Raises NotTls, or ssl.SSLError.
        """
        if self._tls is None:
            if data[0] != _HANDSHAKE:
                raise NotTls
            self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(data)
        pieces: list[bytes] = []
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            while piece := self._tls.read(_PIECE):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join(pieces)

    def encrypted(self, data: bytes) -> bytes:
        """The records that carry `data`; raises ssl.SSLError."""
        if self._tls is not None and data:
            self._tls.write(data)
        return self.to_send()

    def closing(self) -> bytes:
        """The record that says that nothing more is sent."""
        if self._tls is not None and self._shaken:
            with suppress(ssl.SSLError):
                self._tls.unwrap()
        return self.to_send()

    def to_send(self) -> bytes:
        """What TLS itself wants on the socket now."""
        return self._outgoing.read() if self._outgoing.pending else b""


class Certificate:
    """The PEM file that a server shows, looked at for each connection.

    One that was replaced, by anybody, is served from then on. One that cannot be used leaves the
    last good one in force.
    """

    def __init__(self, path: Path) -> None:
        """Raises StorageError when the file cannot be used."""
        self._path = path
        try:
            self._seen = _identity(path)
            self._context = server_context(path)
        except OSError as error:
            raise StorageError(f"{path} cannot be used for HTTPS: {error}") from error

    def context(self) -> ssl.SSLContext:
        """With the file as it is now."""
        with suppress(OSError):
            found = _identity(self._path)
            if found != self._seen:
                self._seen = found
                self._load()
        return self._context

    def _load(self) -> None:
        try:
            self._context = server_context(self._path)
        except OSError as error:
            log.warning("the new certificate cannot be used; the last one stays", why=str(error))
        else:
            log.info("serving a new certificate")


def _identity(path: Path) -> tuple[int, int, int]:
    """Changes with the file: a replaced one is another inode."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
