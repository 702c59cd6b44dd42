"""The wiring bench: edges on simulated pins, seen by a technician at the door."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gateway.credentials.wiegand import FORMATS, encode
from tests.e2e.conftest import Running, eventually
from tests.e2e.page.conftest import DESKTOP, PHONE, Open, Screen, operator

ANAS = encode(FORMATS["w26"], 123, 45678)
STRANGERS = encode(FORMATS["w26"], 7, 7)
INVERSE = str.maketrans("01", "10")


def on_trial(demo: Running) -> bool:
    """Whether both processes work with a site file that is on trial."""
    try:
        found = demo.api.ask("site_file")
    except (AssertionError, OSError):  # a process starts anew
        return False
    return bool(found["origin"] == "trial" and found["running"] == found["api"])


def send(demo: Running, bits: str, **words: Any) -> None:
    demo.sim("frame", reader="front", value=bits, **words)


def bench(shown: Screen, demo: Running) -> Page:
    """The bench of the front reader, with a frame of Ana's card."""
    page = shown.open("/wiring?reader=front")
    expect(page.locator("#diagnosis")).to_be_visible()
    demo.swipe("123,45678")
    expect(page.locator("#diagnosis")).to_contain_text("card 123,45678")
    return page


def test_a_swipe_is_drawn_read_and_found_good(phone: Screen, demo: Running) -> None:
    page = bench(phone, demo)
    assert "".join(page.locator("#wave .bit").all_text_contents()) == ANAS
    expect(page.locator("#wave .parity")).to_have_count(2)
    chosen = page.locator(".readings .chosen")
    expect(chosen).to_contain_text("123,45678")
    expect(chosen).to_contain_text("7BB26E")
    expect(chosen).to_contain_text("stored like this")
    expect(page.locator("#timing")).to_contain_text("Pulses of 50 µs, intervals of")
    page.locator("#wave .pulse").nth(3).tap()
    expect(page.locator("#pulse")).to_contain_text("Bit 4 = 1 (D1): 50 µs wide,")
    expect(page.locator("#pulse")).to_contain_text("µs after the one before")
    phone.sound()


FAULTS = (
    (ANAS.translate(INVERSE), 50, "D0 and D1 look swapped"),
    (STRANGERS, 12, "Pulses of 12 µs, expected 20 to 100 µs"),
    ("0" * 26, 50, "D1 is silent"),
    (ANAS[:9] + ANAS[10:], 50, "A bit seems to be missing"),
    (encode(FORMATS["w37f"], 1, 5), 50, "not set to that format"),
    (ANAS[:5] + ANAS[5].translate(INVERSE) + ANAS[6:], 50, "The parity is wrong"),
)


def test_what_is_wrong_with_the_wires_is_said_in_a_sentence(phone: Screen, demo: Running) -> None:
    page = phone.open("/wiring?reader=front")
    expect(page.locator("#diagnosis")).to_be_visible()
    for bits, pulse_us, sentence in FAULTS:
        send(demo, bits, pulse_us=pulse_us)
        expect(page.locator("#diagnosis")).to_contain_text(sentence)


def test_an_older_frame_stays_while_new_ones_come(phone: Screen, demo: Running) -> None:
    page = bench(phone, demo)
    send(demo, STRANGERS)
    expect(page.locator("#diagnosis")).to_contain_text("card 7,7")
    wave = page.locator("#wave").bounding_box()
    assert wave is not None
    page.mouse.move(wave["x"] + 40, wave["y"] + 60)
    page.mouse.down()
    page.mouse.move(wave["x"] + 200, wave["y"] + 60)
    page.mouse.up()
    expect(page.locator("#diagnosis")).to_contain_text("card 123,45678")
    place = page.locator(".turn .meta")
    count = int(place.inner_text().split(" of ")[1].split(",")[0])
    send(demo, encode(FORMATS["w26"], 9, 9))
    expect(place).to_contain_text(f" of {count + 1},")
    expect(page.locator("#diagnosis")).to_contain_text("card 123,45678")
    page.get_by_role("button", name="Follow the newest").click()
    expect(page.locator("#diagnosis")).to_contain_text("card 9,9")


def test_an_input_lights_when_it_moves(phone: Screen, demo: Running) -> None:
    page = bench(phone, demo)
    sensor = page.locator("[data-input=door_sensor-1]")
    expect(sensor).to_contain_text("Contact of front")
    before = sensor.get_attribute("data-edges")
    demo.sim("door", door="front", value="open")
    expect(sensor).to_have_class(re.compile("lit"))
    expect(sensor).to_contain_text("changed")
    assert sensor.get_attribute("data-edges") != before


