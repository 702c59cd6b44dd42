"""Settings of readers in the database; drivers get them with each change of the rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.credentials.wiegand import WiegandFormat


class UhfMode(StrEnum):
    """Access API, `uhf.operation_mode`."""

    CONTINUOUS = "continuous"
    TRIGGER = "trigger"
    """Read while a trigger input is active. No trigger input is supported, so nothing is read."""
    INHIBIT = "inhibit"
    """Read nothing."""


@dataclass(frozen=True, slots=True)
class UhfReading:
    """The module `uhf` of the configuration, with its default values."""

    same_tag_ms: int = 5_000
    """`read_interval`: shortest time between identifications by the same tag."""
    other_tag_ms: int = 100
    """`read_interval_diff_tags`: shortest time between identifications by different tags."""
    last_byte_first: bool = False
    """`reader_type` is `lsb`: the tag's bytes are reversed. Unverified: the vendor may reverse
    bits."""
    mode: UhfMode = UhfMode.CONTINUOUS
    transmit_centidbm: int | None = None
    """`transmit_power` in hundredths of dBm; None keeps the reader's setting."""


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """All settings of readers; default values until the rules are read."""

    uhf: UhfReading = UhfReading()
    wiegand_formats: tuple[WiegandFormat, ...] = ()
    """The site's own formats, in addition to those in the site file."""
    last_byte_first: frozenset[int] = frozenset()
    """Indices of Wiegand readers that send a card number's last byte first."""
