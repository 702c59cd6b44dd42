"""The online modes: their settings, and whether the server or this device decides. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.settings.configuration import Configuration, is_on


class OnlineMode(StrEnum):
    """Who identifies, while the server decides (Access API, operating modes)."""

    PRO = "pro"
    """This device."""
    ENTERPRISE = "enterprise"
    """The server."""


@dataclass(frozen=True, slots=True)
class OnlineSettings:
    """How the server is asked."""

    mode: OnlineMode
    wait_ms: int
    """How long a person waits for its answer at most, from the read."""
    contingency: bool
    """Whether this device decides while the server cannot be asked; it denies otherwise."""
    named: bool
    """Whether `online_client.server_id` names a server."""


class Operation(StrEnum):
    """Who decides; the values are stable."""

    STANDALONE = "standalone"
    """This device, in the standalone mode."""
    ONLINE = "online"
    """The server."""
    CONTINGENCY = "contingency"
    """This device, since the server cannot be asked."""
    DENIAL = "denial"
    """Nobody: the server cannot be asked, and contingency is switched off."""


@dataclass(frozen=True, slots=True)
class ServerReach:
    """Whether the server can be asked, as reported last; the initial value is that of a start."""

    reachable: bool = False
    why: str = "nothing has been heard of it since the controller started"
    """Why not; empty while it is reachable."""
    since_utc_s: int = 0
    """Of this state, in Unix seconds; 0 before the first report."""
    lost_utc_s: int = 0
    """When the server was lost last, in Unix seconds; 0 for never since the start."""

    @property
    def reported(self) -> bool:
        """Whether anything is known."""
        return self.since_utc_s > 0


def online_settings(configuration: Configuration) -> OnlineSettings | None:
    """The settings of the online modes; None in standalone mode."""
    identifies = is_on(configuration, "general", "local_identification")
    timeout_ms = int(configuration["online_client", "request_timeout"])
    settings = OnlineSettings(
        mode=OnlineMode.PRO if identifies else OnlineMode.ENTERPRISE,
        wait_ms=timeout_ms * int(configuration["online_client", "max_request_attempts"]),
        contingency=is_on(configuration, "online_client", "contingency_enabled"),
        named=configuration["online_client", "server_id"] not in {"", "0"},
    )
    return settings if is_on(configuration, "general", "online") else None


def operation_of(settings: OnlineSettings | None, reach: ServerReach) -> Operation:
    """Who decides now. A server that `server_id` does not name cannot be asked."""
    if settings is None:
        return Operation.STANDALONE
    if reach.reachable and settings.named:
        return Operation.ONLINE
    return Operation.CONTINGENCY if settings.contingency else Operation.DENIAL


def report(reach: ServerReach, now_utc_s: int, *, reachable: bool, why: str = "") -> ServerReach:
    """The state after a report; `why` the server is not reachable may change alone."""
    if reachable:
        return reach if reach.reachable else ServerReach(True, "", now_utc_s, reach.lost_utc_s)
    why = why or "it does not answer"
    if reach.reported and not reach.reachable:
        return replace(reach, why=why)
    return ServerReach(False, why, now_utc_s, now_utc_s)
