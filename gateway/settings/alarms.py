"""Alarm zones, the siren, and the contacts of the power supply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from gateway.settings.wires import (
    AT_ADC,
    AT_PIN,
    AT_READER,
    AdcInput,
    FixedInput,
    Input,
    Output,
    ReaderInput,
    Section,
    Title,
    place_of_input,
)


class Siren(Output):
    """Sounds during an alarm; `alarm.siren_enabled` enables it."""

    time_s: Annotated[int, Field(ge=5, le=3_600)] = 180
    """Longest time that it sounds; each new alarm restarts it."""


class Power(Section):
    """Contacts of the power supply: faults of the device, since the API has no such alarm."""

    mains_fail: FixedInput | None = None
    battery_low: FixedInput | None = None
    under_voltage: FixedInput | None = None

    def contacts(self) -> Iterator[tuple[str, FixedInput]]:
        """The contacts that the site has, with their keys."""
        for name in ("mains_fail", "battery_low", "under_voltage"):
            contact = getattr(self, name)
            if contact is not None:
                yield name, contact


class _NumberedZone(Section):
    number: Annotated[int, Field(ge=1, le=5)]
    title: Title | None = None
    entry_delay_s: Annotated[int, Field(ge=0, le=600)] = 0
    """Time to disarm after entering through this zone, before the alarm."""

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.title or f"zone {self.number}"


class Zone(_NumberedZone, Input):
    """An alarm zone's input. Its `alarm_zones` row has active level, delay and `enabled`."""


class ReaderZone(_NumberedZone, ReaderInput):
    """As `Zone`, at an input of an OSDP reader."""


class AdcZone(_NumberedZone, AdcInput):
    """As `Zone`, at a converter."""


AnyZone = Annotated[
    Annotated[Zone, Tag(AT_PIN)]
    | Annotated[ReaderZone, Tag(AT_READER)]
    | Annotated[AdcZone, Tag(AT_ADC)],
    Discriminator(place_of_input),
]
