"""The rows beside exception modes: what they are, and when they go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gateway.objects.configuration_keys import DOORS
from gateway.objects.models import Models
from gateway.objects.modes import DEVICE, EXCEPTION_MODES, mode_key

NAME = EXCEPTION_MODES.name
PLACES = (DEVICE, *DOORS)
"""What may be in an exception mode."""


class ModeRow(NamedTuple):
    """A row of `exception_modes`."""

    door_id: int
    """0 for the device."""
    mode: str
    login: str = ""
    """Empty for the device itself."""
    reason: str = ""
    since: int = 0
    """Device time."""
    until: int = 0
    """Device time, 0 for no end; `until_utc` decides."""
    until_utc: int = 0
    """Unix seconds, 0 for no end."""


def mode_facts(place: int, row: ModeRow | None) -> dict[str, int | str]:
    """What a record keeps of the mode of `place`: who set it, why, since when and until when.

    `row` is None for a mode that a client set as configuration, which tells nothing.
    """
    known: dict[str, int | str] = {"door": place}
    if row is not None:
        reported = {name: getattr(row, name) for name in ("login", "reason", "since", "until")}
        known |= {name: value for name, value in reported.items() if value}
    return known


def forget_modes(models: Models, keys: Iterable[tuple[str, str]]) -> None:
    """What was known of the modes among `keys` is true no more: somebody set them without a word.

    Within the caller's transaction.
    """
    known = {("general", mode_key(door)): door for door in PLACES}
    doors = [known[key] for key in keys if key in known]
    if doors and NAME in models.registry:
        models[NAME].delete().where(models.column(NAME, "door_id").in_(doors)).execute()
