"""Possible readings of a frame that no format of its reader accepts, for a technician."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.credentials.keypad import LONGEST_BURST
from gateway.credentials.wiegand.codec import decode
from gateway.credentials.wiegand.formats import FORMATS
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
