"""Pin headers: position, functions and boot level of each pin."""

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
    """Position: pin 1 has the square pad; odd pins form one row, even pins the other."""
    name: str
    """Name on drawings."""
    kind: Literal["3v3", "5v", "gnd", "gpio"]
    gpio: GpioNumber | None = None
    """GPIO number, as in the site file; only with kind `gpio`."""
    pull: Literal["up", "down"] | None = None
    """The SoC's pull resistor after reset."""
    boot: Level | None = None
    """Level from power-up until the pin is claimed."""
    safe_output: bool = False
    """An active-high output on this pin stays off during boot."""
    functions: tuple[str, ...] = ()
    """Alternative functions."""
    fixed_pull_up: bool = False
    """The board has a pull-up resistor on this pin."""
    reserved: str | None = None
    """Why a site must not use it."""
    note: str | None = None
    """Advice for a technician who uses the pin."""

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


class HeaderBus(BaseModel):
    """Pins of a bus that a line of config.txt enables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    gpios: tuple[GpioNumber, ...]
    config: tuple[str, ...]
    """Lines that each enable the bus."""


class Header(BaseModel):
    """One file of `hw/headers`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str
    title: str
    input_max_v: float
    """Highest voltage on an input."""
    pin_limit_ma: int
    all_pins_limit_ma: int
    pins: tuple[HeaderPin, ...] = Field(alias="pin")
    buses: tuple[HeaderBus, ...] = Field(alias="bus", default=())

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
        """GPIO pins in order of position."""
        return tuple(pin for pin in self.pins if pin.kind == "gpio")

    def off_at_boot(self, active: Level) -> tuple[int, ...]:
        """Return the GPIOs on which an output with this `active` level stays off during boot."""
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
        """Return the pin with that GPIO number, None without one."""
        return next((pin for pin in self.gpios if pin.gpio == gpio), None)


def load_header(name: str) -> Header:
    """Load the header `name`. Raises SettingsError that names the file and the wrong key."""
    return load_checked(Header, "headers", name)
