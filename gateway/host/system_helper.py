"""Carries out the API's changes to the operating system, in a process and under a user of its own.

The api's user has no rights at systemd and NetworkManager: polkit cannot name the one profile, and
whoever may change all profiles can have NetworkManager run programs as root. This process has the
rights, takes no other requests than those below, and checks each value again.

One request and one answer a connection, both JSON, over a Unix socket of whole messages that only
the api's user may open (systemd/gateway-system.socket).
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.errors import GatewayError, InvalidRequest, NotSupportedHere
from gateway.host.clock_trust import CEILING, RELEASED
from gateway.host.platform import HOSTNAME_PATTERN, MOST_SERVERS, Addressing
from gateway.host.probes import HOST_PATTERN, LONGEST_HOST
from gateway.host.system_platform import SystemPlatform

LARGEST_MESSAGE = 4_096
IDLE_S = 30.0
"""The process ends after this time without a request; the service manager starts it again."""
REQUEST_S = 1.0
PAUSE_S = 1.0
"""After each request. A change may write to the disk, and the controller journals a set clock."""
RESTART_AFTER_S = 300.0
"""Since the machine's start: one that restarts all the time opens no door."""


class SystemRequest(BaseModel):
    """A method of `Platform` with its arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def carry_out(self, platform: SystemPlatform) -> None:
        """Do it; raises as the methods of `Platform`."""
        raise NotImplementedError


class SetTime(SystemRequest):
    """`Platform.set_time`."""

    kind: Literal["set_time"] = "set_time"
    utc: Annotated[AwareDatetime, Field(ge=RELEASED, le=CEILING)]

    def carry_out(self, platform: SystemPlatform) -> None:
        platform.set_time(self.utc)


class SetNtp(SystemRequest):
    """`Platform.set_ntp`."""

    kind: Literal["set_ntp"] = "set_ntp"
    enabled: bool

    def carry_out(self, platform: SystemPlatform) -> None:
        platform.set_ntp(enabled=self.enabled)


class SetNtpServers(SystemRequest):
    """`Platform.set_ntp_servers`."""

    kind: Literal["set_ntp_servers"] = "set_ntp_servers"
    servers: Annotated[
        tuple[Annotated[str, Field(max_length=LONGEST_HOST, pattern=HOST_PATTERN)], ...],
        Field(max_length=MOST_SERVERS),
    ]

    def carry_out(self, platform: SystemPlatform) -> None:
        platform.set_ntp_servers(self.servers)


class ChangeNetwork(SystemRequest):
    """`Platform.change_network`; `ActivateNetwork` puts the addresses into force."""

    kind: Literal["change_network"] = "change_network"
    addressing: Addressing | None = None
    hostname: Annotated[str, Field(pattern=HOSTNAME_PATTERN)] | None = None

    def carry_out(self, platform: SystemPlatform) -> None:
        if self.addressing is not None:
            self.addressing.check()
        platform.change_network(self.addressing, self.hostname)


class ActivateNetwork(SystemRequest):
    """What `Platform.change_network` returns."""

    kind: Literal["activate_network"] = "activate_network"

    def carry_out(self, platform: SystemPlatform) -> None:
        platform.activate_network()


class CheckRestart(SystemRequest):
    """`Platform.check_restart`."""

    kind: Literal["check_restart"] = "check_restart"

    def carry_out(self, platform: SystemPlatform) -> None:
        left_s = RESTART_AFTER_S - time.clock_gettime(time.CLOCK_BOOTTIME)
        if left_s > 0:
            raise NotSupportedHere(
                f"the machine started less than {RESTART_AFTER_S:.0f} s ago; it may be restarted "
                f"in {left_s:.0f} s"
            )
        platform.check_restart()


class Restart(CheckRestart):
    """`Platform.restart`."""

    kind: Literal["restart"] = "restart"  # type: ignore[assignment]  # - its own name

    def carry_out(self, platform: SystemPlatform) -> None:
        super().carry_out(platform)
        platform.restart()


_READ: TypeAdapter[SystemRequest] = TypeAdapter(
    Annotated[
        SetTime | SetNtp | SetNtpServers | ChangeNetwork | ActivateNetwork | CheckRestart | Restart,
        Field(discriminator="kind"),
    ]
)


class HelperAnswer(BaseModel):
    """Without a kind of error: done."""

    error_kind: str | None = None
    error: str = ""


def answer(payload: bytes, platform: SystemPlatform) -> HelperAnswer:
    """Carry out the request in `payload`."""
    try:
        _READ.validate_json(payload).carry_out(platform)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return HelperAnswer(error_kind=InvalidRequest.__name__, error=found[:1_000])
    except GatewayError as error:
        return HelperAnswer(error_kind=type(error).__name__, error=str(error)[:1_000])
    return HelperAnswer()


def serve(
    listener: socket.socket,
    platform: SystemPlatform,
    idle_s: float = IDLE_S,
    pause_s: float = PAUSE_S,
) -> None:
    """Answer one request after the other until none has come for `idle_s`."""
    listener.settimeout(idle_s)
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        with connection, suppress(OSError):  # whoever does not send or read goes without
            connection.settimeout(REQUEST_S)
            payload = connection.recv(LARGEST_MESSAGE)
            connection.send(answer(payload, platform).model_dump_json().encode())
        time.sleep(pause_s)
