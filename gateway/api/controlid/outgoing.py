"""Answers over HTTP: small ones whole, large ones in pieces as they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from flask import Response

from gateway.api.replies import JSON_TYPE, encode, error_body
from gateway.commands.answers import Answer, ByteStream, Rows, TextStream

PIECE = 32_768
"""Approximate bytes of each piece of a large answer. A shorter answer is sent whole, with its
length, since some clients do not understand chunks."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._ -]")
"""Characters that a file name in a header does not carry safely."""


def error_response(status: int, text: str) -> Response:
    """An error in the device's error shape."""
    return _whole(error_body(text), status)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer as bytes."""

    media_type: str
    pieces: Iterator[bytes]


def render(answer: Answer) -> Rendered:
    """`answer` in pieces, which raise what making them raises."""
    if isinstance(answer, Rows):
        return Rendered(JSON_TYPE, _pieces(answer.name, answer.rows))
    if isinstance(answer, TextStream):
        kind = f"text/{'csv' if answer.csv else 'plain'}; charset=utf-8"
        return Rendered(kind, _encoded(answer.pieces))
    if isinstance(answer, ByteStream):
        return Rendered(answer.media_type, answer.pieces)
    return Rendered(JSON_TYPE, iter((encode(answer),)))


def respond(answer: Answer) -> Response:
    """`answer` with status 200.

    Makes the first pieces before anything is sent, so that an error in the query still becomes an
    error answer, and open files are closed.
    """
    rendered = render(answer)
    pieces = rendered.pieces
    first = next(pieces, b"")
    if isinstance(answer, TextStream | ByteStream):
        return _stream(answer, rendered.media_type, _rest(first, b"", pieces))
    second = next(pieces, None)
    if second is None:
        return _whole(first, 200)
    return Response(_rest(first, second, pieces), content_type=JSON_TYPE)


def _stream(answer: TextStream | ByteStream, kind: str, pieces: Iterator[bytes]) -> Response:
    response = Response(pieces, content_type=kind)
    if isinstance(answer, ByteStream):
        response.content_length = answer.length
        response.headers.update(answer.headers)
    if answer.file_name:
        name = _UNSAFE.sub("_", answer.file_name)[:100]
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _encoded(texts: Iterator[str]) -> Iterator[bytes]:
    """The texts, joined to pieces of about PIECE bytes."""
    waiting: list[str] = []
    size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join(waiting).encode()


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
    # An empty piece would say that there is nothing to send at the moment.
    yield from filter(None, chain((first, second), pieces))
