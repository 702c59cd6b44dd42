"""Every view that a browser reads fits a phone, in each language and theme, and is accessible.

A new view is tested without a change here, unless its address needs a value that is not known here.
`GATEWAY_VIEWS=DIRECTORY` leaves a picture of each in three widths, two themes and three languages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from gateway.store.journal import EntryKind
from gateway.web.cookies import LANGUAGE_COOKIE, SESSION_COOKIE
from gateway.web.languages import LANGUAGES
from gateway.web.views import VIEWS
from tests.e2e.conftest import DEADLINE_S, Running
from tests.e2e.page.conftest import DESKTOP, PHONE, TABLET, Open, Screen, operator

VALUES = {
    "slug": "alarms",
    "door": "1",
    "number": "1",
    "portal": "1",
    "user": "1",
    "user_id": "1",
    "form": "txt",
    "group": "1",
}
"""Of the parts of addresses, on the demo site; `seq` is the newest decision."""
NEEDED = {
    "/people/give": "?card=425201762311&q=a",
    "/wiring/test": "?output=door+1",
    "/people/<int:user_id>/photo": None,
    "/live/events": None,
    "/osdp/pair": None,
    "/wiring/frame.svg": None,
}
"""Questions without which a view has no answer; None: it is a stream, or has none on this site."""
FURTHER = ("/people?q=a&group=2", "/people?q=nobody", "/log?door=1&kind=denied", "/rules/0")
"""Lists that are narrowed, and the form of something new."""
READ = sorted(
    {it.path for it in VIEWS if it.method == "GET"} - {k for k, v in NEEDED.items() if not v}
)
PICTURES = os.environ.get("GATEWAY_VIEWS", "")


@pytest.fixture(scope="module", autouse=True)
def _lived(shared_demo: Running) -> None:
    """There is something in each list."""
    for card in ("123,45678", "123,45679", "99,7"):
        shared_demo.access(lambda: shared_demo.swipe(card))  # noqa: B023 - called at once
    day = {"name": "Confraternização Universal", "start": 1_924_992_000, "end": 1_924_992_000}
    shared_demo.api.create("holidays", {**day, "hol1": 1, "hol2": 0, "hol3": 0, "repeats": 1})
    shared_demo.api.create("door_groups", {"name": "Térreo"})
    told = {"action": "message", "message": "Porta arrombada"}
    shared_demo.api.create("triggers", {"name": "Aviso", "event": "alarm", **told})
    operator(shared_demo)


def address(path: str, demo: Running) -> str:
    """Where a view is on the demo site."""
    decisions = [it.seq for it in demo.site.journal() if it.kind is EntryKind.ACCESS]
    values = {**VALUES, "seq": str(decisions[-1])}
    return re.sub(r"<.*?(\w+)>", lambda it: values[it[1]], path) + (NEEDED.get(path) or "")


def speak(screen: Screen, language: str) -> None:
    cookie = {"name": LANGUAGE_COOKIE, "value": language, "url": screen.gateway.url}
    screen.context.add_cookies([cookie])  # type: ignore[list-item]


def is_page(demo: Running, at: str, token: str) -> bool:
    """Whether it is a whole page, not a part of one, a picture or a file; nothing may go wrong."""
    cookies = {SESSION_COOKIE: token}
    answer = demo.api.http.get(demo.url + at, cookies=cookies, timeout=DEADLINE_S)
    assert answer.status_code in {200, 204, 403}, (at, answer.status_code, answer.text)
    return answer.status_code == 200 and answer.text.startswith("<!DOCTYPE html>")


def leave_pictures(screen: Screen, at: str) -> None:
    directory = Path(PICTURES)
    directory.mkdir(exist_ok=True)
    view = re.sub(r"\W+", "-", at).strip("-") or "doors"
    for language, size in product(LANGUAGES, (PHONE, TABLET, DESKTOP)):
        speak(screen, language)
        screen.page.set_viewport_size({"width": size[0], "height": size[1]})
        for scheme in ("light", "dark"):
            screen.page.emulate_media(color_scheme=scheme)
            screen.open(at)
            picture = directory / f"{view}.{size[0]}.{scheme}.{language}.png"
            screen.page.screenshot(path=picture, full_page=True)
    screen.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})


@pytest.fixture(scope="module")
def visitor(browser: Browser, shared_demo: Running) -> Iterator[Screen]:
    """A phone that visits all views: a browser of its own for each would load scripts and styles
    anew."""
    made = Screen(browser, shared_demo)
    made.take_session(shared_demo.api.token)
    yield made
    made.context.close()


@pytest.mark.parametrize("path", [*READ, *FURTHER])
def test_a_view_fits_and_is_accessible(visitor: Screen, shared_demo: Running, path: str) -> None:
    at = address(path, shared_demo)
    if not is_page(shared_demo, at, shared_demo.api.token):
        return
    visitor.problems.clear()
    first, *others = LANGUAGES
    speak(visitor, first)
    visitor.page.emulate_media(color_scheme="light")
    visitor.open(at)
    visitor.sound()
    visitor.page.emulate_media(color_scheme="dark")
    for language in others:
        speak(visitor, language)
        visitor.open(at)
        visitor.fits()
    visitor.accessible()
    if PICTURES:
        leave_pictures(visitor, at)
    assert not visitor.problems


def test_the_first_view_is_less_than_100_kilobytes_over_the_wire(phone: Screen) -> None:
    page = phone.open("/")
    expect(page.locator("#latest li").first).to_be_visible()
    loaded = page.evaluate(
        """performance.getEntries().filter(it => it.transferSize)
        .map(it => [it.name, it.transferSize])"""
    )
    assert sum(size for _, size in loaded) < 100_000, loaded
    assert len(loaded) > 5  # the scripts and style sheets are among them


@pytest.mark.parametrize("path", ["/portals/1/who", "/people/1/week", "/people"])
def test_a_list_is_printed_without_what_one_can_only_touch(phone: Screen, path: str) -> None:
    page = phone.open(path)
    page.emulate_media(media="print")
    touched = "nav, button, [role=button], input, select"
    assert not page.locator(touched).filter(visible=True).all_text_contents()
    expect(page.locator("main")).to_contain_text("Ana")
    if path != "/people":
        expect(page.locator("table").first).to_be_visible()


def test_the_views_of_an_operator_fit_and_are_accessible(screen: Open, demo: Running) -> None:
    token = demo.api.ask("login", {**operator(demo)})["session"]
    phone = screen(signed_in=False)
    phone.take_session(token)
    for path in READ:
        at = address(path, demo)
        if is_page(demo, at, token):
            phone.open(at)
            phone.sound()
    phone.open("/wiring")  # not the operator's
    phone.sound()
