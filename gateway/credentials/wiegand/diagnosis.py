"""What the timing and the bits of a Wiegand frame say about the wiring, for a technician."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from gateway.credentials.keypad import LONGEST_BURST
from gateway.credentials.wiegand.assembler import RINGING_NS
from gateway.credentials.wiegand.codec import INVERTED, lacks_a_bit
from gateway.credentials.wiegand.formats import FORMATS, WiegandFormat

WIDTHS_US = (20, 100)
"""Shortest and longest pulse (SIA AC-01)."""
INTERVALS_US = (200, 20_000)
"""Shortest and longest time from one pulse to the next (SIA AC-01)."""
_RINGING_US = RINGING_NS // 1_000


class WiringFault(StrEnum):
    """What is wrong with a frame. Members are in order of the cause, likeliest first."""

    LINES_TOUCH = "lines_touch"
    """Both lines pulsed at once."""
    LINE_SILENT = "line_silent"
    """Only one line pulsed; `line` is the other one."""
    PULSES_SHORT = "pulses_short"
    """`measured_us` is the shortest pulse."""
    PULSES_LONG = "pulses_long"
    """`measured_us` is the longest pulse."""
    INTERVALS_SHORT = "intervals_short"
    """`measured_us` is the shortest interval."""
    INTERVALS_LONG = "intervals_long"
    """`measured_us` is the longest interval."""
    LINES_SWAPPED = "lines_swapped"
    """With D0 and D1 exchanged the frame is right in `format`."""
    BIT_MISSING = "bit_missing"
    """With one bit more the frame would be right in `format`."""
    FORMAT_NOT_SET = "format_not_set"
    """The frame is right in `format`, which the reader is not set to."""
    PARITY_WRONG = "parity_wrong"
    """Formats have this length, but their parity is wrong in all of them."""
    LENGTH_UNKNOWN = "length_unknown"
    """No format has this length."""


@dataclass(frozen=True, slots=True)
class WiringFinding:
    """A fault with its figures; members that do not apply are empty or None."""

    fault: WiringFault
    line: str = ""
    """`D0` or `D1`."""
    format: str = ""
    measured_us: int | None = None
    least_us: int | None = None
    most_us: int | None = None
    """The limits that `measured_us` is compared with."""


def diagnose(
    bits: str,
    starts_us: Sequence[int],
    widths_us: Sequence[int | None],
    formats: Sequence[WiegandFormat],
    *,
    on_wires: bool = True,
) -> tuple[WiringFinding, ...]:
    """Return what is wrong with a frame, the likeliest cause first; nothing for a good one.

    `starts_us` and `widths_us` are of each pulse, as in FrameCapture; `formats` are those of the
    reader. Frames as short as a key, and hidden ones (no `bits`), are judged by their timing alone,
    bits that a reader sent as a message (not `on_wires`) by their format alone.
    """
    findings = list(_of_timing(bits, starts_us, widths_us)) if on_wires else []
    broken = {WiringFault.LINES_TOUCH, WiringFault.LINE_SILENT}
    if len(bits) > LONGEST_BURST and not any(finding.fault in broken for finding in findings):
        findings += _of_bits(bits, formats, on_wires=on_wires)
    return tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.fault)))


_ORDER = tuple(WiringFault)


def _of_timing(
    bits: str, starts_us: Sequence[int], widths_us: Sequence[int | None]
) -> Iterator[WiringFinding]:
    intervals_us = [after - before for before, after in pairwise(starts_us)]
    if any(
        interval < _RINGING_US and before != after
        for interval, (before, after) in zip(intervals_us, pairwise(bits), strict=False)
    ):
        yield WiringFinding(WiringFault.LINES_TOUCH)
    elif len(bits) > LONGEST_BURST and len(set(bits)) == 1:
        yield WiringFinding(WiringFault.LINE_SILENT, line="D1" if bits[0] == "0" else "D0")
    measured_us = [width for width in widths_us if width is not None]
    yield from _outside(measured_us, WIDTHS_US, WiringFault.PULSES_SHORT, WiringFault.PULSES_LONG)
    yield from _outside(
        intervals_us, INTERVALS_US, WiringFault.INTERVALS_SHORT, WiringFault.INTERVALS_LONG
    )


def _outside(
    measured_us: Sequence[int], limits_us: tuple[int, int], below: WiringFault, above: WiringFault
) -> Iterator[WiringFinding]:
    if not measured_us:
        return
    least_us, most_us = limits_us
    if min(measured_us) < least_us:
        yield WiringFinding(below, measured_us=min(measured_us), least_us=least_us, most_us=most_us)
    if max(measured_us) > most_us:
        yield WiringFinding(above, measured_us=max(measured_us), least_us=least_us, most_us=most_us)


def _of_bits(
    bits: str, formats: Sequence[WiegandFormat], *, on_wires: bool
) -> Iterator[WiringFinding]:
    if _fit(bits, formats):
        return
    checked = [*formats, *FORMATS.values()]
    # Formats without parity fit every frame of their length, so they prove nothing.
    checked = [layout for layout in checked if layout.parities]
    unset = _fit(bits, checked)
    swapped = _fit(bits.translate(INVERTED), checked) if on_wires else None
    longer = lacks_a_bit(bits, formats) if on_wires else None
    if unset is not None:
        yield WiringFinding(WiringFault.FORMAT_NOT_SET, format=unset.name)
    elif swapped is not None:
        yield WiringFinding(WiringFault.LINES_SWAPPED, format=swapped.name)
    elif longer is not None:
        yield WiringFinding(WiringFault.BIT_MISSING, format=longer.name)
    elif any(layout.bits == len(bits) for layout in checked):
        yield WiringFinding(WiringFault.PARITY_WRONG)
    elif bare := _fit(bits, tuple(FORMATS.values())):
        yield WiringFinding(WiringFault.FORMAT_NOT_SET, format=bare.name)
    else:
        yield WiringFinding(WiringFault.LENGTH_UNKNOWN)


def _fit(bits: str, formats: Sequence[WiegandFormat]) -> WiegandFormat | None:
    """Return the first of `formats` with this length and right parity."""
    return next(
        (
            layout
            for layout in formats
            if layout.bits == len(bits) and layout.broken_parity(bits) is None
        ),
        None,
    )
