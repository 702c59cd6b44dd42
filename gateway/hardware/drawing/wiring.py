"""Draws the header of a board with the site's use of each pin."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from gateway.hardware.boards.hats import Hats, outputs_of
from gateway.hardware.boards.headers import HeaderPin
from gateway.hardware.boards.profiles import BoardProfile
from gateway.hardware.drawing.canvas import GLYPH, Anchor, Canvas, Colour
from gateway.settings import Level, SiteFile

ROW = 30
_TOP = 118
_WIDTH = 1180
_MIDDLE = _WIDTH / 2
_KINDS = {"3v3": Colour.POWER_3V3, "5v": Colour.POWER_5V, "gnd": Colour.GROUND}

LEGEND = (
    ("5 V", Colour.POWER_5V),
    ("3.3 V", Colour.POWER_3V3),
    ("ground", Colour.GROUND),
    ("lock or siren", Colour.LOCK),
    ("reader", Colour.DATA),
    ("contact or button", Colour.CONTACT),
    ("fire, tamper, power", Colour.ALARM),
    ("taken by a module", Colour.MODULE),
    ("free", Colour.IDLE),
)


@dataclass(frozen=True, slots=True)
class Use:
    """The use of a pin."""

    text: str
    colour: Colour


def uses_of(site: SiteFile, hats: Hats) -> dict[int, Use]:
    """Return each pin that the site or its modules use."""
    found = {
        pin: Use(f"{hat.name}: {what}", Colour.MODULE)
        for hat in hats.all
        for pin, what in hat.uses.items()
    }
    outputs = {pin for _, pin in outputs_of(site)}
    contacts = {key for key, _ in site.contacts()}
    for pin, key in site.pins():
        text = key.replace("'", "")
        if pin in outputs:
            found[pin] = Use(text + _relay(hats, pin), Colour.LOCK)
        elif key in contacts:
            found[pin] = Use(text, Colour.ALARM)
        elif key.startswith("reader"):
            found[pin] = Use(text, Colour.DATA)
        else:
            found[pin] = Use(text, Colour.CONTACT)
    return found


def _relay(hats: Hats, pin: int) -> str:
    driven = hats.relay_at(pin)
    if driven is None:
        return ""
    where = f" {driven.channel}" if driven.channel else " relay"
    return f" ->{where}, on at {driven.active}"


def draw_wiring(profile: BoardProfile, site: SiteFile, hats: Hats) -> str:
    """Return the header as SVG, seen from above with pin 1 at the top left."""
    rows = (len(profile.header.pins) + 1) // 2
    foot = _TOP + rows * ROW
    notes = [
        f"Module: {hat.title}{'' if hat.verified else ' (from documents, not verified)'}"
        for hat in hats.all
    ]
    notes.append("Every module and reader shares the ground of the header.")
    notes += [f"Not verified on a board: {fact}" for fact in profile.unverified]
    notes = [line for note in notes for line in textwrap.wrap(note, 138)]
    title = f"{profile.title}: {site.site.name}"
    sheet = Canvas(_WIDTH, foot + 110 + len(notes) * 20, title)
    sheet.text((30, 38), title, size=_fitting(title, _WIDTH - 60, 20), bold=True)
    where = (
        "Seen from above: pin 1 has the square pad, even numbers lie along the edge of the board."
    )
    sheet.text((30, 62), where)
    warning = f"A pin tolerates {profile.header.input_max_v:g} V only."
    sheet.text((30, 82), warning, bold=True, colour=Colour.POWER_5V)
    sheet.box((_MIDDLE - 44, _TOP - 14), (88, rows * ROW), fill="#e8eaed")
    used = uses_of(site, hats)
    for pin in profile.header.pins:
        _draw_pin(sheet, pin, used.get(pin.gpio) if pin.gpio is not None else None)
    _draw_foot(sheet, foot + 20, notes)
    return sheet.svg()


def _draw_pin(sheet: Canvas, pin: HeaderPin, use: Use | None) -> None:
    left = pin.at % 2 == 1
    side = -1 if left else 1
    anchor: Anchor = "end" if left else "start"
    y = _TOP + (pin.at - 1) // 2 * ROW
    x = _MIDDLE + side * 20
    colour = use.colour if use else _KINDS.get(pin.kind, Colour.IDLE)
    if pin.at == 1:
        sheet.box((x - 13, y - 13), (26, 26), fill=colour, colour=colour)
    sheet.dot((x, y), colour, radius=11)
    sheet.text((x, y + 4), str(pin.at), size=11, colour=Colour.PAPER, anchor="middle", bold=True)
    name = _MIDDLE + side * 52
    strong = use is not None or pin.kind != "gpio"
    shade = colour if strong else Colour.TEXT
    sheet.text((name, y + 5), pin.name, colour=shade, anchor=anchor, bold=strong, pin=pin.at)
    if use:
        sheet.wire([(name + side * 66, y), (name + side * 104, y)], colour)
        size = _fitting(use.text, _MIDDLE - 52 - 112 - 10, 13)
        sheet.text((name + side * 112, y + 5), use.text, size=size, colour=colour, anchor=anchor)
    elif pin.kind == "gpio":
        sheet.text((name + side * 68, y + 4), _facts(pin), size=11, colour="#5f6368", anchor=anchor)


def _facts(pin: HeaderPin) -> str:
    """Return the facts that matter for choosing a free pin."""
    if pin.reserved:
        return f"reserved: {pin.reserved}"
    boot = "high" if pin.boot is Level.HIGH else "low"
    words = [f"{boot} at boot", *pin.functions]
    if pin.safe_output:
        words.insert(1, "good for outputs")
    return ", ".join(words)


def _fitting(words: str, room: float, size: float) -> float:
    """Return the largest font size, at most `size`, at which the words fit into `room`."""
    return min(size, room / (len(words) * GLYPH))


def _draw_foot(sheet: Canvas, top: float, notes: list[str]) -> None:
    for number, (words, colour) in enumerate(LEGEND):
        x, y = 40 + number % 5 * 220, top + number // 5 * 26
        sheet.dot((x, y), colour, radius=7)
        sheet.text((x + 16, y + 5), words)
    sheet.lines((30, top + 66), notes)
