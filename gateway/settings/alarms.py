"""Alarm zones, what sounds, and the contacts of the power supply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from gateway.settings.wires import FixedInput, Input, Output, Section, Title


class Siren(Output):
    """What sounds in an alarm; `alarm.siren_enabled` switches it."""

    time_s: Annotated[int, Field(ge=5, le=3_600)] = 180
    """How long it sounds at most; each new alarm begins it anew."""


class Power(Section):
    """Contacts of the power supply. The API knows no such alarm: they are faults of the device."""

    mains_fail: FixedInput | None = None
    battery_low: FixedInput | None = None
    under_voltage: FixedInput | None = None

    def contacts(self) -> Iterator[tuple[str, FixedInput]]:
        """Those that the site has, by the names of their keys."""
        for name in ("mains_fail", "battery_low", "under_voltage"):
            contact = getattr(self, name)
            if contact is not None:
                yield name, contact


class Zone(Input):
    """An alarm zone's input. Level, delay and switch are rows of `alarm_zones`."""

    number: Annotated[int, Field(ge=1, le=5)]
    title: Title | None = None
    entry_delay_s: Annotated[int, Field(ge=0, le=600)] = 0
    """How long somebody who came in this way has to disarm before it is an alarm."""

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.title or f"zone {self.number}"
