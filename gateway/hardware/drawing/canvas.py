"""An SVG drawing of text, boxes, wires and electrical symbols.

Coordinates are absolute pixels from the top left corner, so that a test finds overlapping text
without transformations.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

GLYPH = 0.62
"""Upper bound of the mean letter width, as a fraction of the font size."""


class Colour(StrEnum):
    """Colours by function; red and black are supplies."""

    POWER_5V = "#c0392b"
    POWER_3V3 = "#e67e22"
    GROUND = "#222222"
    LOCK = "#8e24aa"
    DATA = "#1565c0"
    CONTACT = "#2e7d32"
    ALARM = "#b7791f"
    MODULE = "#00838f"
    IDLE = "#9aa0a6"
    TEXT = "#1b1b1b"
    PAPER = "#ffffff"


class Canvas:
    """One drawing."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size = width, height
        self._title = title
        self._parts: list[str] = []

    def text(
        self,
        at: Point,
        words: str,
        *,
        size: float = 13,
        colour: str = Colour.TEXT,
        anchor: Anchor = "start",
        bold: bool = False,
        pin: int | None = None,
    ) -> None:
        """Add text on the base line through `at`; `pin` marks it as the name of that header pin."""
        words = "".join(letter for letter in words if letter.isprintable())  # valid in XML
        extra = f' data-pin="{pin}"' if pin is not None else ""
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{at[0]:g}" y="{at[1]:g}" font-size="{size:g}" fill="{colour}"'
            f' text-anchor="{anchor}"{weight}{extra}>{escape(words)}</text>'
        )

    def lines(self, at: Point, texts: Sequence[str], *, size: float = 13) -> None:
        """Add a paragraph whose first base line goes through `at`."""
        for number, words in enumerate(texts):
            self.text((at[0], at[1] + number * size * 1.45), words, size=size)

    def box(
        self,
        corner: Point,
        size: Point,
        *,
        colour: str = Colour.TEXT,
        fill: str = Colour.PAPER,
        dashed: bool = False,
    ) -> None:
        """Add a rectangle with this top left corner."""
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self._parts.append(
            f'<rect x="{corner[0]:g}" y="{corner[1]:g}" width="{size[0]:g}" height="{size[1]:g}"'
            f' rx="4" fill="{fill}" stroke="{colour}" stroke-width="1.5"{dash}/>'
        )

    def module(self, corner: Point, size: Point, title: str, *, colour: str = Colour.TEXT) -> None:
        """Add a device: a box with its name at the top."""
        self.box(corner, size, colour=colour, fill="#f7f8fa")
        middle = corner[0] + size[0] / 2
        self.text((middle, corner[1] + 20), title, size=13, anchor="middle", bold=True)

    def wire(self, points: Sequence[Point], colour: str, *, width: float = 2.2) -> None:
        """Add a line through all points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"'
            ' stroke-linejoin="round"/>'
        )

    def dot(self, at: Point, colour: str, *, radius: float = 4, ring: str | None = None) -> None:
        """Add a terminal or a wire joint."""
        self._parts.append(
            f'<circle cx="{at[0]:g}" cy="{at[1]:g}" r="{radius:g}" fill="{colour}"'
            f' stroke="{ring or colour}" stroke-width="1.5"/>'
        )

    def fuse(self, left: Point, colour: str, label: str) -> Point:
        """Add a fuse to a wire from the left; returns its right end."""
        x, y = left
        self.box((x, y - 7), (44, 14), colour=colour)
        self.wire([(x, y), (x + 44, y)], colour, width=1.4)
        self.text((x + 22, y - 13), label, size=12, anchor="middle")
        return x + 44, y

    def contact(self, left: Point, colour: str, label: str, *, closed: bool) -> Point:
        """Add a contact at rest to a wire from the left; returns its right end."""
        x, y = left
        self.dot(left, colour)
        self.dot((x + 60, y), colour)
        self.wire([left, (x + 60, y - 3) if closed else (x + 54, y - 20)], colour, width=2.6)
        self.text((x + 30, y - 28), label, size=12, anchor="middle")
        return x + 60, y

    def coil(self, top: Point, colour: str, label: str, *, height: float = 80) -> Point:
        """Add a coil to a wire from above; returns its lower end."""
        x, y = top
        self.box((x - 22, y), (44, height), colour=colour, fill="#f3e5f5")
        self.wire([(x - 22, y + height), (x + 22, y)], colour, width=1.4)
        self.text((x + 32, y + height / 2 + 5), label, bold=True)
        return x, y + height

    def diode(self, bottom: Point, colour: str, *, height: float = 80) -> Point:
        """Add a diode with the cathode at the top; returns that end."""
        x, y = bottom
        tip, base = y - height / 2 - 11, y - height / 2 + 11
        self.wire([(x, y), (x, base)], colour)
        self.wire([(x, tip), (x, y - height)], colour)
        self._parts.append(
            f'<polygon points="{x - 11:g},{base:g} {x + 11:g},{base:g} {x:g},{tip:g}"'
            f' fill="{colour}"/>'
        )
        self.wire([(x - 12, tip), (x + 12, tip)], colour, width=3)
        return x, y - height

    def resistor(self, top: Point, colour: str, label: str, *, length: float = 44) -> Point:
        """Add a resistor to a wire from above; returns its lower end."""
        x, y = top
        self.box((x - 7, y), (14, length), colour=colour)
        self.text((x + 14, y + length / 2 + 4), label, size=12)
        return x, y + length

    def svg(self) -> str:
        """Return the SVG file."""
        width, height = self._size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" role="img" aria-label={quoteattr(self._title)}'
            ' font-family="DejaVu Sans, Verdana, sans-serif">'
        )
        paper = f'<rect width="{width}" height="{height}" fill="{Colour.PAPER}"/>'
        title = f"<title>{escape(self._title)}</title>"
        return "\n".join([head, title, paper, *self._parts, "</svg>", ""])
