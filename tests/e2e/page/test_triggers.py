"""Triggers on the page: one is made, refused, tried and deleted."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Screen


def test_a_trigger_is_made_refused_tried_and_deleted(phone: Screen, demo: Running) -> None:
    page = phone.open("/more")
    page.get_by_role("link", name="Triggers").click()
    page.wait_for_url("**/triggers")
    page.get_by_role("button", name="New trigger").click()
    page.wait_for_url("**/triggers/0")
    page.locator("[name=name]").fill("Lock up")
    page.locator("[name=event]").select_option(label="At a time of day")
    page.locator("[name=start]").fill("22:00")
    page.locator("[name=action]").select_option(label="lock the door")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".problem")).to_contain_text("the door of the action is missing")
    expect(page.locator("[name=name]")).to_have_value("Lock up")
    phone.sound()

    page.locator("[name=target_door_id]").select_option(label="front")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/triggers")
    expect(page.get_by_text("At a time of day: 22:00")).to_be_visible()
    expect(page.get_by_text("Not done yet")).to_be_visible()
    (row,) = demo.api.load("triggers")
    assert (row["start"], row["action"], row["target_door_id"]) == (79_200, "lock", 1)

    trial = page.locator("#trial")
    trial.locator("[name=event]").select_option(label="At a time of day")
    trial.locator("[name=at]").fill("2030-12-31T22:00")
    trial.get_by_role("button").click()
    expect(page.get_by_role("status").filter(has_text="Lock up")).to_contain_text("lock the door")
    phone.sound()

    page.get_by_role("link", name="Lock up").click()
    page.get_by_role("button", name="Delete this trigger").click()
    expect(page.get_by_text("There is none yet.")).to_be_visible()
    assert demo.api.load("triggers") == []
