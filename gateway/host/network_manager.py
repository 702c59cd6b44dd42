"""Changes IPv4 addresses through NetworkManager (Raspberry Pi OS, Debian desktop).

Types and names: NetworkManager's D-Bus reference, Settings.Connection and `ipv4`. A change is first
written to the profile of the connection in use, which does not affect the connection, and takes
effect when the connection is activated again.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from gateway.errors import NotSupportedHere
from gateway.host.platform import Addressing
from gateway.host.system_bus import Service, SystemBus

Profile = dict[str, dict[str, tuple[str, Any]]]
"""Section -> key -> variant."""

_BUS_NAME = "org.freedesktop.NetworkManager"
_MANAGER = Service("NetworkManager", _BUS_NAME, "/org/freedesktop/NetworkManager", _BUS_NAME)
_ACTIVE = f"{_BUS_NAME}.Connection.Active"
_PROFILE = f"{_BUS_NAME}.Settings.Connection"
_CONTROL = f"{_BUS_NAME}.network-control"
"""The permission to activate a connection. It is checked in advance, because activation follows
the API's answer."""

_CARRIERS = ("802-3-ethernet", "802-11-wireless")
"""Connection types with an address of their own, in order of preference."""
_ADDRESS_KEYS = frozenset(
    {
        "method",
        "addresses",
        "address-data",
        "gateway",
        "dns",
        "dns-data",
        "ignore-auto-dns",
    }
)


@dataclass(frozen=True, slots=True)
class ActiveConnection:
    """D-Bus paths of the connection in use."""

    profile: str
    device: str


class NetworkManager:
    """Reads and changes the machine's addresses; raises as `SystemBus` does."""

    def __init__(self, bus: SystemBus) -> None:
        self._bus = bus

    def in_use(self) -> ActiveConnection:
        """Return the active wired connection, else the wireless one. Raises NotSupportedHere."""
        found: dict[str, ActiveConnection] = {}
        for path in self._bus.get(_MANAGER, "ActiveConnections"):
            active = _MANAGER.at(path, _ACTIVE)
            kind = self._bus.get(active, "Type")
            devices = self._bus.get(active, "Devices")
            if devices and kind in _CARRIERS and kind not in found:
                found[kind] = ActiveConnection(self._bus.get(active, "Connection"), devices[0])
        for kind in _CARRIERS:
            if kind in found:
                return found[kind]
        raise NotSupportedHere("NetworkManager has no active wired or wireless connection")

    def check_activation(self) -> None:
        """Raise NotSupportedHere unless this program may activate a connection."""
        (permissions,) = self._bus.call(_MANAGER, "GetPermissions")
        if permissions.get(_CONTROL, "yes") != "yes":
            raise NotSupportedHere(
                "NetworkManager does not permit this program to change addresses; "
                f"polkit rule needed: {_CONTROL}"
            )

    def read(self, connection: ActiveConnection) -> Profile:
        """Return the profile without its passwords."""
        service = _MANAGER.at(connection.profile, _PROFILE)
        (profile,) = self._bus.call(service, "GetSettings")
        found: Profile = profile
        return found

    def write(self, connection: ActiveConnection, profile: Profile) -> None:
        """Write the profile; the active connection does not change.

        NetworkManager keeps the passwords of a profile that is written without any.
        """
        service = _MANAGER.at(connection.profile, _PROFILE)
        self._bus.call(service, "Update", "a{sa{sv}}", profile)

    def activate(self, connection: ActiveConnection) -> None:
        """Activate the connection with the profile's addresses."""
        arguments = (connection.profile, connection.device, "/")
        self._bus.call(_MANAGER, "ActivateConnection", "ooo", *arguments)

    def uses_dhcp(self) -> bool:
        """Return whether the connection in use gets its address by DHCP."""
        service = _MANAGER.at(self.in_use().profile, _PROFILE)
        (profile,) = self._bus.call(service, "GetSettings")
        return bool(profile.get("ipv4", {}).get("method", ("s", "auto"))[1] == "auto")


def with_addressing(profile: Profile, requested: Addressing) -> Profile:
    """Return `profile` with the addresses in `requested` and all else unchanged."""
    old = profile.get("ipv4", {})
    ipv4 = {key: value for key, value in old.items() if key not in _ADDRESS_KEYS}
    if requested.dns:
        # Unsigned numbers with the bytes in network order in memory.
        ipv4["dns"] = ("au", [struct.unpack("=I", server.packed)[0] for server in requested.dns])
    if requested.address is None:
        ipv4["method"] = ("s", "auto")
        ipv4["ignore-auto-dns"] = ("b", bool(requested.dns))
    else:
        ipv4["method"] = ("s", "manual")
        address = {
            "address": ("s", str(requested.address.ip)),
            "prefix": ("u", requested.address.network.prefixlen),
        }
        ipv4["address-data"] = ("aa{sv}", [address])
        if requested.gateway is not None:
            ipv4["gateway"] = ("s", str(requested.gateway))
    return {**profile, "ipv4": ipv4}
