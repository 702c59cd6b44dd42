"""The network settings of the device: addresses, host name, ports of the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError
from typing import Annotated, Any

from pydantic import Field

from gateway.commands.answers import DONE, Done
from gateway.commands.certificate import certificate_file
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.listening import Listening, check_free
from gateway.commands.network_trial import addressing_now, check_none_waits, keep_before
from gateway.commands.requests import OptionalFlag, RequestModel
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, NotSupportedHere, TooBusy
from gateway.host.certificate import is_self_signed, make_self_signed
from gateway.host.platform import (
    HOSTNAME_PATTERN,
    LONGEST_PREFIX,
    Addressing,
    is_host,
    is_unicast,
)
from gateway.link.messages import ConfirmWithin
from gateway.objects.fields import invalid_member, invalid_value
from gateway.store.tables.audit import AuditType
from gateway.store.tables.machine import MachineSettings

DNS_PRIMARY, DNS_SECONDARY = "8.8.8.8", "8.8.4.4"
"""The vendor's defaults for a fixed address."""
_NOWHERE = {"", "0.0.0.0"}  # noqa: S104 - clients send it for "none"; nothing is bound to it


class NetworkRequest(RequestModel):
    """`set_system_network`. Missing members stay as they are; `ip`, `netmask` and `gateway` are
    needed together."""

    ip: str | None = None
    netmask: str | None = None
    gateway: str | None = None
    dns_primary: str | None = None
    dns_secondary: str | None = None
    web_server_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    ssl_enabled: OptionalFlag = None
    dhcp_enabled: OptionalFlag = None
    custom_hostname_enabled: OptionalFlag = None
    device_hostname: Annotated[str, Field(pattern=f"^$|{HOSTNAME_PATTERN}")] | None = None
    self_signed_certificate: OptionalFlag = None
    confirm_within_s: ConfirmWithin | None = None
    """Ours: the change goes back by itself unless `confirm_system_network` comes within so many
    seconds. The certificate does not go back."""

    def addressing(self) -> Addressing | None:
        """The requested addresses, None for no change. Raises InvalidRequest."""
        if self.dhcp_enabled:
            return Addressing(None, dns=self._dns("", ""))
        given = {"ip": self.ip, "netmask": self.netmask, "gateway": self.gateway}
        if self.dhcp_enabled is None and set(given.values()) == {None}:
            for member in ("dns_primary", "dns_secondary"):
                if getattr(self, member) is not None:
                    raise invalid_value(member, "only with 'ip'")
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
        raise invalid_value(member, f"{text!r} is not an IPv4 address") from None
    if not is_unicast(address):
        raise invalid_value(member, f"{text} is not a host address")
    return address


def _interface(ip: str, netmask: str) -> IPv4Interface:
    address = _address("ip", ip)
    try:
        interface = IPv4Interface(f"{address}/{netmask}")
    except NetmaskValueError:
        interface = None
    # The library also accepts 0.0.0.255 and 24.
    if interface is None or str(interface.netmask) != netmask:
        raise invalid_value("netmask", f"{netmask!r} is not a netmask")
    network = interface.network
    if not 1 <= network.prefixlen <= LONGEST_PREFIX:
        raise invalid_value("netmask", f"{netmask} leaves no room for two hosts")
    if not is_host(address, network):
        raise invalid_value("ip", f"{ip} is not a host address in {network}")
    return interface


def _gateway(text: str, own: IPv4Interface) -> IPv4Address | None:
    if text in _NOWHERE:
        return None
    gateway, network = _address("gateway", text), own.network
    if not is_host(gateway, network):
        raise invalid_value("gateway", f"{text} is not a host address in {network}")
    if gateway == own.ip:
        raise invalid_value("gateway", f"{text} is the device's own address")
    return gateway


