"""Interface to the operating system: clock, addresses, restart.

`gateway api` selects the platform at start. A machine with a simulated board is a developer's
computer, which no request may restart or re-address.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import NoReturn, Protocol

from gateway.errors import InvalidRequest, NotSupportedHere

LONGEST_PREFIX = 30
"""The smallest network that has room for two machines."""
HOSTNAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
MOST_SERVERS = 2
"""Name servers, and time servers."""


def is_unicast(address: IPv4Address) -> bool:
    """Whether a host of a network may have this address."""
    return not (address.is_multicast or address.is_loopback or address.is_unspecified)


def is_host(address: IPv4Address, network: IPv4Network) -> bool:
    """Whether a host of `network` may have this address."""
    return address in network and address not in {
        network.network_address,
        network.broadcast_address,
    }


@dataclass(frozen=True, slots=True)
class Addressing:
    """How the machine gets its IPv4 address."""

    address: IPv4Interface | None
    """Address with network; None uses DHCP."""
    gateway: IPv4Address | None = None
    """None for a network without a router, and with DHCP."""
    dns: tuple[IPv4Address, ...] = ()
    """In order of preference; empty with DHCP uses the server's."""

    def check(self) -> None:
        """Raise InvalidRequest for what no machine can use."""
        own = self.address
        wrong = (
            len(self.dns) > MOST_SERVERS
            or not all(map(is_unicast, self.dns))
            or (own is None and self.gateway is not None)
        )
        if own is not None:
            wrong = (
                wrong
                or not 1 <= own.network.prefixlen <= LONGEST_PREFIX
                or not (is_unicast(own.ip) and is_host(own.ip, own.network))
            )
            if self.gateway is not None:
                wrong = wrong or self.gateway == own.ip or not is_host(self.gateway, own.network)
        if wrong:
            raise InvalidRequest(f"no machine can use these addresses: {self}")


class Platform(Protocol):
    """The operating system's services. Thread-safe.

    Each method raises NotSupportedHere where the machine does not offer or permit it,
    DeviceUnavailable when it does not answer in time, and InvalidRequest when it refuses the
    values. After an error nothing has changed.
    """

    @property
    def real(self) -> bool:
        """False for a simulated board."""

    def set_time(self, utc: datetime) -> None:
        """Set the clock. Raises InvalidRequest while the clock follows network time."""

    def ntp_enabled(self) -> bool:
        """Return whether the clock follows network time."""

    def set_ntp(self, *, enabled: bool) -> None:
        """Switch network time on or off; the setting survives a restart."""

    def ntp_servers(self) -> tuple[str, ...]:
        """Return the time servers in use, the preferred one first."""

    def set_ntp_servers(self, servers: Sequence[str]) -> None:
        """Use these time servers until the machine or its time service restarts."""

    def uses_dhcp(self) -> bool:
        """Return whether the machine gets its address by DHCP."""

    def hostname(self) -> str:
        """Return the machine's permanent name."""

    def change_network(
        self, addressing: Addressing | None, hostname: str | None
    ) -> Callable[[], None]:
        """Store new addresses and a new name; None keeps the present ones.

        The returned function activates the addresses. It drops existing connections and may raise
        like any method here.
        """

    def check_restart(self) -> None:
        """Raise unless `restart` is permitted."""

    def restart(self) -> None:
        """Restart the machine; returns before the restart."""

    def install_update(self) -> None:
        """Check the uploaded update and have it installed; returns before that."""


class NoPlatform:
    """A platform that refuses every call."""

    real = False

    def __init__(self, why: str) -> None:
        """`why` completes the sentence "this cannot be done ..."."""
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

    def install_update(self) -> None:
        self._refuse()


SIMULATED = NoPlatform("on a simulated board: the machine is not the device")
