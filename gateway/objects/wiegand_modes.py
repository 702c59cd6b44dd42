"""The site's own card formats: the object `wiegand_modes` and the syntax of its texts.

The API's reference does not document the texts. Their syntax is that of the web page of the
vendor's readers with the same API (firmware of 2025). Bits are numbered from 1 in sending order;
ranges include both ends:

- `format`: `F[2:9], C[10:25]`, the facility code and the card number. `F` may be absent or empty
  (`F[0:-1]`); `I`, the issue code of some cards, is accepted and ignored.
- `parities`: `E(1)[2:13], O(26)[14:25]`: an even and an odd parity bit, each with the bits that it
  covers, which may be several ranges or single bits.
- `parities_calculation_order`: `1,26`: the order in which parity bits are computed. Parity bits
  that are not listed come last. Other numbers are ignored: the page keeps an old order when it
  removes parity bits.
- `inverted_facility`, `inverted_card`: the field's last bit is the most significant.

Unverified: whether the vendor's devices refuse the same texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Flag, Id, Int, NameText, Stored, Text, invalid_member

BITS_MIN = 9
"""Shorter frames are keys of a keypad."""
BITS_MAX = 256

_FIELD_MAX, _ALONE_MAX = 32, 64
"""Most bits of facility code and number each, and of a number without facility code: a card's value
has 64 bits, with the facility code in the upper 32."""

_LAYOUT = re.compile(r"\s*([FCI])\[(\d{1,3})(?::(-?\d{1,3}))?\]\s*")
_PARITY = re.compile(r"\s*([EO])\((\d{1,3})\)\[([\d:,\s]*)\]\s*")
_RANGE = re.compile(r"\s*(\d{1,3})(?::(\d{1,3}))?\s*")
_LAYOUT_FORM = "fields such as F[2:9], C[10:25]"
_PARITY_FORM = "parity bits such as E(1)[2:13], O(26)[14:25]"
_ORDER_FORM = "bit numbers such as 1,26"


@dataclass(frozen=True, slots=True)
class ParityBit:
    """One parity bit of a mode."""

    bit: int
    even: bool
    covered: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WiegandMode:
    """A parsed row. Ranges are bit numbers, most significant first."""

    name: str
    bits: int
    facility: range | None
    card: range
    parities: tuple[ParityBit, ...]
    """In the order of computation."""


def mode_of(row: Mapping[str, Stored]) -> WiegandMode:
    """The card format of a row.

    Raises InvalidRequest, naming the field, for an invalid text and for fields that contradict each
    other.
    """
    size = _between(row["size"])
    fields = _layout(str(row["format"]))
    parities = _parities(str(row["parities"] or ""))
    order = _order(str(row["parities_calculation_order"] or ""))
    facility, card = fields.get("F"), fields["C"]
    data = {*card, *(facility or ())}
    highest = max(data | {bit for parity in parities for bit in (parity.bit, *parity.covered)})
    if highest > size:
        raise invalid_member("size", f"at least {highest}, the last bit that is named", str(size))
    for parity in parities:
        if parity.bit in data:
            expected = "parity bits outside of facility and card"
            raise invalid_member("parities", expected, f"bit {parity.bit} in both")
    return WiegandMode(
        name=str(row["name"]),
        bits=size,
        facility=facility[::-1] if facility and row["inverted_facility"] else facility,
        card=card[::-1] if row["inverted_card"] else card,
        parities=tuple(sorted(parities, key=lambda parity: _place(parity.bit, order))),
    )


def _between(size: Stored) -> int:
    if not isinstance(size, int) or not BITS_MIN <= size <= BITS_MAX:
        raise invalid_member("size", f"int between {BITS_MIN} and {BITS_MAX}", str(size))
    return size


def _layout(text: str) -> dict[str, range]:
    """The fields of `format` by letter, without empty ones."""
    fields: dict[str, range] = {}
    for part in _parts(text):
        match = _LAYOUT.fullmatch(part)
        if match is None or match[1] in fields:
            raise invalid_member("format", _LAYOUT_FORM, repr(text))
        first = int(match[2])
        fields[match[1]] = range(first, int(match[3] or first) + 1)
    fields = {letter: field for letter, field in fields.items() if field}
    if any(0 in field for field in fields.values()):
        raise invalid_member("format", "bits numbered from 1", repr(text))
    facility, card = fields.get("F"), fields.get("C")
    if card is None:
        raise invalid_member("format", "a card number, such as C[10:25]", repr(text))
    if facility and set(facility) & set(card):
        raise invalid_member("format", "facility and card apart", repr(text))
    longest = _FIELD_MAX if facility else _ALONE_MAX
    if max(len(card), len(facility or ())) > longest:
        raise invalid_member("format", f"fields of at most {longest} bits", repr(text))
    return fields


def _parities(text: str) -> list[ParityBit]:
    """The parity bits in the order of the text."""
    found: list[ParityBit] = []
    for part in _parts(text):
        match = _PARITY.fullmatch(part)
        if match is None:
            raise invalid_member("parities", _PARITY_FORM, repr(text))
        bit = int(match[2])
        covered = {number for span in match[3].split(",") for number in _numbers(span, text)}
        if bit == 0 or bit in covered or bit in {parity.bit for parity in found}:
            expected = "parity bits from 1, each once, that do not cover themselves"
            raise invalid_member("parities", expected, repr(text))
        found.append(ParityBit(bit, match[1] == "E", tuple(sorted(covered))))
    return found


def _numbers(span: str, text: str) -> range:
    match = _RANGE.fullmatch(span)
    numbers = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
    if not numbers or numbers[0] == 0:
        raise invalid_member("parities", _PARITY_FORM, repr(text))
    return numbers


def _order(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        raise invalid_member("parities_calculation_order", _ORDER_FORM, repr(text))
    return [int(part) for part in parts]


def _place(bit: int, order: Sequence[int]) -> int:
    return order.index(bit) if bit in order else len(order)


def _parts(text: str) -> list[str]:
    """The parts that end with a bracket, without the commas and blanks in between."""
    return [part for part in re.split(r"(?<=\])[,\s]*", text.strip()) if part]


@dataclass(frozen=True, slots=True)
class LayoutText(Text):
    """The bits of facility and card."""

    example: ClassVar[str] = "F[2:9], C[10:25]"

    def decode(self, value: object) -> str:
        text = Text.decode(self, value)
        _layout(text)
        return text


@dataclass(frozen=True, slots=True)
class ParitiesText(Text):
    """Parity bits and what they cover; empty for none."""

    example: ClassVar[str] = "E(1)[2:13], O(26)[14:25]"

    def decode(self, value: object) -> str:
        text = Text.decode(self, value)
        _parities(text)
        return text


@dataclass(frozen=True, slots=True)
class OrderText(Text):
    """Bit numbers in an order; empty for any."""

    example: ClassVar[str] = "1,26"

    def decode(self, value: object) -> str:
        text = Text.decode(self, value)
        _order(text)
        return text


WIEGAND_MODES = ObjectType(
    "wiegand_modes",
    (
        Id("id"),
        NameText("name", required=True),
        Int("size", required=True, minimum=BITS_MIN, maximum=BITS_MAX),
        LayoutText("format", required=True),
        ParitiesText("parities", default=""),
        OrderText("parities_calculation_order", default=""),
        Flag("inverted_facility", required=True),
        Flag("inverted_card", required=True),
    ),
    policy=True,
    check=mode_of,
)
