"""Draws a Wiegand frame as two step lines over one time axis.

Pulses are drawn to scale, up to a limit; the time between two pulses is compressed to one length,
or to a longer one with a gap mark where it is unusual. The drawing consists of pieces of a few bits
each, which a page puts side by side as far as there is room.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from textwrap import wrap

from markupsafe import Markup

BITS_IN_PIECE = 13
"""So many fit the width of a small phone."""
CELL, HEIGHT = 22, 110
"""Units of a bit's width and of the drawing's height."""
_PX_IN_US = 0.2
_NARROWEST, _WIDEST = 3.0, 16.0
"""Limits of a pulse's width in units."""
_LINES = (("D0", 18, 38), ("D1", 60, 80))
"""Name, y of the high and of the low level."""
_BITS_Y, _UNDERLINE_Y = 100, 104
_UNUSUAL = 1.5
"""An interval so many times the usual one is marked."""
_UNMEASURED_US = 50
_CAPTION_LINE, _CAPTION_LETTER = 14, 6
"""Height of a line of the caption, and the usual width of its letters."""
_INK, _QUIET, _ACCENT, _WARN = "#1b2326", "#5c696d", "#0b6e5f", "#8a5a00"


@dataclass(frozen=True, slots=True)
class DrawnPulse:
    """One pulse of a frame; times in microseconds."""

    place: int
    """From 1."""
    line: int | None
    """0 or 1; None while the bits are hidden."""
    start_us: int
    width_us: int | None
    interval_us: int | None
    """Since the pulse before; None for the first."""
    unusual: bool
    """Whether the interval is much longer than the others."""


def pulses_of(
    bits: str, starts_us: Sequence[int], widths_us: Sequence[int | None]
) -> tuple[DrawnPulse, ...]:
    """The pulses of a frame; `bits` is empty if they are hidden."""
    intervals = [after - before for before, after in pairwise(starts_us)]
    usual = median(intervals) if intervals else 0
    return tuple(
        DrawnPulse(
            place + 1,
            int(bits[place]) if bits else None,
            start,
            width,
            intervals[place - 1] if place else None,
            place > 0 and intervals[place - 1] > _UNUSUAL * usual,
        )
        for place, (start, width) in enumerate(zip(starts_us, widths_us, strict=True))
    )


def pieces_of(pulses: Sequence[DrawnPulse]) -> list[Sequence[DrawnPulse]]:
    """The pulses in groups of BITS_IN_PIECE."""
    return [pulses[at : at + BITS_IN_PIECE] for at in range(0, len(pulses), BITS_IN_PIECE)]


def piece(
    pulses: Sequence[DrawnPulse], parities: Collection[int], words: Sequence[str], *, y: int = 0
) -> Markup:
    """The drawing of some pulses, without the element `svg`.

    `parities` are the places of parity bits, `words` what to say about each pulse. Colours are
    attributes, so that the drawing looks right in a file; a style sheet may set others by class.
    """
    parts = [
        _line(name, high, low, pulses, number) for number, (name, high, low) in enumerate(_LINES)
    ]
    parts += [
        _cell(index, pulse, said, parity=pulse.place in parities)
        for index, (pulse, said) in enumerate(zip(pulses, words, strict=True))
    ]
    return Markup('<g transform="translate(0 {})">{}</g>').format(y, Markup().join(parts))


def document(
    pieces: Sequence[Sequence[DrawnPulse]],
    parities: Collection[int],
    words: Sequence[Sequence[str]],
    caption: str,
) -> str:
    """The whole drawing as an SVG file, one piece under the other."""
    width = CELL * max((len(group) for group in pieces), default=1)
    lines = wrap(caption, max(width // _CAPTION_LETTER, 12))
    top = _CAPTION_LINE * (len(lines) + 1)
    height = top + HEIGHT * len(pieces)
    drawn = Markup().join(
        Markup('<text class="caption" x="4" y="{}" fill="{}">{}</text>').format(
            _CAPTION_LINE * (number + 1), _INK, line
        )
        for number, line in enumerate(lines)
    ) + Markup().join(
        piece(group, parities, said, y=top + HEIGHT * index)
        for index, (group, said) in enumerate(zip(pieces, words, strict=True))
    )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{2}" height="{3}" '
        'font-family="sans-serif" font-size="11"><rect width="{0}" height="{1}" fill="#ffffff"/>'
        "{4}</svg>\n"
    ).format(width, height, 2 * width, 2 * height, drawn)


def _line(name: str, high: int, low: int, pulses: Sequence[DrawnPulse], number: int) -> Markup:
    """The step line of D0 or D1."""
    path = [f"M0 {high}"]
    for index, pulse in enumerate(pulses):
        if pulse.line == number:
            start = index * CELL + (CELL - _WIDEST) / 2
            path.append(f"H{start:g}V{low}H{start + _width(pulse):g}V{high}")
    path.append(f"H{len(pulses) * CELL}")
    return Markup(
        '<text class="line-name" x="1" y="{}" font-size="9" fill="{}">{}</text>'
        '<path class="line" d="{}" fill="none" stroke="{}" stroke-width="1.6"/>'
    ).format(high - 5, _QUIET, name, " ".join(path), _INK)


def _cell(index: int, pulse: DrawnPulse, words: str, *, parity: bool) -> Markup:
    x, middle = index * CELL, index * CELL + CELL / 2
    parts = [
        Markup(
            '<text class="bit" x="{}" y="{}" text-anchor="middle" font-size="13" fill="{}">{}'
            "</text>"
        ).format(middle, _BITS_Y, _INK, "•" if pulse.line is None else pulse.line)
    ]
    if parity:
        parts.append(
            Markup('<path class="parity" d="M{} {}h12" stroke="{}" stroke-width="2"/>').format(
                middle - 6, _UNDERLINE_Y, _ACCENT
            )
        )
    if pulse.unusual:
        parts.append(
            Markup('<path class="gap" d="M{0} 8v74" stroke="{1}" stroke-dasharray="2 3"/>').format(
                x, _WARN
            )
        )
    return Markup(
        '<g class="pulse" data-words="{0}"><title>{0}</title>'
        '<rect class="finger" x="{1}" width="{2}" height="{3}" fill="none" pointer-events="all"/>'
        "{4}</g>"
    ).format(words, x, CELL, HEIGHT, Markup().join(parts))


def _width(pulse: DrawnPulse) -> float:
    width_us = _UNMEASURED_US if pulse.width_us is None else pulse.width_us
    return min(max(width_us * _PX_IN_US, _NARROWEST), _WIDEST)
