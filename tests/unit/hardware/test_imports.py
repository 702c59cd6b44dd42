"""What a controller imports before it knows its site: memory that every board pays for."""

from __future__ import annotations

import subprocess
import sys

LOADED = "import sys, gateway.controller.process; print(*sys.modules)"


def test_a_controller_imports_neither_played_hardware_nor_drivers_that_its_site_may_not_need() -> (
    None
):
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, check=True, text=True
    )
    loaded = set(done.stdout.split())
    assert "gateway.hardware.rig" in loaded
    unneeded = {
        "evdev",
        "gateway.hardware.serial_ports.driver",
        "gateway.hardware.simulated.simulator",
        "gateway.hardware.usb.hid_driver",
        "gateway.hardware.usb.pcsc_driver",
        "gpiod",
        "pymodbus",
        "serial",
        "smartcard",
    }
    assert loaded & unneeded == set()
