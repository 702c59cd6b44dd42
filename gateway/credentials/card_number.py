"""Card numbers: conversion between printed, typed, transmitted and stored forms.

A Wiegand card is stored as `facility << 32 | number` (Access API, data conventions); a MIFARE
serial number and a numeric QR code are stored as the plain number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from gateway.settings import ByteOrder, CardNumbering

_HALF = 1 << 32
PRINTED = re.compile(r"0[0-9]{7}|0[0-9]{9}")
"""A number with zeros in front, as cards show it."""
_DIGITS = re.compile(r"[0-9]{1,20}")
_EIGHT_DIGITS = re.compile(r"[0-9]{8}")
_HEX_DIGITS = re.compile(r"[0-9A-Fa-f]{1,16}")
_TYPED_PAIR = re.compile(r"([0-9]{1,10})\s*[,;:/-]\s*([0-9]{1,10})")
_BYTE_SEPARATORS = re.compile(r"0x|[:\s-]", re.IGNORECASE)
_WIDTHS = (3, 4, 5, 7, 8)
"""Bytes of the numbers of cards."""


def parse_card(text: str) -> int:
    """Parse a typed card, `facility,number` or one decimal number, to its unsigned 64-bit value.

    Raises ValueError that says what is allowed.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 2 or not all(_DIGITS.fullmatch(part) for part in parts):
        raise ValueError(f"{text!r} is not a card: enter facility,number or one decimal number")
    if len(parts) == 1:
        value = int(parts[0])
        if value >= _HALF * _HALF:
            raise ValueError(f"card {value} must be below 2^64")
        return value
    facility, number = (int(part) for part in parts)
    for name, half in (("facility", facility), ("number", number)):
        if half >= _HALF:
            raise ValueError(f"{name} {half} must be below 2^32")
    return facility << 32 | number


def parse_printed_card(text: str) -> int:
    """As `parse_card`, of what a person copied from a card or a list.

    Raises ValueError for a number with zeros in front too. So it is printed on cards that many
    readers send with a facility, which is another value than the plain number.
    """
    if PRINTED.fullmatch(text.strip()):
        digits = text.strip()
        # Eight are three of the facility and five of the number, ten the whole number.
        facility, rest = divmod(int(digits), 100_000 if len(digits) == 8 else 65_536)
        raise ValueError(
            f"{text} is a printed number: write {facility},{rest} where readers send a facility, "
            f"or {int(digits)} without the zeros where they send the plain number"
        )
    return parse_card(text)


def cards_of_text(text: str) -> frozenset[int]:
    """Every card value that `text` may mean, in whichever notation of `CardReadings`.

    Also for bytes with separators, such as `04:A2:2F:11`. Empty for a text that is no card.
    """
    typed = text.strip()
    pair = _TYPED_PAIR.fullmatch(typed)
    found = {value for number in _numbers(typed, pair) for value in _values_of(number)}
    if pair:
        with suppress(ValueError):
            found.add(parse_card(",".join(pair.groups())))
    return frozenset(found)


def _numbers(text: str, pair: re.Match[str] | None) -> Iterator[int]:
    """The numbers that `text` may show, as a card or a Wiegand frame carries them."""
    if pair:
        facility, number = map(int, pair.groups())
        if max(facility, number) <= 0xFFFF:
            yield facility << 16 | number
    if _DIGITS.fullmatch(text):
        yield int(text)
    if _EIGHT_DIGITS.fullmatch(text):
        with suppress(ValueError):
            facility, number = divmod(_card_of_eight_digits(text), _HALF)
            yield facility << 16 | number
    digits = _BYTE_SEPARATORS.sub("", text)
    if _HEX_DIGITS.fullmatch(digits):
        yield int(digits, 16)


def _values_of(number: int) -> Iterator[int]:
    """The card values of a number, by each kind of reader and in both orders of its bytes."""
    for width in _WIDTHS:
        if number < 1 << 8 * width:
            data = number.to_bytes(width, "big")
            for form in (CardNumbering.PLAIN, CardNumbering.W26, CardNumbering.W34):
                for order in ByteOrder:
                    yield CardFormat(form, order).card_of_bytes(data)


