"""The controller's end of the link: receives commands, sends answers and facts.

Two Unix sockets of whole messages (SOCK_SEQPACKET). No client can make the controller wait or fill
its memory: every call returns at once; the size of messages, the clients of one user and the rate
of commands are bounded; a client that does not read is dropped. The socket's send buffer bounds
what the kernel keeps for a client.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.errors import GatewayError, InvalidRequest, TooBusy
from gateway.files import make_way
from gateway.link.messages import (
    LARGEST_MESSAGE,
    LARGEST_REQUEST,
    Answer,
    ClearanceQuestion,
    Fact,
    Request,
    ServerQuestion,
    cost_of,
    read_request,
)
from gateway.link.runtime import RuntimeDirectory

MOST_CLIENTS = 64
"""Connections of one user to one of the sockets."""
COMMANDS_PER_S = 20
COMMANDS_AT_ONCE = 200
"""Journalled commands of one user: on average, and at once after a pause."""
SEND_BUFFER = 2 * LARGEST_MESSAGE
LONGEST_ERROR = 1_000
"""Characters of an error: it may repeat what a client sent."""
_BACKLOG = 128

_CREDENTIALS = struct.Struct("3i")
"""Process, user and group (unix(7), SO_PEERCRED)."""
_ADDRESS = struct.Struct(">IQ")


@dataclass(slots=True)
class _Allowance:
    """The journalled commands that one user may still send (a token bucket)."""

    left: float
    since_s: float

    def take(self, cost: int, now_s: float) -> bool:
        earned = (now_s - self.since_s) * COMMANDS_PER_S
        self.left, self.since_s = min(self.left + earned, COMMANDS_AT_ONCE), now_s
        if self.left < cost:
            return False
        self.left -= cost
        return True


@dataclass(frozen=True, slots=True)
class _Client:
    connection: socket.socket
    user: int
    address: bytes
    """Its file descriptor and a number that no other client of this run has."""


class _Listener:
    """A listening socket and its clients, by file descriptor, in an epoll set."""

    def __init__(self, path: Path, ready: select.epoll) -> None:
        self._ready = ready
        self._clients: dict[int, _Client] = {}
        self._accepted = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        make_way(path)  # one of an earlier run: the caller holds the controller's lock
        self._socket.bind(str(path))
        path.chmod(0o660)  # whoever may enter the directory may connect
        self._socket.listen(_BACKLOG)
        ready.register(self._socket, select.EPOLLIN)

    def fileno(self) -> int:
        return self._socket.fileno()

    def clients(self) -> list[_Client]:
        return list(self._clients.values())

    def client(self, number: int) -> _Client:
        """The client with the file descriptor `number`. Raises KeyError."""
        return self._clients[number]

    def at(self, address: bytes) -> _Client | None:
        """The client at `address`; None when it has gone."""
        if len(address) != _ADDRESS.size:
            return None
        client = self._clients.get(_ADDRESS.unpack(address)[0])
        return client if client is not None and client.address == address else None

    def accept(self) -> None:
        """Accept one client, or close its connection when its user has too many."""
        try:
            connection, _ = self._socket.accept()
        except OSError:  # it has gone already, or this process has no descriptor left
            return
        _, user, _ = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        if sum(client.user == user for client in self._clients.values()) >= MOST_CLIENTS:
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._accepted += 1
        number = connection.fileno()
        self._clients[number] = _Client(connection, user, _ADDRESS.pack(number, self._accepted))
        self._ready.register(connection, select.EPOLLIN)

    def drop(self, client: _Client) -> None:
        del self._clients[client.connection.fileno()]
        self._ready.unregister(client.connection)
        client.connection.close()

    def close(self) -> None:
        for client in self._clients.values():
            client.connection.close()
        self._socket.close()


class LinkServer:
    """Two sockets in the runtime directory. Only the loop's thread uses them."""

    def __init__(self, runtime: RuntimeDirectory) -> None:
        self._ready = select.epoll()
        self._commands = _Listener(runtime.command_socket, self._ready)
        self._facts = _Listener(runtime.fact_socket, self._ready)
        self._allowances: dict[int, _Allowance] = {}

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
        self._commands.close()
        self._facts.close()
        self._ready.close()

    def fileno(self) -> int:
        """The descriptor to poll; it is readable until `receive` has handled all that came."""
        return self._ready.fileno()

    def receive(self) -> tuple[bytes, Request] | None:
        """Handle the next thing that came, clients in turn: return a request and the address to
        answer to, None for anything else.

        Answers an invalid request, and a command beyond its user's allowance, with the error.
        """
        for number, _ in self._ready.poll(0, 1):
            if number == self._commands.fileno():
                self._commands.accept()
            elif number == self._facts.fileno():
                self._facts.accept()
            else:
                return self._read(number)
        return None

    def _read(self, number: int) -> tuple[bytes, Request] | None:
        try:
            client = self._commands.client(number)
        except KeyError:  # a listener: whatever it says, or its end, ends the connection
            self._facts.drop(self._facts.client(number))
            return None
        try:
            payload = client.connection.recv(LARGEST_REQUEST + 1)
        except OSError:
            payload = b""
        if not payload:
            self._commands.drop(client)
            return None
        request_id = ""
        try:
            request = read_request(payload)
            request_id = request.id
            self._charge(client.user, cost_of(request.command))
        except (InvalidRequest, TooBusy) as error:
            self.refuse(client.address, request_id, error)
            return None
        return client.address, request

    def _charge(self, user: int, cost: int) -> None:
        now_s = time.monotonic()
        allowance = self._allowances.setdefault(user, _Allowance(COMMANDS_AT_ONCE, now_s))
        if not allowance.take(cost, now_s):
            raise TooBusy(f"more than {COMMANDS_PER_S} commands a second")

    def answer(self, address: bytes, answer: Answer) -> None:
        """Send `answer`. A vanished client is no error; one that does not read is dropped."""
        client = self._commands.at(address)
        if client is None:
            return
        message = answer.model_dump_json().encode()
        if len(message) > LARGEST_MESSAGE:
            self.refuse(address, answer.id, GatewayError("the answer is too large"))
            return
        try:
            client.connection.send(message)
        except OSError:
            self._commands.drop(client)

    def refuse(self, address: bytes, request_id: str, error: GatewayError) -> None:
        """Answer a request with `error`."""
        self.answer(
            address,
            Answer(
                id=request_id,
                error=str(error)[:LONGEST_ERROR],
                error_kind=type(error).__name__,
            ),
        )

    def publish(self, fact: Fact) -> None:
        """Send `fact` to all listeners; one that does not read misses it."""
        self._publish(fact)

    def ask(self, question: ServerQuestion | ClearanceQuestion) -> bool:
        """Publish `question`; False if nobody got it."""
        if isinstance(question, ClearanceQuestion):
            return self._publish(Fact(kind="clearance", clearance=question)) > 0
        return self._publish(Fact(kind="question", question=question)) > 0

    def _publish(self, fact: Fact) -> int:
        """Send `fact` to all listeners; return how many got it."""
        clients = self._facts.clients()
        if not clients:
            return 0
        message, got = fact.model_dump_json().encode(), 0
        for client in clients:
            try:
                client.connection.send(message)
            except BlockingIOError:
                continue
            except OSError:
                self._facts.drop(client)
            else:
                got += 1
        return got
