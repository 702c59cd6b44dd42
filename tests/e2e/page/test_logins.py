"""Logins and tokens on the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.page.conftest import Open, Screen

PASSWORD = "porters-password-7"


def test_a_login_is_made_signed_out_and_deleted(screen: Open) -> None:
    technician, porter = screen(), screen(signed_in=False)
    page = technician.open("/settings/logins")
    form = page.locator("#new-login")
    form.get_by_label("Name of the login").fill("gate/porter?")
    form.get_by_label("New password", exact=True).fill(PASSWORD)
    form.get_by_label("The new password again").fill("another one")
    form.get_by_role("button", name="Add").click()
    expect(page.locator("#new-login .problem")).to_contain_text("the two passwords differ")
    form.get_by_label("The new password again").fill(PASSWORD)
    form.get_by_role("button", name="Add").click()
    card = page.locator("li.card", has_text="gate/porter?")
    expect(card).to_contain_text("Operator: doors, people and log")
    assert PASSWORD not in page.content()

    porter.sign_in("gate/porter?", PASSWORD)
    card.get_by_text("Edit", exact=True).click()
    technician.sound()
    card.get_by_role("button", name="Sign out everywhere").click()
    porter.page.wait_for_url("**/sign-in?over=1*")

    card.get_by_text("Edit", exact=True).click()
    card.get_by_text("Delete", exact=True).click()
    card.get_by_role("button", name="Delete the login").click()
    expect(card).to_have_count(0)


def test_a_token_is_shown_once(phone: Screen) -> None:
    page = phone.open("/settings/logins")
    page.get_by_label("Name of the program").fill("turnstile")
    page.get_by_role("button", name="Make a token").click()
    token = page.locator("#token").inner_text()
    assert len(token) > 20
    phone.sound()
    assert token not in phone.open("/settings/logins").content()
    page.get_by_role("button", name="Revoke turnstile").click()
    expect(page.get_by_role("button", name="Revoke turnstile")).to_have_count(0)
