"""Rows of `exception_modes`: who set a mode, why, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gateway.objects.configuration_keys import DOORS
from gateway.objects.models import Models
from gateway.objects.modes import DEVICE, EXCEPTION_MODES, mode_key

NAME = EXCEPTION_MODES.name
PLACES = (DEVICE, *DOORS)
"""What has a key of its exception mode: the device (0) and each door on the board."""


class ModeRow(NamedTuple):
    """A row of `exception_modes`."""

    door_id: int
    """0 for the device."""
    mode: str
    login: str = ""
    """Empty if the device itself set the mode."""
    reason: str = ""
    since: int = 0
    """Device time."""
    until: int = 0
    """Device time, 0 for no end; `until_utc` decides."""
    until_utc: int = 0
    """Unix seconds, 0 for no end."""


def mode_facts(place: int, row: ModeRow | None) -> dict[str, int | str]:
    """What a journal entry records of the mode of `place`: who set it, why, since and until when.

    `row` is None for a mode that a client set as configuration, without these facts.
    """
    known: dict[str, int | str] = {"door": place}
    if row is not None:
        reported = {name: getattr(row, name) for name in ("login", "reason", "since", "until")}
        known |= {name: value for name, value in reported.items() if value}
    return known


def forget_modes(models: Models, keys: Iterable[tuple[str, str]]) -> None:
    """Delete the rows of the modes among `keys`, which a client has set as configuration.

    Call it in the transaction of that change.
    """
    known = {("general", mode_key(door)): door for door in PLACES}
    doors = [known[key] for key in keys if key in known]
    if doors and NAME in models.registry:
        models[NAME].delete().where(models.column(NAME, "door_id").in_(doors)).execute()
