"""The doors on the page: what one sees is what the doors do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import APIResponse, Route, expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import DESKTOP, PHONE, TABLET, Open, Screen, operator


def test_a_door_opens_at_a_touch_and_shows_it(phone: Screen, unhurried: Running) -> None:
    page = phone.open("/")
    front = page.locator("#door-1")
    expect(front).to_contain_text("Locked")
    row = unhurried.access(lambda: front.get_by_role("button", name="Open", exact=True).click())
    assert row["event"] == 12, "an opening by the web interface"
    expect(front).to_contain_text("Unlocked")
    assert unhurried.board.high(17)
    unhurried.api.ask(
        "execute_actions", {"actions": [{"action": "door", "parameters": "door=1,timeout=-1"}]}
    )
    expect(front).to_contain_text("Locked")


def test_doors_and_readers_tell_since_when(phone: Screen, demo: Running) -> None:
    page = phone.open("/")
    demo.swipe("123,45678")
    reader = page.locator(".readers li").filter(has_text="front")
    expect(reader.locator("time")).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d "))
    expect(reader).to_contain_text(re.compile("last read .*(ago|now)"))
    demo.sim("door", door="back", value="open")
    age = page.locator("#door-2 .age")
    expect(age).to_contain_text(re.compile("open .*(ago|now)"))
    demo.sim("door", door="back", value="closed")
    expect(age).to_contain_text(re.compile("closed .*(ago|now)"))


def test_ages_grow_without_a_request(phone: Screen, demo: Running) -> None:
    demo.swipe("123,45678")
    page = phone.page
    page.clock.install()
    phone.open("/")
    age = page.locator(".readers li").filter(has_text="front").locator("time")
    expect(age).to_contain_text(re.compile("sec|now"))
    page.route("**/parts/doors", lambda _unanswered: None)
    page.clock.fast_forward("05:00")
    expect(age).to_contain_text(re.compile("^5 min"))


def test_a_late_answer_never_shows_a_former_state(phone: Screen, unhurried: Running) -> None:
    page = phone.open("/")
    front = page.locator("#door-1")
    expect(front).to_contain_text("Locked")
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/doors/1/open", lambda route: held.append((route, route.fetch())))
    front.get_by_role("button", name="Open", exact=True).click()
    expect(front).to_contain_text("Unlocked")  # told by the stream, while the answer waits
    unhurried.api.ask(
        "execute_actions", {"actions": [{"action": "door", "parameters": "door=1,timeout=-1"}]}
    )
    expect(front).to_contain_text("Locked")
    ((route, answer),) = held
    assert "Unlocked" in answer.text(), "the answer is of the time before"
    page.evaluate(
        "window.seen = []; new MutationObserver(() => seen.push("
        "document.querySelector('#door-1').innerText)).observe(document.querySelector('#doors'),"
        " {subtree: true, childList: true, characterData: true, attributes: true})"
    )
    with page.expect_response("**/doors/1/open") as late:
        route.fulfill(response=answer)
    late.value.finished()
    with page.expect_response("**/parts/doors") as refreshed:
        page.evaluate("document.body.dispatchEvent(new CustomEvent('live-state'))")
    refreshed.value.finished()
    assert not [text for text in page.evaluate("window.seen") if "Unlocked" in text]
    expect(front).to_contain_text("Locked")


def test_a_script_that_comes_late_loses_no_answer(phone: Screen) -> None:
    page = phone.page
    scripts: list[Route] = []
    latest: list[Route] = []

    def hold(route: Route) -> None:
        (scripts if route.request.url.endswith("/page.js") else latest).append(route)

    page.route(re.compile("/page.js$|/log/latest$"), hold)
    page.goto("/", wait_until="commit")
    page.wait_for_timeout(300)  # htmx would begin meanwhile
    with page.expect_request("**/live/events"):
        scripts[0].continue_()
    while not latest:
        page.wait_for_timeout(10)
    latest[0].continue_()
    expect(page.locator("#latest").get_by_text("Whole log")).to_be_visible()


def test_a_leaf_that_moves_is_drawn_as_it_stands(phone: Screen, demo: Running) -> None:
    page = phone.open("/")
    expect(page.locator("#door-2 svg")).to_have_class(re.compile("leaf-closed"))
    demo.sim("door", door="back", value="open")
    expect(page.locator("#door-2 svg")).to_have_class(re.compile("leaf-open"))


def test_a_lock_down_is_seen_on_a_second_phone(screen: Open, demo: Running) -> None:
    mine, other = screen(), screen()
    seen = other.open("/more")
    page = mine.open("/")
    page.get_by_role("button", name="All doors: lock-down or emergency").click()
    page.get_by_label("Lock-down: cards do not open, exit buttons do").check()
    page.get_by_label("Reason").fill("a stranger in the yard")
    minutes = page.get_by_label("Ends by itself after (minutes)")
    minutes.evaluate("it => { it.removeAttribute('max'); it.value = 99_999 }")
    page.get_by_role("button", name="Set it").click()
    expect(page.locator("#sheet .problem")).to_contain_text("allowed: 43200 or less")
    expect(minutes).to_be_focused()
    minutes.fill("")
    page.get_by_role("button", name="Set it").click()
    banner = seen.locator("#banners .lock_down")
    expect(banner).to_contain_text("Lock-down: All doors")
    expect(banner).to_contain_text("a stranger in the yard")
    expect(banner).to_contain_text("admin")
    other.sound()
    assert all(door.mode == "lock_down" for door in demo.status().doors)
    expect(page.locator("#sheet")).to_be_hidden()
    page.locator("#banners").get_by_role("button", name="End").click()
    expect(seen.locator("#banners .lock_down")).to_have_count(0)
    assert all(door.mode != "lock_down" for door in demo.status().doors)


def test_a_door_is_held_and_locked_again(phone: Screen, demo: Running) -> None:
    page = phone.open("/")
    page.get_by_role("button", name="More for back").click()
    page.get_by_role("button", name="Hold it open until I end it").click()
    back = page.locator("#door-2")
    expect(back).to_contain_text("Held unlocked until somebody ends it")
    back.get_by_role("button", name="Lock now").click()
    expect(back.get_by_role("button", name="Open", exact=True)).to_be_visible()
    demo.wait_locked(2)


def test_an_alarm_turns_the_icon_red_and_is_silenced(phone: Screen, demo: Running) -> None:
    page = phone.open("/")
    demo.sim("door", door="front", value="open")
    banner = page.locator("#alarms")
    expect(banner).to_contain_text("Forced open")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("alarm"))
    phone.sound()
    banner.get_by_role("button", name="Silence").click()
    expect(banner).to_contain_text("(silenced)")
    demo.sim("door", door="front", value="closed")
    expect(banner).to_have_count(0)


def test_a_zone_is_armed_and_disarmed(phone: Screen, demo: Running) -> None:
    page = phone.open("/")
    zone = page.locator(".chips li").filter(has_text="Zone 1")
    state = {it.zone: it.state for it in demo.status().zones}[1]
    first, then = ("Disarm", "Arm") if state == "armed" else ("Arm", "Disarm")
    zone.get_by_role("button", name=first, exact=True).click()
    zone.get_by_role("button", name=then, exact=True).click()
    expect(zone.get_by_role("button", name=first, exact=True)).to_be_visible()


def test_an_operator_locks_down_and_declares_no_emergency(screen: Open, demo: Running) -> None:
    guard = screen(signed_in=False)
    guard.sign_in(**operator(demo))
    page = guard.page
    page.get_by_role("button", name="More for front").click()
    expect(page.get_by_label("Lock-down: cards do not open, exit buttons do")).to_be_visible()
    expect(page.get_by_text("Emergency: stays unlocked for everybody")).to_have_count(0)
    guard.accessible()


@pytest.mark.parametrize("language", ["en", "pt", "es"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, TABLET, DESKTOP])
def test_the_doors_are_sound_on_every_screen(
    screen: Open, size: tuple[int, int], scheme: str, language: str
) -> None:
    shown = screen(size=size, scheme=scheme, language=language)
    page = shown.open("/")
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("#door-1")).to_be_visible()
    shown.sound()
