"""Outputs of the kernel's GPIO character device by its own calls (linux/gpio.h, version 2).

For a program that has the standard library alone; everything else uses the gpiod package.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.errors import DeviceUnavailable

DEVICES = Path("/dev")

Call = Callable[[int, int, bytearray], Any]
"""As `fcntl.ioctl`: descriptor, request, and the buffer that takes the answer."""

_CHIP_INFO = struct.Struct("=32s32sI")
_LINE_REQUEST = struct.Struct(f"=64I32sQI20x{'IIQQ' * 10}II20xi")
"""Offsets, consumer, flags, number of attributes, attributes (id, padding, values, mask), number of
lines, size of the event buffer, descriptor."""
GET_CHIP_INFO = 2 << 30 | _CHIP_INFO.size << 16 | 0xB401
GET_LINE = 3 << 30 | _LINE_REQUEST.size << 16 | 0xB407
_OUTPUT = 1 << 3
_OUTPUT_VALUES = 2
_CONSUMER = b"gateway-safe"


def chip_of(label: str, devices: Path = DEVICES, call: Call = fcntl.ioctl) -> Path:
    """The GPIO chip with this label. Raises DeviceUnavailable."""
    for path in sorted(devices.glob("gpiochip*")):
        try:
            if _label(path, call) == label:
                return path
        except OSError:
            continue
    raise DeviceUnavailable(f"no GPIO chip has the label {label!r}")


def _label(path: Path, call: Call) -> str:
    answer = bytearray(_CHIP_INFO.size)
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        call(handle, GET_CHIP_INFO, answer)
    finally:
        os.close(handle)
    _, label, _ = _CHIP_INFO.unpack(answer)
    return bytes(label).partition(b"\0")[0].decode(errors="replace")


def drive(chip: Path, offset: int, *, high: bool, call: Call = fcntl.ioctl) -> None:
    """Claim a line as an output with this level, in one step, and release it.

    Whether it keeps the level is the kernel's choice. Raises OSError, EBUSY for a line that another
    program has.
    """
    request = bytearray(line_request(offset, high=high))
    handle = os.open(chip, os.O_RDWR | os.O_CLOEXEC)
    try:
        call(handle, GET_LINE, request)
    finally:
        os.close(handle)
    os.close(_LINE_REQUEST.unpack(request)[-1])


def line_request(offset: int, *, high: bool) -> bytes:
    """The `gpio_v2_line_request` for one output."""
    offsets = (offset, *[0] * 63)
    attributes = (_OUTPUT_VALUES, 0, int(high), 1, *[0] * 36)
    return _LINE_REQUEST.pack(*offsets, _CONSUMER, _OUTPUT, 1, *attributes, 1, 0, 0)
