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
    "doors": ("/", "#door-1", "Unlocked", "light"),
    "people": ("/people", "main", "Unknown card", "light"),
    "why": ("/log", ".gates", "may pass here", "dark"),
    "wiring": ("/wiring", "#bench", "A good frame", "light"),
}
"""Address, where which words must be, and theme."""
ANA, DAVI = "123,45678", "123,45680"


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_of_the_readme_is_one_of_the_page(
    screen: Open, unhurried: Running, name: str, tmp_path: Path
) -> None:
    path, what, words, scheme = SHOWN[name]
    unhurried.swiped(DAVI)
    shown = screen(scheme=scheme)
    page = shown.open(path)
    if name == "why":
        page.get_by_text("Davi at front: refused").first.click()
    unhurried.access(lambda: unhurried.swipe(ANA))
    expect(page.locator(what).first).to_contain_text(words)
    kept = KEPT / f"{name}.png"
    taken = kept if os.environ.get("GATEWAY_SCREENSHOTS") == "keep" else tmp_path / kept.name
    page.screenshot(path=taken)
    lock = {"action": "door", "parameters": "door=1,timeout=-1"}
    unhurried.api.ask("execute_actions", {"actions": [lock]})
    assert taken.stat().st_size > 5_000
    assert kept.is_file()
    assert f"({kept.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
