"""Keypads on a Wiegand line: decodes key bursts of 4, 6 or 8 bits and collects PINs.

A 4-bit burst is the key's value (0-9, 10 = *, 11 = #). An 8-bit burst carries the value's
complement in the high nibble as its error check. A 6-bit burst (Rosslare manuals, keypad options
1 and 2) has an even parity bit over the value's first half in front and an odd one over its second
half behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

from gateway.errors import BrokenFrame
from gateway.settings import SixBitKeys

KEYS = "0123456789*#"
"""Every key; its index is its value."""

BURST_BITS = (4, 6, 8)
"""Frame lengths that are a key, not a card."""
LONGEST_BURST = max(BURST_BITS)

_PLAIN: Mapping[int, str] = MappingProxyType(dict(enumerate(KEYS)))
_TEN_IS_ZERO = MappingProxyType(dict(enumerate("123456789" + "0*#", start=1)))

SIX_BIT_KEYS: Mapping[SixBitKeys, Mapping[int, str]] = MappingProxyType(
    {SixBitKeys.ROSSLARE: _TEN_IS_ZERO, SixBitKeys.PLAIN: _PLAIN}
)
"""The keys of 6-bit values, by the keypad's option."""


def decode_key(bits: str, six_bit: SixBitKeys = SixBitKeys.ROSSLARE) -> str:
    """Return the key of a burst of 4, 6 or 8 bits; raises BrokenFrame for an invalid burst."""
    if len(bits) not in BURST_BITS or bits.strip("01"):
        raise BrokenFrame(f"a key is 4, 6 or 8 bits of 0 and 1, found {bits!r}")
    values = _PLAIN
    if len(bits) == 6:
        if bits != _with_parity(bits[1:5]):
            raise BrokenFrame("6-bit key: a parity bit is wrong")
        values, bits = SIX_BIT_KEYS[six_bit], bits[1:5]
    value = int(bits[-4:], 2)
    if len(bits) == 8 and int(bits[:4], 2) != value ^ 0b1111:
        raise BrokenFrame("8-bit key: the high nibble is not the complement of the low nibble")
    if value not in values:
        raise BrokenFrame(f"this keypad has no key with value {value}")
    return values[value]


def may_be_keys(bits: str) -> bool:
    """Return whether the bits may be keys: one burst, even a damaged one, or several run together.

    Such bits may be a PIN and must not be shown.
    """
    if len(bits) <= LONGEST_BURST:
        return True
    return any(
        len(bits) % size == 0
        and all(_is_key(bits[at : at + size]) for at in range(0, len(bits), size))
        for size in BURST_BITS
    )


def _is_key(bits: str) -> bool:
    for option in SIX_BIT_KEYS:
        with suppress(BrokenFrame):
            decode_key(bits, option)
            return True
    return False


def encode_key(char: str) -> str:
    """Return the 4-bit burst of a key; raises ValueError for another character."""
    if len(char) != 1 or char not in KEYS:
        raise ValueError(f"{char!r} is not a key; allowed: {' '.join(KEYS)}")
    return f"{KEYS.index(char):04b}"


def _with_parity(nibble: str) -> str:
    """Return the 6-bit burst for the 4 bits of a value."""
    return f"{nibble[:2].count('1') % 2}{nibble}{1 - nibble[2:].count('1') % 2}"


class KeyCollector:
    """Collects the keys of one keypad into PINs.

    The end key completes the PIN, and so does key number `length` where given. The clear key and a
    silence longer than `timeout_ns` discard the entry. An entry longer than `max_keys` is dropped
    as a whole: a shortened PIN could be another person's.
    """

    def __init__(
        self,
        timeout_ns: int,
        end: str = "#",
        clear: str = "*",
        max_keys: int = 32,
        length: int | None = None,
    ) -> None:
        self._timeout_ns = timeout_ns
        self._end = end
        self._clear = clear
        self._max_keys = max_keys
        self._length = length
        self._typed = ""
        self._last_ns: int | None = None

    def key(self, char: str, at_ns: int) -> str | None:
        """Take a key pressed at `at_ns`; returns the PIN that it completes, else None."""
        if self._last_ns is not None and at_ns - self._last_ns > self._timeout_ns:
            self._typed = ""
        self._last_ns = at_ns
        if char == self._clear:
            self._typed = ""
        elif char != self._end:
            # One key beyond max_keys marks the entry as too long.
            self._typed = (self._typed + char)[: self._max_keys + 1]
        if char != self._end and len(self._typed) != self._length:
            return None
        pin, self._typed = self._typed, ""
        return pin if 0 < len(pin) <= self._max_keys else None
