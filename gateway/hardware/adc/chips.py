"""The protocols of the converters, over what spidev and smbus2 offer.

Formats come from the data sheets: MCP3204/3208 (Microchip DS21298, figure 6-1), ADS1115 (Texas
Instruments SBAS444, tables 8-1 and 8-3).
"""

from __future__ import annotations

import re
import time
from typing import Protocol

from gateway.errors import DeviceUnavailable
from gateway.settings import Ads1115, Mcp3208

_MCP_STEPS = 4_096
_MCP_HZ = 1_000_000
"""The chip's limit at 2.7 V; 2 MHz are for 5 V."""
_NULL_BIT = 0x10

_CONVERSION, _CONFIG = 0, 1
_START = 0x8000
"""Starts a conversion; reads as 1 when it has ended."""
_FULL_MV = 4_096
_STEPS = 32_768
_SINGLE_860_HZ = 0x0200 | 0x0100 | 0x00E0 | 0x0003
"""Full scale 4.096 V, single conversions, 860 a second, no comparator."""
_LOOKS = 20
_LOOK_S = 0.0003


class SpiBus(Protocol):
    """As `spidev.SpiDev`."""

    def xfer2(self, data: list[int]) -> list[int]:
        """Send bytes and return those received meanwhile."""

    def close(self) -> None:
        """Close the bus."""


class I2cBus(Protocol):
    """As `smbus2.SMBus`."""

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: list[int]) -> None:
        """Write bytes to a register. Raises OSError when no chip answers."""

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        """Read bytes of a register; raises as `write_i2c_block_data`."""

    def close(self) -> None:
        """Close the bus."""


class AdcChip(Protocol):
    """One converter."""

    def share(self, channel: int) -> float:
        """Measure a channel: its voltage as a share of the supply. Raises OSError."""

    def close(self) -> None:
        """Close the bus."""


class Mcp3208Chip:
    """An MCP3208. Its reference is the supply, so that its result is the share."""

    def __init__(self, bus: SpiBus) -> None:
        self._bus = bus

    def share(self, channel: int) -> float:
        # Start bit, single-ended, three bits of channel; the null bit is in the second byte.
        received = self._bus.xfer2([0x06 | channel >> 2, (channel & 3) << 6, 0])
        if received[1] & _NULL_BIT:
            raise OSError("the converter does not answer: check its supply and the wire of MISO")
        return ((received[1] & 0x0F) << 8 | received[2]) / _MCP_STEPS

    def close(self) -> None:
        self._bus.close()


class Ads1115Chip:
    """An ADS1115."""

    def __init__(self, bus: I2cBus, settings: Ads1115) -> None:
        self._bus = bus
        self._address = settings.address
        self._supply_mv = settings.supply_mv

    def share(self, channel: int) -> float:
        config = _START | (4 + channel) << 12 | _SINGLE_860_HZ
        self._bus.write_i2c_block_data(self._address, _CONFIG, [config >> 8, config & 0xFF])
        for _ in range(_LOOKS):
            time.sleep(_LOOK_S)
            high, _low = self._bus.read_i2c_block_data(self._address, _CONFIG, 2)
            if high & _START >> 8:
                break
        else:
            raise OSError("the converter does not end its conversion")
        high, low = self._bus.read_i2c_block_data(self._address, _CONVERSION, 2)
        steps = int.from_bytes(bytes((high, low)), "big", signed=True)
        return max(steps, 0) * _FULL_MV / _STEPS / self._supply_mv

    def close(self) -> None:
        self._bus.close()


def open_chip(settings: Mcp3208 | Ads1115) -> AdcChip:
    """Open a converter of the board. Raises OSError, or DeviceUnavailable without its package."""
    numbers = [int(it) for it in re.findall(r"\d+", settings.device.rpartition("/")[2])]
    if isinstance(settings, Mcp3208):
        try:
            from spidev import SpiDev
        except ImportError as error:
            raise DeviceUnavailable(f"{missing_package(settings)}: {error}") from error
        spi = SpiDev()
        spi.open(numbers[0], numbers[1])
        spi.mode, spi.max_speed_hz = 0, _MCP_HZ
        return Mcp3208Chip(spi)
    try:
        from smbus2 import SMBus
    except ImportError as error:
        raise DeviceUnavailable(f"{missing_package(settings)}: {error}") from error
    # The name of a device ends with the number of its bus: /dev/i2c-1.
    return Ads1115Chip(SMBus(numbers[-1]), settings)


def missing_package(settings: Mcp3208 | Ads1115) -> str:
    """What to install for a converter."""
    package = "spidev" if isinstance(settings, Mcp3208) else "smbus2"
    return (
        f"adc {settings.name!r} needs the Python package {package}:"
        f" `apt-get install python3-{package}`"
    )
