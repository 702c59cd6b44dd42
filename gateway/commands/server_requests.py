"""A command that a server sends when this device asks it for one, and the answer to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """A request of the Access API that came without an HTTP request of its own."""

    method: str
    name: str
    """The part of a path before `.fcgi`."""
    query: str = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerReply:
    """What came of it."""

    content: bytes = field(default=b"", repr=False)
    """The answer; empty for a refusal."""
    media_type: str = ""
    error: str | None = field(default=None, repr=False)
    """The text of the refusal, which may quote the request."""
    afterwards: Callable[[], None] = lambda: None
    """To be called once the reply has been sent."""


RunServerRequest = Callable[[str, ServerRequest, int], ServerReply]
"""Runs a request for the server with the given address; an answer of more than the given number of
bytes becomes a refusal. Raises nothing."""
