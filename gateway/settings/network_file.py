"""`network.toml`: name and network of a flashed device, from the card's FAT partition. Pure.

What it makes are profiles of NetworkManager in its keyfile form (nm-settings-keyfile(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from gateway.errors import SettingsError
from gateway.settings.refusals import describe
from gateway.settings.toml_text import parse, without_line
from gateway.settings.wires import Section

PROFILES = "/etc/NetworkManager/system-connections"
WIRED = f"{PROFILES}/gateway-wired.nmconnection"
WIFI = f"{PROFILES}/gateway-wifi.nmconnection"
COUNTRY = "/etc/modprobe.d/gateway-wifi.conf"
HOST_NAME = "/etc/hostname"
TAKEN = "in the device"
"""Stands in the place of the password, in what is left on the card."""
_RESERVED = re.compile(r"localhost|gateway-.*", re.IGNORECASE)
"""Under `gateway-SERIAL` the program itself answers to multicast DNS."""
_FALLBACK = 4
"""NetworkManager's `link-local`: an address of its own choice where nothing else gives one."""


def _host_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text, re.IGNORECASE):
        raise ValueError(
            "letters, digits and hyphens are allowed, at most 63, such as 'depot-north'"
        )
    if _RESERVED.fullmatch(text):
        raise ValueError("localhost and names that begin with gateway- are not free")
    return text.lower()


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it has characters that cannot be printed")
    return text


def _network_name(text: str) -> str:
    if len(text.encode()) > 32:
        raise ValueError("the name of a Wi-Fi network has at most 32 bytes")
    return _printable(text)


def _password(text: str) -> str:
    if not text.isascii():
        raise ValueError("a Wi-Fi password has letters, digits and signs of ASCII only")
    return _printable(text)


class _Addressed(Section):
    """Where an interface gets its address from; without `address` by DHCP."""

    address: IPv4Interface | None = None
    """With its prefix, such as 192.168.1.20/24."""
    gateway: IPv4Address | None = None
    dns: Annotated[tuple[IPv4Address, ...], Field(max_length=3)] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.address is None:
            if self.gateway is not None:
                raise ValueError("gateway: it needs an address; without one DHCP tells both")
            return self
        network = self.address.network
        if network.prefixlen > 30 or network.prefixlen < 8:
            raise ValueError(f"address: a prefix from 8 to 30 is needed: {self.address.ip}/24")
        if self.address.ip in (network.network_address, network.broadcast_address):
            raise ValueError(f"address: {self.address.ip} is no address of a device in {network}")
        if self.gateway is not None and (
            self.gateway not in network or self.gateway == self.address.ip
        ):
            raise ValueError(f"gateway: {self.gateway} is no other device in {network}")
        return self


class WiredNetwork(_Addressed):
    """The Ethernet socket."""


class WifiNetwork(_Addressed):
    """A Wi-Fi network with a password; open networks are refused."""

    name: Annotated[str, Field(min_length=1), AfterValidator(_network_name)]
    password: Annotated[str, Field(min_length=8, max_length=63), AfterValidator(_password)]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    """ISO 3166; without it the radio may not use every channel of the place."""
    hidden: bool = False


class NetworkFile(Section):
    """The contents of `network.toml`."""

    name: Annotated[str, AfterValidator(_host_name)] | None = None
    """The machine's: the page is at http(s)://NAME.local."""
    wired: WiredNetwork | None = None
    wifi: WifiNetwork | None = None


def parse_network(text: str, name: str) -> NetworkFile:
    """The checked file in `text`. Raises SettingsError, which calls the file `name`.

    A refusal goes to the system's log and onto the card: it shows nothing that the file holds, for
    a password may stand in any line that somebody got wrong.
    """
    if not text.strip():
        raise SettingsError(f"{name} is empty")
    try:
        data = parse(text, name)
    except SettingsError as error:
        raise without_line(error) from None
    try:
        return NetworkFile.model_validate(data)
    except ValidationError as error:
        said = describe(error, data, NetworkFile, show=False)
        raise SettingsError(f"{name}: {said}") from None


_ASSIGNED = re.compile(r"""(\bpassword["']?[^\S\n]*=[^\S\n]*)(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*')""")


def without_password(text: str) -> str:
    """The text of a file that `parse_network` took, with a note in the place of its password; only
    what was taken, if the password cannot be told from the rest."""
    network = parse_network(text, "")
    if network.wifi is None:
        hidden, password = network, ""
    else:
        password = network.wifi.password
        hidden = network.model_copy(
            update={"wifi": network.wifi.model_copy(update={"password": TAKEN})}
        )
    found = _ASSIGNED.sub(rf'\1"{TAKEN}"', text)
    try:
        same = parse_network(found, "") == hidden
    except SettingsError:
        same = False
    if same and (not password or password not in found.replace(TAKEN, "")):
        return found
    return f"# Taken: {', '.join(sorted(network.model_fields_set))}\n"


def system_files(network: NetworkFile) -> Mapping[str, str]:
    """Path -> text of the files that bring `network` about.

    A table that is missing leaves its interface as it is.
    """
    files: dict[str, str] = {}
    if network.name is not None:
        files[HOST_NAME] = f"{network.name}\n"
    if network.wired is not None:
        files[WIRED] = _keyfile("gateway-wired", "ethernet", (), network.wired)
    if network.wifi is not None:
        files[WIFI] = _keyfile("gateway-wifi", "wifi", _wifi(network.wifi), network.wifi)
        files[COUNTRY] = f"options cfg80211 ieee80211_regdom={network.wifi.country}\n"
    return files


def _wifi(wifi: WifiNetwork) -> Sequence[str]:
    name = "".join(f"{byte};" for byte in wifi.name.encode())
    return (
        "[wifi]",
        "mode=infrastructure",
        f"ssid={name}",
        *(["hidden=true"] if wifi.hidden else []),
        "",
        "[wifi-security]",
        "key-mgmt=wpa-psk",
        f"psk={_escaped(wifi.password)}",
        "",
    )


def _escaped(text: str) -> str:
    """A text as GLib's key files have it: no space at its ends would be kept."""
    return text.replace("\\", "\\\\").replace(" ", r"\s")


def _keyfile(name: str, kind: str, own: Sequence[str], addressed: _Addressed) -> str:
    lines = ["[connection]", f"id={name}", f"type={kind}", "", *own, *_ipv4(addressed)]
    return "\n".join([*lines, "", "[ipv6]", "method=auto", ""])


def _ipv4(addressed: _Addressed) -> Iterator[str]:
    yield "[ipv4]"
    if addressed.address is None:
        yield from ("method=auto", f"link-local={_FALLBACK}")
        if addressed.dns:
            yield "ignore-auto-dns=true"
    else:
        router = f",{addressed.gateway}" if addressed.gateway else ""
        yield from ("method=manual", f"address1={addressed.address}{router}")
    if addressed.dns:
        yield f"dns={''.join(f'{server};' for server in addressed.dns)}"
