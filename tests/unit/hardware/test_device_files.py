"""A plain file in the place of a device is not even opened."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gateway.hardware.osdp import bus
from gateway.hardware.secbox.modbus_bus import open_line
from gateway.hardware.serial_ports import driver
from gateway.hardware.usb.input_events import open_keyboard
from gateway.settings import SecBox

BOX = SecBox.model_validate(
    {"name": "box", "port": "simulated", "address": 1, "relay": 0, "egress": "mechanical"}
)
LOCK = """
import fcntl, sys
with open(sys.argv[1], "rb+") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("locked")
"""


@pytest.mark.parametrize(
    "opener",
    [
        pytest.param(partial(driver.open_port, baud=9600), id="serial reader"),
        pytest.param(partial(bus.open_port, baud=9600), id="osdp"),
        pytest.param(partial(open_line, BOX), id="module"),
        pytest.param(open_keyboard, id="keyboard"),
    ],
)
def test_a_database_named_as_a_device_keeps_its_locks(
    tmp_path: Path, opener: Callable[[str], object]
) -> None:
    path = tmp_path / "journal.db-shm"
    path.write_bytes(b"x")
    link = tmp_path / "tty"
    link.symlink_to(path)
    with path.open("rb+") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        for name in (path, link):
            with pytest.raises(OSError, match=r"ioctl|configure"):
                opener(str(name))
        other = [sys.executable, "-c", LOCK, str(path)]
        tried = subprocess.run(other, capture_output=True, text=True, check=False)
    assert tried.stderr == "locked\n"
