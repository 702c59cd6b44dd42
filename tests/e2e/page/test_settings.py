"""Settings on the page: what is saved is what the door does next."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from gateway.objects.configuration import SettingGroup
from gateway.web.setting_words import address
from tests.e2e.conftest import BRIEF_MS, LONG_MS, Running
from tests.e2e.page.conftest import DESKTOP, PHONE, Open, Screen, operator

ANA = "123,45678"


def configured(demo: Running, module: str, key: str) -> str:
    return str(demo.api.ask("get_configuration", {module: [key]})[module][key])


def test_an_open_time_is_found_and_changed_and_the_door_obeys(
    phone: Screen, unhurried: Running
) -> None:
    page = phone.open("/more")
    page.get_by_role("link", name="Settings").click()
    page.wait_for_url("**/settings")
    page.get_by_role("searchbox").fill("front open time")
    found = page.locator("#found")
    expect(found.get_by_role("status")).to_have_text("2 settings")
    found.get_by_role("link", name="Open time").first.click()
    setting = page.locator("[id='general.relay1_timeout']")
    field = setting.get_by_label("Open time", exact=True)
    expect(field).to_have_value(str(LONG_MS))
    expect(setting).to_contain_text("Changed")
    field.fill("99")
    page.get_by_label("Lock as soon as the door opens", exact=True).first.uncheck()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved.")
    expect(setting).to_contain_text("Not allowed. Allowed: 100 to 600000 ms")
    expect(field).to_have_value("99")
    expect(field).to_be_focused()
    expect(
        page.get_by_label("Lock as soon as the door opens", exact=True).first
    ).not_to_be_checked()
    assert configured(unhurried, "general", "relay1_auto_close") == "1"
    phone.sound()
    field.fill(str(BRIEF_MS))
    page.get_by_label("Lock as soon as the door opens", exact=True).first.check()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("1 setting is saved and in force.")).to_be_visible()
    # With the old time it would stay unlocked, since nobody opens it.
    assert unhurried.swiped(ANA)["event"] == 7
    unhurried.wait_locked(1)
    setting.get_by_role("button", name="Reset").click()
    expect(field).to_have_value("3000")
    expect(setting).not_to_contain_text("Changed")
    assert configured(unhurried, "general", "relay1_timeout") == "3000"


def test_what_locks_people_out_is_asked_once_more(phone: Screen, demo: Running) -> None:
    page = phone.open(address("identifier", "card_identification_enabled"))
    page.get_by_label("Cards identify", exact=True).uncheck()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("alert")).to_contain_text("Off, no card opens a door.")
    assert configured(demo, "identifier", "card_identification_enabled") == "1"
    phone.sound()
    # Saving again is not the confirmation.
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("alert")).to_contain_text("Off, no card opens a door.")
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_text("1 setting is saved and in force.")).to_be_visible()
    assert configured(demo, "identifier", "card_identification_enabled") == "0"
    page.get_by_role("button", name="Reset Cards identify").click()
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_label("Cards identify", exact=True)).to_be_checked()
    assert configured(demo, "identifier", "card_identification_enabled") == "1"


def test_a_form_sends_what_was_changed_in_it_alone(phone: Screen, demo: Running) -> None:
    page = phone.open("/settings/alarms")
    demo.api.configure("alarm", timed_alarm_timeout=7)
    page.get_by_label("Door may stay open", exact=True).fill("45")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("1 setting is saved and in force.")).to_be_visible()
    expect(page.get_by_label("Bell rings for", exact=True)).to_have_value("7")
    assert configured(demo, "alarm", "door_sensor_delay") == "45"
    demo.api.configure("alarm", timed_alarm_timeout=5, door_sensor_delay=10)


def test_doors_of_an_interlock_are_ticked_and_servers_are_checked(
    phone: Screen, demo: Running
) -> None:
    page = phone.open("/settings/doors")
    page.locator("[id='general.door1_interlock']").get_by_label("back", exact=True).check()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("1 setting is saved and in force.")).to_be_visible()
    assert configured(demo, "general", "door1_interlock") == "2"
    page.get_by_role("button", name="Reset Doors that must be closed").click()
    expect(page.get_by_text("1 setting is saved and in force.")).to_be_visible()
    assert configured(demo, "general", "door1_interlock") == ""
    page.goto("/settings/online")
    page.get_by_label("Address of the monitor", exact=True).fill("ftp://nowhere")
    page.get_by_role("button", name="Save").last.click()
    expect(page.locator("[id='monitor.hostname']")).to_contain_text("Not allowed.")
    expect(page.get_by_label("Address of the monitor", exact=True)).to_have_value("ftp://nowhere")


def test_a_search_finds_a_page_of_settings_by_its_name(phone: Screen) -> None:
    page = phone.open("/settings?q=gestures")
    expect(page.get_by_role("link", name="Gestures at readers")).to_be_visible()


def test_doors_and_readers_that_are_absent_have_no_settings(phone: Screen) -> None:
    page = phone.open("/settings/doors")
    expect(page.locator("[id='general.relay2_timeout']")).to_be_visible()
    expect(page.locator("[id='general.relay3_timeout']")).to_have_count(0)
    page.goto("/settings?q=turnstile")
    expect(page.locator("#found")).not_to_contain_text("Time to go through")


def test_the_setting_that_cures_a_refusal_is_marked(phone: Screen) -> None:
    at = address("identifier", "multi_factor_authentication")
    page = phone.open(at)
    expect(page.locator(".setting:target")).to_contain_text("A PIN after the card")


def test_an_operator_has_no_settings(screen: Open, demo: Running) -> None:
    guard = screen(signed_in=False)
    guard.sign_in(**operator(demo))
    page = guard.open("/more")
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    for path in ("/settings", "/settings/doors"):
        page.goto(path)
        expect(page.get_by_role("alert")).to_contain_text("You may not do this.")


@pytest.mark.parametrize(
    ("size", "scheme", "language", "axe"),
    [
        (PHONE, "dark", "en", True),
        (PHONE, "light", "pt", True),
        (PHONE, "light", "es", False),  # differs from the one above in words alone
        (DESKTOP, "dark", "pt", True),
    ],
)
def test_settings_are_sound_on_every_screen(
    screen: Open, size: tuple[int, int], scheme: str, language: str, axe: bool
) -> None:
    shown = screen(size=size, scheme=scheme, language=language)
    look = shown.sound if axe else shown.usable
    for group in SettingGroup:
        page = shown.open(f"/settings/{group.slug}")
        expect(page.locator("h1")).to_be_visible()
        look()
    shown.open("/settings?q=e")
    look()
