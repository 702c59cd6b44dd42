"""Pin headers: which pin is where, what else it can be, and its level before it is claimed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.settings import Level
from gateway.settings.profiles import load_checked

GpioNumber = Annotated[int, Field(ge=0, le=63)]


class HeaderPin(BaseModel):
    """One pin of a header."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Annotated[int, Field(ge=1)]
    """Its place: pin 1 has the square pad, odd pins are in one row and even ones in the other."""
    name: str
    """What is printed on drawings."""
    kind: Literal["3v3", "5v", "gnd", "gpio"]
    gpio: GpioNumber | None = None
    """Number of the SoC; only with kind `gpio`. The site file's pins are these numbers."""
    pull: Literal["up", "down"] | None = None
    """The SoC's resistor from reset on."""
    boot: Level | None = None
    """The level from power-up until the pin is claimed."""
    safe_output: bool = False
    """An active-high output here stays off while the board boots."""
    functions: tuple[str, ...] = ()
    """What else it can be."""
    fixed_pull_up: bool = False
    """It has a pull-up resistor that cannot be switched off."""
    reserved: str | None = None
    """Why a site must not use it."""
    note: str | None = None
    """What a technician should know who uses it."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        facts = (self.gpio, self.pull, self.boot)
        if self.kind == "gpio" and None in facts:
            raise ValueError(f"pin {self.at}: gpio, pull and boot are needed with kind gpio")
        if self.kind != "gpio" and any(fact is not None for fact in facts):
            raise ValueError(f"pin {self.at}: gpio, pull and boot belong to kind gpio")
        if self.safe_output and (self.boot is not Level.LOW or self.reserved):
            raise ValueError(f"pin {self.at}: safe_output needs boot low and no reservation")
        return self


class Bus(BaseModel):
    """Pins that belong together once a line of config.txt says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    gpios: tuple[GpioNumber, ...]
    config: tuple[str, ...]
    """Each of these lines switches it on."""


class Header(BaseModel):
    """One file of `hw/headers`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str
    title: str
    input_max_v: float
    """What a pin bears."""
    pin_limit_ma: int
    all_pins_limit_ma: int
    pins: tuple[HeaderPin, ...] = Field(alias="pin")
    buses: tuple[Bus, ...] = Field(alias="bus", default=())

    @model_validator(mode="after")
    def _whole(self) -> Self:
        places = [pin.at for pin in self.pins]
        if places != list(range(1, len(places) + 1)):
            raise ValueError("pin: places must run from 1 without a gap")
        numbers = [pin.gpio for pin in self.gpios]
        twice = sorted({str(number) for number in numbers if numbers.count(number) > 1})
        if twice:
            raise ValueError(f"pin: gpio {', '.join(twice)} is there twice")
        for bus in self.buses:
            unknown = sorted(set(bus.gpios) - set(numbers))
            if unknown:
                raise ValueError(f"bus {bus.name}: {unknown} are not in pin")
        return self

    @property
    def gpios(self) -> tuple[HeaderPin, ...]:
        """Those that can be switched, by their places."""
        return tuple(pin for pin in self.pins if pin.kind == "gpio")

    def off_at_boot(self, active: Level) -> tuple[int, ...]:
        """GPIOs on which an output that is on at `active` stays off while the board boots."""
        if active is Level.HIGH:
            fitting = [pin for pin in self.gpios if pin.safe_output]
        else:
            fitting = [
                pin
                for pin in self.gpios
                if pin.boot is Level.HIGH and not (pin.reserved or pin.note)
            ]
        return tuple(sorted(pin.gpio for pin in fitting if pin.gpio is not None))

    def pin_of(self, gpio: int) -> HeaderPin | None:
        """The pin with that number, None where the header has none."""
        return next((pin for pin in self.gpios if pin.gpio == gpio), None)


def load_header(name: str) -> Header:
    """The header `name`. Raises SettingsError naming the file and the key that is wrong."""
    return load_checked(Header, "headers", name)