def test_keys_are_hidden_until_they_are_asked_for(phone: Screen, demo: Running) -> None:
    page = bench(phone, demo)
    demo.sim("key", reader="front", value="7")
    expect(page.locator("#diagnosis")).to_contain_text("A key of the keypad")
    expect(page.locator("#wave .bit").first).to_have_text("•")
    page.get_by_text("Options").click()
    with page.expect_response(lambda answer: "keys=on" in answer.url):
        page.get_by_label("Show the keys of the keypad").check()
    demo.sim("key", reader="front", value="*")
    expect(page.locator("#wave .bit")).to_have_text(["1", "0", "1", "0"])


def test_the_bytes_of_a_serial_reader_appear_as_they_came(phone: Screen, demo: Running) -> None:
    page = phone.open("/wiring?reader=qr")
    expect(page.locator("#diagnosis")).to_contain_text("Show a card or a code")
    demo.sim("qr", reader="qr", value="HELLO-7")
    expect(page.locator(".came")).to_contain_text(b"HELLO-7".hex())
    expect(page.locator(".came")).to_contain_text("HELLO-7")
    phone.sound()


def test_a_lock_is_tested_after_a_question_and_never_in_a_lock_down(
    phone: Screen, demo: Running
) -> None:
    page = phone.open("/wiring?reader=front")
    edges = demo.board.edges(17)
    page.locator(".outputs li", has_text="Lock of front").get_by_role("button").click()
    sheet = page.locator("#sheet")
    expect(sheet).to_contain_text("The lock opens for one second")
    assert demo.board.edges(17) == edges
    sheet.get_by_role("button", name="Switch on for one second").click()
    expect(sheet).to_contain_text("Did you hear or see it?")
    assert demo.board.edges(17) > edges
    sheet.get_by_role("button", name="Yes, it works").click()
    demo.wait_locked(1)
    demo.api.ask("set_exception_mode", {"door": 1, "mode": "lock_down", "reason": "a test"})
    edges = demo.board.edges(17)
    page.locator(".outputs li", has_text="Lock of front").get_by_role("button").click()
    sheet.get_by_role("button", name="Switch on for one second").click()
    expect(sheet).to_contain_text("lock_down")
    assert demo.board.edges(17) == edges
    demo.api.ask("set_exception_mode", {"door": 1, "mode": "none"})


def test_a_frame_is_saved_as_a_picture_and_everything_as_a_file(
    phone: Screen, demo: Running
) -> None:
    page = bench(phone, demo)
    demo.sim("key", reader="front", value="8")
    expect(page.locator("#diagnosis")).to_contain_text("A key of the keypad")
    saved = {}
    for name in ("Save as SVG", "Save as PNG", "Text for support", "JSON for support"):
        with page.expect_download() as download:
            page.get_by_text(name).click()
        saved[name] = download.value.path().read_bytes()
    assert saved["Save as SVG"].startswith(b"<svg")
    assert saved["Save as PNG"].startswith(b"\x89PNG")
    assert b"card 123,45678" not in saved["Text for support"].split(b"inputs")[1]
    frames = json.loads(saved["JSON for support"])["frames"]
    assert [frame["bits"] for frame in frames[-2:]] == [ANAS, ""]
    assert ANAS.encode() in saved["Text for support"]


def test_the_bench_is_the_technicians(screen: Open, demo: Running) -> None:
    shown = screen(signed_in=False)
    shown.sign_in(**operator(demo))
    page = shown.open("/more")
    expect(page.get_by_role("link", name="Wiring bench")).to_have_count(0)
    answer = page.request.get(f"{demo.url}/wiring")
    assert answer.status == 403


@pytest.mark.parametrize(
    ("size", "language", "scheme"),
    [
        (PHONE, "pt", "dark"),
        (DESKTOP, "es", "light"),
    ],
)
def test_the_bench_fits_every_screen_language_and_theme(
    screen: Open, demo: Running, size: tuple[int, int], language: str, scheme: str
) -> None:
    shown = screen(size=size, language=language, scheme=scheme)
    page = shown.open("/wiring?reader=front")
    demo.swipe("123,45678")
    expect(page.locator("#wave")).to_be_visible()
    shown.sound()


def test_a_chosen_format_is_tried_and_kept(phone: Screen, demo: Running) -> None:
    page = phone.open("/wiring?reader=front")
    expect(page.locator("#diagnosis")).to_be_visible()
    send(demo, encode(FORMATS["w37f"], 1, 5))
    expect(page.locator("#diagnosis")).to_contain_text("not set to that format")
    reading = page.locator(".readings li", has_text="w37f, as sent")
    reading.get_by_role("button", name="Use this").click()
    sheet = page.locator("#sheet")
    expect(sheet.locator("#site-line")).to_have_text('formats = ["w26", "w34", "w37f"]')
    sheet.get_by_role("button", name="Try it now").click()
    expect(sheet).to_contain_text("On trial")
    # Its reads fail while the processes start anew.
    phone.may_lose = True
    eventually(lambda: on_trial(demo), "both processes on the new site file")
    sheet.get_by_role("button", name="Keep the format").click()
    expect(sheet).to_contain_text("The site file has the new format.")
