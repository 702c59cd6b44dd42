"""The server of the online modes, from what clients have set (Access API, 4.2 and 5.1). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import InvalidRequest
from gateway.objects.server_address import ServerAddress, server_address

SHORTEST_ALIVE_S = 1.0


@dataclass(frozen=True, slots=True)
class OnlineTarget:
    """Where the server is and how it is spoken to."""

    address: ServerAddress
    timeout_s: float
    """For a whole request."""
    attempts: int
    """Failures in sequence after which the server counts as away."""
    alive_s: float
    """Time between two keep-alives, 0 for none."""
    secrets: bool
    """Whether PINs and passwords may be sent."""


def named_server(values: Mapping[str, Mapping[str, str]]) -> int | None:
    """The id of the server's row in `devices`; None in standalone mode.

    Raises InvalidRequest if none is named.
    """
    if values["general"]["online"] != "1":
        return None
    number = int(values["online_client"]["server_id"] or 0)
    if not number:
        raise InvalidRequest("online_client.server_id names no server: a row of devices is needed")
    return number


def online_target(
    values: Mapping[str, Mapping[str, str]], server_id: int, ip: str | None, *, plain_secrets: bool
) -> OnlineTarget:
    """The server whose row in `devices` has `ip`, None if there is no such row.

    `ip` is a host, with a scheme, a port and a path if need be. Raises InvalidRequest.
    """
    if ip is None:
        raise InvalidRequest(f"online_client.server_id: there is no row {server_id} in devices")
    client = values["online_client"]
    address = server_address(f"devices {server_id} ip", ip)
    alive_s = int(client["alive_interval"]) / 1000
    return OnlineTarget(
        address,
        int(client["request_timeout"]) / 1000,
        int(client["max_request_attempts"]),
        max(SHORTEST_ALIVE_S, alive_s) if alive_s else 0.0,
        secrets=address.tls or plain_secrets,
    )
