"""Network addresses and device paths in the site file and on the command line."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Annotated

from pydantic import AfterValidator

from gateway.errors import SettingsError

HIGHEST_PORT = 65_535
SIMULATED_PORT = "simulated"
"""The port, device or name of a device on the simulated board."""
SERIAL_SERVERS = ("socket", "rfc2217")
"""Schemes of serial ports behind a network, as pyserial names them."""

_HOST = re.compile(r"(?!-)[A-Za-z0-9_.-]{1,253}")


def split_address(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8080` or `[::1]:8080`; port 0 lets the system choose.

    Raises ValueError with what is missing.
    """
    if "://" in text:
        rest = text.split("://", 1)[1].strip("/")
        raise ValueError(f"HOST:PORT is needed, without http:// and path, such as {rest!r}")
    host, colon, port = text.rpartition(":")
    if not colon:
        whole = f"127.0.0.1:{text}" if text.isdecimal() else f"{text or '127.0.0.1'}:8080"
        missing = "its host" if text.isdecimal() else "its port"
        raise ValueError(f"{missing} is missing: HOST:PORT is needed, such as {whole!r}")
    if host in {"", "*"}:
        raise ValueError(
            f"HOST:PORT is needed: '0.0.0.0:{port}' listens on every address, "
            f"'127.0.0.1:{port}' on this machine alone"
        )
    if not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
        raise ValueError(
            f"HOST:PORT is needed, with a port to {HIGHEST_PORT}, such as '{host}:8080'"
        )
    return _host(host, port), int(port)


def parse_address(text: str, option: str = "--http") -> tuple[str, int]:
    """As `split_address`; raises SettingsError that names the option."""
    try:
        return split_address(text)
    except ValueError as error:
        raise SettingsError(f"{option}: {error} (found {text!r})") from None


def _host(host: str, port: str) -> str:
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in host:
        try:
            IPv6Address(bare)
        except AddressValueError:
            raise ValueError(f"{bare!r} is no IPv6 address") from None
        if host == bare:
            raise ValueError(f"an IPv6 address stands in brackets: '[{bare}]:{port}'")
        return bare
    if re.fullmatch(r"[0-9.]+", host):
        try:
            IPv4Address(host)
        except AddressValueError:
            raise ValueError(f"{host!r} is no IPv4 address: it has four numbers to 255") from None
    elif not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host: a name, 127.0.0.1 or [::1] is")
    return host


def _checked_address(text: str) -> str:
    split_address(text)
    return text


Address = Annotated[str, AfterValidator(_checked_address)]
"""HOST:PORT, or [IPv6]:PORT."""


def _device_path(text: str) -> str:
    """Check that `text` may be a device path on Linux. Raises ValueError with a remedy."""
    if text == SIMULATED_PORT or (text.startswith("/") and "://" not in text):
        return text
    path = "a path such as '/dev/serial/by-id/...' is needed"
    if re.fullmatch(r"(?i)(\\\\[.?]\\)?com\d+:?", text):
        raise ValueError(f"this is a port of Windows: {path}; `ls /dev/serial/by-id` lists them")
    if re.fullmatch(r"(tty|serial|input|hidraw|dev/)\S*", text):
        raise ValueError(f"it begins with /dev: '/dev/{text.removeprefix('dev/')}'")
    raise ValueError(f"{path}, or '{SIMULATED_PORT}' on the simulated board")


def _serial_port(text: str) -> str:
    """As `_device_path`, but addresses of serial servers are allowed too.

    pyserial knows more URLs, which must not be reached: `spy://` overwrites any file, `hwgrep://`
    runs any regular expression, and clients may propose a site file.
    """
    scheme, separator, address = text.partition("://")
    if not separator or scheme.startswith("/"):
        return _device_path(text)
    if scheme not in SERIAL_SERVERS:
        known = " or ".join(f"'{it}://HOST:PORT'" for it in SERIAL_SERVERS)
        raise ValueError(f"a path such as '/dev/serial/by-id/...' is needed, or {known}")
    split_address(address)
    return text


DevicePath = Annotated[str, AfterValidator(_device_path)]
"""A path, or `simulated`."""
SerialPath = Annotated[str, AfterValidator(_serial_port)]
"""A path, the address of a serial server, or `simulated`."""
