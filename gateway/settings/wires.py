"""Inputs and outputs at pins: levels, pull, debounce."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

Pin = Annotated[int, Field(ge=0, le=63)]


def _plain(name: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name) is None:
        raise ValueError(
            "lower-case letters, digits, - and _ are allowed, 32 of them, a letter at the beginning"
            f"; any text may be its title, such as title = {name!r}"
        )
    return name


def _one_line(title: str) -> str:
    if not title.isprintable():
        raise ValueError("a title is one line of text")
    return title.strip()


Name = Annotated[str, AfterValidator(_plain)]
"""The name of a door, reader or turnstile in commands, logs and file names."""

Title = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_one_line)]
"""The name for people: in logs, and in rows of the API."""


class Level(StrEnum):
    """Voltage at a pin."""

    LOW = "low"
    HIGH = "high"


class Pull(StrEnum):
    """The board's resistor at an input pin."""

    UP = "up"
    DOWN = "down"
    FLOATING = "floating"


class LockState(StrEnum):
    """The state that a strike output gives its door."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"


class LockKind(StrEnum):
    """What power does to a lock."""

    STRIKE = "strike"
    """Power opens it: an electric strike, a motor lock."""
    MAGNET = "magnet"
    """Power keeps it shut: a magnet, a fail-safe strike."""


class Contact(StrEnum):
    """The contact of the relay from which the lock takes its power."""

    NO = "NO"
    """Closed while the relay is on."""
    NC = "NC"
    """Closed while the relay is off."""


class Section(BaseModel):
    """A table of the site file: immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Strike(Section):
    """The output that drives a lock, with the pin level of each lock state.

    `gateway.settings.locks` derives pin and levels from `relay` and `kind`.
    """

    relay: str | None = None
    """The relay's name as printed on a board of `site.hats`."""
    kind: LockKind | None = None
    contact: Contact = Contact.NO
    pin: Pin
    locked: Level
    unlocked: Level

    @model_validator(mode="after")
    def _levels_differ(self) -> Self:
        if self.locked is self.unlocked:
            raise ValueError("locked and unlocked must be different levels")
        return self

    def level(self, state: LockState) -> bool:
        """The pin level (True = high) of `state`."""
        level = self.locked if state is LockState.LOCKED else self.unlocked
        return level is Level.HIGH

    @property
    def called(self) -> str:
        """Its name in messages about its pin."""
        return str(self.kind or LockKind.STRIKE)

    @property
    def energised_to_lock(self) -> bool:
        """True for a magnet: power keeps the door locked."""
        return self.locked is Level.HIGH


class Input(Section):
    """A contact or button at a pin. Its idle level is the API's `*_idle` key."""

    pin: Pin
    pull: Pull = Pull.UP
    debounce_ms: Annotated[int, Field(ge=1, le=1000)] = 20


class FixedInput(Input):
    """An input without a key in the API: its idle level is declared here."""

    idle: Level


ReaderInputNumber = Annotated[int, Field(ge=0, le=63)]
"""The number of an OSDP reader's input; the first one is 0."""


class ReaderInput(Section):
    """A contact or button at an input of an OSDP reader, in the place of a pin.

    A contact that is open counts as high, as at a pin with a pull-up.
    """

    reader: Name
    """The reader's name."""
    input: ReaderInputNumber

    @property
    def pull(self) -> Pull:
        """That of a pin at which the contact would have the same levels."""
        return Pull.UP


class FixedReaderInput(ReaderInput):
    """As `FixedInput`."""

    idle: Level


Channel = Annotated[int, Field(ge=0, le=7)]
"""The number of an input of an analogue-digital converter; the first one is 0."""

FittedOhm = Annotated[int, Field(ge=0, le=100_000)]
"""An end-of-line resistor; 0 if none is fitted."""