def set_system_network(call: Call[NetworkRequest]) -> Done:
    """Change addresses, host name and ports: checked and stored now, in force once the answer has
    been sent.

    `web_server_port` is the port of plain HTTP or, at a site without it, of HTTPS; an address on
    the command line has precedence. With `custom_hostname_enabled` false the machine gets its
    former name back. `self_signed_certificate` true replaces an uploaded certificate by a new
    self-signed one.
    """
    context, request = call.context, call.request
    check_none_waits(context)
    addressing = request.addressing()
    before = context.machine.read()
    after = _listening_settings(request, before)
    rules = context.listening or Listening(context.site.http)
    present, requested = rules.addresses(before), rules.addresses(after)
    if request.ssl_enabled is False and not rules.site.plain:
        raise invalid_value("ssl_enabled", "this site serves HTTPS only")
    if requested != present:
        check_free(requested, present)
    own_certificate = _check_certificate(context, request)
    hostname, after = _hostname(context, request, after)
    within_s = request.confirm_within_s
    return_to = (
        addressing_now(context) if within_s and addressing else None,
        context.platform.hostname() if within_s and hostname else None,
    )
    activate: Callable[[], None] | None = None
    if addressing is not None or hostname is not None:
        activate = context.platform.change_network(addressing, hostname)
    if own_certificate:
        make_self_signed(certificate_file(context.data), context.clock.utc())
    if within_s:
        keep_before(context, before, *return_to, within_s)
    changes = {
        name: getattr(after, name)
        for name in ("web_server_port", "ssl_enabled", "own_hostname")
        if getattr(after, name) != getattr(before, name)
    }
    if changes:
        context.machine.change(**changes)
    if activate is not None:
        call.caller.afterwards.append(activate)
    # A sandboxed service sees the host name of the time when it started.
    if requested != present or hostname is not None:
        call.caller.afterwards.append(context.request_restart)
    return DONE


def _listening_settings(request: NetworkRequest, before: MachineSettings) -> MachineSettings:
    """`before` with the ports of the request."""
    changes: dict[str, Any] = {
        name: value
        for name in ("web_server_port", "ssl_enabled")
        if (value := getattr(request, name)) is not None
    }
    return replace(before, **changes)


def _check_certificate(context: CommandContext, request: NetworkRequest) -> bool:
    """Whether to make a new self-signed certificate. Raises InvalidRequest."""
    if request.self_signed_certificate is None:
        return False
    is_own = is_self_signed(certificate_file(context.data))
    if is_own and not request.self_signed_certificate:
        raise invalid_value(
            "self_signed_certificate", "send another certificate with ssl_certificate_change"
        )
    return not is_own and request.self_signed_certificate


def _hostname(
    context: CommandContext, request: NetworkRequest, settings: MachineSettings
) -> tuple[str | None, MachineSettings]:
    """The new host name, None for no change, and `settings` with the machine's former name."""
    if request.custom_hostname_enabled is None:
        if request.device_hostname:
            raise invalid_value("device_hostname", "only with 'custom_hostname_enabled'")
        return None, settings
    if not request.custom_hostname_enabled:
        return settings.own_hostname or None, replace(settings, own_hostname="")
    if not request.device_hostname:
        raise invalid_value("device_hostname", "a name is needed")
    present = context.platform.hostname()
    if present == request.device_hostname:
        return None, replace(settings, own_hostname=settings.own_hostname or present)
    return request.device_hostname, replace(
        settings, own_hostname=settings.own_hostname or present or "gateway"
    )


def _audit_detail(request: NetworkRequest) -> str:
    given = request.model_dump(exclude_none=True)
    return "".join(f" {name}={value}" for name, value in given.items())


COMMANDS = (
    Command(
        set_system_network,
        Right.ADMINISTRATOR,
        audit=Audit(_audit_detail, kind=AuditType.NETWORK, refusals=True),
        errors=(NotSupportedHere, DeviceUnavailable, TooBusy),
        example={
            "ip": "192.168.0.129",
            "netmask": "255.255.255.0",
            "gateway": "192.168.0.1",
            "web_server_port": 80,
            "ssl_enabled": True,
        },
    ),
)
