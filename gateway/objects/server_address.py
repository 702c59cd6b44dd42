"""Where a server is, from the texts that clients set as its host, port and path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from gateway.errors import InvalidRequest

_PORTS = {"http": 80, "https": 443}
_SHOWN = re.compile(r"((?:[^/?#]*://)?)(?:[^/?#]*@)?([^/?#]*)")
"""Scheme and host of any text: the rest may be secret, as a name and password before the host."""
_UNTOUCHED = "/%:@!$&'()*+,;=-._~"
"""Characters of a path that stay as they are; `quote` escapes the others."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The base address of a server."""

    scheme: str
    host: str
    port: int
    path: str
    """Begins with a slash and ends without one; empty for none."""
    query: str = ""
    """Without its question mark. Some receivers expect a secret in it."""

    @property
    def tls(self) -> bool:
        return self.scheme == "https"

    @property
    def shown(self) -> str:
        """The address without path and query, which may be secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def target(self, topic: str = "", query: str = "") -> str:
        """The request target for `topic`, which stands before the address's query and `query`; the
        address itself if there is none."""
        path = f"{self.path}/{topic}" if topic or not self.path else self.path
        whole = "&".join(part for part in (self.query, query) if part)
        return path + (f"?{whole}" if whole else "")


def server_address(
    key: str, host: str, port: str = "", path: str = "", scheme: str = "http"
) -> ServerAddress:
    """The address in the texts of three settings; `key` names the first in refusals.

    `host` is a name or an address; a scheme, a port and a path with it are accepted, and `scheme`
    stands in for one that is absent. `path` follows that path, with or without slashes at its ends.
    Raises InvalidRequest.
    """
    text = host.strip()
    found = _SHOWN.match(text)
    shown = repr("".join(found.groups()) if found else "")
    if "://" not in text:
        # A bare IPv6 address has colons and no brackets.
        bare = text.count(":") > 1 and "[" not in text
        text = f"{scheme}://[{text}]" if bare else f"{scheme}://{text}"
    try:
        parts = urlsplit(text)
        given = parts.port
    except ValueError as error:
        raise InvalidRequest(f"{key} {shown} is no address: {error}") from None
    if parts.scheme not in _PORTS:
        raise InvalidRequest(f"{key} {shown}: http:// and https:// are allowed")
    name = parts.hostname or ""
    if not name or not name.isascii() or any(sign <= " " or sign in "\\^`{|}<>" for sign in name):
        raise InvalidRequest(f"{key} {shown} names no host")
    own, _, query = path.partition("?")
    whole = "/".join(part for part in (parts.path.strip("/"), own.strip().strip("/")) if part)
    return ServerAddress(
        parts.scheme,
        name,
        given or int(port or _PORTS[parts.scheme]),
        "/" + quote(whole, safe=_UNTOUCHED) if whole else "",
        quote((query or parts.query).strip(), safe=_UNTOUCHED + "?"),
    )
