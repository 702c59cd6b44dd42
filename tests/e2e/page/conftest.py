"""The page in a real Chromium, on a phone's screen, against a running gateway.

Every test fails on an error in the browser's console, a script error or a violation of the content
security policy, whatever else it looks at.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.e2e.conftest import DEADLINE_S, Running

expect.set_options(timeout=DEADLINE_S * 1_000)
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The first is Chromium without windows, which takes half the processor time."""
PHONE = (360, 740)
TABLET = (768, 1024)
DESKTOP = (1400, 900)
_SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_EXPECTED = "Failed to load resource"
"""What the browser itself says of each answer with an error status."""


class Screen:
    """One page that is open in a browser of its own: its cookies are shared with no other."""

    def __init__(
        self,
        browser: Browser,
        gateway: Running,
        size: tuple[int, int] = PHONE,
        language: str = "en",
        scheme: str = "light",
    ) -> None:
        self.gateway = gateway
        self.problems: list[str] = []
        self.may_lose = False
        """The test takes the gateway away, which a script's request meets."""
        options: dict[str, Any] = {"color_scheme": scheme}
        self.context: BrowserContext = browser.new_context(
            base_url=gateway.url,
            viewport={"width": size[0], "height": size[1]},
            has_touch=size == PHONE,
            is_mobile=size == PHONE,
            locale={"en": "en-GB", "pt": "pt-BR", "es": "es-MX"}[language],
            **options,
        )
        self.context.set_default_timeout(DEADLINE_S * 1_000)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())

    def _said(self, message: ConsoleMessage) -> None:
        lost = self.may_lose and "Failed to fetch" in message.text
        if message.type == "error" and not lost and not message.text.startswith(_EXPECTED):
            self.problems.append(message.text)

    def open(self, path: str) -> Page:
        """Lead the browser to `path` of the gateway."""
        self.page.goto(path)
        return self.page

    def sign_in(self, login: str = "admin", password: str = "") -> None:
        """Sign in as a person does."""
        self.open("/sign-in")
        self.page.get_by_label("Login").fill(login)
        self.page.get_by_label("Password").fill(password or self.gateway.site.password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def take_session(self, token: str) -> None:
        """Be signed in already, with a session of the API."""
        self.context.add_cookies(
            [
                {
                    "name": "page_session",
                    "value": token,
                    "url": self.gateway.url,
                    "sameSite": "Strict",
                }
            ]
        )

    def fits(self) -> None:
        """Nothing is wider than the screen."""
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{wide} pixels wider than the screen"

    def accessible(self) -> None:
        """axe finds nothing serious."""
        found = self.page.evaluate(
            Path(AXE_FILE_PATH).read_text() + "\n; axe.run(document, {resultTypes: ['violations']})"
        )
        serious = [
            {"rule": it["id"], "nodes": [node["html"] for node in it["nodes"]]}
            for it in found["violations"]
            if it["impact"] in {"serious", "critical"}
        ]
        assert not serious, json.dumps(serious, indent=1)

    def large_enough(self) -> None:
        """Everything that one touches is 48 pixels high and wide, or lies in a line of text."""
        small = self.page.evaluate(
            """[...document.querySelectorAll('button, nav a, .places a, select, summary')]
            .filter(it => it.checkVisibility()).map(it => [it.outerHTML.slice(0, 80),
            it.getBoundingClientRect()]).filter(([, at]) => at.height < 47.5 || at.width < 47.5)
            .map(([html, at]) => `${html} ${at.width}x${at.height}`)"""
        )
        assert not small, small

    def usable(self) -> None:
        """All is on the screen, and large enough for a finger."""
        self.fits()
        self.large_enough()

    def sound(self) -> None:
        """All that holds for every view."""
        self.usable()
        self.accessible()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: no test of the page in a browser runs")
    with sync_playwright() as playwright, ExitStack() as stack:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=_SWITCHES)
        stack.callback(launched.close)
        yield launched


Open = Callable[..., Screen]


@pytest.fixture
def screen(browser: Browser, demo: Running) -> Iterator[Open]:
    """Opens a browser on the demo site, signed in as its administrator if not told otherwise.

    Words: `size`, `language`, `scheme`, and `signed_in=False`.
    """
    opened: list[Screen] = []

    def open_screen(*, signed_in: bool = True, **options: Any) -> Screen:
        made = Screen(browser, demo, **options)
        opened.append(made)
        if signed_in:
            made.take_session(demo.api.token)
        return made

    yield open_screen
    problems = [problem for it in opened for problem in it.problems]
    for it in opened:
        it.context.close()
    assert not problems, problems


@pytest.fixture
def phone(screen: Open) -> Screen:
    """A phone, signed in as the demo's administrator."""
    return screen()


def operator(demo: Running, login: str = "guard") -> Mapping[str, str]:
    """The name and password of an operator's login."""
    made = {"login": login, "password": "guards-password-7"}
    if login not in {it["login"] for it in demo.api.ask("list_logins")["logins"]}:
        demo.api.ask("create_login", {**made, "role": "operator"})
    return made
