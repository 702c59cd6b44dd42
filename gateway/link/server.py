"""The controller's end of the link: receives commands, sends answers and facts."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import zmq

from gateway.errors import GatewayError, InvalidRequest
from gateway.link.messages import Answer, Fact, Request, read_request
from gateway.link.runtime import RuntimeDirectory

_FACTS_KEPT = 1_000
"""Facts queued for a slow listener; more are dropped, since the journal is the record."""


class LinkServer:
    """Two sockets in the runtime directory. Only the loop's thread uses them."""

    def __init__(self, runtime: RuntimeDirectory) -> None:
        self._context = zmq.Context(io_threads=1)
        self._commands = self._context.socket(zmq.ROUTER)
        self._commands.set(zmq.LINGER, 0)
        self._commands.bind(runtime.command_address)
        self._facts = self._context.socket(zmq.PUB)
        self._facts.set(zmq.LINGER, 0)
        self._facts.set(zmq.SNDHWM, _FACTS_KEPT)
        self._facts.bind(runtime.fact_address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close both sockets; unread answers are dropped."""
        self._context.destroy(linger=0)

    @property
    def commands(self) -> zmq.Socket[bytes]:
        """The socket to poll for incoming commands."""
        return self._commands

    def receive(self) -> tuple[bytes, Request] | None:
        """Return the next request and the address to answer to; None when no request waits.

        Answers an invalid request with its error.
        """
        while True:
            try:
                address, payload = self._commands.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return None
            except ValueError:  # a foreign client sent another number of parts
                continue
            try:
                return address, read_request(payload)
            except InvalidRequest as error:
                self.refuse(address, "", error)

    def answer(self, address: bytes, answer: Answer) -> None:
        """Send `answer`; a vanished client is no error."""
        self._commands.send_multipart([address, answer.model_dump_json().encode()], zmq.NOBLOCK)

    def refuse(self, address: bytes, request_id: str, error: GatewayError) -> None:
        """Answer a request with `error`."""
        self.answer(
            address,
            Answer(id=request_id, error=str(error), error_kind=type(error).__name__),
        )

    def publish(self, fact: Fact) -> None:
        """Send `fact` to all listeners."""
        self._facts.send(fact.model_dump_json().encode(), zmq.NOBLOCK)
