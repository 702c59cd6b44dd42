"""Rules and schedules on the page: what is painted is what the next swipe meets."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Open, Screen

ANA = "12,3456"


def whole_day(page: Page, day: str) -> tuple[float, float, float]:
    """Where the column of a day lies: its middle, its top and its bottom."""
    box = page.locator(f"[data-day={day}] canvas").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + 2, box["y"] + box["height"] - 2


def stroke(page: Page, day: str, kind: str) -> None:
    """A finger or a mouse from the top of a day to its end."""
    page.locator(f"[data-day={day}] canvas").scroll_into_view_if_needed()
    draw(page, day, kind)
    while page.locator("#exact").is_visible():  # a slow machine rested as long as a long press
        page.keyboard.press("Escape")
        draw(page, day, kind)


def draw(page: Page, day: str, kind: str) -> None:
    x, top, bottom = whole_day(page, day)
    if kind == "mouse":
        page.mouse.move(x, top)
        page.mouse.down()
        page.mouse.move(x, (top + bottom) / 2)
        page.mouse.move(x, bottom)
        page.mouse.up()
        return
    finger = page.context.new_cdp_session(page)
    for name, y in (("touchStart", top), ("touchMove", (top + bottom) / 2), ("touchMove", bottom)):
        points = [{"x": x, "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def paint_and_tie(page: Page, demo: Running, kind: str, name: str) -> None:
    page.goto("/schedules/0")
    page.get_by_label("Name", exact=True).fill(name)
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        stroke(page, day, kind)
        expect(page.locator(f"[data-day={day}] .said")).to_have_text("00:00-24:00")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/rules")
    page.get_by_role("button", name="New rule").click()
    page.get_by_label("Name", exact=True).fill(f"Rule of {name}")
    page.get_by_label(f"Group of {name}").check()
    page.locator("[name=portals][value='1']").check()
    page.get_by_label(name, exact=True).check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/rules")
    assert demo.api.load("access_rules", where={"access_rules": {"name": f"Rule of {name}"}})


def test_a_schedule_painted_by_touch_is_obeyed_by_the_next_swipe(
    phone: Screen, demo: Running
) -> None:
    [group] = demo.api.create("groups", {"name": "Group of nights"})
    [person] = demo.api.create("users", {"name": "Nina", "registration": "n1"})
    demo.api.create("cards", {"value": 12 << 32 | 3456, "user_id": person})
    demo.api.create("user_groups", {"user_id": person, "group_id": group})
    assert demo.swiped(ANA)["event"] == 6
    page = phone.open("/rules")
    paint_and_tie(page, demo, "touch", "nights")
    assert demo.swiped(ANA)["event"] == 7
    phone.sound()
    page.get_by_role("link", name="nights", exact=True).click()
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        stroke(page, day, "touch")
        expect(page.locator(f"[data-day={day}] .said")).to_have_text("closed")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/rules")
    assert demo.swiped(ANA)["event"] == 6


def test_a_mouse_paints_exact_times_are_typed_and_days_copied(screen: Open, demo: Running) -> None:
    shown = screen(size=(1400, 900))
    page = shown.open("/schedules/0")
    page.get_by_label("Name", exact=True).fill("shift")
    stroke(page, "mon", "mouse")
    expect(page.locator("[data-day=mon] .said")).to_have_text("00:00-24:00")
    page.get_by_role("button", name="Exact times of Mon").click()
    page.get_by_label("Times, one span in each line").fill("8-9")
    page.get_by_role("button", name="Take these times").click()
    expect(page.get_by_text("Write each span like 08:00-17:30.")).to_be_visible()
    page.get_by_label("Times, one span in each line").fill("08:10-12:00\n22:00-06:00")
    page.get_by_role("button", name="Take these times").click()
    page.locator("#copy-to").select_option("weekdays")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("[data-day=fri] .said")).to_have_text("08:10-12:00\n22:00-06:00")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/rules")
    [schedule] = demo.api.load("time_zones", where={"time_zones": {"name": "shift"}})
    spans = demo.api.load(
        "time_spans", where={"time_spans": {"time_zone_id": schedule["id"]}}, order=["start"]
    )
    kept = [(it["start"], it["end"], it["mon"], it["fri"], it["sat"]) for it in spans]
    assert kept == [(29_400, 43_199, 1, 1, 0), (79_200, 21_599, 1, 1, 0)]


def test_rules_holidays_and_lists_are_sound_on_a_phone(phone: Screen) -> None:
    page = phone.open("/rules")
    page.get_by_text("Add a holiday").click()
    page.locator("form[action='/holidays'] [name=name]").fill("New Year")
    page.locator("[name=from]").fill("2031-01-01")
    page.locator("[name=repeats]").check()
    page.locator("form[action='/holidays']").get_by_role("button", name="Add").click()
    expect(page.get_by_text("New Year: 2031-01-01, every year")).to_be_visible()
    phone.sound()
    page.locator("a[href='/portals/1/who']").click()
    expect(page.get_by_role("heading", name="Who can open")).to_be_visible()
    phone.sound()
    page.get_by_role("link", name="Week").first.click()
    expect(page.get_by_role("heading", name="can go")).to_be_visible()
    phone.sound()
    phone.open("/rules/1")
    phone.sound()
