"""Boards and modules between a Pi's pins and the wires of a door: `hw/hats`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.errors import SettingsError
from gateway.settings.profiles import load_checked, names_in
from gateway.settings.refusals import choices
from gateway.settings.wires import Level, Pin


class Channel(BaseModel):
    """One relay or input of a module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """As printed on the module."""
    gpio: Pin | None = None
    """The pin that the module uses; None if the installer chooses it by a wire."""
    active: Level | None = None
    """The level that energises a relay, or that an input has while its contact is closed."""


class Hat(BaseModel):
    """One file of `hw/hats`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str
    title: str
    kind: Literal["relay", "opto_input", "level_shifter", "rs485", "rtc"]
    verified: bool
    """Somebody has checked these facts on a real module."""
    channels: tuple[Channel, ...] = Field(alias="channel", default=())
    supply: dict[str, str] = {}
    """Supply terminal as printed on the module -> what it is wired to."""
    uses: dict[Pin, str] = {}
    """Pins that it uses itself, and for what."""
    config: tuple[str, ...] = ()
    """Lines that config.txt needs for it."""
    notes: tuple[str, ...] = ()
    """Notes for a technician, with their source."""

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
        """True if the installer wires pins to channels."""
        return any(channel.gpio is None for channel in self.channels)


@dataclass(frozen=True, slots=True)
class Driven:
    """A pin that drives a relay."""

    hat: Hat
    channel: str
    """Name of the channel, empty if the installer chose it by a wire."""
    active: Level
    """The level that energises it."""


def relay_at(hats: Sequence[Hat], gpio: int) -> Driven | None:
    """The relay that a pin drives; None if these modules do not tell."""
    relays = [hat for hat in hats if hat.kind == "relay"]
    for hat in relays:
        for channel in hat.channels:
            if channel.gpio == gpio and channel.active is not None:
                return Driven(hat, channel.name, channel.active)
    if any(not hat.wired_by_hand for hat in relays):
        return None
    levels = {channel.active for hat in relays for channel in hat.channels}
    level = levels.pop() if len(levels) == 1 else None
    return Driven(relays[0], "", level) if level is not None else None


def hat_names() -> list[str]:
    """Every module with a profile."""
    return names_in("hats")


def load_hat(name: str) -> Hat:
    """The profile of the module `name`.

    Raises SettingsError naming the allowed modules, or the wrong key of the profile.
    """
    if name not in hat_names():
        raise SettingsError(f"site.hats: {name!r} has no profile{choices(name, hat_names())}")
    return load_checked(Hat, "hats", name)
