"""What portals ask for, and what becomes of one card, on the page and at the door."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Screen

CARD = "123,45678"


def test_a_portal_asks_for_a_card_and_a_pin_once_a_row_says_so(
    phone: Screen, demo: Running
) -> None:
    page = phone.open("/rules")
    page.get_by_role("link", name="What portals ask for").click()
    page.get_by_label("Portal").select_option("back")
    page.get_by_label("Asks for").select_option("Card, then PIN")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("reader qr has no keypad")

    page.get_by_label("Portal").select_option("front")
    expect(page.get_by_label("Asks for")).to_have_value("3")
    expect(page.get_by_label("Asks for")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".chips li")).to_contain_text("Card, then PIN")
    phone.sound()
    assert demo.swiped(CARD)["event"] == 4
    assert demo.access(lambda: demo.sim("key", reader="front", value="1234#"))["event"] == 7

    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".chips li")).to_have_count(0)
    assert demo.api.load("portal_factor_modes") == []


def test_a_card_is_marked_as_lost_and_the_next_swipe_is_refused(
    phone: Screen, demo: Running
) -> None:
    page = phone.open("/people/1")
    card = page.locator("#card-1")
    card.get_by_text("Status and validity").click()
    card.get_by_label("Status").select_option("Lost")
    card.get_by_role("button", name="Save").click()
    expect(card.locator(".terms summary")).to_contain_text("Lost")
    assert demo.swiped(CARD)["event"] == 6
    (row,) = demo.api.load("cards", where={"cards": {"id": 1}}, fields=["status"])
    assert row == {"status": 1}
    phone.sound()
