"""The device's place in the network: its address, its name, the ports of its API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.commands.answers import DONE, Done
from gateway.commands.certificate import certificate_file
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.listening import Listening, check_free
from gateway.commands.requests import RequestModel, flag
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, InvalidRequest, NotSupportedHere
from gateway.host.certificate import is_self_signed, make_self_signed
from gateway.host.platform import Addressing
from gateway.objects.fields import invalid_member
from gateway.store.tables.audit import AuditType
from gateway.store.tables.machine import MachineSettings

DNS_PRIMARY, DNS_SECONDARY = "8.8.8.8", "8.8.4.4"
"""The vendor's defaults for a fixed address."""
_NOWHERE = {"", "0.0.0.0"}  # noqa: S104 - a client's way of saying none, nothing is bound to it
_LONGEST_PREFIX = 30
"""A network with room for two machines."""

Switch = Annotated[bool | None, BeforeValidator(flag)]


class NetworkRequest(RequestModel):
    """`set_system_network`. What is left out stays as it is; `ip`, `netmask` and `gateway` go
    together."""

    ip: str | None = None
    netmask: str | None = None
    gateway: str | None = None
    dns_primary: str | None = None
    dns_secondary: str | None = None
    web_server_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    ssl_enabled: Switch = None
    dhcp_enabled: Switch = None
    custom_hostname_enabled: Switch = None
    device_hostname: (
        Annotated[str, Field(pattern=r"^$|^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")] | None
    ) = None
    self_signed_certificate: Switch = None

    def addressing(self) -> Addressing | None:
        """The addresses that are asked for; None for none. Raises InvalidRequest."""
        if self.dhcp_enabled:
            return Addressing(None, dns=self._dns("", ""))
        given = {"ip": self.ip, "netmask": self.netmask, "gateway": self.gateway}
        if self.dhcp_enabled is None and set(given.values()) == {None}:
            for member in ("dns_primary", "dns_secondary"):
                if getattr(self, member) is not None:
                    raise InvalidRequest(f"Invalid member '{member}' (it goes with 'ip')")
            return None
        for member, value in given.items():
            if value is None:
                raise invalid_member(member, "string", "undefined")
        address = _interface(self.ip or "", self.netmask or "")
        return Addressing(
            address,
            _gateway(self.gateway or "", address),
            self._dns(DNS_PRIMARY, DNS_SECONDARY),
        )

    def _dns(self, primary: str, secondary: str) -> tuple[IPv4Address, ...]:
        first = primary if self.dns_primary is None else self.dns_primary
        second = secondary if self.dns_secondary is None else self.dns_secondary
        return tuple(
            _address(member, text)
            for member, text in (("dns_primary", first), ("dns_secondary", second))
            if text not in _NOWHERE
        )


