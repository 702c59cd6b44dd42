"""Updates and the safe page in a real Chromium, at a device of the package in Debian 13.

The browser runs outside, and in the container's network. The releases differ from the built one in
that a simulated board takes updates too: a real board's GPIO chips cannot be had in a container.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Page, expect, sync_playwright

from gateway.host.update_bundle import public_part

from .container import Container, eventually
from .packages import built, signed_update, variant

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
FIRST, NEXT, BAD, LAST = "900.0.0", "900.1.0", "900.2.0", "900.3.0"
PAGE = "http://127.0.0.1:8080"
SITE = files("gateway.cli").joinpath("demo.toml").read_text(encoding="utf-8")
SITE = SITE.replace('# tls = "127.0.0.1:8443"', 'tls = "127.0.0.1:8443"')
PASSWORD = "a-password-of-tests"
KEY = Ed25519PrivateKey.generate()
INSTALL_MS = 300_000
MODULES = "/usr/lib/gateway/lib/python3*/site-packages"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def device(directory: Path) -> Iterator[Container]:
    with Container("trixie", directory) as container:
        (directory / "site.toml").write_text(SITE)
        site = container.copy(directory / "site.toml")
        first = variant(built("deb13"), FIRST, directory, updatable=True)
        container.run("dpkg", "-i", container.copy(first), SITE=site)
        container.set_password()
        container.run("mkdir", "-p", "/etc/gateway")
        key = public_part(KEY).write()
        container.run("sh", "-c", f"printf '{key}' >/etc/gateway/update.pub")
        yield container


@pytest.fixture(scope="module")
def page(device: Container, directory: Path) -> Iterator[Page]:
    browser_in_network = directory / "chromium"
    browser_in_network.write_text(
        f'#!/bin/sh\nexec nsenter -t {device.process} --net {CHROMIUM} "$@"\n'
    )
    browser_in_network.chmod(0o755)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_in_network, args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(
            ignore_https_errors=True, viewport={"width": 360, "height": 740}
        )
        context.set_default_timeout(60_000)
        yield context.new_page()
        browser.close()


def update(version: str, directory: Path, *, broken: bool = False) -> Path:
    package = variant(built("deb13"), version, directory, broken=broken, updatable=True)
    return signed_update(package, KEY, directory / f"{version}.update")


def sign_in(page: Page) -> None:
    page.get_by_label("Login").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def install(page: Page, file: Path) -> None:
    """As a technician: choose the file, look into it, install it, and stay on the page."""
    page.goto(f"{PAGE}/settings/update")
    if "/sign-in" in page.url:
        sign_in(page)
    page.get_by_label("Update file").set_input_files(file)
    page.get_by_role("button", name="Look into the file").click()
    page.get_by_role("button", name="Install version").click()
    expect(page.get_by_role("heading", name="Installation of an update")).to_be_visible()
    expect(page.locator("[aria-current=step]")).to_be_visible()
    # The services stop, and with them the session ends.
    expect(page.locator("#away")).to_be_visible(timeout=INSTALL_MS)
    page.wait_for_url("**/sign-in?**", timeout=INSTALL_MS)
    sign_in(page)
    page.wait_for_url("**/settings/update/progress*")


def test_an_update_is_followed_past_the_restart_to_its_end(page: Page, directory: Path) -> None:
    install(page, update(NEXT, directory))
    done = page.get_by_role("status").filter(has_text=f"Version {NEXT} was installed")
    expect(done).to_contain_text(f"before it was {FIRST}", timeout=INSTALL_MS)


def test_an_update_that_does_not_start_is_followed_back_with_the_reason(
    page: Page, directory: Path
) -> None:
    install(page, update(BAD, directory, broken=True))
    told = page.get_by_role("alert").filter(has_text=f"Version {BAD} did not start")
    expect(told).to_contain_text(f"went back to {NEXT}", timeout=INSTALL_MS)
    reason = "gateway-api.service: RuntimeError: a release that does not start"
    expect(page.locator("main")).to_contain_text(reason)


def test_the_safe_page_takes_an_update_that_replaces_packages_that_are_broken(
    page: Page, device: Container, directory: Path
) -> None:
    state = ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", "gateway")
    eventually(lambda: device.run(*state).strip() == "ii", "dpkg's note of the former release")
    device.run("rm", "-f", "/var/backups/gateway/probation")
    device.run(
        "sh",
        "-c",
        f"echo 'raise RuntimeError(\"no pydantic\")' >$(echo {MODULES})/pydantic/__init__.py",
    )
    device.run("systemctl", "restart", "--no-block", "gateway.target", "gateway-api.service")
    device.run("systemctl", "restart", "--no-block", "gateway-controller.service")
    eventually(lambda: device.unit("gateway-safe.service")[0] == "active", "the safe page")
    page.goto(PAGE)
    page.wait_for_url("https://127.0.0.1:8443/")
    happened = page.get_by_role("alert").filter(has_text="The device's program does not start.")
    expect(happened).to_be_visible()
    expect(page.locator("main")).to_contain_text("no card opens a door")
    # Its own program for the relays needs the broken packages too.
    expect(page.get_by_role("alert").filter(has_text="check each door")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("no pydantic")
    page.get_by_label("Code").fill("22222-22222")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="code is wrong")).to_be_visible()
    page.get_by_label("Code").fill(device.run("cat", "/run/gateway-safe-page/code").strip())
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("pre")).to_contain_text("RuntimeError: no pydantic")

    forged = directory / "forged.update"
    good = update(LAST, directory)
    forged.write_bytes(good.read_bytes()[:-1] + b"!")
    page.get_by_label("Update file").set_input_files(forged)
    page.get_by_role("button", name="Install").click()
    expect(page.get_by_role("status")).to_contain_text("was changed after it was signed")
    page.get_by_label("Update file").set_input_files(good)
    page.get_by_role("button", name="Install").click()
    # The device's own page takes over by itself.
    expect(page.get_by_label("Password")).to_be_visible(timeout=INSTALL_MS)
    assert device.run("gateway", "version").strip() == f"gateway {LAST}"
    assert device.unit("gateway-safe.service")[0] == "inactive"
