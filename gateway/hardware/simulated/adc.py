"""The converters of the simulated board: chips at the ends of a bus, with loops of resistors.

They speak the chips' own protocols, so that the drivers run as on a board.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from gateway.errors import InvalidRequest, NotFound
from gateway.hardware.adc.chips import AdcChip, Ads1115Chip, Mcp3208Chip, open_chip
from gateway.hardware.events import InputName
from gateway.settings import AdcInput, Ads1115, FixedAdcInput, Level, LoopBands, Mcp3208
from gateway.settings.adc import resistors_of
from gateway.settings.addresses import SIMULATED_PORT

MOST_OHM = 10_000_000
_ADDRESSED = 4


class LoopResistors:
    """What hangs at the channels of one chip. The loop writes, the driver's thread reads."""

    def __init__(self, settings: Mcp3208 | Ads1115) -> None:
        self.settings = settings
        self.ohms: dict[int, float] = {}
        """By channel; others are endless."""
        self.plugged = True

    def share(self, channel: int) -> float:
        """The voltage of a channel as a share of the supply."""
        ohm = self.ohms.get(channel, math.inf)
        return 1.0 if math.isinf(ohm) else ohm / (ohm + self.settings.bias_ohm)


class SimulatedSpi:
    """The bus of an MCP3208."""

    def __init__(self, loops: LoopResistors) -> None:
        self._loops = loops

    def xfer2(self, data: list[int]) -> list[int]:
        if not self._loops.plugged:
            return [0xFF] * len(data)  # nobody pulls the line down
        channel = (data[0] & 1) << 2 | data[1] >> 6
        steps = min(round(self._loops.share(channel) * 4_096), 4_095)
        return [0xFF, 0xE0 | steps >> 8, steps & 0xFF]

    def close(self) -> None:
        """Nothing is open."""


class SimulatedI2c:
    """The bus of an ADS1115."""

    def __init__(self, loops: LoopResistors, settings: Ads1115) -> None:
        self._loops = loops
        self._settings = settings
        self._config = 0x8583

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: list[int]) -> None:
        self._reach(i2c_addr)
        if register == 1:
            self._config = data[0] << 8 | data[1]

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        self._reach(i2c_addr)
        if register == 1:
            return list(self._config.to_bytes(length, "big"))
        channel = (self._config >> 12 & 7) - _ADDRESSED
        millivolts = self._loops.share(channel) * self._settings.supply_mv
        return list(min(round(millivolts * 8), 0x7FFF).to_bytes(length, "big"))

    def _reach(self, address: int) -> None:
        if not self._loops.plugged or address != self._settings.address:
            raise OSError(121, "Remote I/O error")

    def close(self) -> None:
        """Nothing is open."""


class SimulatedAdcs:
    """The simulated converters, plugged in at start, their contacts at rest."""

    def __init__(
        self, adcs: Iterable[Mcp3208 | Ads1115], inputs: Mapping[InputName, AdcInput]
    ) -> None:
        self._loops = {it.name: LoopResistors(it) for it in adcs if it.device == SIMULATED_PORT}
        self._inputs = {name: it for name, it in inputs.items() if it.adc in self._loops}
        for name, wire in self._inputs.items():
            rests_closed = isinstance(wire, FixedAdcInput) and wire.idle is Level.LOW
            self.set_contact(name, high=not rests_closed)

    def __contains__(self, name: object) -> bool:
        """Whether a converter, or an input at one, is here."""
        return name in (self._inputs if isinstance(name, InputName) else self._loops)

    @property
    def inputs(self) -> list[InputName]:
        """The inputs that the site uses."""
        return list(self._inputs)

    def open(self, settings: Mcp3208 | Ads1115) -> AdcChip:
        """Open a converter; one that is not simulated as on a board."""
        loops = self._loops.get(settings.name)
        if loops is None:
            return open_chip(settings)
        if isinstance(settings, Mcp3208):
            return Mcp3208Chip(SimulatedSpi(loops))
        return Ads1115Chip(SimulatedI2c(loops, settings), settings)

    def set_contact(self, name: InputName, *, high: bool) -> None:
        """Open (high) or close a contact."""
        wire = self._inputs[name]
        loops = self._loops[wire.adc]
        series, parallel = resistors_of(loops.settings, wire)
        opened = series + parallel if parallel else math.inf
        loops.ohms[wire.channel] = opened if high else series

    def play(self, adc: str, channel: int, what: str) -> None:
        """Make a channel `cut`, `shorted`, or one of so many ohms.

        Raises NotFound for an unknown converter, InvalidRequest for other words.
        """
        loops = self._loops.get(adc)
        if loops is None:
            there = ", ".join(self._loops) or "none"
            raise NotFound(f"there is no simulated adc {adc!r}; there are: {there}")
        if not 0 <= channel < loops.settings.channels:
            most = loops.settings.channels - 1
            raise InvalidRequest(f"adc {adc!r} has channels 0 to {most}, not {channel}")
        if what == "cut":
            loops.ohms[channel] = math.inf
        elif what == "shorted":
            loops.ohms[channel] = 0.0
        elif what.isascii() and what.isdecimal() and int(what) <= MOST_OHM:
            loops.ohms[channel] = float(what)
        else:
            raise InvalidRequest(f"a loop is cut, shorted or of 0 to {MOST_OHM} ohms, not {what!r}")

    def plug(self, adc: str, *, plugged: bool) -> None:
        """Plug a converter in or out."""
        self._loops[adc].plugged = plugged

    def state(self) -> list[dict[str, object]]:
        """Each converter with the loops that the site uses: what hangs there, and what it says."""
        return [
            {
                "name": loops.settings.name,
                "kind": loops.settings.kind,
                "plugged": loops.plugged,
                "loops": [
                    _shown(loops, name, wire)
                    for name, wire in sorted(self._inputs.items(), key=lambda it: it[1].channel)
                    if wire.adc == loops.settings.name
                ],
            }
            for loops in self._loops.values()
        ]


def _shown(loops: LoopResistors, name: InputName, wire: AdcInput) -> dict[str, object]:
    ohm = loops.ohms.get(wire.channel, math.inf)
    return {
        "channel": wire.channel,
        "kind": name.kind.value,
        "number": name.number,
        "ohm": None if math.isinf(ohm) else round(ohm),
        "reading": LoopBands.of(loops.settings, wire).reading(ohm, None).value,
    }
