"""Sets of alarm zones and gestures on the page: made, armed, refused and deleted."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Screen


def test_a_set_is_made_armed_and_used_by_a_gesture(phone: Screen, demo: Running) -> None:
    page = phone.open("/settings")
    page.get_by_role("link", name="Sets of alarm zones").click()
    page.wait_for_url("**/settings/zone-sets")
    new = page.locator("form").filter(has_text="New set")
    new.get_by_label("Name").fill("Night")
    new.get_by_label("zone 1").check()
    new.get_by_role("button", name="Save").click()
    made = page.locator("form").filter(has=page.locator("legend", has_text="Night"))
    expect(made.get_by_label("zone 1")).to_be_checked()
    phone.sound()
    (row,) = demo.api.load("zone_sets")
    (tie,) = demo.api.load("zone_set_zones")
    assert (row["name"], row["open_zones"], tie["alarm_zone_id"]) == ("Night", 1, 1)

    page.goto(f"{demo.url}/")
    page.get_by_role("button", name="Disarm Night").click()
    expect(page.get_by_text("Zone 1: disarmed")).to_be_visible()
    page.get_by_role("button", name="Arm Night", exact=True).click()
    expect(page.get_by_text("Zone 1: armed")).to_be_visible()

    page.goto(f"{demo.url}/settings/gestures")
    new = page.locator("form").filter(has_text="New gesture")
    new.locator("select[name=gesture]").select_option("2")
    new.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("tick a group or a person")
    new.get_by_placeholder("Find a person").fill("Ana")
    new.get_by_role("checkbox", name="Ana").check()
    new.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_count(1)
    lacking = new.locator("select[name=zone_set_id]")
    expect(lacking).to_have_attribute("aria-invalid", "true")
    expect(lacking).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("this gesture needs a set of alarm zones")
    phone.sound()
    lacking.select_option(label="Night")
    new.get_by_role("button", name="Save").click()
    made = page.locator("legend", has_text="A third card arms the zones")
    expect(made).to_be_visible()
    phone.sound()
    (gesture,) = demo.api.load("portal_gestures")
    assert (gesture["gesture"], gesture["zone_set_id"]) == (2, row["id"])
    assert [it["user_id"] for it in demo.api.load("portal_gesture_users")] == [1]

    page.get_by_role("button", name="Delete this gesture").click()
    expect(made).to_have_count(0)
    page.goto(f"{demo.url}/settings/zone-sets")
    page.get_by_role("button", name="Delete this set").click()
    expect(page.get_by_role("button", name="Delete this set")).to_have_count(0)
    assert demo.api.load("zone_sets") == []
