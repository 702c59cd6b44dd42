"""The session of an Access API request, and whether a page of this device sent it."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from flask import Request

from gateway.api.controlid.dispatch import query_pairs
from gateway.errors import NotPermitted

_PRIVATE_DOMAINS = frozenset({"local", "lan", "home", "home.arpa", "internal", "localdomain"})
"""Top-level domains that only a local network assigns: nobody can register them."""


def session_token(request: Request) -> tuple[str | None, bool]:
    """The session's token, if any, and whether it came as a cookie. The query takes precedence.

    The token may be anywhere in the query, between stray and empty pairs.
    """
    for name, value in query_pairs(request.query_string.decode("latin-1")):
        if name == "session" and value:
            return value, False
    return request.cookies.get("session") or None, True


def refuse_foreign_pages(request: Request) -> None:
    """Raise NotPermitted unless a request with a session cookie comes from a page of this device.

    A browser sends the cookie for any page that makes a request; a token in the query needs a
    page that knows it.
    """
    own = request.headers.get("Host", "")
    origin = request.headers.get("Origin")
    foreign = request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
    if foreign or (origin is not None and not _same_host(origin, own)):
        raise NotPermitted("Cross-site request refused")
    refuse_foreign_names(request)


def refuse_foreign_names(request: Request) -> None:
    """Raise NotPermitted for a `Host` that is not a name of this device.

    It indicates DNS rebinding: a foreign page made its own name resolve to this address.
    """
    if not _our_name(request.headers.get("Host", "")):
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
