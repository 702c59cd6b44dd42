"""The pages about hardware say what the profiles say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.credentials.wiegand import FORMATS
from gateway.hardware.boards.headers import HeaderPin, load_header
from gateway.hardware.boards.profiles import board_names, load_profile, site_problems
from gateway.settings import Egress, Level, Reader, SiteFile
from gateway.settings.hats import hat_names, load_hat

ROOT = Path(__file__).parents[3]
NOTES = (ROOT / "hw" / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "gateway" / "docs"
PAGE = (DOCS / "hardware.md").read_text(encoding="utf-8")


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
    short = {"pi-zero-2w": "Zero 2 W", "pi3": "3 A+", "pi4": "4", "pi5": "5"}.get(name)
    told = [float(amperes) for boards, amperes in rows.items() if short in boards.split(", ")]
    supply = load_profile(name).supply_a
    assert told == ([] if supply is None else [supply])


@pytest.mark.parametrize("name", [name for name in board_names() if name != "simulated"])
def test_the_notes_list_each_board_with_its_profile(name: str) -> None:
    assert re.search(rf"^\| .+ \| `{name}` \|$", NOTES, re.MULTILINE)


def test_notes_and_modules_agree_on_the_pins_for_relays_that_low_switches_on() -> None:
    pins = load_header("rpi40").off_at_boot(Level.LOW)
    words = f"GPIO {pins[0]} to {pins[-1]}"
    assert pins == tuple(range(pins[0], pins[-1] + 1))
    assert f"- **Active-low boards** (most with opto-couplers): {words}" in NOTES
    assert any(words in note for note in load_hat("generic-relay-low").notes)


def test_each_lock_in_the_table_of_locks_says_its_contact_in_bold() -> None:
    table = NOTES.partition("## Which lock on which door")[2].partition("\n\n**Every")[0]
    rows = [line for line in table.splitlines() if "`egress" in line or "as the first row" in line]
    assert len(rows) == 4
    assert all("**COM and NO**" in row for row in rows)


def example_of(row: str) -> dict[str, Any]:
    """The lines of the site file in a row of the table of locks."""
    lines = re.findall(r"`(\w+ = [^`]+)`", row)
    return tomllib.loads("\n".join(lines))


SITE = {"name": "S", "timezone": "UTC", "board": "pi4", "hats": ["generic-relay-high"]}


def test_the_lines_of_the_table_of_locks_are_a_site_file_and_mean_that_lock() -> None:
    strike, magnet = (
        SiteFile.model_validate(
            {
                "site": SITE,
                "door": [{"id": 1, "name": "front", **example_of(line)}],
            }
        )
        for line in NOTES.splitlines()
        if line.startswith("| with") and "`egress = " in line
    )
    assert not strike.door[0].strike.energised_to_lock
    assert strike.door[0].egress is Egress.MECHANICAL
    assert magnet.door[0].strike.energised_to_lock
    assert magnet.door[0].egress is Egress.DIRECT_CUT


def anchors(page: Path) -> set[str]:
    """What a link into a page may name: its headings, as they are written into addresses."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "hw" / "README.md", *sorted(DOCS.glob("*.md"))],
    ids=lambda page: f"{page.parent.name}-{page.name}" if page.parent != ROOT else page.name,
)
def test_every_picture_page_and_heading_that_is_linked_is_there(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), link
        assert not heading or heading in anchors(there), link


def test_the_page_about_readers_lists_every_kind_and_every_card_format() -> None:
    page = (DOCS / "readers.md").read_text(encoding="utf-8")
    kinds = {
        name
        for reader in get_args(get_args(Reader)[0])
        for name in get_args(reader.model_fields["kind"].annotation)
    }
    cells = re.findall(r"^\| (.*?) \|", page, re.MULTILINE)
    listed = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert kinds | set(FORMATS) <= listed


def test_the_page_about_readers_names_every_key_of_each() -> None:
    page = (DOCS / "readers.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\w+", page))
    for reader in get_args(get_args(Reader)[0]):
        assert set(reader.model_fields) <= named


@pytest.mark.parametrize(
    "path", sorted((ROOT / "hw/examples").glob("*.toml")), ids=lambda it: it.stem
)
def test_each_example_fits_its_board(path: Path) -> None:
    site = SiteFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    assert site_problems(load_profile(site.site.board), site) == []
