"""The client's end of the link, for the api process and the CLI.

It trusts the controller with nothing but the answer: what arrives is bounded and checked, and every
call ends within its time.
"""

from __future__ import annotations

import secrets
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from gateway.errors import ControllerUnavailable, error_named
from gateway.link.messages import (
    LARGEST_MESSAGE,
    Answer,
    Command,
    ControllerStatus,
    Fact,
    Obey,
    ReportStatus,
    Request,
)
from gateway.link.runtime import RuntimeDirectory

ANSWER_TIME_S = 2.0
RECONNECT_S = 0.1
SILENCE_S = 2.5
"""More than two heartbeats: a late one is no silence."""
MOST_IDLE = 16
"""Connections kept for the next commands."""


class ControllerClient:
    """Sends commands to the controller. Thread-safe."""

    def __init__(self, runtime: RuntimeDirectory) -> None:
        self._path = runtime.command_socket
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._busy: set[socket.socket] = set()
        self._closed = False

    def close(self) -> None:
        """Close every socket; calls in progress fail."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in self._busy:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for connection in idle:
            connection.close()

    def ask(
        self,
        command: Command,
        timeout_s: float = ANSWER_TIME_S,
        begun_within_s: float | None = None,
    ) -> dict[str, object]:
        """Send `command` and return the body of the controller's answer.

        The controller begins to carry it out within `begun_within_s`, by default `timeout_s`, or
        refuses it.

        Raises ControllerUnavailable without an answer in time, and the error in the answer.
        """
        now_s = time.monotonic()
        deadline = now_s + timeout_s
        expires_s = now_s + min(timeout_s, begun_within_s or timeout_s)
        request = Request(
            id=secrets.token_hex(8), expires_ns=round(expires_s * 1_000_000_000), command=command
        )
        try:
            answer = self._exchange(request, deadline)
        except (OSError, ValidationError) as error:
            raise ControllerUnavailable("the controller does not answer") from error
        if answer.error is not None:
            raise error_named(answer.error_kind, answer.error)
        return answer.body

    def _exchange(self, request: Request, deadline: float) -> Answer:
        """Raises OSError without an answer in time, ValidationError for one that is unreadable."""
        connection = self._sent(request.model_dump_json().encode(), deadline)
        try:
            answer = Answer.model_validate_json(_received(connection, deadline))
            while answer.id not in {request.id, ""}:  # "" is of a request that it could not read
                answer = Answer.model_validate_json(_received(connection, deadline))
        except BaseException:
            # A late answer must not match the next request.
            self._release(connection, keep=False)
            raise
        self._release(connection, keep=True)
        return answer

    def _sent(self, message: bytes, deadline: float) -> socket.socket:
        """A connection on which `message` was sent: one from before if it still works."""
        while True:
            with self._lock:
                if self._closed:
                    raise ConnectionError("this client is closed")
                fresh = not self._idle
                connection = _socket() if fresh else self._idle.pop()
                self._busy.add(connection)
            try:
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
                if fresh:
                    connection.connect(str(self._path))
                connection.send(message)
            except OSError as error:
                self._release(connection, keep=False)
                # The end of an earlier controller: nothing of the message has arrived there.
                if fresh or not isinstance(error, ConnectionError):
                    raise
            else:
                return connection

    def _release(self, connection: socket.socket, *, keep: bool) -> None:
        with self._lock:
            self._busy.discard(connection)
            if keep and not self._closed and len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def status(self) -> ControllerStatus:
        """Return the controller's present state."""
        body = self.ask(ReportStatus())
        try:
            return ControllerStatus.model_validate(body)
        except ValidationError as error:
            raise ControllerUnavailable("the controller's state cannot be read") from error

    def await_policy(self, version: int) -> bool:
        """Wait until the controller decides by policy `version`; False after 2 s without it.

        The next swipe uses that policy even then, since each decision compares versions.
        """
        try:
            self.ask(Obey(version=version))
        except ControllerUnavailable:
            return False
        return True


class FactListener:
    """A thread that passes each fact of the controller to `on_fact`, until closed.

    It calls `on_fact(None)` after `silence_s` without a fact, so that a listener notices a missed
    fact or a dead controller.
    """

    def __init__(
        self,
        runtime: RuntimeDirectory,
        on_fact: Callable[[Fact | None], None],
        silence_s: float = SILENCE_S,
    ) -> None:
        self._path = runtime.fact_socket
        self._on_fact = on_fact
        self._silence_s = silence_s
        self._end, self._ended = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="facts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._end.close()
        if self._thread.ident is not None:
            self._thread.join()
        self._ended.close()

    def _run(self) -> None:
        heard_s = time.monotonic()
        connection: socket.socket | None = None
        while True:
            connection = connection or _connected(self._path)
            left_s = max(heard_s + self._silence_s - time.monotonic(), 0.0)
            ready = _readable(
                [self._ended, connection] if connection else [self._ended],
                left_s if connection else min(left_s, RECONNECT_S),
            )
            if self._ended in ready:
                break
            if connection in ready:
                fact = _fact(connection)
                if fact is not None:
                    heard_s = time.monotonic()
                    self._on_fact(fact)
                    continue
                connection.close()
                connection = None
                # Not at once: a connection that ends each time must not keep this thread busy.
                if self._ended in _readable([self._ended], RECONNECT_S):
                    break
            if time.monotonic() >= heard_s + self._silence_s:
                heard_s = time.monotonic()
                self._on_fact(None)
        if connection:
            connection.close()


def _socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _received(connection: socket.socket, deadline: float) -> bytes:
    """The next message. Raises OSError without one before `deadline`, or for one too large."""
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("no answer in time")
    connection.settimeout(left_s)
    message = connection.recv(LARGEST_MESSAGE + 1)
    if not 0 < len(message) <= LARGEST_MESSAGE:
        raise ConnectionError("the connection was closed, or the message is too large")
    return message


def _connected(path: Path) -> socket.socket | None:
    """A connection to the facts; None while there is no controller."""
    connection = _socket()
    connection.setblocking(False)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def _readable(sockets: list[socket.socket], timeout_s: float) -> list[socket.socket]:
    """The sockets with something to read, after at most `timeout_s`."""
    poller = select.poll()
    by_number = {one.fileno(): one for one in sockets}
    for number in by_number:
        poller.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poller.poll(timeout_s * 1000)]


def _fact(connection: socket.socket) -> Fact | None:
    """The fact that has come; None for the end, or what cannot be read: only a lost wake-up."""
    try:
        return Fact.model_validate_json(_received(connection, time.monotonic() + RECONNECT_S))
    except (OSError, ValidationError):
        return None
