"""What the database says about reading; it reaches the drivers with the rules, as they change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """The factory's values until the rules have been read."""
