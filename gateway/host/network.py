"""The machine's network addresses, read from the kernel."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_ROUTES = Path("/proc/net/route")
_INET6 = Path("/proc/net/if_inet6")
_RESOLVERS = Path("/etc/resolv.conf")
_INTERFACES = Path("/sys/class/net")
_SIOCGIFADDR = 0x8915
_SIOCGIFNETMASK = 0x891B
"""Request numbers of netdevice(7)."""
_NAME_BYTES = 15
_UNKNOWN = "0.0.0.0"  # noqa: S104 - a value to show, nothing is bound to it


@dataclass(frozen=True, slots=True)
class Network:
    """The main interface, in dotted IPv4 notation; 0.0.0.0 for a missing address."""

    mac: str
    ip: str
    netmask: str
    gateway: str
    primary_dns: str
    secondary_dns: str
    hostname: str


def network() -> Network:
    """Return the interface of the default route, else the first one with an address."""
    name, router = _default_route()
    mac, ip, netmask = "00:00:00:00:00:00", _UNKNOWN, _UNKNOWN
    for candidate in [name] if name else _others():
        found = _query(candidate, _SIOCGIFADDR)
        if found:
            ip, netmask = found, _query(candidate, _SIOCGIFNETMASK) or _UNKNOWN
            mac = _read(_INTERFACES / candidate / "address").strip() or mac
            break
    resolvers = [*_resolvers(), _UNKNOWN, _UNKNOWN]
    return Network(mac, ip, netmask, router, resolvers[0], resolvers[1], socket.gethostname())


def machine_addresses() -> frozenset[str]:
    """The main IPv4 address of each interface, and all IPv6 ones; neither loopback nor link-local
    ones. No netlink socket is needed, which the api's sandbox forbids."""
    v4 = (_query(name, _SIOCGIFADDR) for name in _others())
    v6 = (
        str(ipaddress.IPv6Address(int(line.split()[0], 16)))
        for line in _read(_INET6).splitlines()
        if line
    )
    parsed = (ipaddress.ip_address(at) for at in (*filter(None, v4), *v6))
    return frozenset(str(at) for at in parsed if not (at.is_loopback or at.is_link_local))


def _default_route() -> tuple[str, str]:
    """Return interface and router of the default route (proc(5), net/route: hex, host order)."""
    for line in _read(_ROUTES).splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 8 and fields[1] == fields[7] == "00000000":
            packed = struct.pack("=I", int(fields[2], 16))
            return fields[0], str(ipaddress.IPv4Address(packed))
    return "", _UNKNOWN


def _others() -> list[str]:
    try:
        return sorted(entry.name for entry in _INTERFACES.iterdir() if entry.name != "lo")
    except OSError:
        return []


def _query(interface: str, what: int) -> str:
    """Return an address of `interface`; empty without one."""
    asked = struct.pack("256s", interface.encode()[:_NAME_BYTES])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), what, asked)
        except OSError:
            return ""
    # struct ifreq: 16 bytes of name, then a sockaddr_in with its address at offset 4.
    return str(ipaddress.IPv4Address(answer[20:24]))


def _resolvers() -> list[str]:
    lines = (line.split() for line in _read(_RESOLVERS).splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
