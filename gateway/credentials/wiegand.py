"""Wiegand frames: formats as data, their codec, and the assembler that ends a frame by silence.

Bits are numbered 1..n in sending order. A parity bit covers only the bits named, itself excluded;
even means that it makes the count of ones even. A frame does not say its format: the reader's
settings name those that may come.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import BrokenFrame

MAX_BITS = 256
"""Longest frame kept; a line that goes on is noise, and must not grow memory."""

_INVERTED = str.maketrans("01", "10")


class ParityKind(StrEnum):
    """Which count of ones a parity bit completes."""

    EVEN = "even"
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class Parity:
    """One parity bit of a format, and the bits it covers (itself excluded)."""

    bit: int
    kind: ParityKind
    covered: tuple[int, ...]

    def expected(self, bits: str) -> str:
        """What the parity bit must be, given the covered ones in `bits`."""
        ones = sum(bits[number - 1] == "1" for number in self.covered)
        return str(ones % 2 if self.kind is ParityKind.EVEN else 1 - ones % 2)


@dataclass(frozen=True, slots=True)
class WiegandFormat:
    """A frame's layout: its length and where facility, number and parity bits stand."""

    name: str
    bits: int
    facility: range | None
    """Bit numbers of the facility code, most significant first; None where there is none."""
    number: range
    """Bit numbers of the card number, most significant first."""
    parities: tuple[Parity, ...]

    def broken_parity(self, bits: str) -> Parity | None:
        """The first parity bit of `bits` (of this length) that is wrong."""
        return next((p for p in self.parities if bits[p.bit - 1] != p.expected(bits)), None)


def _span(first: int, last: int) -> range:
    """The bit numbers `first` to `last`, both included."""
    return range(first, last + 1)


FORMATS: Mapping[str, WiegandFormat] = MappingProxyType(
    {
        layout.name: layout
        for layout in (
            WiegandFormat(  # H10301
                name="w26",
                bits=26,
                facility=_span(2, 9),
                number=_span(10, 25),
                parities=(
                    Parity(1, ParityKind.EVEN, tuple(_span(2, 13))),
                    Parity(26, ParityKind.ODD, tuple(_span(14, 25))),
                ),
            ),
            WiegandFormat(  # H10306
                name="w34",
                bits=34,
                facility=_span(2, 17),
                number=_span(18, 33),
                parities=(
                    Parity(1, ParityKind.EVEN, tuple(_span(2, 17))),
                    Parity(34, ParityKind.ODD, tuple(_span(18, 33))),
                ),
            ),
        )
    }
)
"""The formats a reader may be set to, by name."""


def decode(bits: str, formats: Sequence[WiegandFormat]) -> Credential:
    """The card in a frame: the first of `formats` with its length and right parity.

    `bits` is text of 0 and 1 in sending order; the card's value is facility << 32 | number.
    Raises BrokenFrame naming the length or the parity bit that does not fit, with a hint when
    only the inverted frame would be right.
    """
    if bits.strip("01"):
        raise BrokenFrame(f"a frame consists of 0 and 1, found {bits!r}")
    fitting = [layout for layout in formats if layout.bits == len(bits)]
    if not fitting:
        allowed = ", ".join(f"{layout.name} has {layout.bits}" for layout in formats) or "none set"
        raise BrokenFrame(f"{len(bits)} bits fit no format of this reader ({allowed})")
    problems = []
    for layout in fitting:
        broken = layout.broken_parity(bits)
        if broken is None:
            facility = _field(bits, layout.facility or ())
            return Credential(CredentialKind.CARD, facility << 32 | _field(bits, layout.number))
        problems.append(f"{layout.name}: {broken.kind} parity bit {broken.bit} is wrong")
    inverted = bits.translate(_INVERTED)
    if any(layout.broken_parity(inverted) is None for layout in fitting):
        problems.append("the inverted frame would be right: D0 and D1 may be swapped")
    raise BrokenFrame("; ".join(problems))


def encode(layout: WiegandFormat, facility: int, number: int) -> str:
    """The frame of a card as text of 0 and 1, in sending order.

    Raises ValueError when `facility` or `number` does not fit the format's field.
    """
    frame = ["0"] * layout.bits
    for name, value, field in (
        ("facility", facility, layout.facility or range(0)),
        ("number", number, layout.number),
    ):
        if not 0 <= value < 1 << len(field):
            raise ValueError(f"{name} {value} is not in 0..{(1 << len(field)) - 1} ({layout.name})")
        for position, bit in enumerate(field):
            frame[bit - 1] = str(value >> (len(field) - 1 - position) & 1)
    for parity in layout.parities:
        frame[parity.bit - 1] = parity.expected("".join(frame))
    return "".join(frame)


def _field(bits: str, numbers: Iterable[int]) -> int:
    value = 0
    for number in numbers:
        value = value << 1 | (bits[number - 1] == "1")
    return value


@dataclass(frozen=True, slots=True)
class Frame:
    """The bits between two silences of a line, with the stamps of the first and last edge."""

    bits: str
    first_ns: int
    last_ns: int


class FrameAssembler:
    """Turns stamped edges into frames that end by a gap in *event* time.

    The edges of a frame are put in the order of their stamps, since two lines may deliver theirs
    out of order. A frame that passes MAX_BITS is handed out at once, one bit longer than that, and
    the rest up to the next gap is dropped: noise makes one bad frame, not many.
    """

    def __init__(self, gap_ns: int) -> None:
        """`gap_ns` is the longest silence inside a frame."""
        self._gap_ns = gap_ns
        self._edges: list[tuple[int, int]] = []
        self._last_ns: int | None = None

    def edge(self, stamp_ns: int, bit: int) -> Frame | None:
        """Take one bit; the frame that its arrival ends, if any."""
        ended = None
        if self._last_ns is not None and stamp_ns - self._last_ns > self._gap_ns:
            ended = self._end()
        noise = self._last_ns is not None and not self._edges
        self._last_ns = stamp_ns if self._last_ns is None else max(self._last_ns, stamp_ns)
        if noise:
            return None
        insort(self._edges, (stamp_ns, bit))
        if len(self._edges) > MAX_BITS:
            return self._frame()
        return ended

    @property
    def due_ns(self) -> int | None:
        """When the running frame ends if no edge comes; None without a running frame."""
        if not self._edges or self._last_ns is None:
            return None
        return self._last_ns + self._gap_ns + 1

    def close(self, now_ns: int) -> Frame | None:
        """The running frame once the gap has passed at `now_ns`, else None."""
        due_ns = self.due_ns
        return self._end() if due_ns is not None and now_ns >= due_ns else None

    def _end(self) -> Frame | None:
        frame = self._frame() if self._edges else None
        self._last_ns = None
        return frame

    def _frame(self) -> Frame:
        bits = "".join(str(bit) for _, bit in self._edges)
        frame = Frame(bits, self._edges[0][0], self._edges[-1][0])
        self._edges.clear()
        return frame
