"""Contactless cards at a PC/SC reader: reads and checks the serial number, names the card type.

Sources: PC/SC part 3 (pseudo-APDU `FF CA 00 00 00`, ATR of storage cards, table of card names) and
ISO/IEC 14443-3 (lengths of serial numbers, random serial numbers).
"""

from __future__ import annotations

from gateway.credentials.card_number import CardFormat
from gateway.errors import BrokenFrame

ASK_SERIAL = bytes.fromhex("FFCA000000")
"""Command "get data": requests the complete serial number."""

_DONE = b"\x90\x00"
_REFUSALS = {
    b"\x63\x00": "the card has none",
    b"\x6a\x81": "the card has none",
    b"\x6c\x00": "the reader expects another length",
}
_RANDOM = 0x08
"""First byte of a 4-byte serial number that changes at each read (ISO/IEC 14443-3)."""
_SHARED = bytes.fromhex("01020304")
"""The serial number that many phones send."""

# Historical bytes of a storage card: category 80, tag 4F, length 0C, the PC/SC workgroup's
# registered identifier; then one byte of the standard and two of the card's name.
_STORAGE = bytes.fromhex("804F0CA000000306")
_NAMES = {
    0x0001: "MIFARE Classic 1K",
    0x0002: "MIFARE Classic 4K",
    0x0003: "MIFARE Ultralight or NTAG",
    0x0026: "MIFARE Mini",
    0x002F: "Jewel",
    0x0030: "Topaz",
    0x0036: "MIFARE Plus SL1 2K",
    0x0037: "MIFARE Plus SL1 4K",
    0x0038: "MIFARE Plus SL2 2K",
    0x0039: "MIFARE Plus SL2 4K",
    0x003A: "MIFARE Ultralight C",
    0x003B: "FeliCa",
}
_STANDARDS = {
    0x03: "ISO 14443 A",
    0x04: "ISO 14443 A",
    0x05: "ISO 14443 B",
    0x06: "ISO 14443 B",
    0x07: "ISO 14443 B",
    0x09: "ISO 15693",
    0x0A: "ISO 15693",
    0x0B: "ISO 15693",
    0x0C: "ISO 15693",
    0x11: "FeliCa",
}


def serial_of_answer(answer: bytes) -> bytes:
    """Return the serial number in the answer to `ASK_SERIAL`; raises BrokenFrame without one."""
    if len(answer) < 2:
        raise BrokenFrame(f"the card's answer ends after {len(answer)} bytes: hold the card longer")
    status = answer[-2:]
    if status != _DONE:
        why = _REFUSALS.get(status, "the card refuses")
        raise BrokenFrame(f"no serial number from the card: {why} ({status.hex().upper()})")
    return answer[:-2]


def card_of_serial(serial: bytes, form: CardFormat) -> int:
    """Return the value of the card with this serial number.

    Raises BrokenFrame for a length that does not fit 64 bits, and for a number that identifies no
    card: one that changes at each read, or that many phones share.
    """
    if len(serial) == 10:
        raise BrokenFrame("a serial number of 10 bytes does not fit the 64 bits of a card")
    if len(serial) not in {4, 7, 8}:
        raise BrokenFrame(f"a serial number has 4, 7 or 8 bytes, found {len(serial)}")
    if len(serial) == 4 and serial[0] == _RANDOM:
        raise BrokenFrame("random identifier: it begins with 08 and changes at each read")
    if serial == _SHARED:
        raise BrokenFrame("01020304 is not an identifier: many phones send it")
    return form.card_of_bytes(serial)


def card_kind(atr: bytes) -> str:
    """Return the card type by its answer to reset, in words for a technician."""
    if not atr:
        return "unknown card"
    start = atr.find(_STORAGE)
    rest = atr[start + len(_STORAGE) :] if start >= 0 else b""
    if len(rest) < 3:
        # The historical bytes of a processor card are vendor-specific.
        return f"unknown card ({atr.hex().upper()})"
    name = _NAMES.get(int.from_bytes(rest[1:3], "big"))
    standard = _STANDARDS.get(rest[0])
    return name or f"unknown card of {standard or 'an unknown standard'} ({atr.hex().upper()})"
