"""The drawings: up to date, true to the profiles, and legible."""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from gateway.hardware.boards.headers import load_header
from gateway.hardware.boards.profiles import board_names, load_hats, load_profile
from gateway.hardware.drawing.canvas import GLYPH, Canvas
from gateway.hardware.drawing.wiring import draw_wiring
from gateway.settings import Level, SiteFile
from gateway.settings.hats import hat_names, load_hat

FOLDER = Path(__file__).parents[3] / "hw" / "drawings"
COLLECTION: Any = importlib.import_module("reference.drawings")
DRAWINGS: dict[str, str] = COLLECTION.drawings()
HEADER = load_header("rpi40")
PI = load_profile("pi4")


@dataclass(frozen=True)
class Text:
    """A text of a drawing with the room that it takes."""

    words: str
    pin: str | None
    left: float
    right: float
    top: float
    bottom: float

    def overlaps(self, other: Text) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def texts(svg: str) -> list[Text]:
    found = []
    for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):  # noqa: S314 - ours
        words = node.text or ""
        size = float(node.attrib["font-size"])
        width = len(words) * size * GLYPH
        x, y = float(node.attrib["x"]), float(node.attrib["y"])
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[node.attrib["text-anchor"]]
        found.append(
            Text(words, node.get("data-pin"), left, left + width, y - size * 0.75, y + size * 0.2)
        )
    return found


def drawn_pins(svg: str) -> dict[int, str]:
    return {int(text.pin): text.words for text in texts(svg) if text.pin is not None}


def site(hats: tuple[str, ...] = (), **tables: Any) -> SiteFile:
    head = {"name": "S", "timezone": "UTC", "board": "pi4", "hats": hats}
    return SiteFile.model_validate({"site": head, **tables})


def wiring(its: SiteFile) -> list[str]:
    return [text.words for text in texts(draw_wiring(PI, its, load_hats(its)))]


def test_every_board_module_and_topic_has_a_drawing() -> None:
    assert set(DRAWINGS) == {
        *(f"board-{name}" for name in board_names()),
        *(f"hat-{name}" for name in hat_names()),
        *(f"wire-{name}" for name in COLLECTION.TOPICS),
    }
    assert {path.stem for path in FOLDER.iterdir()} == set(DRAWINGS)


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_a_drawing_is_what_the_profiles_give(name: str) -> None:
    kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert kept == DRAWINGS[name], "make docs"


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_each_pin_of_a_drawing_has_its_profiles_name(name: str) -> None:
    names = {pin.at: pin.name for pin in HEADER.pins}
    assert drawn_pins(DRAWINGS[name]).items() <= names.items()


@pytest.mark.parametrize("name", board_names())
def test_a_boards_drawing_shows_every_pin_and_each_use_beside_it(name: str) -> None:
    svg = DRAWINGS[f"board-{name}"]
    assert len(drawn_pins(svg)) == 40
    rows = {text.words: text for text in texts(svg)}
    for use, pin in (("door front strike", "GPIO17"), ("reader front d1", "GPIO24")):
        assert rows[use].bottom == rows[pin].bottom


@pytest.mark.parametrize("name", hat_names())
def test_a_modules_drawing_shows_the_pins_that_it_takes(name: str) -> None:
    hat = load_hat(name)
    taken = {*hat.uses, *(channel.gpio for channel in hat.channels if channel.gpio is not None)}
    expected = {pin.at: pin.name for pin in HEADER.gpios if pin.gpio in taken}
    assert drawn_pins(DRAWINGS[f"hat-{name}"]) == expected


def test_topics_name_the_pins_of_the_example() -> None:
    assert drawn_pins(DRAWINGS["wire-strike"]) == {2: "5V", 6: "GND", 11: "GPIO17"}
    reader = {1: "3V3", 2: "5V", 6: "GND", 16: "GPIO23", 18: "GPIO24"}
    assert drawn_pins(DRAWINGS["wire-wiegand"]) == reader
    assert drawn_pins(DRAWINGS["wire-light"]) == {6: "GND", 33: "GPIO13"}
    assert drawn_pins(DRAWINGS["wire-contacts"]) == {6: "GND", 13: "GPIO27", 15: "GPIO22"}


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_no_text_lies_on_another_or_beyond_the_paper(name: str) -> None:
    root = ET.fromstring(DRAWINGS[name])  # noqa: S314 - made here
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    found = [text for text in texts(DRAWINGS[name]) if text.words]
    for text in found:
        assert text.left >= 0, text
        assert text.right <= width, text
        assert text.bottom <= height, text
    assert [(a.words, b.words) for a, b in combinations(found, 2) if a.overlaps(b)] == []


