"""The page: size and speed of its first view, its search, and what open pages cost the doors."""

from __future__ import annotations

import http.client
import random
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, sync_playwright

from gateway.web.cookies import SESSION_COOKIE

from .client import PATIENCE_S, Client
from .figures import Expectations, p50, p99, say, table
from .loads import as_service, swiped
from .processes import Process, api, memory_of, swiper
from .sites import Site, card_of
from .swipes import Plan

PAGES = 10
SEARCHES = 200
"""Of each kind."""
LOADS = 7
"""Of the first view, each in a browser that has nothing kept."""
SLOWER = 6
"""Times, a phone's processor beside this one."""
MOST_KB, MOST_S, SEARCH_MS, RATIO, MOST_MB = 100, 1, 100, 1.2, 15
PHONE = {"width": 360, "height": 740}
VIEWS = ("/", "/people", "/log", "/log/day", "/rules", "/schedules/1", "/wiring", "/more")
_CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
_SIZE = """() => performance.getEntries().reduce((all, it) => all + (it.transferSize || 0), 0)"""
_USABLE = """() => Math.max(
    performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd,
    performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0)"""
"""htmx has looked at the buttons by then, and they are drawn."""
_LOADED = "() => document.querySelector('#latest').children.length"


class Visitor:
    """A signed-in page without a browser: one connection for its parts, one for its stream."""

    def __init__(self, url: str, token: str) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {"Cookie": f"{SESSION_COOKIE}={token}", "HX-Request": "true"}
        self._parts = http.client.HTTPConnection(self._host, timeout=PATIENCE_S)
        self.asked = 0

    def get(self, path: str) -> bytes:
        """The body of an address; raises RuntimeError when it is refused."""
        self._parts.request("GET", path, headers=self._headers)
        response = self._parts.getresponse()
        body = response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{path}: {response.status} {body[:500]!r}")
        self.asked += 1
        return body

    def stay(self, going: Callable[[], bool], listening: threading.Barrier) -> None:
        """What the open page of the doors does: it loads the parts that the stream names."""
        for path in ("/", "/parts/banners", "/log/latest"):
            self.get(path)
        parts = {b"state": ("/parts/doors", "/parts/banners"), b"log": ("/log/latest",)}
        stream = http.client.HTTPConnection(self._host, timeout=PATIENCE_S)
        with closing(stream):
            stream.request("GET", "/live/events", headers=self._headers)
            answer = stream.getresponse()
            listening.wait()
            while going():
                name = answer.readline().strip().removeprefix(b"event: ")
                for path in parts.get(name, ()):
                    self.get(path)

    def close(self) -> None:
        self._parts.close()


@contextmanager
def _open_pages(url: str, token: str) -> Iterator[list[Visitor]]:
    """Ten pages, until left."""
    over = threading.Event()
    visitors = [Visitor(url, token) for _ in range(PAGES)]
    listening = threading.Barrier(PAGES + 1)
    with ExitStack() as stack:
        for visitor in visitors:
            stack.callback(visitor.close)
        pool = stack.enter_context(ThreadPoolExecutor(PAGES))
        stack.callback(over.set)
        staying = [pool.submit(it.stay, lambda: not over.is_set(), listening) for it in visitors]
        listening.wait(PATIENCE_S)
        yield visitors
        over.set()
        for each in staying:
            each.result()


def measure(site: Site, plan: Plan, expected: Expectations) -> None:
    """Print size, speed, search, swipes and memory, each beside what was expected."""
    with ExitStack() as stack:
        server, url = stack.enter_context(api(site))
        client = stack.enter_context(closing(Client(url, site.password)))
        process = stack.enter_context(swiper(site, plan.nice))
        as_service(process, -10, -10)
        swiped(process, site, plan, 0)
        before = memory_of(server.pid).pss
        visitor = stack.enter_context(closing(Visitor(url, client.session)))
        swipes = _swipes(process, site, plan, url, client.session)
        for path in VIEWS:
            visitor.get(path)
        after = memory_of(server.pid).pss
        searches = _searches(visitor, site)
        views = _first_views(url, client.session)
    say()
    say(f"swipe to relay in milliseconds, with {PAGES} pages open and without")
    table(
        ("pages", "n", "p50", "p99"), ((k, len(it), p50(it), p99(it)) for k, it in swipes.items())
    )
    say()
    say(f"the list of people searched at {site.users:,}, in milliseconds")
    table(("what", "n", "p50", "p99"), ((k, len(it), p50(it), p99(it)) for k, it in searches))
    say()
    say("Expected")
    ratio = p99(swipes[f"{PAGES}"]) / p99(swipes["none"])
    expected.below(f"swipe, {PAGES} pages: p99 to that without", ratio, RATIO, "")
    for kind, taken in searches:
        expected.below(f"search by {kind}: p99", p99(taken), SEARCH_MS, " ms")
    if before is not None and after is not None:
        expected.below("PSS of the api process for pages", after - before, MOST_MB, " MB")
    if not views:
        say("  no Chromium: the first view was not measured")
        return
    size, usable = (statistics.median(it) for it in zip(*views, strict=True))
    expected.below("first view over the wire", size / 1e3, MOST_KB, " kB")
    expected.below(
        f"first view usable, processor {SLOWER} times slower", usable / 1e3, MOST_S, " s"
    )


def _swipes(process: Process, site: Site, plan: Plan, url: str, token: str) -> dict[str, list[int]]:
    """Rounds with and without pages in turns, so that both meet the same noise."""
    found: dict[str, list[int]] = {"none": [], f"{PAGES}": []}
    asked = 0
    began = time.monotonic()
    for seed in range(1, plan.rounds + 1):
        found["none"] += swiped(process, site, plan, seed)
        with _open_pages(url, token) as visitors:
            found[f"{PAGES}"] += swiped(process, site, plan, seed)
            asked += sum(it.asked for it in visitors)
    say(f"the pages loaded {asked} parts in {time.monotonic() - began:.0f} s")
    return found


def _searches(visitor: Visitor, site: Site) -> list[tuple[str, list[int]]]:
    chosen = random.Random(1)  # noqa: S311 - a sample
    people = chosen.sample(range(site.users), SEARCHES)
    kinds = {
        "the beginning of a name": [f"User {str(it)[:2]}" for it in people],
        "a whole name": [f"User {it}" for it in people],
        "card": [f"{card_of(it) >> 32},{card_of(it) & 0xFFFF}" for it in people],
        "nobody": [f"User {it} zz" for it in people],
    }
    visitor.get("/people?q=user")  # the index is made by the first search

    def taken(text: str) -> int:
        began_ns = time.monotonic_ns()
        visitor.get(f"/people?q={quote(text)}")
        return time.monotonic_ns() - began_ns

    return [(kind, [taken(text) for text in texts]) for kind, texts in kinds.items()]


def _first_views(url: str, token: str) -> list[tuple[float, float]]:
    """Bytes over the wire and milliseconds until the doors can be opened, of each load."""
    if _CHROMIUM is None:
        return []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        with closing(browser):
            return [_first_view(browser, url, token) for _ in range(LOADS)]


def _first_view(browser: Browser, url: str, token: str) -> tuple[float, float]:
    with closing(browser.new_context(viewport=PHONE, is_mobile=True)) as context:  # type: ignore[arg-type]
        context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": url}])
        page = context.new_page()
        rate = {"rate": SLOWER}
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", rate)
        page.goto(url)
        page.wait_for_function(_LOADED)
        if not page.locator("#door-1 button").first.is_enabled():
            raise RuntimeError("the first view has no door to open")
        return page.evaluate(_SIZE), page.evaluate(_USABLE)
