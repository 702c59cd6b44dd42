"""Servers of every quality at the other end of a real socket."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
Talk = Callable[[socket.socket], None]
"""What a server does once it has read a request; a return keeps the connection."""


def answer(data: bytes) -> Talk:
    return lambda connection: connection.sendall(data)


def says(body: object, status: str = "200 OK") -> Talk:
    """An answer with `body` as JSON."""
    text = json.dumps(body).encode()
    return answer(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)


@dataclass
class Request:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return self.line.split()[1]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class WildServer:
    """Listens on `port`, or on one of its own, and answers each request by `answers`, or `talk`."""

    talk: Talk = field(default_factory=lambda: answer(OK))
    answers: Callable[[Request], Talk] | None = None
    port: int = 0
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._open: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self.ended.set()
        # Wakes the thread that accepts, which closing the socket does not.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), ExitStack() as stack:
            stack.callback(connection.close)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                stack.callback(connection.close)
            reader = stack.enter_context(connection.makefile("rb"))
            while not self.ended.is_set() and (line := reader.readline()):
                headers = {}
                while (text := reader.readline().strip()) != b"":
                    name, _, value = text.partition(b": ")
                    headers[name.decode()] = value.decode()
                body = reader.read(int(headers.get("Content-Length", 0)))
                request = Request(line.decode(), headers, body)
                self.requests.append(request)
                (self.answers(request) if self.answers else self.talk)(connection)


def drip(text: bytes, ended: threading.Event) -> Talk:
    """A byte at a time, each well within any time-out of one read, and never an end."""

    def talk(connection: socket.socket) -> None:
        while not ended.is_set():
            for byte in text:
                connection.sendall(bytes([byte]))
                ended.wait(0.025)

    return talk


def hang(ended: threading.Event) -> Talk:
    """No answer, until the test ends."""

    def talk(_: socket.socket) -> None:
        ended.wait()

    return talk


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end(connection)


def end(_: socket.socket) -> None:
    raise ConnectionAbortedError  # ends the connection


def speak_ssh(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH\r\n")
    end(connection)


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
    for _ in range(1_600):
        connection.sendall(bytes(65_536))
