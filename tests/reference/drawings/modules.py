"""A module by itself: its channels, the pins behind them, and what one should know."""

from __future__ import annotations

import textwrap

from gateway.hardware.boards.headers import Header
from gateway.hardware.drawing.canvas import Canvas, Colour
from gateway.settings import Level
from gateway.settings.hats import Channel, Hat

UNVERIFIED = "From documents, not verified on a board: check it before a lock hangs on it."
_WIDTH = 960
_ROW = 40


def draw_hat(hat: Hat, header: Header) -> str:
    """The module with the pins of `header` that it takes, as SVG text."""
    rows: list[Channel | tuple[int, str] | tuple[str, str]] = [*hat.supply.items()]
    rows += [*hat.channels, *hat.uses.items()]
    height = max(1, len(rows)) * _ROW + 50
    notes = [line for note in hat.notes for line in textwrap.wrap(f"- {note}", 110)]
    notes += [f"- config.txt: {line}" for line in hat.config]
    sheet = Canvas(_WIDTH, 110 + height + len(notes) * 20 + 30, hat.title)
    sheet.text((30, 38), hat.title, size=20, bold=True)
    if not hat.verified:
        sheet.text((30, 62), UNVERIFIED, bold=True, colour=Colour.POWER_5V)
    sheet.module((380, 84), (250, height), hat.kind.replace("_", " "))
    for number, row in enumerate(rows):
        y = 84 + 50 + number * _ROW
        if isinstance(row, Channel):
            _draw_channel(sheet, hat, row, header, y)
        elif isinstance(row[0], int):
            _draw_pin(sheet, header, row[0], y)
            sheet.text((400, y + 5), row[1])
        else:
            _draw_supply(sheet, row[0], row[1], y)
    if not rows:
        sheet.text((505, 84 + 50), "takes no pin", anchor="middle")
    sheet.lines((30, 84 + height + 36), notes)
    return sheet.svg()


def _draw_channel(sheet: Canvas, hat: Hat, channel: Channel, header: Header, y: float) -> None:
    if channel.gpio is None:
        sheet.wire([(290, y), (380, y)], Colour.DATA)
        sheet.text((280, y + 5), _fitting_pins(hat, channel, header), anchor="end")
    else:
        _draw_pin(sheet, header, channel.gpio, y)
    sheet.text((400, y + 5), channel.name, bold=True)
    if channel.active:
        words = f"on at {channel.active}" if hat.kind == "relay" else f"closed: {channel.active}"
        sheet.text((610, y + 5), words, anchor="end")
    if hat.kind == "relay":
        sheet.box((660, y - 15), (250, 30), colour=Colour.LOCK)
        sheet.wire([(630, y), (660, y)], Colour.LOCK)
        for number, name in enumerate(("NC", "COM", "NO")):
            x = 680 + number * 80
            sheet.dot((x, y), Colour.LOCK, radius=6)
            sheet.text((x + 12, y + 5), name)
    else:
        sheet.wire([(630, y), (700, y)], Colour.CONTACT)
        right = {"opto_input": "contact or button", "level_shifter": "line of the reader, 5 V"}
        sheet.text((710, y + 5), right.get(hat.kind, ""))


def _fitting_pins(hat: Hat, channel: Channel, header: Header) -> str:
    """On which pins somebody may put a channel that is wired by hand."""
    if hat.kind == "level_shifter":
        return "any free pin, 3.3 V"
    if hat.kind != "relay" or channel.active is None:
        return "any free pin"
    if channel.active is Level.HIGH:
        return "any pin good for outputs"
    return f"GPIO {', '.join(map(str, header.off_at_boot(channel.active)))}"


def _draw_supply(sheet: Canvas, terminal: str, wired_to: str, y: float) -> None:
    if "GND" in terminal:
        colour = Colour.GROUND
    else:
        colour = Colour.POWER_3V3 if wired_to.startswith("3.3 V") else Colour.POWER_5V
    sheet.wire([(290, y), (380, y)], colour)
    sheet.text((280, y + 5), wired_to, anchor="end", colour=colour)
    sheet.text((400, y + 5), terminal, bold=True)


def _draw_pin(sheet: Canvas, header: Header, gpio: int, y: float) -> None:
    pin = header.pin_of(gpio)
    if pin is None:
        raise ValueError(f"{header.name} has no pin {gpio}")
    sheet.dot((270, y), Colour.DATA, radius=11)
    sheet.text((270, y + 4), str(pin.at), size=11, colour=Colour.PAPER, anchor="middle", bold=True)
    sheet.text((250, y + 5), pin.name, anchor="end", bold=True, colour=Colour.DATA, pin=pin.at)
    boot = f"{pin.boot} at boot"
    sheet.text((180, y + 5), boot, size=11, colour="#5f6368", anchor="end")
    sheet.wire([(281, y), (380, y)], Colour.DATA)
