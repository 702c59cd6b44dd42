"""The platform of an installed device: reads as `SystemPlatform`, changes through the helper."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.errors import DeviceUnavailable, InvalidRequest, NotSupportedHere, error_named
from gateway.host import system_helper as helper
from gateway.host.platform import Addressing
from gateway.host.system_bus import SystemBus
from gateway.host.system_platform import SystemPlatform
from gateway.host.update_request import SOCKET_NAME, ask_for_update

SOCKET_VARIABLE = "GATEWAY_SYSTEM_SOCKET"
"""The helper's socket; the api's unit names it."""
ANSWER_S = 9.0
"""API clients wait 10 s."""


class HelpedPlatform(SystemPlatform):
    """See `Platform`."""

    def __init__(
        self, path: Path, bus: SystemBus | None = None, answer_s: float = ANSWER_S
    ) -> None:
        super().__init__(bus)
        self._path = path
        self._answer_s = answer_s

    def set_time(self, utc: datetime) -> None:
        self._ask(helper.SetTime, utc=utc)

    def set_ntp(self, *, enabled: bool) -> None:
        self._ask(helper.SetNtp, enabled=enabled)

    def set_ntp_servers(self, servers: Sequence[str]) -> None:
        self._ask(helper.SetNtpServers, servers=tuple(servers))

    def change_network(
        self, addressing: Addressing | None, hostname: str | None
    ) -> Callable[[], None]:
        self._ask(helper.ChangeNetwork, addressing=addressing, hostname=hostname)
        return (lambda: None) if addressing is None else self.activate_network

    def activate_network(self) -> None:
        self._ask(helper.ActivateNetwork)

    def check_restart(self) -> None:
        self._ask(helper.CheckRestart)

    def restart(self) -> None:
        self._ask(helper.Restart)

    def install_update(self) -> None:
        ask_for_update(self._path.with_name(SOCKET_NAME))

    def _ask(self, kind: type[helper.SystemRequest], **values: Any) -> None:
        try:
            request = kind.model_validate(values)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.settimeout(self._answer_s)
                connection.connect(str(self._path))
                connection.send(request.model_dump_json().encode())
                answer = helper.HelperAnswer.model_validate_json(
                    connection.recv(helper.LARGEST_MESSAGE) or "no answer"
                )
        except ValidationError as error:
            raise InvalidRequest(f"{kind.__name__}: {error.errors()[0]['msg']}") from None
        except TimeoutError:
            raise DeviceUnavailable(
                f"gateway-system.service did not answer within {self._answer_s:g} s"
            ) from None
        except OSError as error:
            raise NotSupportedHere(
                f"gateway-system.socket cannot be reached: {error.strerror}; "
                "to start it: systemctl start gateway-system.socket"
            ) from error
        if answer.error_kind is not None:
            raise error_named(answer.error_kind, answer.error)
