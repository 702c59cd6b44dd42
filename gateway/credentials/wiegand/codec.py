"""From the bits of a frame to a card, and back."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.credentials.values import Credential, CredentialKind
from gateway.credentials.wiegand.formats import FORMATS, WiegandFormat
from gateway.errors import BrokenFrame

_INVERTED = str.maketrans("01", "10")
_BYTE = 8


def decode(
    bits: str, formats: Sequence[WiegandFormat], *, last_byte_first: bool = False
) -> Credential:
    """The card in a frame: the first of `formats` with its length and right parity.

    `bits` is text of 0 and 1 in sending order; the card's value is facility << 32 | number.
    With `last_byte_first` the bytes of facility and number together are turned round before they
    are taken apart, in formats in which these are whole bytes; the others stay as they are.
    Raises BrokenFrame naming the length or the parity bit that does not fit, with a hint when only
    the inverted frame would be right, or one with a bit more; and for a card of which all bits are
    the same, which is none.
    """
    if bits.strip("01"):
        raise BrokenFrame(f"a frame consists of 0 and 1, found {bits!r}")
    problems = []
    fitting = [layout for layout in formats if layout.bits == len(bits)]
    if not fitting:
        allowed = ", ".join(f"{layout.name} has {layout.bits}" for layout in formats) or "none set"
        problems.append(f"{len(bits)} bits fit no format of this reader ({allowed})")
    for layout in fitting:
        broken = layout.broken_parity(bits)
        if broken is None:
            if len(set(_data(bits, layout))) == 1:
                raise BrokenFrame(f"{layout.name}: all bits of the card are the same: it is none")
            value = _value(bits, layout, last_byte_first=last_byte_first)
            return Credential(CredentialKind.CARD, value)
        problems.append(f"{layout.name}: {broken.kind} parity bit {broken.bit} is wrong")
    inverted = bits.translate(_INVERTED)
    if any(layout.broken_parity(inverted) is None for layout in fitting):
        problems.append("the inverted frame would be right: D0 and D1 may be swapped")
    longer = lacks_a_bit(bits, formats)
    if longer is not None:
        problems.append(f"with one bit more it could be {longer.name}: a bit may have been lost")
    raise BrokenFrame("; ".join(problems))


def pin_of_frame(bits: str, pin_bits: int) -> str | None:
    """The PIN in the frame of a keypad that collects it itself, as a number of `pin_bits`.

    The number is sent bare or between two parity bits. It has no leading zeros, so that a PIN that
    begins with 0 is another one. None for a frame of another length; raises BrokenFrame for a
    wrong parity.
    """
    if len(bits) == pin_bits:
        return str(int(bits, 2))
    if len(bits) != pin_bits + 2:
        return None
    broken = FORMATS[f"w{len(bits)}"].broken_parity(bits)
    if broken is not None:
        raise BrokenFrame(f"whole PIN: {broken.kind} parity bit {broken.bit} is wrong")
    return str(int(bits[1:-1], 2))


def lacks_a_bit(bits: str, formats: Sequence[WiegandFormat]) -> WiegandFormat | None:
    """The first of `formats` that a frame would be with one bit more, put in anywhere."""
    for layout in formats:
        if layout.bits != len(bits) + 1:
            continue
        for at in range(layout.bits):
            for bit in "01":
                if layout.broken_parity(bits[:at] + bit + bits[at:]) is None:
                    return layout
    return None


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


def _data(bits: str, layout: WiegandFormat) -> str:
    """The bits of facility and number."""
    return "".join(bits[number - 1] for number in (*(layout.facility or ()), *layout.number))


def _value(bits: str, layout: WiegandFormat, *, last_byte_first: bool) -> int:
    facility = layout.facility or range(0)
    data = _data(bits, layout)
    if last_byte_first and len(data) % _BYTE == 0:
        data = "".join(data[at - _BYTE : at] for at in range(len(data), 0, -_BYTE))
    number = int(data[len(facility) :], 2)
    return int(data[: len(facility)] or "0", 2) << 32 | number
