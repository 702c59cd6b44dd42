"""RS-485 ports."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """What switches the RS-485 driver between sending and listening."""

    AUTO = "auto"
    """The adapter itself."""
    RTS = "rts"
    """The kernel's driver of the port, with the RTS line."""
