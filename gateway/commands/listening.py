"""Where the API listens: as the command line says, else the database, else the site file."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from gateway.errors import InvalidRequest
from gateway.settings import HttpSettings
from gateway.store.tables.machine import MachineSettings

HTTPS_PORT = 443
"""For HTTPS that a client switched on, at a site whose file names no address for it."""


@dataclass(frozen=True, slots=True)
class Listening:
    """What decides over the addresses of one api process, apart from the database."""

    site: HttpSettings
    http: str | None = None
    """Of the command line; it switches plain HTTP on."""
    https: str | None = None
    """Of the command line; it switches HTTPS on."""

    def addresses(self, stored: MachineSettings | None = None) -> HttpSettings:
        """Where to listen, with what the database holds.

        The port of the database is that of plain HTTP; where the site has that off, of HTTPS. Hosts
        are always the site's: a client cannot open to the network what the site keeps to itself.
        """
        site, plain, tls = self.site, self.site.listen, self.site.tls
        if stored is not None:
            if stored.ssl_enabled and tls is None:
                tls = f"{_host(plain)}:{HTTPS_PORT}"
            if stored.ssl_enabled is False and site.plain:
                tls = None
            if stored.web_server_port is not None:
                if site.plain:
                    plain = f"{_host(plain)}:{stored.web_server_port}"
                else:
                    tls = f"{_host(tls or plain)}:{stored.web_server_port}"
        changes = {
            "listen": self.http or plain,
            "tls": self.https or tls,
            "plain": site.plain or self.http is not None,
        }
        return site.model_copy(update=changes)


def check_free(wanted: HttpSettings, present: HttpSettings) -> None:
    """Return when an api process could listen at `wanted`, as it does at `present`.

    Raises InvalidRequest that names the member and the reason.
    """
    if wanted.plain_address is not None and wanted.plain_address == wanted.tls:
        raise InvalidRequest(f"Invalid member 'web_server_port' ({wanted.tls} is that of HTTPS)")
    taken = {present.plain_address, present.tls}
    if wanted.plain_address not in taken:
        _try(wanted.plain_address, "web_server_port")
    if wanted.tls not in taken:
        named = wanted.tls is None or _port(wanted.tls) == HTTPS_PORT
        _try(wanted.tls, "ssl_enabled" if named else "web_server_port")


def _try(address: str | None, member: str) -> None:
    if address is None:
        return
    host = _host(address).removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of a listener that went away do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, _port(address)))
    except OSError as error:
        raise InvalidRequest(
            f"Invalid member '{member}' (cannot listen on {address}: "
            f"{(error.strerror or str(error)).lower()})"
        ) from error


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
