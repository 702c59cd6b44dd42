"""The servers on the page: how they fare, and a test of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Screen
from tests.wild_server import WildServer


@pytest.fixture
def monitor(demo: Running) -> Iterator[WildServer]:
    """The device's monitor."""
    server = WildServer()
    demo.api.configure("monitor", hostname="127.0.0.1", port=str(server.port))
    yield server
    server.close()
    demo.api.configure("monitor", hostname="", port="")


def test_a_server_shows_how_it_fares_and_is_tested(phone: Screen, monitor: WildServer) -> None:
    page = phone.open("/settings/servers")
    card = page.locator("#server-monitor")
    expect(card).to_contain_text("Works.")
    test = card.get_by_role("button", name="Test Monitor")
    test.click()
    expect(page.locator("#tested")).to_contain_text("Reached in")
    expect(page.locator("#tested")).to_contain_text(f"http://127.0.0.1:{monitor.port}")
    phone.sound()
    page.get_by_role("button", name="Close").click()
    monitor.close()
    # Two tests do not follow each other at once.
    refused = page.locator("#tested", has_text="Connection refused")
    while not refused.is_visible():
        test.click()
        expect(page.locator("#tested.problem")).to_be_visible()
        if not refused.is_visible():
            page.get_by_role("button", name="Close").click()
