"""What a request on the wire carries: its session and its members, read as leniently as clients
need it and no further."""

from __future__ import annotations

import codecs
import ipaddress
import json
import math
import socket
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

from flask import Request

from gateway.api.bodies import BodyError
from gateway.errors import GatewayError, InvalidRequest, NotPermitted

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of a body: the vendor's request buffer."""
UPLOAD_LIMIT = (1 << 30) + (1 << 16)
"""Bytes of an upload: the largest database in a backup, and its stamp."""
MOST_PARAMETERS = 100
_PRIVATE_DOMAINS = frozenset({"local", "lan", "home", "home.arpa", "internal", "localdomain"})
"""Endings of names that only the local network gives out: none of them can be registered."""


class BodyTooLarge(GatewayError, ValueError):
    """The body is longer than the device takes."""


def session_token(request: Request) -> tuple[str | None, bool]:
    """The session's token, if any, and whether it came as a cookie. The query wins.

    The token stands anywhere in the query, between stray and empty pairs.
    """
    for name, value in _pairs(request):
        if name == "session" and value:
            return value, False
    return request.cookies.get("session") or None, True


def query(request: Request) -> Mapping[str, object]:
    """The members that the query holds, as text; the last of a name counts, empty ones do not."""
    return dict(_pairs(request))


def _pairs(request: Request) -> list[tuple[str, str]]:
    try:
        return parse_qsl(request.query_string.decode("latin-1"), max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise InvalidRequest(f"more than {MOST_PARAMETERS} query parameters") from None


def refuse_foreign_pages(request: Request) -> None:
    """Let a session from a cookie act only for pages of this device itself.

    A browser sends the cookie whoever asks; a token in the query had to be known. A `Host` that
    is a name of somebody else's means that a foreign page had its name point here.

    Raises NotPermitted.
    """
    own = request.headers.get("Host", "")
    origin = request.headers.get("Origin")
    foreign = request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
    if foreign or (origin is not None and not _same_host(origin, own)):
        raise NotPermitted("Cross-site request refused")
    if not _our_name(own):
        raise NotPermitted("Foreign host name refused")


def _same_host(origin: str, own: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == own.lower()
    except ValueError:
        return False


def _our_name(host: str) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    machine = socket.gethostname().lower()
    label, _, rest = name.partition(".")
    if name in {"localhost", machine}:
        return True
    if label == machine.partition(".")[0] and rest in _PRIVATE_DOMAINS:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def check_length(request: Request, longest: int) -> None:
    """Raise BodyTooLarge when the announced length is over `longest`."""
    if (request.content_length or 0) > longest:
        raise _too_large(longest)


def members(request: Request, *, form: bool, longest: int = BODY_LIMIT) -> Mapping[str, object]:
    """The members that the body holds; none for a missing or empty body, `null` and `{}`.

    Clients are careless about content types, so the body itself tells JSON from a form, which is
    taken only where `form` allows one. Raises
    BodyTooLarge, or InvalidRequest that says where the JSON is broken.
    """
    data = _whole(request, longest)
    if form and b"=" in data and data.lstrip()[:1] != b"{":
        return _form(data)
    return read_json(data)


def file(request: Request) -> Mapping[str, object]:
    """The whole body, as the one member `body`. Raises BodyTooLarge or InvalidRequest."""
    return {"body": _whole(request)}


def text(request: Request, member: str, longest: int) -> Mapping[str, object]:
    """The members of a JSON body; any other body whole, as the one member `member`."""
    data = _whole(request, longest)
    start = data.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    return read_json(data) if start in {b"{", b""} or data == b"null" else {member: data}


class Upload:
    """A body that is read as it comes."""

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


def _whole(request: Request, longest: int = BODY_LIMIT) -> bytes:
    try:
        # The server's own stream, which knows where the body ends, in chunks or not.
        data: bytes = request.environ["wsgi.input"].read(longest + 1)
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

    Stricter than Python's reader where that takes what JSON has not: NaN and Infinity, numbers
    that overflow, half surrogate pairs. Raises InvalidRequest.
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
    if "\\u" in text:
        _refuse_half_pairs(value)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest("Invalid JSON: an object is needed")
    return value


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
