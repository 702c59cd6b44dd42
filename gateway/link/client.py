"""The client's end of the link, for the api process and the CLI."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import zmq
from pydantic import ValidationError

from gateway.errors import ControllerUnavailable, error_named
from gateway.link.messages import (
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
CONNECT_TIME_S = 0.5
_END = "inproc://end"
"""Socket that ends a listener's thread."""


class ControllerClient:
    """Sends commands to the controller. Thread-safe."""

    def __init__(self, runtime: RuntimeDirectory) -> None:
        self._context = zmq.Context(io_threads=1)
        self._address = runtime.command_address
        self._idle: queue.SimpleQueue[zmq.Socket[bytes]] = queue.SimpleQueue()
        self._applied_version = 0

    def close(self) -> None:
        """Close every socket; calls in progress fail."""
        self._context.destroy(linger=0)

    def ask(self, command: Command, timeout_s: float = ANSWER_TIME_S) -> dict[str, object]:
        """Send `command` and return the body of the controller's answer.

        Raises ControllerUnavailable without an answer in time, and the error in the answer.
        """
        deadline = time.monotonic() + timeout_s
        request = Request(
            id=secrets.token_hex(8), expires_ns=round(deadline * 1_000_000_000), command=command
        )
        socket = self._socket()
        try:
            # Without a controller the socket never becomes writable; fail after CONNECT_TIME_S.
            socket.poll(round(min(timeout_s, CONNECT_TIME_S) * 1000), zmq.POLLOUT)
            socket.send(request.model_dump_json().encode(), zmq.NOBLOCK)
            answer = self._await(socket, request.id, deadline)
        except (zmq.ZMQError, TimeoutError) as error:
            # A late answer must not match the next request, so the socket is not reused.
            socket.close(linger=0)
            raise ControllerUnavailable("the controller does not answer") from error
        self._idle.put(socket)
        if answer.error is not None:
            raise error_named(answer.error_kind, answer.error)
        return answer.body

    def _socket(self) -> zmq.Socket[bytes]:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            socket = self._context.socket(zmq.DEALER)
            socket.set(zmq.LINGER, 0)
            # A command must not wait for a controller that returns later and opens a door long
            # after the request.
            socket.set(zmq.IMMEDIATE, 1)
            socket.set(zmq.RECONNECT_IVL, 50)
            socket.connect(self._address)
            return socket

    @staticmethod
    def _await(socket: zmq.Socket[bytes], request_id: str, deadline: float) -> Answer:
        while True:
            left_ms = round((deadline - time.monotonic()) * 1000)
            if left_ms <= 0 or not socket.poll(left_ms, zmq.POLLIN):
                raise TimeoutError
            answer = Answer.model_validate_json(socket.recv())
            if answer.id == request_id:
                return answer

    def status(self) -> ControllerStatus:
        """Return the controller's present state."""
        return ControllerStatus.model_validate(self.ask(ReportStatus()))

    def await_policy(self, version: int) -> bool:
        """Wait until the controller decides by policy `version`; False after 2 s without it.

        The next swipe uses that policy even then, since each decision compares versions.
        """
        if version <= self._applied_version:
            return True
        try:
            self.ask(Obey(version=version))
        except ControllerUnavailable:
            return False
        self._applied_version = max(self._applied_version, version)
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
        silence_s: float = 1.0,
    ) -> None:
        self._address = runtime.fact_address
        self._on_fact = on_fact
        self._silence_ms = round(silence_s * 1000)
        self._context = zmq.Context(io_threads=1)
        self._end = self._context.socket(zmq.PAIR)
        self._end.bind(_END)
        self._thread = threading.Thread(target=self._run, name="facts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and wait for it."""
        if self._thread.ident is not None:
            self._end.send(b"")
            self._thread.join()
        self._context.destroy(linger=0)

    def _run(self) -> None:
        end = self._context.socket(zmq.PAIR)
        end.connect(_END)
        facts = self._context.socket(zmq.SUB)
        facts.set(zmq.RECONNECT_IVL, 100)
        facts.subscribe(b"")
        facts.connect(self._address)
        poller = zmq.Poller()
        poller.register(end, zmq.POLLIN)
        poller.register(facts, zmq.POLLIN)
        while end not in (ready := dict(poller.poll(self._silence_ms))):
            if not ready:
                self._on_fact(None)
                continue
            with suppress(ValidationError):  # an unreadable fact is only a lost wake-up
                self._on_fact(Fact.model_validate_json(facts.recv()))
        end.close(linger=0)
        facts.close(linger=0)
