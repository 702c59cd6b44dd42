"""The first start, from the set-up code to the first door that opens; the site file on the page."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.settings import SITE_FILE
from tests.e2e.conftest import Home, Running, Site
from tests.e2e.page.conftest import Screen

OWN = "an own password"
STRIKE = 17
DOOR = "main-entrance"
CARD = "123,45679"
UID = "04a1b2c3d4e5f6"


def printed(text: str, what: str) -> str:
    return next(line.split()[1] for line in text.splitlines() if line.startswith(f"{what} "))


@pytest.fixture(scope="module")
def unset(home: Home) -> Iterator[tuple[Running, str]]:
    """A gateway on a site without doors, with the set-up code that `init` showed."""
    data = home.new_path()
    made = home.type("init", "--data", data, "--new")
    assert made.returncode == 0, made.stderr
    with Running(Site(home, data, printed(made.stderr, "password"))) as running:
        yield running, printed(made.stderr, "setup")


@pytest.fixture
def phone(browser: Browser, unset: tuple[Running, str]) -> Iterator[Screen]:
    """A phone that nobody has signed in on; the processes start anew under it."""
    screen = Screen(browser, unset[0])
    screen.may_lose = True
    yield screen
    screen.context.close()
    assert not screen.problems, screen.problems


def begin(page: Page, code: str) -> None:
    page.get_by_label("Set-up code").fill(code)
    page.get_by_label("Your new password").fill(OWN)
    page.get_by_label("The same again").fill(OWN)
    page.get_by_role("button", name="Begin").click()


def describe_board(page: Page) -> None:
    page.get_by_label("Name of this device").fill("Depot")
    page.get_by_label("Time zone").fill("America/Sao_Paulo")
    page.get_by_label("Simulated board").check()
    page.get_by_label("Relay board, 1 to 8 channels, high switches on").check()
    page.get_by_role("button", name="Next").click()


def describe_door(page: Page) -> None:
    page.get_by_label("Name of the door").fill("Main entrance")
    page.get_by_label("It keeps the door shut (magnet)").check()
    page.get_by_label("Relay of the lock").select_option(f"pin:{STRIKE}")
    page.get_by_label("Only through this device").check()
    page.get_by_label("Door contact").select_option("27")
    page.get_by_label("Exit button").select_option("17")  # taken by the lock
    page.get_by_label("QR codes or text on a serial port").check()
    expect(page.get_by_label("Wire D0")).to_be_hidden()
    page.get_by_role("combobox", name="Serial port").fill("/dev/serial/by-id/usb-reader")
    page.get_by_label("Wiegand, with or without a keypad").check()
    page.get_by_label("Wire D0").select_option("5")
    page.get_by_label("Wire D1").select_option("6")
    page.get_by_role("button", name="Next").click()
    alerts = page.get_by_role("alert")
    expect(alerts.filter(has_text="pin 17 is used twice")).to_be_visible()
    expect(alerts.filter(has_text="nobody gets out while it hangs")).to_be_visible()
    page.get_by_label("It opens the door (strike)").check()
    page.get_by_label("By the handle, without power").check()
    page.get_by_label("Exit button").select_option("22")
    page.get_by_role("button", name="Next").click()


def use_every_wire(page: Page, running: Running, eventually: Callable[..., Any]) -> None:
    wires = page.locator("#wires")
    expect(wires).to_contain_text("Lock of Main entrance")
    running.sim("door", door=DOOR, value="open")
    eventually(lambda: running.status().doors[0].sensor_open, "an open door")
    running.sim("door", door=DOOR, value="closed")
    running.sim("rex", door=DOOR)
    running.swipe(CARD, DOOR)
    edges = running.board.edges(STRIKE)
    page.get_by_role("button", name="Pulse").click()
    eventually(lambda: running.board.edges(STRIKE) > edges, "a relay that clicks")
    page.get_by_role("button", name="Yes").click()
    expect(wires).to_contain_text("Every wire works.")


def test_the_first_start_leads_from_the_code_to_the_first_open_door(
    phone: Screen, unset: tuple[Running, str], eventually: Callable[..., Any]
) -> None:
    running, code = unset
    page = phone.open("/")
    page.get_by_role("link", name="First start").click()
    phone.sound()
    begin(page, "aaaa-bbbb-cccc-dddd")
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong or was used")
    begin(page, code.upper())
    page.wait_for_url("**/setup/board")
    phone.sound()
    describe_board(page)
    page.wait_for_url("**/setup/door")
    phone.sound()
    describe_door(page)
    page.wait_for_url("**/setup/try")
    phone.sound()

    page.get_by_role("button", name="Try it").click()
    page.get_by_role("button", name="Keep it").click()
    page.wait_for_url("**/setup/wires")
    text = (running.site.data / SITE_FILE).read_text(encoding="utf-8")
    assert 'title = "Main entrance"' in text
    assert not running.board.high(STRIKE)
    use_every_wire(page, running, eventually)
    phone.sound()
    page.get_by_role("link", name="Next").click()

    page.wait_for_url("**/setup/person")
    page.get_by_label("Name", exact=True).fill("Ana Lima")
    page.get_by_role("button", name="Give it to this person").click()
    page.wait_for_url("**/setup/open")
    # The same card twice within two seconds is one read, another one between makes it two.
    running.swipe("99,1", DOOR)
    running.swipe(CARD, DOOR)
    expect(page.locator("#opened")).to_contain_text("The door opened for Ana Lima.")
    page.get_by_role("link", name="Done", exact=True).click()
    page.wait_for_url("**/setup/done")
    phone.sound()

    # The code is used up, and the generated password is no longer one.
    generated = {"login": "admin", "password": running.site.password}
    assert running.api.post("login", generated)[0] == 401
    assert running.api.post("begin_setup", {"code": code, "password": OWN})[0] == 401


def test_a_reader_on_usb_takes_the_place_of_the_first_and_opens(
    phone: Screen, unset: tuple[Running, str]
) -> None:
    running, _code = unset
    running.api.login(OWN)
    phone.take_session(running.api.token)
    page = phone.open("/setup/door?number=1")
    page.get_by_label("USB, contactless cards (PC/SC)").check()
    name = page.get_by_role("combobox", name="Its name")
    suggested = page.locator(f"#{name.get_attribute('list')} option")
    name.fill(suggested.last.get_attribute("value") or "")
    page.get_by_role("button", name="Next").click()
    page.wait_for_url("**/setup/try")
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("button", name="Keep it").click()
    page.wait_for_url("**/setup/wires")

    reader = page.locator("#wires li").filter(has_text="Reader")
    expect(reader).to_contain_text("show it a card")  # what is on the wires is watched from now on
    running.sim("present", reader=DOOR, value=UID)
    expect(reader).to_contain_text("seen")
    page.goto("/setup/person")
    page.get_by_label("Name", exact=True).fill("Bia Reis")
    page.get_by_role("button", name="Give it to this person").click()
    page.wait_for_url("**/setup/open")
    running.sim("remove", reader=DOOR)
    # Read before the other comes: the same card twice within two seconds is one read.
    running.access(lambda: running.sim("present", reader=DOOR, value=UID[::-1]))
    running.sim("present", reader=DOOR, value=UID)
    expect(page.locator("#opened")).to_contain_text("The door opened for Bia Reis.")


def test_a_broken_site_file_is_shown_at_its_line_and_mended(
    phone: Screen, unset: tuple[Running, str]
) -> None:
    running, _code = unset
    running.api.login(OWN)
    phone.take_session(running.api.token)
    path: Path = running.site.data / SITE_FILE
    good = path.read_text(encoding="utf-8")
    broken = good.replace("pin = 27", "pin = 270")
    line = broken[: broken.index("pin = 270")].count("\n") + 1
    path.write_text(broken, encoding="utf-8")

    page = phone.open("/settings/site")
    expect(page.locator("main")).to_contain_text(f"Line {line}")
    phone.sound()
    page.get_by_label("Text").fill(good.replace("Main entrance", "Front door"))
    page.get_by_role("button", name="Check").click()
    expect(page.locator("main")).to_contain_text("Nothing is wrong in this text.")
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#trial")).to_contain_text("This file is in force.")
    assert "Front door" in path.read_text(encoding="utf-8")


def test_a_changed_port_that_nobody_confirms_comes_back(
    phone: Screen, unset: tuple[Running, str]
) -> None:
    running, _code = unset
    running.api.login(OWN)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    before = (running.site.data / SITE_FILE).read_text(encoding="utf-8")
    moved = re.sub(r"\[http\]\n", f'[http]\ntls = "127.0.0.1:{port}"\n', before)
    running.api.ask("apply_site_file", {"text": moved, "confirm_within_s": 5})
    phone.take_session(running.api.token)
    page = phone.open("/settings/site")
    expect(page.locator("#trial")).to_contain_text("The new site file was taken back")
    expect(page.locator("#trial")).to_contain_text("nobody confirmed it within 5 s")
    phone.sound()
    assert (running.site.data / SITE_FILE).read_text(encoding="utf-8") == before
