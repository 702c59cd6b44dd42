"""Boards and modules that stand between a Pi's pins and the wires of a door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.errors import SettingsError
from gateway.hardware.boards.files import load_checked, names_in
from gateway.hardware.boards.headers import GpioNumber
from gateway.settings import Level, Output, Side, SiteFile, Strike


class Channel(BaseModel):
    """One relay or input of a module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """As printed on the module."""
    gpio: GpioNumber | None = None
    """The pin that the module itself takes; None where somebody pulls the wire."""
    active: Level | None = None
    """Of a relay the level that energises it, of an input the level while its contact is closed."""


class Hat(BaseModel):
    """One file of `hw/hats`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str
    title: str
    kind: Literal["relay", "opto_input", "level_shifter", "rs485", "rtc"]
    verified: bool
    """Somebody has held one and seen that these facts are right."""
    channels: tuple[Channel, ...] = Field(alias="channel", default=())
    supply: dict[str, str] = {}
    """Terminal of its supply, as printed on it -> what it is wired to."""
    uses: dict[GpioNumber, str] = {}
    """Pins that it takes away, and for what."""
    config: tuple[str, ...] = ()
    """Lines that config.txt needs for it."""
    notes: tuple[str, ...] = ()
    """What a technician should know, with the source."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "relay" and any(channel.active is None for channel in self.channels):
            raise ValueError("channel: active is needed with kind relay")
        for what, values in (
            ("name", [channel.name for channel in self.channels]),
            ("gpio", [channel.gpio for channel in self.channels if channel.gpio is not None]),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"channel: a {what} is there twice")
        if len({channel.gpio is None for channel in self.channels}) > 1:
            raise ValueError("channel: gpio is given for all of them or for none")
        return self

    @property
    def wired_by_hand(self) -> bool:
        """True where any pin may lead to any of its channels."""
        return any(channel.gpio is None for channel in self.channels)


@dataclass(frozen=True, slots=True)
class Driven:
    """A pin that drives a relay."""

    hat: Hat
    channel: str
    """Name of the channel, empty where somebody chose it with a wire."""
    active: Level
    """The level that energises it."""


class Hats:
    """The modules of one site."""

    def __init__(self, hats: Sequence[Hat]) -> None:
        self.all = tuple(hats)
        self._relays = tuple(hat for hat in hats if hat.kind == "relay")

    def relay_at(self, gpio: int) -> Driven | None:
        """What that pin drives; None when it cannot be told from the modules named."""
        for hat in self._relays:
            for channel in hat.channels:
                if channel.gpio == gpio and channel.active is not None:
                    return Driven(hat, channel.name, channel.active)
        if any(not hat.wired_by_hand for hat in self._relays):
            return None
        levels = {channel.active for hat in self._relays for channel in hat.channels}
        level = levels.pop() if len(levels) == 1 else None
        return Driven(self._relays[0], "", level) if level is not None else None

    def power_locks(self, strike: Strike) -> bool:
        """True where the output is on while the door is locked: a magnet, not a strike.

        Without a relay module that tells, high counts as on.
        """
        driven = self.relay_at(strike.pin)
        return strike.energised_to_lock if driven is None else strike.locked is driven.active

    def problems(self, site: SiteFile) -> Iterator[str]:
        """What contradicts the modules: pins that they take, inputs and outputs mixed up."""
        yield from self._wrong_levels(site)
        outputs = dict(outputs_of(site))
        lights = dict(reader_outputs(site))
        for pin, key in site.pins():
            for hat in self.all:
                if pin in hat.uses:
                    yield f"{key}: pin {pin} is taken by {hat.title}: {hat.uses[pin]}"
            driven = self.relay_at(pin)
            if driven and driven.channel and key not in {**outputs, **lights}:
                yield f"{key}: pin {pin} is the relay {driven.channel} of {driven.hat.title}"
        if not self._relays or any(hat.wired_by_hand for hat in self._relays):
            return
        channels = ", ".join(
            f"{channel.name} {channel.gpio}" for hat in self._relays for channel in hat.channels
        )
        for key, pin in outputs.items():
            if self.relay_at(pin) is None:
                yield f"{key}: pin {pin} is no relay of the modules in site.hats ({channels})"

    def _wrong_levels(self, site: SiteFile) -> Iterator[str]:
        """Outputs whose `active` is not the one that their relay obeys."""
        for name, output in (*site.sounders(), *reader_outputs(site)):
            driven = self.relay_at(output.pin)
            if driven and not driven.channel and name.startswith("reader"):
                continue  # a reader's light hardly hangs on a relay that somebody wired
            if driven and output.active is not driven.active:
                yield (
                    f"{name}: active is {output.active}, but {driven.active} energises"
                    f" {_relay(driven)}"
                )

    def warnings(self, site: SiteFile) -> Iterator[str]:
        """What works and should be known."""
        for hat in self.all:
            if not hat.verified and hat.kind == "relay":
                yield (
                    f"{hat.title}: its channels and levels are from documents alone; see each relay"
                    " click before a lock hangs on it"
                )
        for key, strike in strikes_of(site):
            driven = self.relay_at(strike.pin)
            if driven and strike.locked is driven.active:
                yield (
                    f"{key}: pin {strike.pin} is {strike.locked} while locked, which energises"
                    f" {_relay(driven)}: right for a magnet on its NO contact; for a strike change"
                    " locked and unlocked"
                )


def outputs_of(site: SiteFile) -> Iterator[tuple[str, int]]:
    """Every output that needs a relay with its pin, by the same keys as `SiteFile.pins`."""
    for key, strike in strikes_of(site):
        yield key, strike.pin
    for name, output in site.sounders():
        yield name, output.pin


def reader_outputs(site: SiteFile) -> Iterator[tuple[str, Output]]:
    """Lights and buzzers of readers, which need no relay, by the same keys as `SiteFile.pins`."""
    for reader in site.reader:
        for key, output in reader.outputs():
            yield f"reader {reader.name!r} {key}", output


def strikes_of(site: SiteFile) -> Iterator[tuple[str, Strike]]:
    """Every output that lets somebody pass, by the same keys as `SiteFile.pins`."""
    for door in site.door:
        yield f"door {door.name!r} strike", door.strike
    if site.turnstile:
        for side in Side:
            yield f"turnstile {site.turnstile.name!r} {side} relay", site.turnstile.way(side).relay


def _relay(driven: Driven) -> str:
    return f"{driven.channel} of {driven.hat.title}" if driven.channel else "its relay"


def hat_names() -> list[str]:
    """Every module that has a profile."""
    return names_in("hats")


def load_hat(name: str) -> Hat:
    """The profile of the module `name`.

    Raises SettingsError naming the allowed ones, or the key of the profile that is wrong.
    """
    if name not in hat_names():
        raise SettingsError(f"site.hats: {name!r} has no profile (allowed: {hat_names()})")
    return load_checked(Hat, "hats", name)
