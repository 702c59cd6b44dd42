"""Every drawing of `hw/drawings`, from the profiles and one example site."""

from __future__ import annotations

from gateway.hardware.boards.hats import Hats
from gateway.hardware.boards.headers import load_header
from gateway.hardware.boards.profiles import board_names, load_profile
from gateway.hardware.drawing.wiring import draw_wiring
from gateway.settings import SiteFile
from gateway.settings.hats import hat_names, load_hat
from gateway.settings.profiles import load_checked

from .modules import draw_hat
from .topics import TOPICS

EXAMPLE = "front-door"
"""The site in `hw/examples` that they show."""


def drawings() -> dict[str, str]:
    """SVG text by the name of the file. Raises SettingsError for a profile that is wrong."""
    site = load_checked(SiteFile, "examples", EXAMPLE)
    example = load_profile(site.site.board)
    found = {
        f"board-{name}": draw_wiring(load_profile(name), site, Hats([])) for name in board_names()
    }
    header = load_header("rpi40")
    found |= {f"hat-{name}": draw_hat(load_hat(name), header) for name in hat_names()}
    return found | {f"wire-{name}": draw(example.header, site) for name, draw in TOPICS.items()}
