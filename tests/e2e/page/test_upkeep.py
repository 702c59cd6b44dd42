"""Backup, restore, restart, reset and the file for support, at a running gateway."""

from __future__ import annotations

import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.conftest import Running
from tests.e2e.page.conftest import Screen

ANA = "123,45678"


def test_a_backup_is_looked_into_and_brings_back_what_a_reset_took(
    phone: Screen, demo: Running, tmp_path: Path
) -> None:
    people = demo.api.load("users", order=["id"])
    pins = demo.api.load("pins")
    page = phone.open("/settings/backup")
    phone.sound()
    page.get_by_label("Passphrase, or nothing").fill("correct horse")
    page.get_by_role("button", name="Save a backup").click()
    expect(page.get_by_role("alert")).to_contain_text("The two passphrases differ.")
    page.get_by_label("Passphrase, or nothing").fill("correct horse")
    page.get_by_label("Once more").fill("correct horse")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save a backup").click()
    saved = tmp_path / download.value.suggested_filename
    assert saved.suffix == ".gwbackup"
    download.value.save_as(saved)

    page = phone.open("/settings/restart")
    phone.sound()
    page.get_by_label("Type the name of the site").fill("Depot")
    page.get_by_role("button", name="Delete everything").click()
    expect(page.get_by_role("alert")).to_contain_text("not the name of this site")
    assert demo.api.load("users", order=["id"]) == people
    page.get_by_label("Type the name of the site").fill("Demo")
    page.get_by_role("button", name="Delete everything").click()
    expect(page.get_by_role("heading", name="The device is reset")).to_be_visible()
    phone.sound()
    assert demo.api.load("users") == []

    page.get_by_role("button", name="Backup and restore").click()
    other = tmp_path / "other.gwbackup"
    other.write_bytes(b"x" * 3_000_000)  # more than any other view takes
    page.get_by_label("Backup file").set_input_files(other)
    page.get_by_role("button", name="Look into the file").click()
    expect(page.get_by_role("alert")).to_contain_text("the file is not a backup of a gateway")

    page.get_by_label("Backup file").set_input_files(saved)
    page.get_by_label("Its passphrase").fill("another horse")
    page.get_by_role("button", name="Look into the file").click()
    expect(page.get_by_role("alert")).to_contain_text("the passphrase is not that of this backup")
    page.get_by_label("Its passphrase").fill("correct horse")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Look into the file").click()
    row = page.get_by_role("row", name="People")
    expect(row.get_by_role("cell")).to_have_text(["0", str(len(people)), str(len(people))])
    assert demo.api.load("users") == []
    phone.sound()
    page.get_by_role("button", name="Restore this file").click()
    expect(page.get_by_role("status").filter(has_text="The backup is restored")).to_be_visible()
    phone.sound()
    assert demo.api.load("users", order=["id"]) == people
    assert demo.api.load("pins") == pins
    assert demo.swiped(ANA)["event"] == 7


def test_a_machine_that_cannot_be_restarted_says_so(phone: Screen) -> None:
    page = phone.open("/settings/restart")
    page.get_by_label("Nobody needs a door").check()
    page.get_by_role("button", name="Restart the machine").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be restarted from here")
    expect(page.get_by_role("alert")).to_contain_text("on a simulated board")
    phone.sound()


def test_the_file_for_support_holds_what_was_said_and_no_secret(
    phone: Screen, demo: Running, tmp_path: Path
) -> None:
    wrong = "a-guess-that-nobody-sees"
    refused = demo.api.http.post(
        f"{demo.url}/login.fcgi", json={"login": "admin", "password": wrong}, timeout=20
    )
    assert refused.status_code == 401
    assert demo.swiped(ANA)["event"] == 7
    page = phone.open("/settings/diagnostics")
    phone.sound()
    told = page.locator("main li .mono").all_text_contents()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the file").click()
    saved = tmp_path / "support.zip"
    download.value.save_as(saved)
    with zipfile.ZipFile(saved) as made:
        parts = {name: made.read(name).decode() for name in made.namelist()}
    assert list(parts) == told
    assert "controller: runs as process" in parts["doctor.txt"]
    assert "api ready" in parts["log.txt"]
    secrets = (demo.site.password, wrong, demo.api.token, "Ana", "45678", "page_session")
    for secret in secrets:
        assert [name for name, text in parts.items() if secret in text] == [], secret


def test_the_device_tells_its_version_and_the_licences(phone: Screen) -> None:
    page = phone.open("/more")
    page.get_by_role("link", name="Version").click()
    expect(page.get_by_role("heading", name="About this device")).to_be_visible()
    phone.sound()
    page.get_by_role("link", name="0BSD").click()
    expect(page.locator("body")).to_contain_text("Zero-Clause BSD")
    page.go_back()
    page.get_by_role("link", name="How to upgrade").click()
    expect(page.get_by_role("heading", name="Upgrade")).to_be_visible()


def test_a_computer_with_a_simulated_board_refuses_an_update_in_plain_words(
    phone: Screen, tmp_path: Path
) -> None:
    page = phone.open("/settings/update")
    phone.sound()
    update = tmp_path / "gateway.update"
    update.write_bytes(b"x" * 3_000_000)  # more than any other view takes
    page.get_by_label("Update file").set_input_files(update)
    page.get_by_role("button", name="Look into the file").click()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("This update is refused. Nothing has changed.")
    expect(refusal).to_contain_text("on a simulated board")
    phone.sound()
