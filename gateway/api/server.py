"""The HTTP server of the api process."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import structlog

from gateway.api.serving.admission import ConnectionCaps
from gateway.api.serving.connection import RECEIVED_AT_ONCE, HttpConnection
from gateway.api.serving.limits import Limits
from gateway.api.serving.tls import Certificate
from gateway.api.serving.workers import Workers
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BACKLOG = 128
STUCK_S = 20.0
"""A loop that has not turned for so long counts as dead."""
TOLD_EVERY_S = 60.0
"""The log tells of the same trouble once in this time."""
GIVEN_UP = 8
"""Connections that are given up when descriptors end."""

log = structlog.get_logger("api.http")


@dataclass(frozen=True, slots=True)
class Listener:
    """An address to listen on, with TLS where there is a certificate."""

    host: str
    port: int
    certificate: Path | None = None
    """The PEM file to serve HTTPS with."""

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "https" if self.certificate else "http"


class Server:
    """Serves one WSGI application on some addresses.

    One thread reads heads and bodies and writes answers, for all connections; worker threads get
    requests that have arrived.
    """

    def __init__(
        self, application: WSGIApplication, *listeners: Listener, limits: Limits | None = None
    ) -> None:
        """Raises StorageError when a certificate cannot be used."""
        self.application = application
        self.limits = limits or Limits()
        self.receiving = memoryview(bytearray(RECEIVED_AT_ONCE))
        self.stopping = False
        self.admission: ConnectionCaps[HttpConnection] = ConnectionCaps(
            self.limits.within_descriptors(), self.limits.connections_each
        )
        self._listeners = [
            (it, Certificate(it.certificate) if it.certificate else None) for it in listeners
        ]
        self._sockets: list[socket.socket] = []
        self._ready = threading.Event()
        self._turned_at = 0.0
        self._told_at: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="http")

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

        Raises GatewayError when an address cannot be had.
        """
        with ExitStack() as opened:
            for listener, _ in self._listeners:
                self._sockets.append(opened.enter_context(_listen(listener)))
            opened.pop_all()
        self._turned_at = time.monotonic()
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Finish the requests that run, see `Limits.stop_s`, then close every connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the loop turns."""
        return self._thread.is_alive() and time.monotonic() - self._turned_at < STUCK_S

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that the first listener really listens on."""
        return self._addresses()[0]

    @property
    def url(self) -> str:
        """The first of `urls`."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """Where a browser on this machine finds the server."""
        return [
            f"{listener.scheme}://{_shown(_reachable(host))}:{port}"
            for (listener, _), (host, port) in zip(self._listeners, self._addresses(), strict=True)
        ]

    @property
    def listening(self) -> list[Listener]:
        """The listeners, with the hosts and ports that they really listen on."""
        return [
            replace(listener, host=host, port=port)
            for (listener, _), (host, port) in zip(self._listeners, self._addresses(), strict=True)
        ]

    def _addresses(self) -> list[tuple[str, int]]:
        return [it.getsockname()[:2] for it in self._sockets]

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._trouble)
        self._stop = asyncio.Event()
        self.workers = Workers(self.limits)
        servers = [
            await self._loop.create_server(
                partial(HttpConnection, self, certificate),
                sock=opened,
                backlog=BACKLOG,
            )
            for opened, (_, certificate) in zip(self._sockets, self._listeners, strict=True)
        ]
        self._ready.set()
        while not self._stop.is_set():
            await self._sweep()
        self.stopping = True
        for server in servers:
            server.close()
        until = self._loop.time() + self.limits.stop_s
        while any(it.busy for it in self.admission.all()) and self._loop.time() < until:
            for connection in self.admission.all():
                connection.shut_down()
            await asyncio.sleep(0.01)
        for connection in self.admission.all():
            connection.abort()
        await asyncio.to_thread(self.workers.shut_down)

    async def _sweep(self) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), self.limits.sweep_s)
        except TimeoutError:
            now = self._loop.time()
            for connection in self.admission.all():
                try:
                    connection.sweep(now)
                except Exception:  # whatever it was - the others are served on
                    log.exception("a connection was aborted")
                    connection.abort()
        self._turned_at = time.monotonic()

    def _trouble(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What asyncio cannot handle itself. When `accept` finds no descriptor, it rests for a
        second; here some connections that wait make room meanwhile."""
        if self.stopping:
            return
        error, what = context.get("exception"), str(context.get("message"))
        lacking = isinstance(error, OSError)
        if lacking:
            for _ in range(GIVEN_UP):
                if (victim := self.admission.victim()) is not None:
                    victim.abort()
        now = self._loop.time()
        if now - self._told_at.get(what, -TOLD_EVERY_S) >= TOLD_EVERY_S:
            self._told_at[what] = now
            # A trace would need descriptors to read the source.
            log.error("http server", text=what, why=str(error), exc_info=None if lacking else error)


def _listen(listener: Listener) -> socket.socket:
    """A socket that listens; on `::` for IPv4 as well. Raises GatewayError."""
    host, port = listener.host, listener.port
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(
            address,
            family=family,
            backlog=BACKLOG,
            dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        number = error.errno or 0  # below 0 of a name that cannot be resolved
        reason = os.strerror(number) if number > 0 else str(error.strerror or error)
        raise GatewayError(
            f"cannot listen on {_shown(host)}:{port}: {reason.lower()}; "
            f"choose another address with --{listener.scheme} HOST:PORT"
        ) from error


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
