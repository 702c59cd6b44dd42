"""What the database says about reading; it reaches the drivers with the rules, as they change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.credentials.wiegand import WiegandFormat


class UhfMode(StrEnum):
    """Access API, `uhf.operation_mode`."""

    CONTINUOUS = "continuous"
    TRIGGER = "trigger"
    """Only while an input says so. No such input is served here, so nothing is read."""
    INHIBIT = "inhibit"
    """Nothing is read."""


@dataclass(frozen=True, slots=True)
class UhfReading:
    """The module `uhf` of the configuration, with the factory's values."""

    same_tag_ms: int = 5_000
    """`read_interval`: a tag that stays in the field counts once in so long."""
    other_tag_ms: int = 100
    """`read_interval_diff_tags`: from one tag that counts to another one."""
    last_byte_first: bool = False
    """`reader_type` is `lsb`: the tag's bytes are turned round. Unverified, whether the vendor
    turns bytes or bits."""
    mode: UhfMode = UhfMode.CONTINUOUS
    transmit_centidbm: int | None = None
    """`transmit_power`, in hundredths of dBm; None leaves the reader as it is set."""


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """The factory's values until the rules have been read."""

    uhf: UhfReading = UhfReading()
    wiegand_formats: tuple[WiegandFormat, ...] = ()
    """Formats of the site's own, beside those that its file names."""
    last_byte_first: frozenset[int] = frozenset()
    """Indices of Wiegand readers that send the last byte of a card's number first."""
