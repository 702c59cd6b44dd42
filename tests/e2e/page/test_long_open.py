"""A page that is left open for a day keeps no more than it shows."""

from __future__ import annotations

from playwright.sync_api import CDPSession, expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Screen

EVENTS = 5_000
"""Of a busy day."""
FIRST = 200
"""After so many everything that is made once has been made."""
SPARE_NODES = 1_000
SPARE_HEAP_BYTES = 2_000_000
"""Under the size of what a leak of one swap in ten would keep."""

ANSWER_FROM_MEMORY = """async () => {
  const kept = {};
  for (const path of ["/parts/doors", "/log/latest", "/parts/banners"])
    kept[path] = await (await fetch(path, { headers: { "HX-Request": "true" } })).text();
  window.answered = 0;
  window.fetch = async (asked) => {
    const path = new URL(asked.url ?? asked, location.href).pathname;
    const answer = ++window.answered;
    // Rows come and go as they do in a log that moves on.
    const text = kept[path].replace(/(id=")([a-z]+-)(\\d+)/g,
      (_, before, name, id) => `${before}${name}${path === "/log/latest" ? +id + answer : id}`);
    return new Response(text, { headers: { "Content-Type": "text/html" } });
  };
}"""
BRING = """async (events) => {
  for (let event = 0; event < events; event += 1) {
    const name = event % 2 ? "live-log" : "live-state";
    const shown = event % 2 ? "latest" : "doors";
    const swapped = new Promise((done) => {
      const heard = ({ detail }) => {
        if (detail.ctx.target.id !== shown) return;
        document.body.removeEventListener("htmx:after:swap", heard);
        done();
      };
      document.body.addEventListener("htmx:after:swap", heard);
    });
    document.body.dispatchEvent(new CustomEvent(name));
    await swapped;
  }
}"""


def kept(session: CDPSession) -> dict[str, float]:
    """What the page holds on to, by Chromium's own counts."""
    session.send("HeapProfiler.collectGarbage")
    found = session.send("Performance.getMetrics")["metrics"]
    return {it["name"]: it["value"] for it in found}


def test_a_page_that_stays_open_for_a_day_does_not_grow(phone: Screen, demo: Running) -> None:
    for number in range(12):
        demo.swipe(f"66,{number + 1}")
    page = phone.page
    streams: list[str] = []
    page.on("request", lambda it: streams.append(it.url) if "/live/" in it.url else None)
    phone.open("/")
    expect(page.locator("#latest li").first).to_be_visible()
    page.evaluate(ANSWER_FROM_MEMORY)
    session = phone.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.evaluate(BRING, FIRST)
    before = kept(session)
    page.evaluate(BRING, EVENTS - FIRST)
    after = kept(session)
    assert page.evaluate("window.answered") >= EVENTS
    assert after["Nodes"] <= before["Nodes"] + SPARE_NODES
    assert after["JSEventListeners"] <= before["JSEventListeners"]
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] + SPARE_HEAP_BYTES
    assert len(streams) == 1, "one connection for all that is told"
