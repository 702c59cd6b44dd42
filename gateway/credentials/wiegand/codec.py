"""Decodes a Wiegand frame to a card and encodes a card to a frame."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.credentials.values import Credential, CredentialKind
from gateway.credentials.wiegand.formats import FORMATS, WiegandFormat
from gateway.errors import BrokenFrame

INVERTED = str.maketrans("01", "10")
"""Translates a frame to that of swapped lines."""
_BYTE = 8


def decode(
    bits: str, formats: Sequence[WiegandFormat], *, last_byte_first: bool = False
) -> Credential:
    """Decode a frame by the first of `formats` with its length and correct parity.

    `bits` is text of 0 and 1 in sending order; the card's value is facility << 32 | number.
    `last_byte_first` reverses the bytes of facility and number together in formats where these are
    whole bytes. Raises BrokenFrame that names the length or the wrong parity bit, with a hint when
    the inverted frame or a frame with one more bit would be correct; also when all bits of the card
    are the same.
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
                raise BrokenFrame(f"{layout.name}: all bits of the card are the same: not a card")
            value = value_of(bits, layout, last_byte_first=last_byte_first)
            return Credential(CredentialKind.CARD, value)
        problems.append(f"{layout.name}: {broken.kind} parity bit {broken.bit} is wrong")
    inverted = bits.translate(INVERTED)
    if any(layout.broken_parity(inverted) is None for layout in fitting):
        problems.append("the inverted frame would be correct: D0 and D1 may be swapped")
    longer = lacks_a_bit(bits, formats)
    if longer is not None:
        problems.append(f"with one bit more it could be {longer.name}: a bit may have been lost")
    raise BrokenFrame("; ".join(problems))


def pin_of_frame(bits: str, pin_bits: int) -> str | None:
    """Return the PIN in the frame of a keypad that sends whole PINs as a number of `pin_bits`.

    The keypad sends the number with or without two parity bits around it. Leading zeros of a PIN
    are lost. Returns None for a frame of another length; raises BrokenFrame for wrong parity.
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
    """Return the first of `formats` that the frame fits with one bit inserted anywhere."""
    for layout in formats:
        if layout.bits != len(bits) + 1:
            continue
        for at in range(layout.bits):
            for bit in "01":
                if layout.broken_parity(bits[:at] + bit + bits[at:]) is None:
                    return layout
    return None


def encode(layout: WiegandFormat, facility: int, number: int) -> str:
    """Return the frame of a card as text of 0 and 1, in sending order.

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
    """Return the bits of facility and number."""
    return "".join(bits[number - 1] for number in (*(layout.facility or ()), *layout.number))


def has_whole_bytes(layout: WiegandFormat) -> bool:
    """Return whether facility and number together are whole bytes, which can be reversed."""
    return (len(layout.facility or ()) + len(layout.number)) % _BYTE == 0


def value_of(bits: str, layout: WiegandFormat, *, last_byte_first: bool) -> int:
    """Return facility << 32 | number of a frame of this length, whatever its parity."""
    facility = layout.facility or range(0)
    data = _data(bits, layout)
    if last_byte_first and has_whole_bytes(layout):
        data = "".join(data[at - _BYTE : at] for at in range(len(data), 0, -_BYTE))
    number = int(data[len(facility) :], 2)
    return int(data[: len(facility)] or "0", 2) << 32 | number
