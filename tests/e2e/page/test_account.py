"""Signing in, sessions that end, languages, and a device that goes away."""

from __future__ import annotations

import os
import signal

from playwright.sync_api import expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Open, Screen, operator


def test_a_wrong_password_is_said_and_not_repeated(screen: Open) -> None:
    shown = screen(signed_in=False)
    page = shown.open("/more?q=ana")
    page.get_by_label("Login").fill("admin")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Wrong login or password.")
    assert "not this one" not in page.content()
    shown.sound()


def test_who_signs_in_comes_to_the_page_that_was_asked_for(screen: Open, demo: Running) -> None:
    shown = screen(signed_in=False)
    page = shown.open("/more")
    assert page.url.endswith("/sign-in?next=%2Fmore")
    page.get_by_label("Login").fill("admin")
    page.get_by_label("Password").fill(demo.site.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/more")


def test_a_session_that_ends_under_an_open_page_leads_to_the_sign_in(
    screen: Open, demo: Running
) -> None:
    login = operator(demo, "leaver")
    shown = screen(signed_in=False)
    shown.sign_in(**login)
    demo.api.ask("delete_login", {"login": "leaver"})
    shown.page.wait_for_url("**/sign-in?over=1*")
    expect(shown.page.get_by_role("alert")).to_contain_text("Your session is over")


def test_the_language_is_the_browser_s_until_somebody_chooses(screen: Open) -> None:
    shown = screen(language="pt")
    page = shown.open("/more")
    expect(page.get_by_role("heading", name="Idioma")).to_be_visible()
    page.get_by_role("button", name="Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    shown.sound()


def test_signing_out_ends_the_session(screen: Open, demo: Running) -> None:
    login = operator(demo)
    shown = screen(signed_in=False)
    shown.sign_in(**login)
    token = next(it["value"] for it in shown.context.cookies() if it["name"] == "page_session")
    page = shown.open("/more")
    page.get_by_role("button", name="Sign out guard").click()
    page.wait_for_url("**/sign-in")
    known = demo.api.http.post(f"{demo.url}/session_is_valid.fcgi?session={token}", timeout=20)
    assert known.json() == {"session_is_valid": False}


def test_a_controller_that_is_away_has_its_own_banner(phone: Screen, demo: Running) -> None:
    page = phone.open("/")
    # Killed it would be back before somebody looks.
    controller = demo.child("controller")
    os.kill(controller, signal.SIGSTOP)
    try:
        expect(page.locator("#banners")).to_contain_text("The door controller does not answer.")
        expect(page.locator("#lost")).to_be_hidden()
    finally:
        os.kill(controller, signal.SIGCONT)
    expect(page.locator("#banners")).not_to_contain_text("does not answer")
    expect(page.locator("#door-1")).to_be_visible()


def test_an_api_that_dies_and_comes_back_leaves_the_page_working(
    phone: Screen, demo: Running
) -> None:
    page = phone.open("/")
    expect(page.locator("#door-1")).to_be_visible()
    phone.may_lose = True
    demo.kill("api")
    # Sessions live in memory: the page leads to the sign-in once the api is back.
    page.wait_for_url("**/sign-in*")
    page.get_by_label("Login").fill("admin")
    page.get_by_label("Password").fill(demo.site.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#door-1")).to_be_visible()
    demo.api.login(demo.site.password)
