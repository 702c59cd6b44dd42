"""Reads request bodies, as leniently as clients need and no more."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from flask import Request

from gateway.api.serving.body import BodyError
from gateway.errors import GatewayError, InvalidRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of a body: the vendor's request buffer."""
UPLOAD_LIMIT = (1 << 30) + (1 << 16)
"""Bytes of an upload: the largest database in a backup, and its stamp."""
MOST_PARAMETERS = 100
DEEPEST = 32
"""Levels of objects and arrays in a JSON body; no command has a use for more than 8."""


class BodyTooLarge(GatewayError, ValueError):
    """The body is longer than the device accepts."""


def check_length(request: Request, longest: int) -> None:
    """Raise BodyTooLarge when the announced length is over `longest`."""
    if (request.content_length or 0) > longest:
        raise _too_large(longest)


def members(request: Request, *, form: bool, longest: int = BODY_LIMIT) -> Mapping[str, object]:
    """The members of the body; none for a missing or empty body, `null` and `{}`.

    Clients send wrong content types, so the body itself tells JSON from a form, which is accepted
    only if `form`. Raises BodyTooLarge, or InvalidRequest that says where the JSON is broken.
    """
    data = whole(request.environ, longest)
    if form and b"=" in data and data.lstrip()[:1] != b"{":
        return _form(data)
    return read_json(data)


def file(request: Request) -> Mapping[str, object]:
    """The whole body, as the one member `body`. Raises BodyTooLarge or InvalidRequest."""
    return {"body": whole(request.environ)}


def text(request: Request, member: str, longest: int) -> Mapping[str, object]:
    """The members of a JSON body; any other body whole, as the one member `member`."""
    data = whole(request.environ, longest)
    start = data.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    return read_json(data) if start in {b"{", b""} or data == b"null" else {member: data}


class Upload:
    """A body that is read as it arrives."""

    def __init__(self, request: Request) -> None:
        self._stream = request.environ["wsgi.input"]
        self._taken = 0

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, fewer only at the end. Raises BodyTooLarge or InvalidRequest."""
        try:
            data: bytes = self._stream.read(size)
        except BodyError as error:
            raise InvalidRequest(f"The body could not be read: {error}") from error
        self._taken += len(data)
        if self._taken > UPLOAD_LIMIT:
            raise _too_large(UPLOAD_LIMIT)
        return data


def upload(request: Request) -> Mapping[str, object]:
    """The body as a stream, as the one member `body`."""
    return {"body": Upload(request)}


def whole(environ: WSGIEnvironment, longest: int = BODY_LIMIT) -> bytes:
    """The body. Raises InvalidRequest if it ends early, BodyTooLarge."""
    try:
        # The server's own stream, which knows where the body ends, in chunks or not.
        data: bytes = environ["wsgi.input"].read(longest + 1)
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


def read_json(data: bytes) -> Mapping[str, object]:
    """The JSON object in `data`; empty for no data and `null`.

    Stricter than Python's reader: raises InvalidRequest also for NaN, Infinity, numbers that
    overflow and half surrogate pairs.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"Invalid JSON: not UTF-8 at byte {error.start}") from error
    if not text.strip():
        return {}
    try:
        value: Any = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"Invalid JSON: {error.msg} at line {error.lineno} column {error.colno} "
            f"(char {error.pos})"
        ) from error
    except RecursionError:
        raise InvalidRequest("Invalid JSON: nested too deep") from None
    except InvalidRequest:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidRequest("Invalid JSON: a number has too many digits") from error
    _check_depth(value)
    if "\\u" in text:
        _refuse_half_pairs(value)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest("Invalid JSON: an object is needed")
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise InvalidRequest("Invalid JSON: nested too deep")


def _refuse_half_pairs(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("Invalid JSON: half a surrogate pair") from error


def _no_constant(word: str) -> NoReturn:
    raise InvalidRequest(f"Invalid JSON: {word} is not a number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidRequest("Invalid JSON: a number is too large")
    return number
