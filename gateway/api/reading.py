"""Reads request bodies, as leniently as clients need and no more."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qsl

from gateway.api.serving.body import BodyError
from gateway.commands.json_bodies import read_json
from gateway.errors import GatewayError, InvalidRequest

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of a body: the vendor's request buffer."""
UPLOAD_LIMIT = (1 << 30) + (1 << 16)
"""Bytes of an upload: the largest database in a backup, and its stamp."""
MOST_PARAMETERS = 100


class BodyTooLarge(GatewayError, ValueError):
    """The body is longer than the device accepts."""


class ReadableBody(Protocol):
    """A request's body, which knows where it ends."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, fewer only at the end."""


def check_length(length: int | None, longest: int) -> None:
    """Raise BodyTooLarge when the announced length is over `longest`."""
    if (length or 0) > longest:
        raise _too_large(longest)


def members(body: ReadableBody, *, form: bool, longest: int = BODY_LIMIT) -> Mapping[str, object]:
    """The members of the body; none for a missing or empty body, `null` and `{}`.

    Clients send wrong content types, so the body itself tells JSON from a form, which is accepted
    only if `form`. Raises BodyTooLarge, or InvalidRequest that says where the JSON is broken.
    """
    data = whole(body, longest)
    if form and b"=" in data and data.lstrip()[:1] != b"{":
        return _form(data)
    return read_json(data)


def file(body: ReadableBody) -> Mapping[str, object]:
    """The whole body, as the one member `body`. Raises BodyTooLarge or InvalidRequest."""
    return {"body": whole(body)}


def text(body: ReadableBody, member: str, longest: int) -> Mapping[str, object]:
    """The members of a JSON body; any other body whole, as the one member `member`."""
    data = whole(body, longest)
    start = data.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    return read_json(data) if start in {b"{", b""} or data == b"null" else {member: data}


class Upload:
    """A body that is read as it arrives."""

    def __init__(self, body: ReadableBody) -> None:
        self._stream = body
        self._taken = 0

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, fewer only at the end. Raises BodyTooLarge or InvalidRequest."""
        try:
            data = self._stream.read(size)
        except BodyError as error:
            raise InvalidRequest(f"The body could not be read: {error}") from error
        self._taken += len(data)
        if self._taken > UPLOAD_LIMIT:
            raise _too_large(UPLOAD_LIMIT)
        return data


def upload(body: ReadableBody) -> Mapping[str, object]:
    """The body as a stream, as the one member `body`."""
    return {"body": Upload(body)}


def whole(body: ReadableBody, longest: int = BODY_LIMIT) -> bytes:
    """The body. Raises InvalidRequest if it ends early, BodyTooLarge."""
    try:
        data = body.read(longest + 1)
    except BodyError as error:
        raise InvalidRequest(f"The body could not be read: {error}") from error
    if len(data) > longest:
        raise _too_large(longest)
    return data


def _too_large(longest: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request is longer than {longest} bytes")


def _form(data: bytes) -> Mapping[str, object]:
    try:
        pairs = parse_qsl(
            data.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except ValueError as error:
        raise InvalidRequest("The form is not readable") from error
    return dict(pairs)
