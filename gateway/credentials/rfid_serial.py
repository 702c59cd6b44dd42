"""Frames of 125 kHz readers on a serial port: the five bytes of an EM4100 transponder.

A frame is STX, ten hexadecimal digits (version or customer byte, then 32 bits), two checksum digits
(XOR of the five bytes), ETX. ID-12LA and ID-20LA send CR LF before ETX, RDM6300 and RDM630 do not
(ID-Innovations, "ID-2/12/20 LA Series Datasheet", data formats).

Cards show the number as `facility,number` (the last three bytes) or as ten digits (the last four).
A Wiegand output of 26 bits, as an ID-12LA has, sends the last three bytes, one of 34 bits the last
four. `w26` and `w34` give the same values, so that a card enrolled at a Wiegand reader works here.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

from gateway.credentials.card_number import CardFormat
from gateway.settings import ByteOrder, CardNumbering

STX = 0x02
TAG_BYTES = 5
_DIGITS = frozenset(b"0123456789ABCDEFabcdef")
_SUM_END = 1 + 2 * TAG_BYTES + 2
"""Offset behind the checksum digits."""


class RfidProtocol:
    """Frame protocol whose frames end with `tail`."""

    def __init__(self, tail: bytes) -> None:
        self._tail = tail

    def size(self, beginning: bytearray) -> int | None:
        """See FrameProtocol; a byte in the wrong place makes all bytes before it noise."""
        fits = (
            beginning[0] == STX
            and _DIGITS.issuperset(beginning[1:_SUM_END])
            and self._tail.startswith(beginning[_SUM_END : _SUM_END + len(self._tail)])
        )
        return _SUM_END + len(self._tail) if fits else 0

    def flaw(self, frame: bytes) -> str:
        tag, found = self.tag(frame), int(frame[_SUM_END - 2 : _SUM_END], 16)
        right = reduce(xor, tag)
        return "" if found == right else f"checksum {found:02X}, should be {right:02X}"

    def tag(self, frame: bytes) -> bytes:
        """Return the five transponder bytes of a frame."""
        return bytes.fromhex(frame[1 : _SUM_END - 2].decode("ascii"))

    def encode(self, tag: bytes) -> bytes:
        """Return the frame for five bytes. Raises ValueError for another number of bytes."""
        if len(tag) != TAG_BYTES:
            raise ValueError(f"a tag has {TAG_BYTES} bytes, found {len(tag)}")
        return f"\x02{tag.hex()}{reduce(xor, tag):02x}".upper().encode("ascii") + self._tail


def card_of_tag(tag: bytes, form: CardFormat) -> int:
    """Return the card value for the five bytes of its transponder."""
    return form.card_of_bytes(tag[1:])


def tag_of_card(card: int, form: CardFormat) -> bytes:
    """Return five transponder bytes that are read as `card`; unused bytes are 0.

    Raises ValueError when no tag can be read as that card.
    """
    facility, number = divmod(card, 1 << 32)
    data = (number if form.number is CardNumbering.PLAIN else facility << 16 | number) % (1 << 32)
    counted = data.to_bytes(TAG_BYTES - 1, "big")
    tag = b"\0" + (counted if form.byte_order is ByteOrder.MSB else counted[::-1])
    if card_of_tag(tag, form) != card:
        raise ValueError(f"no tag can be card {card} with number = {form.number}")
    return tag
