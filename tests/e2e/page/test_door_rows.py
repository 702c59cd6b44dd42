"""What one door does otherwise than all others, on the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Screen


def test_times_of_one_door_are_set_refused_and_cleared(phone: Screen, demo: Running) -> None:
    page = phone.open("/settings")
    page.get_by_role("link", name="Times of each door").click()
    page.wait_for_url("**/settings/doors/times")
    front = page.locator("fieldset").filter(has_text="Door 1")
    front.get_by_label("May stand open", exact=True).fill("45")
    front.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved and in force.")).to_be_visible()
    (row,) = demo.api.load("door_settings")
    assert (row["door_id"], row["held_open_s"], row["pre_alarm_s"]) == (1, 45, -1)
    phone.sound()

    front.get_by_label("May stand open", exact=True).fill("9999")
    front.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("allowed: 0 to 3600")
    expect(page.get_by_role("alert")).to_contain_text("May stand open")
    expect(front.get_by_label("May stand open", exact=True)).to_have_value("9999")

    page.goto(f"{demo.url}/settings/doors/times")
    front.get_by_role("button", name="As all doors").click()
    expect(front.get_by_label("May stand open", exact=True)).to_have_value("")
    assert demo.api.load("door_settings") == []


def test_a_group_of_doors_needs_a_name(phone: Screen, demo: Running) -> None:
    page = phone.open("/settings/doors/groups")
    new = page.locator("fieldset").last
    new.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("it is missing")
    assert demo.api.load("door_groups") == []

    new.get_by_label("Name").fill("Ground floor")
    new.get_by_label("back").check()
    new.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Saved and in force.")).to_be_visible()
    assert [it["door_id"] for it in demo.api.load("door_group_doors")] == [2]
