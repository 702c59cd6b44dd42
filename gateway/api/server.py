"""The HTTP server of the api process."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gateway.api.tls import TlsAdapter, TlsConnection
from gateway.api.wire import WireServer
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 12
"""Requests served at a time. A command waits up to 2 s for the controller, a slow client up to 10 s
for its next byte; exports stream from a thread each."""
BACKLOG = 128
KEPT_ALIVE = 64
"""Connections kept open between requests."""

_SYSTEM_WORDS = re.compile(r"\[Errno -?\d+\] ([^)]+)")


class Server:
    """Serves one WSGI application on one address, with a fixed number of threads."""

    def __init__(
        self,
        application: WSGIApplication,
        host: str,
        port: int,
        *,
        threads: int = THREADS,
        certificate: Path | None = None,
    ) -> None:
        """`certificate` is the PEM file to serve HTTPS with; plain HTTP without one.

        Raises StorageError when it cannot be used.
        """
        self._asked = (host, port)
        self._scheme = "https" if certificate else "http"
        self._http = WireServer(
            (host, port),
            application,
            numthreads=threads,
            max=threads,
            request_queue_size=BACKLOG,
        )
        self._http.keep_alive_conn_limit = KEPT_ALIVE
        if certificate:
            self._http.ssl_adapter = TlsAdapter(certificate)
            self._http.ConnectionClass = TlsConnection
        self._thread = threading.Thread(target=self._http.serve, name=self._scheme)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen and serve, until `stop`. Once this returns, clients are answered.

        Raises GatewayError when the address cannot be had.
        """
        try:
            self._http.prepare()
        except OSError as error:
            host, port = self._asked
            # cheroot wraps the system's words into its own.
            reason = _SYSTEM_WORDS.search(str(error))
            raise GatewayError(
                f"cannot listen on {_shown(host)}:{port}: "
                f"{reason[1].lower() if reason else error}; "
                f"choose another address with --{self._scheme} HOST:PORT"
            ) from error
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests that run (up to 5 s), then close every connection."""
        self._http.stop()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether connections are still taken."""
        return self._thread.is_alive()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are really listened on."""
        host, port = self._http.bind_addr
        return str(host), int(port)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the server."""
        host, port = self.address
        if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            host = "127.0.0.1"
        return f"{self._scheme}://{_shown(host)}:{port}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
