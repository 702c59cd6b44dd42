"""Pages that stay open: they hold no more in the evening than in the morning; none is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import requests
from playwright.sync_api import expect

from gateway.web.cookies import SESSION_COOKIE
from gateway.web.views.live import MOST_STREAMS
from tests.e2e.conftest import DEADLINE_S, Running
from tests.e2e.page.conftest import Open, Screen

REFRESHED = 60
"""Times; what stays behind at each of them is seen by then."""
_REFRESH = """async (times) => {
    const swapped = (part) => new Promise((done) => {
        const look = (event) => {
            if (event.target !== part) return;
            document.body.removeEventListener("htmx:after:swap", look);
            done();
        };
        document.body.addEventListener("htmx:after:swap", look);
    });
    for (let at = 0; at < times; at++) {
        for (const [part, name] of [["doors", "live-state"], ["latest", "live-log"]]) {
            const over = swapped(document.getElementById(part));
            document.body.dispatchEvent(new CustomEvent(name));
            await over;
        }
    }
}"""


def held(screen: Screen) -> dict[str, float]:
    """The nodes and listeners of the page after the collection of garbage."""
    session = screen.context.new_cdp_session(screen.page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    found = {it["name"]: it["value"] for it in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return {name: found[name] for name in ("Nodes", "JSEventListeners")}


def test_a_page_that_is_refreshed_all_day_does_not_grow(phone: Screen, demo: Running) -> None:
    for _ in range(12):
        demo.stranger()
    page = phone.open("/")
    expect(page.locator("#latest li").first).to_be_visible()
    page.evaluate(_REFRESH, 5)
    before = held(phone)
    page.evaluate(_REFRESH, REFRESHED)
    after = held(phone)
    for name, count in before.items():
        assert after[name] < count + REFRESHED, (before, after)


def test_a_page_beyond_the_last_stream_asks_and_drops_nobody(screen: Open, demo: Running) -> None:
    cookies = {SESSION_COOKIE: demo.api.token}
    address = f"{demo.url}/live/events"
    with ExitStack() as stack:

        def told(lines: Iterator[bytes]) -> bool:
            return next(it for it in lines if it.startswith(b"event")) == b"event: state"

        streams: list[Iterator[bytes]] = []
        while not streams or told(streams[-1]):
            answer = requests.get(address, cookies=cookies, stream=True, timeout=DEADLINE_S)
            streams.append(stack.enter_context(answer).iter_lines())
        assert 1 < len(streams) <= MOST_STREAMS + 1
        del streams[-1]  # it was told that there are enough
        page = screen().open("/")
        demo.sim("door", door="front", value="open")
        expect(page.locator("#door-1")).to_contain_text("open")
        for it in streams:
            assert b"event: state" in it
    demo.sim("door", door="front", value="closed")
    expect(page.locator("#door-1")).to_contain_text("closed")
