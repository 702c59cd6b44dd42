"""Keypads on a Wiegand line: key bursts of 4 or 8 bits, and the collector of a typed PIN.

A 4-bit burst is the key's value (0-9, 10 = *, 11 = #); an 8-bit burst carries the complement of
the value in its high nibble, which is its error check.
"""

from __future__ import annotations

from gateway.errors import BrokenFrame

KEYS = "0123456789*#"
"""Every key, at the index of its value."""

BURST_BITS = (4, 8)
"""Lengths of a frame that is a key and not a card."""


def decode_key(bits: str) -> str:
    """The key of a burst of 4 or 8 bits; raises BrokenFrame where it is none."""
    if len(bits) not in BURST_BITS or bits.strip("01"):
        raise BrokenFrame(f"a key is 4 or 8 bits of 0 and 1, found {bits!r}")
    value = int(bits[-4:], 2)
    if len(bits) == 8 and int(bits[:4], 2) != value ^ 0b1111:
        raise BrokenFrame("the high nibble of a key is not the complement of the low one")
    if value >= len(KEYS):
        raise BrokenFrame(f"{value} is no key (0-9, 10 = *, 11 = #)")
    return KEYS[value]


def encode_key(char: str) -> str:
    """The 4-bit burst of a key; raises ValueError for a character that is none."""
    if len(char) != 1 or char not in KEYS:
        raise ValueError(f"{char!r} is no key; allowed: {' '.join(KEYS)}")
    return f"{KEYS.index(char):04b}"


class KeyCollector:
    """Collects the keys of one keypad into PINs.

    The end key hands the PIN out, the clear key forgets it, and so does a silence longer than
    `timeout_ns`. An entry longer than `max_keys` is dropped as a whole: a shortened PIN could be
    another person's.
    """

    def __init__(
        self, timeout_ns: int, end: str = "#", clear: str = "*", max_keys: int = 32
    ) -> None:
        self._timeout_ns = timeout_ns
        self._end = end
        self._clear = clear
        self._max_keys = max_keys
        self._typed = ""
        self._last_ns: int | None = None

    def key(self, char: str, at_ns: int) -> str | None:
        """Take a key pressed at `at_ns`; the PIN when this was the end key and there is one."""
        if self._last_ns is not None and at_ns - self._last_ns > self._timeout_ns:
            self._typed = ""
        self._last_ns = at_ns
        if char == self._end:
            pin, self._typed = self._typed, ""
            return pin if 0 < len(pin) <= self._max_keys else None
        if char == self._clear:
            self._typed = ""
        else:
            # One key too many is kept, as the mark of an entry that is too long.
            self._typed = (self._typed + char)[: self._max_keys + 1]
        return None
