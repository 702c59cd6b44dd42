"""What the operating system does for this device: clock, addresses, restart.

`gateway api` decides once which platform its process has: a machine that only simulates a board is
somebody's desk, and no request may restart or re-address that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface
from typing import NoReturn, Protocol

from gateway.errors import NotSupportedHere


@dataclass(frozen=True, slots=True)
class Addressing:
    """How the machine gets its IPv4 address."""

    address: IPv4Interface | None
    """With its network; None takes what a DHCP server gives."""
    gateway: IPv4Address | None = None
    """None for a network without a way out, and with DHCP."""
    dns: tuple[IPv4Address, ...] = ()
    """In order of preference; none with DHCP takes what the server gives."""


class Platform(Protocol):
    """The machine. Any thread may call it.

    Each method raises NotSupportedHere where the machine does not offer or permit it,
    DeviceUnavailable when it does not answer in time, and InvalidRequest for what it refuses; then
    nothing has changed.
    """

    @property
    def real(self) -> bool:
        """False where there is no machine to change."""

    def set_time(self, utc: datetime) -> None:
        """Set the clock. Refused while it follows network time."""

    def ntp_enabled(self) -> bool:
        """Whether the clock follows network time."""

    def set_ntp(self, *, enabled: bool) -> None:
        """Let the clock follow network time, or not, from now on and after a restart."""

    def ntp_servers(self) -> tuple[str, ...]:
        """The time servers that are asked, the preferred one first."""

    def set_ntp_servers(self, servers: Sequence[str]) -> None:
        """Ask these, until the machine or its time service starts again."""

    def uses_dhcp(self) -> bool:
        """Whether a DHCP server gives the machine its address."""

    def hostname(self) -> str:
        """The machine's name that outlives a restart."""

    def change_network(
        self, addressing: Addressing | None, hostname: str | None
    ) -> Callable[[], None]:
        """Write down other addresses, and name the machine; None leaves either alone.

        The addresses are in force once what is returned has been called, which cuts off whoever
        is connected, and may raise as any method here.
        """

    def check_restart(self) -> None:
        """Return when `restart` would be obeyed."""

    def restart(self) -> None:
        """Restart the machine; returns before it happens."""


class NoPlatform:
    """Stands for a machine that is not to be touched."""

    real = False

    def __init__(self, why: str) -> None:
        """`why` ends the sentence "this cannot be done ..."."""
        self._why = why

    def _refuse(self) -> NoReturn:
        raise NotSupportedHere(f"this cannot be done {self._why}")

    def set_time(self, utc: datetime) -> None:
        del utc
        self._refuse()

    def ntp_enabled(self) -> bool:
        self._refuse()

    def set_ntp(self, *, enabled: bool) -> None:
        del enabled
        self._refuse()

    def ntp_servers(self) -> tuple[str, ...]:
        self._refuse()

    def set_ntp_servers(self, servers: Sequence[str]) -> None:
        del servers
        self._refuse()

    def uses_dhcp(self) -> bool:
        self._refuse()

    def hostname(self) -> str:
        self._refuse()

    def change_network(
        self, addressing: Addressing | None, hostname: str | None
    ) -> Callable[[], None]:
        del addressing, hostname
        self._refuse()

    def check_restart(self) -> None:
        self._refuse()

    def restart(self) -> None:
        self._refuse()


SIMULATED = NoPlatform("on a simulated board: the machine is not the device")
