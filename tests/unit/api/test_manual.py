"""The manual that the device serves, as a browser without a session finds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urldefrag, urljoin

import pytest
import requests

from gateway.api import manual

ROOT = Path(__file__).parents[3]
PAGES = sorted(path.stem for path in (ROOT / "gateway/docs").glob("*.md") if path.stem != "index")


class Page(HTMLParser):
    """What a page leads to, and the places in it that others may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.links |= {value for name in ("href", "src") if (value := found.get(name))}
        if identity := found.get("id"):
            self.places.add(identity)


@pytest.fixture(scope="module")
def served(device: SimpleNamespace) -> dict[str, requests.Response]:
    """Everything that links of the manual lead to, by its path."""
    found: dict[str, requests.Response] = {}

    def read(path: str) -> None:
        found[path] = reply = requests.get(f"{device.url}{path}", timeout=30)
        if reply.headers["Content-Type"].startswith("text/html"):
            for _, target, _ in internal(path, reply):
                if target not in found:
                    read(target)

    read("/docs")
    read("/docs/api")
    return found


def internal(path: str, reply: requests.Response) -> Iterator[tuple[str, str, str]]:
    """The links of a page within the device: as written, the path, the place in it."""
    for link in Page(reply.text).links:
        if not re.match(r"[a-z]+:", link):
            target, place = urldefrag(urljoin(path, link))
            yield link, target, place


def test_every_link_of_every_page_leads_to_a_page_and_a_place_in_it(
    served: dict[str, requests.Response],
) -> None:
    places = {path: Page(reply.text).places for path, reply in served.items()}
    lost = [
        f"{path}: {link}"
        for path, reply in served.items()
        if reply.headers["Content-Type"].startswith("text/html")
        for link, target, place in internal(path, reply)
        if served[target].status_code != 200 or (place and place not in places[target])
    ]
    assert lost == []


def test_links_lead_from_the_root_to_every_page_and_drawing(
    served: dict[str, requests.Response],
) -> None:
    drawings = {path.name for path in (ROOT / "hw/drawings").iterdir()}
    assert {f"/docs/{page}" for page in PAGES} <= set(served)
    assert {f"/docs/drawings/{name}" for name in drawings} <= set(served)
    assert {"/docs", "/docs/api", "/docs/wiring", "/docs/demo.toml"} <= set(served)


def test_pages_run_no_script_and_take_nothing_from_elsewhere(
    served: dict[str, requests.Response],
) -> None:
    for path, reply in served.items():
        if path == "/openapi.json":
            continue
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        if reply.headers["Content-Type"].startswith("text/html"):
            assert not {"script", "iframe", "form"} & Page(reply.text).tags, path
            assert not re.search(r" (style|on\w+)=\"", reply.text), path


def test_the_manual_says_nothing_about_the_site(
    device: SimpleNamespace, served: dict[str, requests.Response]
) -> None:
    identity = device.context.identity
    for reply in served.values():
        for secret in (identity.serial, str(identity.device_id), device.password):
            assert secret not in reply.text


def test_what_the_manual_does_not_have_is_not_found(device: SimpleNamespace) -> None:
    for name in ("gone", "../app.py", "%2e%2e/app.py", "drawings/gone.svg", "index.md"):
        reply = requests.get(f"{device.url}/docs/{name}", timeout=30)
        assert (reply.status_code, set(reply.json())) == (404, {"error", "code"}), name


def test_the_index_is_found_with_and_without_a_slash(device: SimpleNamespace) -> None:
    with_slash, without = (
        requests.get(f"{device.url}{p}", timeout=30) for p in ("/docs/", "/docs")
    )
    assert with_slash.text == without.text
    assert "<h1" in without.text


def rendered(markdown: str) -> str:
    text, _ = manual._page(f"# Title\n\n{markdown}\n", "gateway/docs/page.md")
    assert isinstance(text, str)
    return text.partition("</h1>\n")[2].partition("</main>")[0]


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("[rooms](architecture.md#rooms)", '<a href="/docs/architecture#rooms">rooms</a>'),
        ("[parts](../../hw/README.md)", '<a href="/docs/wiring">parts</a>'),
        ("[here](#title)", '<a href="#title">here</a>'),
        ("[there](https://example.org/)", '<a href="https://example.org/">there</a>'),
        ("[tests](../../tests/conftest.py) and more", "<code>tests</code> and more"),
        ("[`conftest.py`](../../tests/conftest.py)", "<code>conftest.py</code>"),
        ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
    ],
)
def test_a_link_leads_to_the_address_of_its_file_or_is_plain_code(markdown: str, html: str) -> None:
    assert rendered(markdown) == f"<p>{html}</p>\n"


def test_headings_have_the_anchors_that_github_gives_them() -> None:
    page = Page(rendered("## Which pin\n\n## USB: a `scanner` that types\n\n## Which pin"))
    assert page.places == {"which-pin", "usb-a-scanner-that-types", "which-pin-1"}


def test_a_cell_names_its_column_for_narrow_screens() -> None:
    html = rendered("| key | means |\n|---|---|\n| `a` | one |\n| `b` | |")
    assert '<td><code>a</code></td>\n<td data-of="means">one</td>' in html
    assert "<td></td>" in html