Point = tuple[float, float]


def wires(svg: str) -> list[tuple[Point, Point]]:
    """Every straight piece of every wire."""
    found = []
    for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}polyline"):  # noqa: S314 - ours
        points = [tuple(map(float, point.split(","))) for point in node.attrib["points"].split()]
        found += [(a, b) for a, b in pairwise((x, y) for x, y in points)]
    return found


def side(line: tuple[Point, Point], point: Point) -> float:
    (ax, ay), (bx, by) = line
    return (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)


def cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether each has its ends on both sides of the other."""
    return all(side(a, b[0]) * side(a, b[1]) < 0 for a, b in ((one, other), (other, one)))


@pytest.mark.parametrize("name", sorted(set(DRAWINGS) - {"wire-rs485"}))
def test_no_wire_crosses_another(name: str) -> None:
    """But the taps of a bus, whose joints are dots."""
    assert [pair for pair in combinations(wires(DRAWINGS[name]), 2) if cross(*pair)] == []


@pytest.mark.parametrize("name", board_names())
def test_a_boards_drawing_shows_what_nobody_has_verified(name: str) -> None:
    drawn = " ".join(text.words for text in texts(DRAWINGS[f"board-{name}"]))
    for fact in load_profile(name).unverified:
        assert f"Not verified on a board: {fact}" in drawn


@pytest.mark.parametrize("name", hat_names())
def test_a_modules_drawing_shows_its_mark_and_its_supply(name: str) -> None:
    hat = load_hat(name)
    drawn = [text.words for text in texts(DRAWINGS[f"hat-{name}"])]
    assert any("not verified" in words for words in drawn) is not hat.verified
    assert {*hat.supply, *hat.supply.values()} <= set(drawn)


@pytest.mark.parametrize("name", [name for name in hat_names() if load_hat(name).kind == "relay"])
def test_a_relay_wired_by_hand_is_drawn_at_pins_that_keep_it_off_at_boot(name: str) -> None:
    hat = load_hat(name)
    drawn = [text.words for text in texts(DRAWINGS[f"hat-{name}"])]
    assert "any free pin" not in drawn
    if hat.wired_by_hand and hat.channels[0].active is Level.LOW:
        assert drawn.count("GPIO 4, 5, 6, 7, 8") == len(hat.channels)


@pytest.mark.parametrize("lock", ["strike", "magnet"])
def test_the_drawing_of_a_lock_names_its_contact_and_the_levels_that_fit(lock: str) -> None:
    drawn = [text.words for text in texts(DRAWINGS[f"wire-{lock}"])]
    assert any(words.startswith("Contact: COM and NO.") for words in drawn)
    (line,) = (words for words in drawn if words.startswith("In the site file: "))
    door = {"id": 1, "name": "front", "egress": "direct_cut"}
    made = site(("generic-relay-high",), door=[door | tomllib.loads(line.partition(": ")[2])])
    assert made.door[0].strike.energised_to_lock is (lock == "magnet")


def test_a_module_that_nobody_verified_is_marked_in_a_sites_own_drawing() -> None:
    (line,) = (words for words in wiring(site(("rtc-ds3231",))) if words.startswith("Module"))
    assert line.endswith("(from documents, not verified)")


def test_a_pin_that_a_module_takes_is_drawn_with_its_purpose() -> None:
    assert "rtc-ds3231: I2C1 SDA" in wiring(site(("rtc-ds3231",)))


def test_an_output_is_drawn_with_its_relay_and_level() -> None:
    strike = {"pin": 20, "locked": "high", "unlocked": "low"}
    door = {"id": 1, "name": "front", "egress": "mechanical", "strike": strike}
    drawn = wiring(site(("waveshare-relay-3ch",), door=[door]))
    assert "door front strike -> CH2, on at low" in drawn
    drawn = wiring(site(("generic-relay-low",), door=[door]))
    assert "door front strike -> relay, on at low" in drawn


def test_the_longest_names_stay_on_the_paper() -> None:
    strike = {"pin": 20, "locked": "high", "unlocked": "low"}
    door = {"id": 1, "name": "x" * 32, "egress": "mechanical", "strike": strike}
    its = site(("waveshare-relay-3ch",), door=[{**door, "rex": {"pin": 17}}])
    for text in texts(draw_wiring(PI, its, load_hats(its))):
        assert text.left >= 0
        assert text.right <= 1180


def test_letters_that_xml_reads_or_forbids_do_no_harm() -> None:
    sheet = Canvas(100, 100, "A \"<b>\" & 'c'")
    sheet.text((0, 50), "<x> & \x00y")
    (text,) = texts(sheet.svg())
    assert text.words == "<x> & y"