def _address(member: str, text: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise InvalidRequest(f"Invalid member '{member}' ({text!r} is no IPv4 address)") from None
    if address.is_multicast or address.is_loopback or address.is_unspecified:
        raise InvalidRequest(f"Invalid member '{member}' ({text} is no machine's address)")
    return address


def _interface(ip: str, netmask: str) -> IPv4Interface:
    address = _address("ip", ip)
    try:
        interface = IPv4Interface(f"{address}/{netmask}")
    except NetmaskValueError:
        interface = None
    # The library takes 0.0.0.255 and 24 as well.
    if interface is None or str(interface.netmask) != netmask:
        raise InvalidRequest(f"Invalid member 'netmask' ({netmask!r} is no netmask)")
    network = interface.network
    if not 1 <= network.prefixlen <= _LONGEST_PREFIX:
        raise InvalidRequest(
            f"Invalid member 'netmask' ({netmask} leaves no room for two machines)"
        )
    if address in {network.network_address, network.broadcast_address}:
        raise InvalidRequest(f"Invalid member 'ip' ({ip} is no machine's address in {network})")
    return interface


def _gateway(text: str, own: IPv4Interface) -> IPv4Address | None:
    if text in _NOWHERE:
        return None
    gateway, network = _address("gateway", text), own.network
    if gateway not in network or gateway in {network.network_address, network.broadcast_address}:
        raise InvalidRequest(f"Invalid member 'gateway' ({text} is no machine of {network})")
    if gateway == own.ip:
        raise InvalidRequest(f"Invalid member 'gateway' ({text} is the device's own address)")
    return gateway


def set_system_network(call: Call[NetworkRequest]) -> Done:
    """Change addresses, name and ports: checked and written down now, in force once the answer has
    gone out.

    `web_server_port` moves plain HTTP, at a site without it HTTPS; a command line or service that
    names the address has precedence. With `custom_hostname_enabled` false the machine gets its
    own name back. `self_signed_certificate` true makes a new one in the place of one that was
    uploaded.
    """
    context, request = call.context, call.request
    addressing = request.addressing()
    before = context.machine.read()
    after = _listening_settings(request, before)
    rules = context.listening or Listening(context.site.http)
    present, wanted = rules.addresses(before), rules.addresses(after)
    if request.ssl_enabled is False and not rules.site.plain:
        raise InvalidRequest("Invalid member 'ssl_enabled' (this site serves HTTPS only)")
    if wanted != present:
        check_free(wanted, present)
    own_certificate = _check_certificate(context, request)
    hostname, after = _hostname(context, request, after)
    activate: Callable[[], None] | None = None
    if addressing is not None or hostname is not None:
        activate = context.platform.change_network(addressing, hostname)
    if own_certificate:
        make_self_signed(certificate_file(context.data), context.clock.utc())
    changes = {
        name: getattr(after, name)
        for name in ("web_server_port", "ssl_enabled", "own_hostname")
        if getattr(after, name) != getattr(before, name)
    }
    if changes:
        context.machine.change(**changes)
    if activate is not None:
        call.caller.afterwards.append(activate)
    # A process sees the machine's name as it was when it began, if its service is shut off well.
    if wanted != present or hostname is not None:
        call.caller.afterwards.append(context.begin_anew)
    return DONE


def _listening_settings(request: NetworkRequest, before: MachineSettings) -> MachineSettings:
    """`before` with what the request says about ports."""
    changes: dict[str, Any] = {
        name: value
        for name in ("web_server_port", "ssl_enabled")
        if (value := getattr(request, name)) is not None
    }
    return replace(before, **changes)


def _check_certificate(context: CommandContext, request: NetworkRequest) -> bool:
    """Whether a new self-signed certificate has to be made. Raises InvalidRequest."""
    if request.self_signed_certificate is None:
        return False
    is_own = is_self_signed(certificate_file(context.data))
    if is_own and not request.self_signed_certificate:
        raise InvalidRequest(
            "Invalid member 'self_signed_certificate' (send another certificate with "
            "ssl_certificate_change)"
        )
    return not is_own and request.self_signed_certificate


def _hostname(
    context: CommandContext, request: NetworkRequest, settings: MachineSettings
) -> tuple[str | None, MachineSettings]:
    """The name to give the machine, None to leave it, and `settings` that remember its own."""
    if request.custom_hostname_enabled is None:
        if request.device_hostname:
            raise InvalidRequest(
                "Invalid member 'device_hostname' (it goes with 'custom_hostname_enabled')"
            )
        return None, settings
    if not request.custom_hostname_enabled:
        return settings.own_hostname or None, replace(settings, own_hostname="")
    if not request.device_hostname:
        raise InvalidRequest("Invalid member 'device_hostname' (a name is needed)")
    present = context.platform.hostname()
    if present == request.device_hostname:
        return None, replace(settings, own_hostname=settings.own_hostname or present)
    return request.device_hostname, replace(
        settings, own_hostname=settings.own_hostname or present or "gateway"
    )


def _said(request: NetworkRequest) -> str:
    given = request.model_dump(exclude_none=True)
    return "".join(f" {name}={value}" for name, value in given.items())


COMMANDS = (
    Command(
        set_system_network,
        Right.ADMINISTRATOR,
        audit=Audit(AuditType.NETWORK, _said, refusals=True),
        errors=(NotSupportedHere, DeviceUnavailable),
        example={
            "ip": "192.168.0.129",
            "netmask": "255.255.255.0",
            "gateway": "192.168.0.1",
            "web_server_port": 80,
            "ssl_enabled": True,
        },
    ),
)