@dataclass(frozen=True, slots=True)
class CardFormat:
    """How a reader's number maps to a card value, so that a card has one value at every reader."""

    number: CardNumbering
    byte_order: ByteOrder = ByteOrder.MSB

    def card_of_bytes(self, given: bytes) -> int:
        """Return the card value for the number's bytes, in order of arrival.

        `w26` uses the last three bytes and `w34` the last four; missing leading bytes count as 0.
        """
        data = given if self.byte_order is ByteOrder.MSB else given[::-1]
        if self.number is CardNumbering.PLAIN:
            return int.from_bytes(data, "big")
        counted = data[-4:] if self.number is CardNumbering.W34 else data[-3:]
        facility, number = divmod(int.from_bytes(counted, "big"), 1 << 16)
        return facility << 32 | number

    def card_of_text(self, text: str, *, hexadecimal: bool = False) -> int:
        """Return the card value for the number's digits, or for `facility,number`.

        Raises ValueError that says what is allowed.
        """
        if hexadecimal:
            return self.card_of_bytes(_bytes_of_hexadecimal(text))
        if self.number is CardNumbering.DIGITS:
            return _card_of_eight_digits(text)
        value = parse_card(text)
        return value if "," in text else self.card_of_bytes(_bytes_of(value))


def _bytes_of(value: int) -> bytes:
    """Return a plain number as a card's serial number of 4, 5, 7 or 8 bytes."""
    width = next(width for width in (4, 5, 7, 8) if value < 1 << 8 * width)
    return value.to_bytes(width, "big")


def _bytes_of_hexadecimal(text: str) -> bytes:
    if not _HEX_DIGITS.fullmatch(text):
        raise ValueError(f"{text[:20]!r} is not a card: enter at most 16 hexadecimal digits")
    return bytes.fromhex(text.zfill(len(text) + len(text) % 2))


def _card_of_eight_digits(text: str) -> int:
    facility, number = text[:3], text[3:]
    if not _EIGHT_DIGITS.fullmatch(text) or int(facility) > 0xFF or int(number) > 0xFFFF:
        raise ValueError(
            f"{text[:20]!r} is not a card: enter three digits of the facility (up to 255) and five "
            "of the number (up to 65535)"
        )
    return int(facility) << 32 | int(number)


@dataclass(frozen=True, slots=True)
class CardReadings:
    """The common readings of one card value, for a technician to compare.

    They describe the bytes of one number: the three or four bytes of the Wiegand frame for a card
    with a facility, else all bytes of the value (4, 5, 7 or 8).
    """

    decimal: str
    """The value as stored."""
    facility_number: str
    """The value as `facility,number`, 32 bits each."""
    hexadecimal: str
    """The bytes of the number."""
    plain: str
    """The number in at least ten decimal digits, as printed on many cards."""
    w26: str
    """The last three bytes as `facility,number`."""
    w34: str
    """The last four bytes as `facility,number`."""
    digits: str
    """`w26` in eight digits: three for the facility, five for the number."""
    reversed_plain: str
    """`plain` with the bytes reversed; so are the two below."""
    reversed_w26: str
    reversed_w34: str


def format_card(value: int) -> CardReadings:
    """Return the readings of `value`; raises ValueError unless it is an unsigned 64-bit number."""
    if not 0 <= value < _HALF * _HALF:
        raise ValueError(f"card {value} is not an unsigned 64-bit number")
    data = _bytes_of_card(value)
    forms = {
        (form, order): CardFormat(form, order).card_of_bytes(data)
        for form in (CardNumbering.PLAIN, CardNumbering.W26, CardNumbering.W34)
        for order in ByteOrder
    }
    facility, number = divmod(forms[CardNumbering.W26, ByteOrder.MSB], _HALF)
    return CardReadings(
        decimal=str(value),
        facility_number=_pair(value),
        hexadecimal=data.hex().upper(),
        plain=f"{forms[CardNumbering.PLAIN, ByteOrder.MSB]:010d}",
        w26=_pair(forms[CardNumbering.W26, ByteOrder.MSB]),
        w34=_pair(forms[CardNumbering.W34, ByteOrder.MSB]),
        digits=f"{facility:03d}{number:05d}",
        reversed_plain=f"{forms[CardNumbering.PLAIN, ByteOrder.LSB]:010d}",
        reversed_w26=_pair(forms[CardNumbering.W26, ByteOrder.LSB]),
        reversed_w34=_pair(forms[CardNumbering.W34, ByteOrder.LSB]),
    )


def _bytes_of_card(value: int) -> bytes:
    facility, number = divmod(value, _HALF)
    if not 0 < facility <= 0xFFFF or number > 0xFFFF:
        return _bytes_of(value)
    return (facility << 16 | number).to_bytes(3 if facility <= 0xFF else 4, "big")


def _pair(value: int) -> str:
    facility, number = divmod(value, _HALF)
    return f"{facility},{number}"
