"""The pictures of the page in the README: `GATEWAY_SCREENSHOTS=keep` takes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Open

KEPT = Path(__file__).with_name("screenshots")
ROOT = Path(__file__).parents[3]
SHOWN = {
    "doors": ("/", "#door-1", "light"),
    "people": ("/people", "main", "light"),
    "log": ("/log", "main", "dark"),
    "wiring": ("/wiring", "#bench svg", "light"),
}
"""Address, what must be there, and theme."""


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_of_the_readme_is_one_of_the_page(
    screen: Open, demo: Running, name: str, tmp_path: Path
) -> None:
    path, what, scheme = SHOWN[name]
    shown = screen(scheme=scheme)
    page = shown.open(path)
    demo.stranger()
    expect(page.locator(what).first).to_be_visible()
    kept = KEPT / f"{name}.png"
    taken = kept if os.environ.get("GATEWAY_SCREENSHOTS") == "keep" else tmp_path / kept.name
    page.screenshot(path=taken)
    assert taken.stat().st_size > 5_000
    assert kept.is_file()
    assert f"({kept.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
