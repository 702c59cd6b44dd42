"""The stream that tells an open page what has changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import BoundedSemaphore

from flask import Response

from gateway.commands.context import CommandContext
from gateway.commands.live_changes import LiveChanges
from gateway.commands.rights import Right
from gateway.web.visit import View, Visit

MOST_STREAMS = 16
"""Pages that are told; further ones ask every few seconds."""
BEAT_S = 5.0
"""A page that hears nothing for three times this long shows that it is out of date."""

_streams = BoundedSemaphore(MOST_STREAMS)


def events(visit: Visit) -> Response:
    """Server-sent events `state`, `log` and `wiring`, without data: the page asks for the parts it
    shows."""
    # The browser cannot read the status of a refused stream, so a short stream tells.
    if visit.caller.role is None:
        return _stream(iter((_event("over"),)))
    if not _streams.acquire(blocking=False):
        return _stream(iter((_event("busy"),)))
    told = _told(visit.context, visit.context.live, visit.caller.token, visit.caller.address)
    response = _stream(told)
    response.call_on_close(_streams.release)
    return response


def _stream(pieces: Iterator[bytes]) -> Response:
    return Response(pieces, content_type="text/event-stream")


def _event(name: str) -> bytes:
    return f"event: {name}\ndata:\n\n".encode()


def _told(
    context: CommandContext, changes: LiveChanges, token: str | None, address: str
) -> Iterator[bytes]:
    """Pieces of the stream; an empty one lets the server come back later."""
    state, log, wiring = changes.state, changes.events, changes.wiring
    spoke_at = time.monotonic()
    yield b"retry: 1000\n\n" + _event("state")
    while True:
        news = []
        if changes.state != state:
            state = changes.state
            news.append(_event("state"))
        if changes.events != log:
            log = changes.events
            news.append(_event("log"))
        if changes.wiring != wiring:
            wiring = changes.wiring
            news.append(_event("wiring"))
        now = time.monotonic()
        if now - spoke_at >= BEAT_S:
            with context.calling(token, address) as caller:
                if caller.role is None:
                    yield _event("over")
                    return
            news.append(_event("beat"))
        if news:
            spoke_at = now
        yield b"".join(news)


def now(_visit: Visit) -> Response:
    """An empty answer, for a page without a stream: the device is there and the session valid."""
    return Response(status=204)


VIEWS = (View("/live/events", events, Right.NONE), View("/live/now", now))
