"""Answers on the wire: small ones whole, big tables as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import structlog
from flask import Response

from gateway.api.replies import JSON_TYPE, encode, error_body
from gateway.commands.answers import Answer, Rows

PIECE = 32_768
"""About so many bytes of a big answer leave at a time. One that is not longer leaves whole, with
its length, since some clients know no chunks."""

log = structlog.get_logger("api")


def error_response(status: int, text: str) -> Response:
    """The device's error shape."""
    return _whole(error_body(text), status)


def respond(answer: Answer) -> Response:
    """`answer` with status 200.

    The first rows of a table are read before anything is sent, so that what is wrong with a query
    still becomes a proper error.
    """
    if not isinstance(answer, Rows):
        return _whole(encode(answer), 200)
    pieces = _pieces(answer.name, answer.rows)
    first = next(pieces)
    second = next(pieces, None)
    if second is None:
        return _whole(first, 200)
    return Response(_rest(first, second, pieces), content_type=JSON_TYPE)


def _whole(body: bytes, status: int) -> Response:
    response = Response(body, status=status, content_type=JSON_TYPE)
    response.content_length = len(body)
    return response


def _pieces(name: str, rows: Iterator[Mapping[str, object]]) -> Iterator[bytes]:
    waiting = [b"{", encode(name), b":["]
    size = 0
    separator = b""
    for row in rows:
        text = encode(row)
        waiting += (separator, text)
        separator = b","
        size += len(text)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join((*waiting, b"]}"))


def _rest(first: bytes, second: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    try:
        yield from pieces
    except Exception:
        # Nothing but a broken-off answer can tell the client now.
        log.exception("answer broken off")
        raise
