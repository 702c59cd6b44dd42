"""The built-in Wiegand formats, as data.

A parity bit covers only the bits named, itself excluded; even means that it makes the count of ones
even. H numbers are HID's, C15001 is Keyscan's. Other formats can be rows of the API's
`wiegand_modes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ParityKind(StrEnum):
    """Parity of the count of ones, the parity bit included."""

    EVEN = "even"
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class ParityCheck:
    """One parity bit of a format, and the bits it covers (itself excluded)."""

    bit: int
    kind: ParityKind
    covered: tuple[int, ...]

    def expected(self, bits: str) -> str:
        """Return the correct parity bit for `bits`."""
        ones = sum(bits[number - 1] == "1" for number in self.covered)
        return str(ones % 2 if self.kind is ParityKind.EVEN else 1 - ones % 2)


@dataclass(frozen=True, slots=True)
class WiegandFormat:
    """The layout of a frame: its length and the positions of facility, number and parity bits.

    Decoding ignores all other bits; encoding sets them to 0.
    """

    name: str
    bits: int
    facility: range | None
    """Bit numbers of the facility code, most significant first; None without one."""
    number: range
    """Bit numbers of the card number, most significant first."""
    parities: tuple[ParityCheck, ...]
    """In order of computation: a later one may cover an earlier one's bit."""

    def broken_parity(self, bits: str) -> ParityCheck | None:
        """Return the first wrong parity bit of `bits`, which have this length; None without one."""
        return next((p for p in self.parities if bits[p.bit - 1] != p.expected(bits)), None)


def _span(first: int, last: int) -> range:
    """Return the bit numbers `first` to `last`, inclusive."""
    return range(first, last + 1)


def _even(bit: int, covered: Iterable[int]) -> ParityCheck:
    return ParityCheck(bit, ParityKind.EVEN, tuple(covered))


def _odd(bit: int, covered: Iterable[int]) -> ParityCheck:
    return ParityCheck(bit, ParityKind.ODD, tuple(covered))


def _pairs(first: int, last: int) -> list[int]:
    """Return two of every three bits from `first` to `last`: 3, 4, 6, 7, 9, 10 ..."""
    return [bit for bit in _span(first, last) if (bit - first) % 3 != 2]


def _halves(bits: int, facility: int = 0) -> WiegandFormat:
    """Return a format with a parity bit at each end over the half of the data next to it; the first
    `facility` data bits are the facility code."""
    middle = bits // 2
    return WiegandFormat(
        name=f"w{bits}",
        bits=bits,
        facility=_span(2, 1 + facility) if facility else None,
        number=_span(2 + facility, bits - 1),
        parities=(_even(1, _span(2, middle)), _odd(bits, _span(middle + 1, bits - 1))),
    )


def _bare(bits: int) -> WiegandFormat:
    """Return a format without parity: a card's serial number, checked by length only."""
    return WiegandFormat(f"w{bits}", bits, None, _span(1, bits), ())


_PARITIES_37 = (_even(1, _span(2, 19)), _odd(37, _span(19, 36)))
"""Both cover bit 19."""

FORMATS: Mapping[str, WiegandFormat] = MappingProxyType(
    {
        layout.name: layout
        for layout in (
            _halves(26, facility=8),  # H10301
            _bare(32),  # 4-byte serial number
            _halves(34, facility=16),  # H10306
            # The same frame without a facility, as 4-byte serial readers use it (Hikvision,
            # ZKTeco).
            WiegandFormat("w34n", 34, None, _span(2, 33), _halves(34).parities),
            WiegandFormat(  # HID Corporate 1000; the facility is the company
                name="w35",
                bits=35,
                facility=_span(3, 14),
                number=_span(15, 34),
                parities=(
                    _even(2, _pairs(3, 34)),
                    _odd(35, _pairs(2, 33)),
                    _odd(1, _span(2, 35)),
                ),
            ),
            WiegandFormat(  # C15001; bits 2 to 11 name the manufacturer
                name="w36",
                bits=36,
                facility=_span(12, 19),
                number=_span(20, 35),
                parities=(_even(1, _span(2, 18)), _odd(36, _span(19, 35))),
            ),
            WiegandFormat("w37", 37, None, _span(2, 36), _PARITIES_37),  # H10302
            WiegandFormat("w37f", 37, _span(2, 17), _span(18, 36), _PARITIES_37),  # H10304
            _bare(40),  # 5-byte serial number (Civintec CN56 manual, 6.4.6)
            _halves(42),  # the same between two parity bits (there, 6.4.7)
            WiegandFormat(  # HID Corporate 1000; the facility is the company
                name="w48",
                bits=48,
                facility=_span(3, 24),
                number=_span(25, 47),
                parities=(
                    _even(2, _pairs(4, 47)),
                    _odd(48, _pairs(3, 46)),
                    _odd(1, _span(2, 48)),
                ),
            ),
            _bare(56),  # 7-byte serial number
            _bare(64),  # 8-byte serial number
            _halves(66),  # the same between two parity bits; unverified, by analogy with 42
        )
    }
)
"""The built-in formats by name."""
