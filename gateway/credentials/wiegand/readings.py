"""Possible readings of a frame, for a technician."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.credentials.keypad import LONGEST_BURST
from gateway.credentials.wiegand.codec import INVERTED, decode, has_whole_bytes, value_of
from gateway.credentials.wiegand.formats import FORMATS, ParityKind, WiegandFormat
from gateway.errors import BrokenFrame


def raw_readings(bits: str) -> Mapping[str, str]:
    """Return the common readings of a frame, by name.

    `whole` is all bits and `inner` those without the first and last, which often are parity, each
    in decimal and hexadecimal; `fits` lists the known formats that accept the frame, with
    `facility,number`. Returns nothing for a frame too short for a card: it may be keys.
    """
    if len(bits) <= LONGEST_BURST or bits.strip("01"):
        return {}
    fits = []
    for layout in FORMATS.values():
        try:
            value = decode(bits, (layout,)).value
        except BrokenFrame:
            continue
        facility, number = divmod(int(value), 1 << 32)
        fits.append(f"{layout.name} {facility},{number}" if layout.facility else layout.name)
    readings = {"whole": _both(bits), "inner": _both(bits[1:-1])}
    return {**readings, "fits": "; ".join(fits)} if fits else readings


def _both(bits: str) -> str:
    digits = (len(bits) + 3) // 4
    return f"{int(bits, 2)} = {int(bits, 2):0{digits}X}"


class Sent(StrEnum):
    """How the bits of a frame are taken."""

    AS_SENT = "as_sent"
    INVERTED = "inverted"
    """0 and 1 exchanged, as by swapped lines."""
    BACKWARDS = "backwards"
    """The last bit first."""


@dataclass(frozen=True, slots=True)
class ParityVerdict:
    """A parity bit of a reading."""

    bit: int
    """From 1, in the order of the reading."""
    kind: ParityKind
    right: bool


@dataclass(frozen=True, slots=True)
class FrameReading:
    """A frame read by one format."""

    format: str
    sent: Sent
    last_byte_first: bool
    facility: int | None
    """None in a format without one."""
    number: int
    value: int
    """As a card is stored."""
    parities: tuple[ParityVerdict, ...]

    @property
    def right(self) -> bool:
        """Whether every parity bit is right; always so in a format without any."""
        return all(parity.right for parity in self.parities)


def frame_readings(bits: str, formats: Iterable[WiegandFormat]) -> tuple[FrameReading, ...]:
    """Return the readings of a frame by each of `formats` with its length.

    Each is read as sent, inverted, backwards, and with the bytes of the number reversed where it
    has whole bytes. Returns nothing for a frame too short for a card.
    """
    if len(bits) <= LONGEST_BURST or bits.strip("01"):
        return ()
    taken = {
        Sent.AS_SENT: bits,
        Sent.INVERTED: bits.translate(INVERTED),
        Sent.BACKWARDS: bits[::-1],
    }
    return tuple(
        _reading(given, layout, sent, last_byte_first=last_byte_first)
        for layout in formats
        if layout.bits == len(bits)
        for sent, given in taken.items()
        for last_byte_first in (False, True)
        if not last_byte_first or (sent is Sent.AS_SENT and has_whole_bytes(layout))
    )


def _reading(
    bits: str, layout: WiegandFormat, sent: Sent, *, last_byte_first: bool
) -> FrameReading:
    value = value_of(bits, layout, last_byte_first=last_byte_first)
    facility, number = divmod(value, 1 << 32)
    return FrameReading(
        layout.name,
        sent,
        last_byte_first,
        facility if layout.facility else None,
        number if layout.facility else value,
        value,
        tuple(
            ParityVerdict(parity.bit, parity.kind, bits[parity.bit - 1] == parity.expected(bits))
            for parity in layout.parities
        ),
    )
