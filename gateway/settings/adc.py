"""Analogue-digital converters, and what a resistance says about a supervised contact.

A loop hangs between the converter's channel and ground. The bias resistor feeds it from the supply:

    supply --- bias --- channel --- series --- contact with the parallel resistor across --- ground

A closed contact leaves the series resistor, an open one both. No resistance at all is a short
circuit, and an endless one a cut wire.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.settings.addresses import SIMULATED_PORT
from gateway.settings.wires import AdcInput, Channel, Name, Section, Title

CABLE_OHM = 100
"""What the cable may add, there and back: some 500 m of 0.22 mm2."""
HYSTERESIS = 0.03
"""By this share a band is wider for the reading that stands, so that none flickers at an edge."""
LEAST_APART = 0.02
"""Share of the supply by which two bands must differ, to be told apart with noise on the cable."""
LEAST_OHM = 500
"""Smallest resistor that a cable cannot be mistaken for."""
ENDLESS_RATIO = 0.995
"""Share of the supply above which a resistance is too large to be measured."""


class LoopReading(StrEnum):
    """What the resistance of a loop says; the values are stable."""

    CLOSED = "closed"
    OPEN = "open"
    CUT = "cut"
    SHORTED = "shorted"
    FAULT = "fault"
    """Out of every band: a wrong resistor, a bad joint, water in a box."""

    @property
    def tampered(self) -> bool:
        """Whether somebody may have changed the wires."""
        return self in (LoopReading.CUT, LoopReading.SHORTED)

    @property
    def known(self) -> bool:
        """Whether it says how the contact is."""
        return self in (LoopReading.CLOSED, LoopReading.OPEN)


def _matching(pattern: str, example: str) -> AfterValidator:
    def check(text: str) -> str:
        if text != SIMULATED_PORT and re.fullmatch(pattern, text) is None:
            raise ValueError(f"a path such as {example!r} is needed, or 'simulated'")
        return text

    return AfterValidator(check)


BiasOhm = Annotated[int, Field(ge=500, le=100_000)]
PresetOhm = Annotated[int, Field(ge=0, le=100_000)]


class _Adc(Section):
    name: Name
    title: Title | None = None
    bias_ohm: BiasOhm = 4_700
    """The resistor from the supply to each channel."""
    series_ohm: PresetOhm = 4_700
    """In series with each contact, at its end of the cable; 0 if none is fitted."""
    parallel_ohm: PresetOhm = 4_700
    """Across each contact, at its end of the cable; 0 if none is fitted."""

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.title or self.name


class Mcp3208(_Adc):
    """Eight channels of 12 bits on SPI. Its reference is the supply of the loops."""

    kind: Literal["mcp3208"]
    device: Annotated[str, _matching(r"/dev/spidev\d{1,3}\.\d", "/dev/spidev0.0")]

    @property
    def channels(self) -> int:
        """How many it has."""
        return 8


class Ads1115(_Adc):
    """Four channels of 16 bits on I2C, which measure volts."""

    kind: Literal["ads1115"]
    device: Annotated[str, _matching(r"/dev/i2c-\d{1,3}", "/dev/i2c-1")]
    address: Annotated[int, Field(ge=0x48, le=0x4B)] = 0x48
    """By its pin ADDR: 0x48 at ground, 0x49 at the supply, 0x4A at SDA, 0x4B at SCL."""
    supply_mv: Annotated[int, Field(ge=2_000, le=4_000)] = 3_300
    """The supply of the loops in millivolts; it may not exceed that of the chip."""

    @property
    def channels(self) -> int:
        """How many it has."""
        return 4


AnyAdc = Annotated[Mcp3208 | Ads1115, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class LoopBands:
    """The resistances of one loop, by what they say."""

    bands: tuple[tuple[LoopReading, float, float], ...]
    """Lowest and highest ohms of each reading, in rising order."""

    @classmethod
    def of(cls, adc: Mcp3208 | Ads1115, wire: AdcInput) -> LoopBands:
        """The bands of an input. Raises ValueError for resistors that cannot tell its states."""
        series, parallel = resistors_of(adc, wire)
        for name, ohm in (("series_ohm", series), ("parallel_ohm", parallel)):
            if 0 < ohm < LEAST_OHM:
                raise ValueError(
                    f"{name} {ohm} cannot be told from the cable: {LEAST_OHM} or more, or 0 for"
                    " none"
                )
        if not series and not parallel:
            raise ValueError(
                "series_ohm and parallel_ohm are both 0: without a resistor nothing supervises"
                " the wires; fit one, or use a pin"
            )
        bands = cls(tuple(_bands(series, parallel, wire.tolerance_percent / 100)))
        bands._check(adc.bias_ohm)
        return bands

    @property
    def told(self) -> frozenset[LoopReading]:
        """The readings that these resistors can tell apart."""
        return frozenset(reading for reading, _least, _most in self.bands)

    def reading(self, ohm: float, before: LoopReading | None) -> LoopReading:
        """What `ohm` (infinite for an open circuit) says, after the reading that stands."""
        for reading, least, most in self.bands:
            wider = HYSTERESIS if reading is before else 0
            if least * (1 - wider) <= ohm <= most * (1 + wider):
                return reading
        return LoopReading.FAULT

    def _check(self, bias_ohm: int) -> None:
        for (below, _, most), (above, least, _) in pairwise(self.bands):
            low, high = most * (1 + HYSTERESIS), least * (1 - HYSTERESIS)
            if low >= high or _share(high, bias_ohm) - _share(low, bias_ohm) < LEAST_APART:
                raise ValueError(
                    f"{below} (up to {most:.0f} ohms) and {above} (from {least:.0f} ohms) cannot be"
                    f" told apart with bias_ohm {bias_ohm}: choose resistors that differ more, a"
                    " bias near them, or a lower tolerance_percent"
                )


def resistors_of(adc: Mcp3208 | Ads1115, wire: AdcInput) -> tuple[int, int]:
    """The series and the parallel resistor of an input in ohms; 0 for none."""
    series = adc.series_ohm if wire.series_ohm is None else wire.series_ohm
    parallel = adc.parallel_ohm if wire.parallel_ohm is None else wire.parallel_ohm
    return series, parallel


def _bands(
    series: int, parallel: int, tolerance: float
) -> Iterator[tuple[LoopReading, float, float]]:
    lower, upper = 1 - tolerance, 1 + tolerance
    lowest = (series or parallel) * lower
    highest = (series + parallel) * upper + CABLE_OHM
    # Without its resistor the contact itself looks like a short circuit, or like a cut wire.
    yield LoopReading.SHORTED if series else LoopReading.CLOSED, 0, lowest / 2
    if series:
        yield LoopReading.CLOSED, lowest, series * upper + CABLE_OHM
    if parallel:
        yield LoopReading.OPEN, (series + parallel) * lower, highest
    yield LoopReading.CUT if parallel else LoopReading.OPEN, highest * 2, math.inf


def _share(ohm: float, bias_ohm: float) -> float:
    return 1.0 if math.isinf(ohm) else ohm / (ohm + bias_ohm)


def ohm_of(share: float, bias_ohm: float) -> float:
    """The resistance of a loop with `share` of the supply at its channel; infinite for all."""
    if share >= ENDLESS_RATIO:
        return math.inf
    return bias_ohm * max(share, 0.0) / (1 - share)


def adc_problems(
    adcs: Iterable[Mcp3208 | Ads1115], used: Iterable[tuple[AdcInput, str]]
) -> Iterator[str]:
    """Channels that there are not, channels used twice, and loops that cannot be told.

    `used` has each input with the key that uses it.
    """
    by_name = {adc.name: adc for adc in adcs}
    owner: dict[tuple[str, Channel], str] = {}
    for wire, key in used:
        adc = by_name.get(wire.adc)
        if adc is None:
            allowed = ", ".join(map(repr, by_name)) or "none of this site"
            yield f"{key}: there is no [[adc]] {wire.adc!r} (allowed: {allowed})"
            continue
        if wire.channel >= adc.channels:
            yield (
                f"{key}: adc {adc.name!r} is a {adc.kind} and has no channel {wire.channel}"
                f" (allowed: 0 to {adc.channels - 1})"
            )
            continue
        place = wire.adc, wire.channel
        if place in owner:
            yield (
                f"channel {wire.channel} of adc {adc.name!r} is used twice:"
                f" {owner[place]} and {key}"
            )
        owner[place] = key
        try:
            LoopBands.of(adc, wire)
        except ValueError as error:
            yield f"{key}: {error}"
    places: dict[tuple[object, ...], str] = {}
    for adc in by_name.values():
        where = (adc.device, adc.address) if isinstance(adc, Ads1115) else (adc.device,)
        if adc.device != SIMULATED_PORT and where in places:
            yield f"adc {adc.name!r}: {adc.device!r} is already used by adc {places[where]!r}"
        places[where] = adc.name
