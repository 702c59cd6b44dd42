"""Messages about doors, the turnstile and their modes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.link.values import DoorNumber, LinkMessage, Login, RowId, Seconds
from gateway.settings import Side

MOST_OPENINGS = 64
"""Openings in one request."""
CLOSE_MS = -1
"""The time-out of an opening that closes the door (Access API, actions)."""


class OpenDoor(LinkMessage):
    """Open, hold open or close a door for a client.

    `timeout_ms` None is the door's own dwell, 0 holds open, -1 closes (Access API, actions).
    """

    kind: Literal["open_door"] = "open_door"
    door: DoorNumber
    timeout_ms: Annotated[int, Field(ge=-1, le=600_000)] | None = None
    reason: Annotated[int, Field(ge=0, le=3)] | None = None
    """0 unknown, 1 authorised, 2 push button, 3 web command; None if the client gave none."""
    by: Login = ""


class Opening(LinkMessage):
    """A door to open and for how long."""

    door: DoorNumber
    timeout_ms: Annotated[int, Field(ge=-1, le=600_000)] | None = None
    """As in OpenDoor."""


class ReleaseTurnstile(LinkMessage):
    """Release the turnstile for one person, for a client."""

    kind: Literal["release_turnstile"] = "release_turnstile"
    sides: Annotated[tuple[Side, ...], Field(min_length=1, max_length=2)]
    """Directions that the arm may turn."""
    reason: Annotated[int, Field(ge=0, le=3)] | None = None
    """As in OpenDoor."""
    by: Login = ""


class OpenTogether(LinkMessage):
    """Carry out several openings of one client: all of them or none."""

    kind: Literal["open_together"] = "open_together"
    openings: Annotated[
        tuple[Annotated[OpenDoor | ReleaseTurnstile, Field(discriminator="kind")], ...],
        Field(min_length=1, max_length=MOST_OPENINGS),
    ]
    """Carried out in this order."""


class ResetTurnstile(LinkMessage):
    """Reset the turnstile's event state to waiting."""

    kind: Literal["reset_turnstile"] = "reset_turnstile"


class UnstoredMode(LinkMessage):
    """An exception mode that is in force though the database could not be written."""

    door: RowId
    """0 for the device."""
    mode: Literal["none", "emergency", "lock_down"]
    login: Login = ""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    since: Seconds = 0
    """Device time."""
    until: Seconds = 0
    """Device time, 0 for no end; `until_utc` decides."""
    until_utc: Seconds = 0
    """Unix seconds, 0 for no end."""


class KeepModes(LinkMessage):
    """Put modes in force before the database has them, in place of those of the last such command.

    They go before the database until the command leaves them out. Answered when journalled.
    """

    kind: Literal["keep_modes"] = "keep_modes"
    modes: Annotated[tuple[UnstoredMode, ...], Field(max_length=MOST_OPENINGS)]
