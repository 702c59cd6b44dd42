"""An OSDP reader on the page: paired from the box, swiped, cut and seen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from gateway.credentials.wiegand import FORMATS, encode
from tests.e2e.conftest import Maker, Running, eventually
from tests.e2e.page.conftest import Screen

SITE = """
[site]
name = "Bus"
timezone = "UTC"
board = "simulated"

[[door]]
id = 1
name = "gate"
egress = "mechanical"
lock = { pin = 17, kind = "strike", locked = "low", unlocked = "high" }

[[reader]]
name = "side"
title = "Side entrance"
index = 1
kind = "osdp"
portal = 1
port = "simulated"
baud = 115200
"""
CARD = "123,45678"


@pytest.fixture(scope="module")
def bus(make: Maker) -> Iterator[Running]:
    """A gateway with an OSDP reader that nobody has paired."""
    with make.run(make.site(SITE)) as running:
        yield running


@pytest.fixture
def phone(browser: Browser, bus: Running) -> Iterator[Screen]:
    screen = Screen(browser, bus)
    screen.take_session(bus.api.token)
    yield screen
    screen.context.close()
    assert not screen.problems, screen.problems


@pytest.fixture
def paired(bus: Running) -> None:
    """The reader has a key and is reached."""

    def secure() -> bool:
        return bool(bus.api.ask("osdp_state")["readers"][0]["condition"] == "secure")

    if not bus.api.ask("osdp_state")["readers"][0]["paired"]:
        bus.api.ask("osdp_key", {"reader": "side", "action": "pair"})
    eventually(secure, "a reader with a key")


def card(screen: Screen) -> Locator:
    """The reader's card on its page."""
    return screen.page.locator(".osdp-reader")


def begin_pairing(screen: Screen, button: str) -> None:
    card(screen).get_by_role("button", name=button, exact=True).click()
    sheet = screen.page.locator("#sheet")
    expect(sheet).to_contain_text("Do this on a bench")
    expect(sheet).to_contain_text("address 0 and 115200 Bd")
    screen.sound()
    sheet.get_by_role("button", name="Start pairing").click()
    expect(sheet).to_be_hidden()


def test_a_reader_is_paired_on_the_page_opens_its_door_and_a_cut_cable_is_seen(
    phone: Screen, bus: Running
) -> None:
    [user] = bus.api.create("users", {"name": "Eva", "registration": ""})
    bus.api.create("user_groups", {"user_id": user, "group_id": 1})
    bus.api.create("cards", {"user_id": user, "value": 123 << 32 | 45678})

    page = phone.open("/setup/wires")
    wires = page.locator("#wires li", has_text="Reader Side entrance")
    expect(wires).to_contain_text("Not paired")
    phone.sound()
    wires.get_by_role("button", name="Pair").click()
    page.wait_for_url("**/osdp?setup=1")
    expect(card(phone)).to_contain_text("Not paired")

    begin_pairing(phone, "Pair")
    expect(card(phone)).to_contain_text("It has a new key, and has shown that it knows it.")
    expect(card(phone)).to_contain_text("Online, encrypted with a key of its own")
    card(phone).get_by_text("Details").click()
    identity = "Maker FE-CA-00, model 1.1, serial number 1, firmware 1.0.0"
    expect(card(phone)).to_contain_text(identity)
    phone.sound()
    page.get_by_role("button", name="Back to the first start").click()
    expect(wires).to_contain_text("show it a card")
    edges = bus.board.edges(17)
    row = bus.access(lambda: bus.swipe(CARD, "side"))
    assert (row["event"], row["user_id"]) == (7, user)
    assert bus.board.edges(17) > edges
    expect(wires).to_contain_text("seen")

    phone.open("/")
    page.get_by_role("link", name="Key and health").click()
    page.wait_for_url("**/osdp")
    bus.sim("unplug", reader="side")
    expect(card(phone)).to_contain_text("Does not answer")
    bus.sim("plug", reader="side")
    expect(card(phone)).to_contain_text("Online, encrypted with a key of its own")


@pytest.mark.usefixtures("paired")
def test_a_pairing_is_called_off_and_the_key_before_counts(phone: Screen) -> None:
    phone.open("/osdp")
    begin_pairing(phone, "Pair again")
    expect(card(phone)).to_contain_text(re.compile(r"Waiting for the reader: 1[0-2]\d s left"))
    phone.sound()
    card(phone).get_by_role("button", name="Call it off").click()
    expect(card(phone)).to_contain_text("It was called off. The key is the one before.")
    expect(card(phone)).to_contain_text("Online, encrypted with a key of its own")
    card(phone).get_by_role("button", name="New key").click()
    expect(card(phone)).to_contain_text("It has a new key, and has shown that it knows it.")


@pytest.mark.usefixtures("paired")
def test_the_bits_of_its_cards_are_read_on_the_wiring_bench(phone: Screen, bus: Running) -> None:
    page = phone.open("/wiring?reader=side")
    expect(page.locator("#diagnosis")).to_contain_text("Its bits appear here.")
    bus.swipe("7,7", "side")
    expect(page.locator("#diagnosis")).to_contain_text("A good frame of w26: card 7,7.")
    expect(page.locator("#bits")).to_have_text(encode(FORMATS["w26"], 7, 7))
    phone.sound()
    bus.sim("key", reader="side", value="4")
    expect(page.locator("#diagnosis")).to_contain_text("A key of the keypad.")
    expect(page.locator("#bits")).to_have_count(0)
