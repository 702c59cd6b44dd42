"""What is plugged in, under the names that a site file takes.

The api process sees no device in /dev. udev's database has the links that it made there, as lines
`S:serial/by-id/NAME` (systemd, sd-device); sysfs has the USB devices, and pcscd's drivers the names
under which pcscd shows readers (ifdFriendlyName in Info.plist, pcsclite).
"""

from __future__ import annotations

import plistlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from xml.parsers.expat import ExpatError

from gateway.host.machine import MachineFiles

_LINKS = ("by-id/", "by-path/")
_CARD_READER = "0b"
"""USB class of smart-card readers."""
_DRIVERS = "/usr/lib/pcsc/drivers"


def device_links(machine: MachineFiles, kind: str) -> tuple[str, ...]:
    """The lasting links below /dev/KIND; `kind` is `serial` or `input`."""
    found = set(machine.lasting_names(f"/dev/{kind}/"))
    folder = machine.path("/run/udev/data")
    for file in folder.glob("c*") if folder.is_dir() else ():
        for line in (machine.text(f"/run/udev/data/{file.name}") or "").splitlines():
            name = line.removeprefix(f"S:{kind}/")
            if name != line and name.startswith(_LINKS):
                found.add(f"/dev/{kind}/{name}")
    return tuple(sorted(found))


def card_readers(machine: MachineFiles) -> tuple[str, ...]:
    """The beginnings of the names under which pcscd shows the USB readers that are plugged in."""
    plugged = set(_card_devices(machine))
    if not plugged:
        return ()
    names: set[str] = set()
    drivers = machine.path(_DRIVERS)
    for file in drivers.glob("*/Contents/Info.plist") if drivers.is_dir() else ():
        try:
            known = _friendly_names(file, file.stat().st_mtime_ns)
        except OSError:
            continue
        names |= {known[it] for it in plugged if it in known}
    return tuple(sorted(names))


def _card_devices(machine: MachineFiles) -> Iterator[tuple[int, int]]:
    """Vendor and product of each USB device with an interface for cards."""
    folder = "/sys/bus/usb/devices"
    here = machine.path(folder)
    for interface in here.glob("*:*") if here.is_dir() else ():
        if machine.text(f"{folder}/{interface.name}/bInterfaceClass") == _CARD_READER:
            device = f"{folder}/{interface.name.partition(':')[0]}"
            texts = (machine.text(f"{device}/{it}") or "" for it in ("idVendor", "idProduct"))
            try:
                vendor, product = (int(it, 16) for it in texts)
            except ValueError:
                continue
            yield vendor, product


@lru_cache(maxsize=4)
def _friendly_names(file: Path, changed_ns: int) -> Mapping[tuple[int, int], str]:
    """Names by vendor and product; none in a file that is no such list."""
    del changed_ns  # the cache's alone
    try:
        listed = plistlib.loads(file.read_bytes())
        keys = ("ifdVendorID", "ifdProductID", "ifdFriendlyName")
        rows = list(zip(*(listed[key] for key in keys), strict=False))
        return {(int(vendor, 16), int(product, 16)): str(name) for vendor, product, name in rows}
    except (plistlib.InvalidFileException, ExpatError, ValueError, TypeError, KeyError):
        return {}
