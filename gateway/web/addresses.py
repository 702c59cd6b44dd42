"""Where the page is once the device listens somewhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request

from gateway.settings import HttpSettings


def new_address(
    before: HttpSettings, plain: str | None, tls: str | None, path: str, host: str = ""
) -> str:
    """The URL of `path` once the device listens at `plain` and `tls`, for the browser that asks.

    `host` is the device's new address. Empty if the page stays where it is.
    """
    secure = request.is_secure
    old = before.tls if secure else before.plain_address
    new, other = (tls, plain) if secure else (plain, tls)
    if old == new and not host:
        return ""
    address = new or other
    scheme = "https" if address == tls else "http"
    port = str(address).rpartition(":")[2]
    name = host or urlsplit(f"//{request.host}").hostname or ""
    named = f"[{name}]" if ":" in name else name
    return f"{scheme}://{named}:{port}{path}"
