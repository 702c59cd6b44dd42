"""What readers sent, unchanged, for a technician who watches them.

Times are monotonic nanoseconds; `number` counts the captures of one reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.credentials.wiegand import Frame
from gateway.credentials.wiegand.assembler import pulse_widths_ns

_US = 1_000


@dataclass(frozen=True, slots=True)
class FrameCapture:
    """A Wiegand frame with the timing of its pulses; bits that a reader sent as a message have
    none."""

    number: int
    at_ns: int
    """Of the first pulse."""
    bits: str
    """Text of 0 and 1 in sending order; empty where `keys` are hidden."""
    starts_us: tuple[int, ...]
    """Start of each pulse since the first one, in microseconds."""
    widths_us: tuple[int | None, ...]
    """Width of each pulse in microseconds; None if it was not measured."""
    keys: bool = False
    """Whether the frame may be keys, thus a PIN."""
    why: str = ""
    """Why the reader refused the frame; empty if it did not."""


@dataclass(frozen=True, slots=True)
class BytesCapture:
    """Bytes of a serial reader that arrived together."""

    number: int
    at_ns: int
    data: str
    """Hexadecimal."""


@dataclass(frozen=True, slots=True)
class TypedCapture:
    """A text that a USB reader typed."""

    number: int
    at_ns: int
    text: str
    why: str = ""
    """As in FrameCapture."""


@dataclass(frozen=True, slots=True)
class CardCapture:
    """A card at a PC/SC reader."""

    number: int
    at_ns: int
    atr: str
    """Answer to reset, hexadecimal."""
    answer: str
    """Answer to the request for the serial number, hexadecimal: the number and two status bytes;
    empty if the card was not asked."""
    why: str = ""
    """As in FrameCapture."""


Captured = FrameCapture | BytesCapture | TypedCapture | CardCapture
"""One reader makes captures of one class."""


def starts_us(frame: Frame) -> tuple[int, ...]:
    """Return the start of each pulse as FrameCapture has it."""
    return tuple((stamp_ns - frame.first_ns) // _US for stamp_ns in frame.stamps_ns)


def pulse_widths_us(frame: Frame, rises: Iterable[tuple[int, int]]) -> tuple[int | None, ...]:
    """Return the width of each pulse as FrameCapture has it; `rises` as in `pulse_widths_ns`."""
    widths_ns = pulse_widths_ns(frame, rises)
    return tuple(None if width_ns is None else round(width_ns / _US) for width_ns in widths_ns)
