"""More pages than streams: none is dropped for another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import requests
from playwright.sync_api import expect

from gateway.web.cookies import SESSION_COOKIE
from gateway.web.views.live import MOST_STREAMS
from tests.e2e.conftest import DEADLINE_S, Running
from tests.e2e.page.conftest import Open


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
