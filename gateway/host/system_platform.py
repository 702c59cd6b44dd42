"""The platform of a machine with systemd, through its services on the system bus.

On an installed device the process that changes anything runs as gateway-system, whom
systemd/polkit/gateway.rules permits exactly the actions used here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from gateway.clock import EPOCH
from gateway.errors import GatewayError, InvalidRequest, NotSupportedHere
from gateway.host.network_manager import NetworkManager, with_addressing
from gateway.host.platform import Addressing
from gateway.host.system_bus import Service, SystemBus

_LOGIN = Service(
    "systemd-logind",
    "org.freedesktop.login1",
    "/org/freedesktop/login1",
    "org.freedesktop.login1.Manager",
)
_TIMEDATE = Service(
    "systemd-timedated",
    "org.freedesktop.timedate1",
    "/org/freedesktop/timedate1",
    "org.freedesktop.timedate1",
)
_TIMESYNC = Service(
    "systemd-timesyncd",
    "org.freedesktop.timesync1",
    "/org/freedesktop/timesync1",
    "org.freedesktop.timesync1.Manager",
)
_HOSTNAME = Service(
    "systemd-hostnamed",
    "org.freedesktop.hostname1",
    "/org/freedesktop/hostname1",
    "org.freedesktop.hostname1",
)
_SERVER_LISTS = ("RuntimeNTPServers", "SystemNTPServers", "LinkNTPServers", "FallbackNTPServers")
"""In order of precedence: set at run time, from files, from the network, from the distribution. On
Debian 12 (systemd 252) the first can be set but not read."""


class SystemPlatform:
    """See `Platform`."""

    real = True

    def __init__(self, bus: SystemBus | None = None) -> None:
        self._bus = bus or SystemBus()
        self._network = NetworkManager(self._bus)

    def set_time(self, utc: datetime) -> None:
        if self.ntp_enabled():
            raise InvalidRequest(
                "The clock follows network time: switch off ntp.enabled in the configuration first"
            )
        microseconds = (utc - EPOCH) // timedelta(microseconds=1)
        # The flags: not relative, no interactive authorisation.
        self._bus.call(_TIMEDATE, "SetTime", "xbb", microseconds, False, False)

    def ntp_enabled(self) -> bool:
        return bool(self._bus.get(_TIMEDATE, "NTP"))

    def set_ntp(self, *, enabled: bool) -> None:
        if enabled and not self._bus.get(_TIMEDATE, "CanNTP"):
            raise NotSupportedHere(
                "this machine has no service that follows network time (systemd-timesyncd)"
            )
        self._bus.call(_TIMEDATE, "SetNTP", "bb", enabled, False)

    def ntp_servers(self) -> tuple[str, ...]:
        for name in _SERVER_LISTS:
            try:
                servers = self._bus.get(_TIMESYNC, name)
            except (NotSupportedHere, InvalidRequest):
                if name != _SERVER_LISTS[0]:
                    raise
                continue
            if servers:
                return tuple(str(server) for server in servers)
        return ()

    def set_ntp_servers(self, servers: Sequence[str]) -> None:
        self._bus.call(_TIMESYNC, "SetRuntimeNTPServers", "as", list(servers))

    def uses_dhcp(self) -> bool:
        return self._network.uses_dhcp()

    def hostname(self) -> str:
        return str(self._bus.get(_HOSTNAME, "StaticHostname"))

    def change_network(
        self, addressing: Addressing | None, hostname: str | None
    ) -> Callable[[], None]:
        if addressing is None:
            self._set_hostname(hostname)
            return lambda: None
        network = self._network
        network.check_activation()
        connection = network.in_use()
        before = network.read(connection)
        network.write(connection, with_addressing(before, addressing))
        try:
            self._set_hostname(hostname)
        except GatewayError:
            network.write(connection, before)
            raise
        return lambda: network.activate(connection)

    def activate_network(self) -> None:
        """Activate the connection in use with the addresses of its profile."""
        self._network.activate(self._network.in_use())

    def _set_hostname(self, hostname: str | None) -> None:
        if hostname is not None:
            self._bus.call(_HOSTNAME, "SetStaticHostname", "sb", hostname, False)

    def check_restart(self) -> None:
        (answer,) = self._bus.call(_LOGIN, "CanReboot")
        if answer == "challenge":
            raise NotSupportedHere(
                "systemd-logind does not permit this program to restart the machine; "
                "polkit rule needed"
            )
        if answer != "yes":
            raise NotSupportedHere(f"this machine cannot be restarted (systemd-logind: {answer})")

    def restart(self) -> None:
        self._bus.call(_LOGIN, "Reboot", "b", False)

    def install_update(self) -> None:
        raise NotSupportedHere("updates are for an installed device; here: gateway update FILE")
