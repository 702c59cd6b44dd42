"""The pages about hardware say what the profiles say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.hardware.boards.hats import hat_names, load_hat
from gateway.hardware.boards.headers import HeaderPin, load_header
from gateway.hardware.boards.profiles import board_names, load_profile

ROOT = Path(__file__).parents[3]
NOTES = (ROOT / "hw" / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "gateway" / "docs" / "hardware.md").read_text(encoding="utf-8")


def row(pin: HeaderPin) -> str:
    also = ", ".join(pin.functions)
    also += "".join(
        f"; {what}" for what in (pin.reserved and f"reserved: {pin.reserved}", pin.note) if what
    )
    outputs = "yes" if pin.safe_output else "no"
    return f"| {pin.at} | {pin.gpio} | {pin.boot} | {outputs} | {also} |"


def test_the_table_of_pins_is_the_headers() -> None:
    table = re.findall(r"^\| \d+ \| \d+ \| (?:low|high) \|.*$", NOTES, re.MULTILINE)
    pins = sorted(load_header("rpi40").gpios, key=lambda pin: pin.gpio or 0)
    assert table == [row(pin) for pin in pins]


def test_the_manual_lists_every_board_and_module() -> None:
    rows = {f"| `{name}` | {load_profile(name).title} |" for name in board_names()}
    rows |= {f"| `{name}` | {load_hat(name).title} |" for name in hat_names()}
    assert set(re.findall(r"^\| `.*$", PAGE, re.MULTILINE)) == rows


@pytest.mark.parametrize("name", [name for name in board_names() if name != "simulated"])
def test_the_notes_give_the_supply_of_each_board(name: str) -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| ([\d.]+) A \|$", NOTES, re.MULTILINE))
    short = {"pi-zero-2w": "Zero 2 W", "pi3": "3 B+", "pi4": "4", "pi5": "5"}[name]
    (told,) = (amperes for boards, amperes in rows.items() if short in boards.split(", "))
    assert float(told) == load_profile(name).supply_a


def test_every_picture_and_page_that_is_linked_is_there() -> None:
    for base, text in ((ROOT / "hw", NOTES), (ROOT / "gateway" / "docs", PAGE)):
        links = re.findall(r"\]\(([^)]+)\)", text)
        assert links
        for link in links:
            assert (base / link).exists(), link
