"""The log on the page: what happened in sentences, why, and the cure."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import DESKTOP, PHONE, Open, Screen, operator

ANA, DAVI = "123,45678", "123,45680"
ANA_ID, DAVI_ID, STANDARD = 1, 4, 1


def opened(page: Page, words: str) -> Locator:
    """The newest row with `words`, opened."""
    row = page.locator(".event").filter(has_text=words).first
    row.locator("summary").first.click()
    expect(row.locator(".event-details .meta").first).to_be_visible()
    return row


@pytest.fixture
def refused(demo: Running) -> Iterator[Running]:
    """Davi, who has no rule, was refused; afterwards he has none again."""
    assert demo.swiped(DAVI)["event"] == 6
    yield demo
    where = {"user_groups": {"user_id": DAVI_ID, "group_id": STANDARD}}
    demo.api.ask("destroy_objects", {"object": "user_groups", "where": where})


def test_a_refused_person_is_explained_and_cured_by_the_link(
    phone: Screen, refused: Running
) -> None:
    page = phone.open("/log")
    row = opened(page, "Davi at front: refused - may not pass here")
    expect(row.locator(".gates strong")).to_have_text("may pass here")
    expect(row.locator(".gates .passes").filter(has_text="known card")).to_be_visible()
    expect(row.locator(".gates .faint").filter(has_text="in time")).to_be_visible()
    expect(row).to_contain_text("As the rules are now, still refused: may not pass here.")
    phone.sound()
    row.get_by_label("Add to a group that may pass").select_option("Standard")
    row.get_by_role("button", name="Add", exact=True).click()
    expect(row).to_contain_text("The person was added to the group.")
    expect(row).to_contain_text("As the rules are now, this person may pass.")
    expect(row.locator(".gates strong")).to_have_text("may pass here")
    assert refused.swiped(DAVI)["event"] == 7


def test_a_validity_that_is_over_is_extended_in_the_log(phone: Screen, demo: Running) -> None:
    def until(stamp: int) -> None:
        change = {"object": "users", "values": {"end_time": stamp}}
        demo.api.ask("modify_objects", {**change, "where": {"users": {"id": ANA_ID}}})

    until(1_000_000_000)
    assert demo.swiped(ANA)["event"] == 6
    row = opened(phone.open("/log"), "Ana at front: refused - was valid until 2001-09-09")
    expect(row.locator(".gates strong")).to_have_text("valid person")
    row.get_by_label("Valid until").fill(time.strftime("%Y-12-31"))
    row.get_by_role("button", name="Extend the validity").click()
    expect(row).to_contain_text("As the rules are now, this person may pass.")
    assert demo.swiped(ANA)["event"] == 7
    until(0)


def test_a_refused_person_is_let_in_once(phone: Screen, refused: Running) -> None:
    row = opened(phone.open("/log"), "Davi at front: refused")
    button = row.get_by_role("button", name="Open once")
    assert refused.access(button.click)["event"] == 12
    expect(row).to_contain_text("The door was told to open.")


def test_the_log_follows_what_happens_but_not_while_somebody_reads(
    phone: Screen, demo: Running
) -> None:
    page = phone.open("/log")
    seen = page.locator(".event.denied").filter(has_text="Unknown card")
    before = seen.count()
    demo.stranger()
    expect(seen).to_have_count(before + 1)
    opened(page, "Unknown card")
    demo.stranger()
    news = page.get_by_role("button", name="New events: show them")
    expect(news).to_be_visible()
    expect(seen).to_have_count(before + 1)
    news.click()
    expect(seen).to_have_count(before + 2)
    expect(news).to_be_hidden()


def test_the_doors_show_what_happens(phone: Screen, demo: Running) -> None:
    page = phone.open("/")
    latest = page.locator("#latest .event")
    expect(latest.first).to_be_visible()
    assert demo.swiped(DAVI)["event"] == 6
    expect(latest.first).to_contain_text("Davi at front: refused - may not pass here")
    opened(page, "Davi at front")
    phone.sound()


def test_a_filter_is_a_chip_that_one_clears(phone: Screen, demo: Running) -> None:
    assert demo.swiped(DAVI)["event"] == 6
    page = phone.open("/log")
    page.get_by_role("link", name="Refused", exact=True).click()
    expect(page.locator(".event.denied").first).to_be_visible()
    expect(page.locator(".event:not(.denied)")).to_have_count(0)
    page.get_by_text("Filter and search").click()
    page.get_by_label("Name, card or word").fill("davi")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#chips")).to_contain_text("Text: davi")
    expect(page.locator(".event").first).to_contain_text("Davi")
    phone.sound()
    page.get_by_label("Clear Text: davi").click()
    expect(page.locator("#chips")).to_contain_text("Refused")
    page.get_by_role("link", name="Clear all").click()
    expect(page.locator("#chips")).to_have_count(0)
    page.goto("/more")
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.locator("#chips")).to_have_count(0)
    saved = page.request.get("/log/export?kind=denied&q=davi").text()
    heads, *rows = csv.reader(io.StringIO(saved))
    assert heads == ["Time", "Kind", "Who", "Event"]
    assert rows
    assert {(kind, who) for _, kind, who, _ in rows} == {("Refused", "Davi")}


def test_a_name_is_shown_as_text_whatever_it_holds(phone: Screen, demo: Running) -> None:
    name = "<img src=x onerror=alert(1)>"
    rename = {"object": "users", "where": {"users": {"id": DAVI_ID}}}
    demo.api.ask("modify_objects", {**rename, "values": {"name": name}})
    assert demo.swiped(DAVI)["event"] == 6
    page = phone.open("/log")
    row = opened(page, f"{name} at front: refused")
    expect(row.get_by_role("link", name=f"Log of {name}")).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)
    demo.api.ask("modify_objects", {**rename, "values": {"name": "Davi"}})


def test_a_day_and_a_week_are_drawn(screen: Open, demo: Running) -> None:
    assert demo.swiped(ANA)["event"] == 7
    shown = screen(size=DESKTOP)
    page = shown.open("/log/day")
    expect(page.locator("#timeline canvas")).to_be_visible()
    expect(page.locator("#timeline .u-legend")).to_contain_text("Let in")
    expect(page.locator(".heat td:not(.level-0)").first).to_be_visible()
    expect(page.locator(".heat tbody tr")).to_have_count(7)
    page.get_by_role("link", name="Day after").click()
    expect(page).to_have_url(re.compile("from="))
    expect(page.get_by_text("Let in: 0, refused: 0", exact=True)).to_be_visible()


def test_changes_and_audit_are_the_administrators_to_read(screen: Open, demo: Running) -> None:
    page = screen().open("/log/changes")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.get_by_role("link", name="Audit").click()
    expect(page.locator(".event").first).to_contain_text("admin")
    guard = screen(signed_in=False)
    guard.sign_in(**operator(demo))
    seen = guard.open("/log")
    expect(seen.locator(".event").first).to_be_visible()
    expect(seen.get_by_role("link", name="Audit")).to_have_count(0)
    guard.open("/log/audit")
    expect(seen.get_by_role("alert")).to_contain_text("You may not do this.")


@pytest.mark.parametrize(
    ("size", "scheme", "language"), [(PHONE, "dark", "pt"), (DESKTOP, "light", "es")]
)
@pytest.mark.parametrize("path", ["/log", "/log/day", "/log/changes", "/log/audit"])
def test_the_log_is_sound_on_every_screen(
    screen: Open, path: str, size: tuple[int, int], scheme: str, language: str
) -> None:
    shown = screen(size=size, scheme=scheme, language=language)
    page = shown.open(path)
    expect(page.locator("main .tabs").first).to_be_visible()
    shown.sound()