class AdcInput(Section):
    """A supervised contact or button at a converter, in the place of a pin.

    A contact that is open counts as high, as at a pin with a pull-up. `gateway.settings.adc` tells
    from the resistance whether the wires are in order.
    """

    adc: Name
    """The converter's name."""
    channel: Channel
    series_ohm: FittedOhm | None = None
    """The resistor in series with the contact; by default as the converter says."""
    parallel_ohm: FittedOhm | None = None
    """The resistor across the contact; by default as the converter says."""
    tolerance_percent: Annotated[int, Field(ge=1, le=20)] = 10
    """Of all resistors, the converter and its supply together."""
    debounce_ms: Annotated[int, Field(ge=25, le=1000)] = 75

    @property
    def pull(self) -> Pull:
        """That of a pin at which the contact would have the same levels."""
        return Pull.UP


class FixedAdcInput(AdcInput):
    """As `FixedInput`."""

    idle: Level


AT_PIN, AT_READER, AT_ADC = "at a pin", "at a reader", "at a converter"
"""Tags of the kinds of an input. They are no keys, and never shown."""


def place_of_input(given: object) -> str:
    """The tag of the kind of input that `given`, a table of the file or its value, is."""
    if not isinstance(given, dict):
        at_reader, at_adc = isinstance(given, ReaderInput), isinstance(given, AdcInput)
    else:
        at_reader = "pin" not in given and not {"reader", "input"}.isdisjoint(given)
        at_adc = "pin" not in given and not {"adc", "channel"}.isdisjoint(given)
    return AT_ADC if at_adc else AT_READER if at_reader else AT_PIN


def place_of_loop(given: object) -> str:
    """As `place_of_input`, for an input that no reader may have."""
    place = place_of_input(given)
    return place if place == AT_ADC else AT_PIN


AnyFixedInput = Annotated[
    Annotated[FixedInput, Tag(AT_PIN)]
    | Annotated[FixedReaderInput, Tag(AT_READER)]
    | Annotated[FixedAdcInput, Tag(AT_ADC)],
    Discriminator(place_of_input),
]


class _FireReset(Section):
    """The setting of a fire input, wherever it is."""

    reset_by_stop: bool = False
    """Whether silencing alarms (`alarm_status` with `stop`) resets the fire too, as far as the
    input is normal. By default a reset is a command of its own."""


class FireInput(FixedInput, _FireReset):
    """The contact of the fire panel."""


class FireAdcInput(FixedAdcInput, _FireReset):
    """As `FireInput`, at a converter."""


AnyFireInput = Annotated[
    Annotated[FireInput, Tag(AT_PIN)] | Annotated[FireAdcInput, Tag(AT_ADC)],
    Discriminator(place_of_loop),
]


class SwitchState(StrEnum):
    """What an output that no door owns is switched to."""

    OFF = "off"
    ON = "on"


class Output(Section):
    """An output that is off at start, stop and fault."""

    pin: Pin
    active: Level
    """The level that switches it on."""

    def declared(self, moment: str) -> bool:
        """Whether it is on at `start`, `stop` or `fault`."""
        del moment
        return False

    def level(self, *, on: bool) -> bool:
        """The pin level (True = high) for on or off."""
        return on is (self.active is Level.HIGH)


class RelayOutput(Output):
    """An output with a state of its own at start, stop and fault."""

    relay: str | None = None
    """The relay's name as printed on a board of `site.hats`, in the place of pin and level."""
    on_start: SwitchState = SwitchState.OFF
    """From its claim until the rules have been read."""
    on_stop: SwitchState = SwitchState.OFF
    on_fault: SwitchState = SwitchState.OFF

    def declared(self, moment: str) -> bool:
        """As `Output`."""
        states = {"start": self.on_start, "stop": self.on_stop, "fault": self.on_fault}
        return states[moment] is SwitchState.ON


class SpareOutput(RelayOutput):
    """An output for triggers: a spare relay, a light, a sounder. It belongs to no door.

    `on_start` lasts until a trigger switches it, or what one had switched on before a restart is
    taken up.
    """

    name: Name
    title: Title | None = None
    limit_s: Annotated[int, Field(ge=0, le=86_400)] = 0
    """The longest time that it is on; 0 for none."""

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.title or self.name
