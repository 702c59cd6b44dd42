"""The head of a request: what clients get wrong, and what WSGI makes of it. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import h11

_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_HOST = re.compile(rb"\r\nhost[ \t]*:", re.IGNORECASE)
_OLD = b" HTTP/1.0"
_UNCLEAR = re.compile(rb"(?<!\r)\n|\r(?!\n)|\r\n[ \t]")
"""Line ends that one program takes for such and another does not, and continued lines."""


class HeadError(ValueError):
    """The head cannot be answered by the application; `status` is what it is refused with."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def tolerated(head: bytes) -> bytes:
    """`head`, without its final empty line, in the form that h11 insists on.

    Small clients send UTF-8 in the address as it is, and HTTP/1.1 without `Host`. Raises HeadError
    for line ends that other programs may read in another way.
    """
    if _UNCLEAR.search(head):
        raise HeadError(400, "The lines of the head do not end with CRLF each")
    line, _, rest = head.partition(b"\r\n")
    line = _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line)
    if not line.endswith(_OLD) and not _HOST.search(b"\r\n" + rest):
        rest = b"Host: \r\n" + rest if rest else b"Host: "
    return line + b"\r\n" + rest + (b"\r\n\r\n" if rest else b"\r\n")


def check(request: h11.Request) -> None:
    """Raise HeadError for what h11 accepts and this server does not."""
    if not request.http_version.startswith(b"1."):
        raise HeadError(505, "HTTP Version Not Supported")
    names = [name for name, _ in request.headers]
    if any(name == b"content-length" and len(value) > 18 for name, value in request.headers):
        raise HeadError(400, "bad Content-Length")
    if b"transfer-encoding" in names:
        if request.http_version == b"1.0":
            raise HeadError(400, "HTTP/1.0 has no Transfer-Encoding")
        if b"content-length" in names:
            # A program between the client and this server may have read the other one.
            raise HeadError(400, "Content-Length and Transfer-Encoding exclude each other")


def environ_of(
    request: h11.Request, scheme: str, own: tuple[str, int], peer: tuple[str, int]
) -> dict[str, Any]:
    """The WSGI environment (PEP 3333) without the body; `own` and `peer` are host and port."""
    path, _, query = _target(request.target).partition(b"?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("ascii"),
        "SCRIPT_NAME": "",
        "PATH_INFO": _path(path),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": own[0],
        "SERVER_PORT": str(own[1]),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode('ascii')}",
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    environ.update(_headers(request.headers))
    return environ


def _target(target: bytes) -> bytes:
    """Path and query."""
    if target.startswith(b"/") or target == b"*":
        return target
    try:
        parts = urlsplit(target)
    except ValueError as error:
        raise HeadError(400, "Malformed address") from error
    return parts.path + b"?" + parts.query if parts.query else parts.path


def _path(path: bytes) -> str:
    """With one slash at its start. Clients glue `http://host/` and `/login.fcgi` together; the
    vendor's server takes both slashes. The router takes any number, also escaped ones, and all
    that look at the path must see the same one."""
    if path == b"*":
        return "*"
    return "/" + unquote_to_bytes(path).decode("latin-1").lstrip("/")


def _headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        if b"_" in name:  # it would look like the name with a hyphen
            continue
        key = name.decode("ascii").upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        if key in found and key != "CONTENT_LENGTH":
            separator = "; " if key == "HTTP_COOKIE" else ", "
            text = f"{found[key]}{separator}{text}"
        found[key] = text
    return found
