"""The addresses of the API: from the command line, else the database, else the site file."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from gateway.objects.fields import invalid_value
from gateway.settings import HttpSettings
from gateway.store.tables.machine import MachineSettings

HTTPS_PORT = 443
"""The port of HTTPS when a client enables it and the site file names no address for it."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The site file's and the command line's part in the addresses of an api process."""

    site: HttpSettings
    http: str | None = None
    """From the command line; enables plain HTTP."""
    https: str | None = None
    """From the command line; enables HTTPS."""

    def addresses(self, stored: MachineSettings | None = None) -> HttpSettings:
        """The addresses to listen on, given the settings in the database.

        The port in the database is that of plain HTTP or, if the site disables that, of HTTPS. The
        hosts are always those of the site file: a client cannot expose a local API to the network.
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


def check_free(requested: HttpSettings, present: HttpSettings) -> None:
    """Raise InvalidRequest if an api process that listens at `present` could not at `requested`."""
    if requested.plain_address is not None and requested.plain_address == requested.tls:
        raise invalid_value("web_server_port", f"HTTPS listens on {requested.tls}")
    taken = {present.plain_address, present.tls}
    if requested.plain_address not in taken:
        _try(requested.plain_address, "web_server_port")
    if requested.tls not in taken:
        named = requested.tls is None or _port(requested.tls) == HTTPS_PORT
        _try(requested.tls, "ssl_enabled" if named else "web_server_port")


def _try(address: str | None, member: str) -> None:
    if address is None:
        return
    host = _host(address).removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of a closed listener do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, _port(address)))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise invalid_value(member, f"cannot listen on {address}: {reason}") from error


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
