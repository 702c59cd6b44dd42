"""What the database says about reading; it reaches the drivers with the rules, as they change."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.credentials.wiegand import WiegandFormat


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """The factory's values until the rules have been read."""

    wiegand_formats: tuple[WiegandFormat, ...] = ()
    """Formats of the site's own, beside those that its file names."""
    last_byte_first: frozenset[int] = frozenset()
    """Indices of Wiegand readers that send the last byte of a card's number first."""
