"""The value of a cell of a spreadsheet, and notes on cells that can be read in two ways."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.commands.date_cells import seconds_of_date
from gateway.credentials.card_number import PRINTED, CardFormat, format_card, parse_card
from gateway.errors import InvalidRequest
from gateway.objects.fields import Field, Id, Text, Time, invalid_member, invalid_value
from gateway.objects.identification import CardValue
from gateway.settings import CardNumbering

NULL = "\\N"
NOTHING = object()
"""An empty cell in a column of numbers or bytes: no value, not even null."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""Text that a spreadsheet would compute. An export puts an apostrophe in front of it, and another
one in front of such text that already has one, so that an import can remove it."""
_ESCAPED = re.compile(r"\\|'+[=+\-@\t\r]")

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_SHORTENED = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+")
_AMBIGUOUS = re.compile(r"[0-9]{8}|[0-9]{10}")
_PAIR = re.compile(r"([0-9]+),([0-9]+)")
_ENDS = frozenset({"end_time", "end", "expires"})
"""Columns of times until which something holds."""
_PRINTED_DIGITS = 5
"""Digits of the number in `077,30211`, as printed on cards of 26 bits."""


@dataclass(slots=True)
class Cells:
    """Reads the cells of one import."""

    numbering: CardNumbering | None
    """The meaning of a card number without a facility; None for the stored value."""
    # Dictionaries as ordered sets: a note counts each number once.
    _plain: dict[str, None] = field(default_factory=dict, init=False)
    _short: dict[str, None] = field(default_factory=dict, init=False)

    def value(self, kind: Field, cell: str, facility: str = "") -> object:
        """The value of `cell` as in JSON, or NOTHING.

        Raises InvalidRequest, which names the column, what was found and what to do.
        """
        if cell == NULL:
            return None
        if isinstance(kind, Text):
            plain = cell[1:] if _ESCAPED.match(cell) else cell
            # Otherwise all rows without a value in a unique field would share the empty text.
            return None if not plain and _may_be_null(kind) else plain
        text = cell.strip()
        if not text:
            return NOTHING
        if kind.expected != "int":
            return text
        if _SHORTENED.fullmatch(text):
            raise invalid_value(
                kind.name,
                f"{text!r} was shortened by the spreadsheet and its last digits are lost: format"
                " the column as text and enter it again",
            )
        if isinstance(kind, CardValue):
            return self._card(kind.name, text, facility.strip())
        number = _number(kind, text)
        return None if not number and _may_be_null(kind) else number

    def notes(self) -> list[str]:
        """Notes on cells that were read in the likeliest of several ways."""
        notes = []
        if self._plain:
            notes.append(
                f"{len(self._plain)} card numbers of 8 or 10 digits were taken as they are; if they"
                " are printed on cards with a facility, say so in the member card_number (3+5, w26"
                " or w34)"
            )
        if self._short:
            notes.append(
                f"{', '.join(list(self._short)[:5])}: fewer than five digits after the comma. A"
                " spreadsheet that takes the card for a number drops zeros at its end; format the"
                " column as text where that is so"
            )
        return notes

    def _card(self, name: str, text: str, facility: str) -> int:
        try:
            if facility:
                return parse_card(f"{facility},{text}")
            pair = _PAIR.fullmatch(text)
            if pair:
                if len(pair[2]) < _PRINTED_DIGITS:
                    self._short[text] = None
                return parse_card(text)
            if self.numbering is None:
                return self._stored(name, text)
            digits = self.numbering is CardNumbering.DIGITS
            return CardFormat(self.numbering).card_of_text(text.zfill(8) if digits else text)
        except ValueError as error:
            if isinstance(error, InvalidRequest):
                raise
            raise invalid_value(name, str(error)) from None

    def _stored(self, name: str, text: str) -> int:
        if PRINTED.fullmatch(text):
            raise invalid_value(
                name,
                f"{text} is a printed number: say in the member card_number which, plain, w26, w34"
                " or 3+5, or write facility,number",
            )
        if _AMBIGUOUS.fullmatch(text):
            self._plain[text] = None
        return parse_card(text)


def cell_of(value: object) -> str:
    """The cell of a JSON value."""
    if value is None:
        return NULL
    text = str(value)
    return f"\\{text}" if text.startswith("\\") else text


def text_cell(value: object) -> str:
    """The cell of a text, escaped so that no spreadsheet computes it."""
    cell = cell_of(value)
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _number(kind: Field, text: str) -> int:
    if _WHOLE.fullmatch(text):
        return int(text)
    if not isinstance(kind, Time):
        raise invalid_member(kind.name, kind.expected, repr(text[:40]))
    try:
        return seconds_of_date(text, is_end=kind.name in _ENDS)
    except ValueError as error:
        raise invalid_value(kind.name, str(error)) from None


def _may_be_null(kind: Field) -> bool:
    return kind.unique and kind.unset and not isinstance(kind, Id)


def card_cell(value: object) -> str:
    """The cell of a card's value: `facility,number` if it has a facility."""
    if not isinstance(value, int) or value >> 32 == 0:
        return cell_of(value)
    return format_card(value).facility_number
