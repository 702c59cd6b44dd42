"""The panel at the simulated door: what it does happens at the pins."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Open, Screen, operator


def test_a_card_swiped_on_the_panel_is_read_by_the_reader(phone: Screen, demo: Running) -> None:
    page = phone.open("/demo")
    phone.sound()
    reader = page.locator(".card").filter(has_text="Reader front").first
    reader.get_by_label("Swipe card").fill("77,1234")
    row = demo.access(lambda: reader.get_by_role("button", name="Swipe card").click())
    assert (row["event"], row["card_value"]) == (3, 77 << 32 | 1234)
    expect(page.get_by_text("Done at the simulated door.")).to_be_visible()


def test_a_leaf_is_opened_and_closed_on_the_panel(phone: Screen, demo: Running) -> None:
    page = phone.open("/demo")
    door = page.locator(".card").filter(has_text="Door back")
    door.get_by_role("button", name="Open the leaf").click()
    expect(page.get_by_text("Done at the simulated door.")).to_be_visible()
    assert next(it for it in demo.status().doors if it.name == "back").sensor_open
    door.get_by_role("button", name="Close the leaf").click()


def test_what_the_board_refuses_is_said(phone: Screen) -> None:
    page = phone.open("/demo")
    reader = page.locator(".card").filter(has_text="Reader front").first
    reader.get_by_label("Swipe card").fill("not a card")
    reader.get_by_role("button", name="Swipe card").click()
    expect(page.get_by_role("alert")).to_contain_text("not a card")


def test_an_operator_does_not_see_the_panel(screen: Open, demo: Running) -> None:
    guard = screen(signed_in=False)
    guard.sign_in(**operator(demo))
    page = guard.open("/demo")
    expect(page.get_by_role("alert")).to_contain_text("You may not do this.")
    guard.sound()


def test_an_osdp_reader_is_fitted_paired_and_played(phone: Screen, demo: Running) -> None:
    phone.may_lose = True  # the processes start anew
    page = phone.open("/demo")
    page.get_by_role("button", name="Fit an OSDP reader").click()
    page.get_by_role("button", name="Keep it").click()
    page.wait_for_url("**/osdp")
    page.locator(".osdp-reader").get_by_role("button", name="Pair").click()
    page.get_by_role("button", name="Start pairing").click()
    expect(page.locator(".osdp-reader")).to_contain_text("Online, encrypted")
    phone.open("/demo")
    phone.sound()
    reader = page.locator(".card").filter(has_text="Reader osdp")
    reader.get_by_label("Swipe card").fill("77,1234")
    row = demo.access(lambda: reader.get_by_role("button", name="Swipe card").click())
    assert (row["event"], row["card_value"]) == (3, 77 << 32 | 1234)
    reader.get_by_role("button", name="Take it off its wall").click()
    phone.open("/osdp")
    expect(page.locator(".osdp-reader")).to_contain_text("Its tamper contact is open")
    phone.open("/demo")
    reader.get_by_role("button", name="Give it another key").click()
    phone.open("/osdp")
    expect(page.locator(".osdp-reader")).to_contain_text("Answers without its key")
