"""Information about the device."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from typing_extensions import TypedDict

from gateway.commands.certificate import certificate_file
from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import NoMembers
from gateway.commands.rights import Right, check_right
from gateway.errors import ControllerUnavailable, GatewayError
from gateway.host import system as machine
from gateway.host.certificate import is_self_signed
from gateway.host.network import network

LICENSED_USERS = 200_000
"""The number of people that this device was measured with; nothing is licensed."""
MODEL = "Gateway"
"""The kind of device that clients show."""


class Uptime(TypedDict):
    """Since this process began."""

    days: int
    hours: int
    minutes: int
    seconds: int


class Space(TypedDict):
    """In bytes."""

    free: int
    total: int


class Memory(TypedDict):
    """The disk of the data directory, and the memory of the machine."""

    disk: Space
    ram: Space


class License(TypedDict):
    """Nothing is licensed."""

    users: int
    device: int
    type: int


class Biometrics(TypedDict):
    """Nothing is matched."""

    max_num_records: int
    max_possible_num_records: int


class NetworkShown(TypedDict):
    """The network settings."""

    mac: str
    ip: str
    netmask: str
    gateway: str
    primary_dns: str
    secondary_dns: str
    custom_hostname_enabled: bool
    device_hostname: str
    web_server_port: int
    ssl_enabled: bool
    self_signed_certificate: bool
    dhcp_enabled: bool
    ten_mbps: bool


class PortLogin(TypedDict):
    """The login to a network port (802.1X), which this device lacks."""

    enabled: bool
    login: str
    inner_auth: int


class SystemInformation(TypedDict):
    """Answer to `system_information`."""

    uptime: Uptime
    time: int
    daylight_savings_time_active: bool
    memory: Memory
    license: License
    biometrics: Biometrics
    network: NetworkShown
    auth802_1x: PortLogin
    serial: str
    version: str
    gateway_version: str
    device_id: str
    secbox_version: str
    iDCloud_code: str
    online: bool
    online_available: bool
    device_name: str
    device_two_names: str


def system_information(call: Call[NoMembers]) -> SystemInformation:
    """The members of a real device (Access API, system); 0, false or empty for what this one lacks.

    Clients ask before they log in, to identify the device. Without a session the name of the site,
    the network beyond this device and the version of this program are empty; an expired session is
    answered with 401. `version`, which clients compare, is general.reported_version; the version of
    this program is `gateway_version`.
    """
    context = call.context
    if call.caller.token is not None:
        check_right(call.caller, Right.ANY_SESSION)
    known = call.caller.role is not None
    disk, ram = machine.disk(context.data), machine.memory()
    general = context.store.configuration({"general": ["online", "reported_version"]})["general"]
    return {
        "uptime": _uptime(context),
        "time": _time(context, known=known),
        "daylight_savings_time_active": _daylight_saving(context),
        "memory": {
            "disk": {"free": disk.free, "total": disk.total},
            "ram": {"free": ram.free, "total": ram.total},
        },
        "license": {"users": LICENSED_USERS, "device": 0, "type": 0},
        "biometrics": {"max_num_records": 0, "max_possible_num_records": 0},
        "network": _network(context, known=known),
        "auth802_1x": {"enabled": False, "login": "", "inner_auth": 0},
        "serial": context.identity.serial,
        "version": general["reported_version"],
        "gateway_version": context.version if known else "",
        "device_id": str(context.identity.device_id),
        "secbox_version": "",
        "iDCloud_code": "",
        "online": general["online"] == "1",
        "online_available": True,
        "device_name": context.site.site.name if known else "",
        "device_two_names": MODEL,
    }


def _uptime(context: CommandContext) -> Uptime:
    """Since this process began."""
    seconds = (context.clock.monotonic_ns() - context.started_ns) // 1_000_000_000
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}


def _time(context: CommandContext, *, known: bool) -> int:
    """Device time, with the shift of a simulation.

    Without a session the controller is not asked, since its answer may take seconds.
    """
    shift = timedelta()
    if known:
        with suppress(ControllerUnavailable):
            shift = timedelta(seconds=context.controller.status().clock_shift_s)
    return context.device_time.stamp(context.clock.utc() + shift)


def _daylight_saving(context: CommandContext) -> bool:
    if context.setting("ntp", "timezone"):  # a fixed offset
        return False
    return bool(context.clock.utc().astimezone(context.site.site.zone).dst())


def _network(context: CommandContext, *, known: bool) -> NetworkShown:
    """Without a session, only what anyone who can connect to the device already knows."""
    found, http = network(), context.site.http
    return {
        "mac": found.mac,
        "ip": found.ip,
        "netmask": found.netmask if known else "",
        "gateway": found.gateway if known else "",
        "primary_dns": found.primary_dns if known else "",
        "secondary_dns": found.secondary_dns if known else "",
        "custom_hostname_enabled": known and bool(context.machine.read().own_hostname),
        "device_hostname": found.hostname if known else "",
        "web_server_port": int((http.plain_address or http.tls or "").rpartition(":")[2]),
        "ssl_enabled": http.tls is not None,
        "self_signed_certificate": is_self_signed(certificate_file(context.data)),
        "dhcp_enabled": known and _uses_dhcp(context),
        "ten_mbps": False,
    }


def _uses_dhcp(context: CommandContext) -> bool:
    """False also if it is unknown, so that the other members can be answered."""
    try:
        return context.platform.uses_dhcp()
    except GatewayError:
        return False


COMMANDS = (Command(system_information, Right.NONE),)
