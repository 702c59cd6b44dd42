"""Forms of a card number: what is printed on a card, typed by a person, or kept in the database.

A Wiegand card is stored as facility << 32 | number (Access API, data conventions); Mifare serials
and numeric QR codes as the plain number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HALF = 1 << 32
_DIGITS = re.compile(r"[0-9]{1,20}")


def parse_card(text: str) -> int:
    """The unsigned 64-bit value of a typed card: `123,45678` (facility, number) or plain decimal.

    Raises ValueError saying what is allowed.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 2 or not all(_DIGITS.fullmatch(part) for part in parts):
        raise ValueError(f"{text!r} is no card: write facility,number or one decimal number")
    if len(parts) == 1:
        value = int(parts[0])
        if value >= _HALF * _HALF:
            raise ValueError(f"card {value} is not below 2^64")
        return value
    facility, number = (int(part) for part in parts)
    for name, half in (("facility", facility), ("number", number)):
        if half >= _HALF:
            raise ValueError(f"{name} {half} is not below 2^32")
    return facility << 32 | number


@dataclass(frozen=True, slots=True)
class CardReadings:
    """The common readings of one card value, side by side, for the technician to compare."""

    decimal: str
    """The value as stored."""
    facility_number: str
    """`facility,number`, the halves of 32 bits."""
    hexadecimal: str
    """The value in upper-case hexadecimal, whole bytes."""
    four_byte: str
    """The vendor's older 4-byte form, decimal: (facility & 255) << 16 | number, of 16 bits."""
    reversed_bytes: str
    """Decimal value with the byte order turned round, of 4 bytes where it fits, else of 8."""


def format_card(value: int) -> CardReadings:
    """The readings of `value`; raises ValueError when it is not an unsigned 64-bit number."""
    if not 0 <= value < _HALF * _HALF:
        raise ValueError(f"card {value} is not an unsigned 64-bit number")
    facility, number = divmod(value, _HALF)
    digits = f"{value:X}"
    width = 4 if value < _HALF else 8
    return CardReadings(
        decimal=str(value),
        facility_number=f"{facility},{number}",
        hexadecimal=digits.zfill(len(digits) + len(digits) % 2),
        four_byte=str((facility & 0xFF) << 16 | number & 0xFFFF),
        reversed_bytes=str(int.from_bytes(value.to_bytes(width, "little"), "big")),
    )
