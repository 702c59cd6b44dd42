"""The network and the certificate on the page."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, expect

from gateway.host.certificate import file_fingerprint, make_self_signed
from gateway.settings import SITE_FILE
from tests.e2e.conftest import Maker, Running
from tests.e2e.page.conftest import Screen
from tests.ports import free_port


def try_port(page: Page, port: int, within_s: int) -> None:
    page.goto("/settings/network")
    page.get_by_label("Port").fill(str(port))
    page.locator("[name=confirm_within_s]").evaluate(f"it => it.value = {within_s}")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#outcome")).to_contain_text(f"http://127.0.0.1:{port}/settings/network")


def test_a_changed_port_goes_back_unless_it_is_kept_from_the_new_address(
    browser: Browser,
    make: Maker,
    start: Callable[..., Running],
    eventually: Callable[..., object],
) -> None:
    site, port = make.demo(), free_port()
    path = site.data / SITE_FILE
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'listen = ".*"', f'listen = "127.0.0.1:{port}"', text))
    running = start(site, "")
    phone = Screen(browser, running)
    phone.may_lose = True
    phone.take_session(running.api.token)
    page = phone.page

    def pending() -> bool | None:
        url = f"{running.url}/system_network_trial.fcgi?session={running.api.token}"
        try:
            return bool(requests.post(url, timeout=5).json()["pending"])
        except requests.ConnectionError:
            return None

    try_port(page, free_port(), 5)
    phone.sound()
    eventually(lambda: pending() is False, "the port of before")
    page.goto("/settings/network")
    expect(page.get_by_text(f"http://127.0.0.1:{port}", exact=True)).to_be_visible()

    moved = free_port()
    try_port(page, moved, 600)
    new = f"http://127.0.0.1:{moved}/settings/network"
    link = page.get_by_role("button", name=new)
    eventually(lambda: listens(moved), "the new port")
    link.click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Try it")).to_be_visible()
    phone.sound()
    assert page.url == new
    assert not listens(port)
    phone.context.close()
    assert not phone.problems, phone.problems


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_certificate_that_can_serve_is_taken_and_no_other(phone: Screen, tmp_path: Path) -> None:
    pem, cut = tmp_path / "door.pem", tmp_path / "cut.pem"
    make_self_signed(pem, datetime.now(UTC))
    cut.write_text(pem.read_text().partition("-----BEGIN CERTIFICATE")[0])
    page = phone.open("/settings/certificate")
    before = page.locator("#fingerprint").inner_text()
    page.get_by_label("Certificate, with").set_input_files(cut)
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#problem")).to_contain_text("A certificate in PEM form is needed")
    phone.sound()
    assert phone.open("/settings/certificate").locator("#fingerprint").inner_text() == before
    page.get_by_label("Certificate, with").set_input_files(pem)
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#fingerprint")).not_to_have_text(before)
    assert page.locator("#fingerprint").inner_text().replace(":", "") == file_fingerprint(pem)
