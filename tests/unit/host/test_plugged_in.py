"""Names of what is plugged in, read where a process without devices may look."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from gateway.host.machine import MachineFiles
from gateway.host.plugged_in import card_readers, device_links


def write(root: Path, path: str, content: str | bytes) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def test_links_of_ports_and_input_devices_are_known_without_dev(tmp_path: Path) -> None:
    write(
        tmp_path,
        "run/udev/data/c188:0",
        "S:serial/by-path/platform-usb-0:1.2\nS:serial/by-id/usb-FTDI_A1-if00-port0\nI:99\nS:gps0\n",
    )
    write(tmp_path, "run/udev/data/c13:64", "S:input/by-id/usb-Scanner-event-kbd\n")
    write(tmp_path, "run/udev/data/b8:0", "S:serial/by-id/no-character-device\n")
    machine = MachineFiles(tmp_path)
    assert device_links(machine, "serial") == (
        "/dev/serial/by-id/usb-FTDI_A1-if00-port0",
        "/dev/serial/by-path/platform-usb-0:1.2",
    )
    assert device_links(machine, "input") == ("/dev/input/by-id/usb-Scanner-event-kbd",)
    assert device_links(MachineFiles(tmp_path / "none"), "serial") == ()


LISTED = {
    "ifdVendorID": ["0x072F", "0x04E6"],
    "ifdProductID": ["0x2200", "0x5790"],
    "ifdFriendlyName": ["ACS ACR122U PICC Interface", "SCM SCR3310"],
}


@pytest.mark.parametrize(
    ("driver", "found"),
    [
        (plistlib.dumps(LISTED), ("ACS ACR122U PICC Interface",)),
        (plistlib.dumps({"ifdVendorID": ["x"], "ifdProductID": ["y"], "ifdFriendlyName": [1]}), ()),
        (plistlib.dumps({}), ()),
        (b"<plist", ()),
        (b"", ()),
    ],
)
def test_a_card_reader_has_the_name_that_pcscd_gives_it(
    tmp_path: Path, driver: bytes, found: tuple[str, ...]
) -> None:
    usb = "sys/bus/usb/devices"
    for device, vendor, product, kind in (
        ("1-1", "072f", "2200", "0b"),
        ("1-2", "04e6", "5790", "08"),
        ("1-3", "", "", "0b"),
    ):
        write(tmp_path, f"{usb}/{device}/idVendor", f"{vendor}\n")
        write(tmp_path, f"{usb}/{device}/idProduct", f"{product}\n")
        write(tmp_path, f"{usb}/{device}:1.0/bInterfaceClass", f"{kind}\n")
    write(tmp_path, "usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist", driver)
    assert card_readers(MachineFiles(tmp_path)) == found


def test_a_machine_without_pcscd_has_no_card_readers(tmp_path: Path) -> None:
    assert card_readers(MachineFiles(tmp_path)) == ()
    write(tmp_path, "sys/bus/usb/devices/1-1:1.0/bInterfaceClass", "0b\n")
    assert card_readers(MachineFiles(tmp_path)) == ()
