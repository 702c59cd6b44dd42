"""Announces the API by multicast DNS (RFC 6762, RFC 6763), so that browsers of services find it.

It tells the site's name, the device's id and the version, which anybody on the network may know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from gateway.api.server import Listener
from gateway.host.network import machine_addresses
from gateway.threads import WokenThread

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

SERVICE = "_gateway-door._tcp.local."
"""The type of every device of this kind."""
CHECK_S = 30.0
"""How often addresses are compared with those announced."""
_LONGEST_NAME = 63
"""Bytes of the name of an instance (RFC 6763, 4.1.1)."""
_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound

log = structlog.get_logger("mdns")


@dataclass(frozen=True, slots=True)
class AnnouncedDevice:
    """What is told of this device."""

    site: str
    """The site's name."""
    device_id: int
    serial: str
    version: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A service at a port of some addresses."""

    kind: str
    port: int
    tls: bool
    addresses: tuple[str, ...]


def offers(listeners: Sequence[Listener], machine: Collection[str]) -> tuple[Offer, ...]:
    """What `listeners` offer at the addresses `machine`; TLS goes before plain HTTP."""
    found: list[Offer] = []
    for listener in sorted(listeners, key=lambda it: it.certificate is None):
        tls = listener.certificate is not None
        addresses = tuple(sorted(at for at in machine if _reached(listener.host, at)))
        if not addresses:
            continue
        if not found:
            found.append(Offer(SERVICE, listener.port, tls, addresses))
        found.append(Offer(f"_{listener.scheme}._tcp.local.", listener.port, tls, addresses))
    return tuple(found)


def _reached(host: str, address: str) -> bool:
    """Whether a listener on `host` is reached at `address`; one on `::` is at IPv4 ones too."""
    if host in _ANY:
        return host == "::" or ":" not in address
    return host == address


def instance_name(site: str) -> str:
    """The site's name as the name of an instance: without control characters, cut to its length."""
    shown = "".join(it for it in site if it.isprintable()).replace(".", " ").strip()
    return shown.encode()[:_LONGEST_NAME].decode(errors="ignore").strip() or "gateway"


class Announcement(WokenThread):
    """Keeps the announcement up to date until closed, which withdraws it. A failure is logged, and
    tried again."""

    close_s = 5.0

    def __init__(
        self,
        listeners: Sequence[Listener],
        about: AnnouncedDevice,
        machine: Callable[[], Collection[str]] = machine_addresses,
    ) -> None:
        super().__init__("mdns")
        self._listeners = listeners
        self._about = about
        self._machine = machine
        self._announced: tuple[Offer, ...] = ()
        self._responder: Zeroconf | None = None
        self._failing = False

    def work(self) -> float:
        try:
            self._follow()
        except OSError as error:
            if not self._failing:
                log.warning("the device is not announced on the network", why=repr(error))
            self._failing = True
            self._withdraw()
        else:
            self._failing = False
        return CHECK_S

    def _release(self) -> None:
        self._withdraw()

    def _follow(self) -> None:
        wanted = offers(self._listeners, self._machine())
        if wanted == self._announced:
            return
        self._withdraw()
        if wanted:
            self._announce(wanted)
        self._announced = wanted

    def _announce(self, wanted: tuple[Offer, ...]) -> None:
        """Raises OSError."""
        from zeroconf import Error, Zeroconf

        # Those of IPv6 have no sockets of their own: their names come from a netlink socket.
        interfaces = sorted({at for it in wanted for at in it.addresses if ":" not in at})
        if not interfaces:
            raise OSError("there is no IPv4 address")
        try:
            self._responder = Zeroconf(interfaces=interfaces)
            for info in self._services(wanted):
                if self._stop.is_set():
                    return
                self._responder.register_service(info, allow_name_change=True)
        except (RuntimeError, Error) as error:
            raise OSError(repr(error)) from error

    def _services(self, wanted: Iterable[Offer]) -> list[ServiceInfo]:
        from zeroconf import ServiceInfo

        about = self._about
        return [
            ServiceInfo(
                offer.kind,
                f"{instance_name(about.site)}.{offer.kind}",
                port=offer.port,
                parsed_addresses=list(offer.addresses),
                # A name of its own: the machine's belongs to its own responder.
                server=f"gateway-{about.serial.lower()}.local.",
                properties={
                    "id": str(about.device_id),
                    "v": about.version,
                    "api": "controlid",
                    "tls": str(int(offer.tls)),
                    "path": "/",
                },
            )
            for offer in wanted
        ]

    def _withdraw(self) -> None:
        responder, self._responder, self._announced = self._responder, None, ()
        if responder is not None:
            responder.close()  # sends good-byes for what was registered
