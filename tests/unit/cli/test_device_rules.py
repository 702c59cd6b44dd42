"""`gateway device-rules`: which keyboards are readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import device_rules as program
from gateway.cli.device_rules import device_rules, rules_of
from gateway.errors import GatewayError, SettingsError
from gateway.settings import SiteFile, parse_site

SITE = """
[site]
name = "Shop"
timezone = "Europe/Lisbon"
board = "simulated"

[[reader]]
name = "qr"
index = 1
kind = "hid"
portal = 1
device = '{device}'
"""
SCANNER = "/dev/input/by-id/usb-Datalogic_QW2100_S\\x2fN_G12-event-kbd"
RULE = (
    'SUBSYSTEM=="input", KERNEL=="event[0-9]*", '
    'SYMLINK=="input/by-id/usb-Datalogic_QW2100_S\\x2fN_G12-event-kbd", '
    'GROUP:="gateway-controller", MODE:="0660"'
)


def site(device: str) -> SiteFile:
    return parse_site(SITE.format(device=device), "site")


def rules(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_a_scanner_is_given_by_its_lasting_link_and_no_other_device_is() -> None:
    assert rules(rules_of(site(SCANNER))) == [RULE]


@pytest.mark.parametrize("device", ["/dev/serial/by-id/x", "/dev/ttyUSB0", "simulated"])
def test_what_is_no_input_device_needs_no_rule(device: str) -> None:
    assert rules(rules_of(site(device))) == []


@pytest.mark.parametrize(
    "device",
    [
        "/dev/input/event3",
        "/dev/input/by-id/*",
        "/dev/input/by-id/[a-z]",
        '/dev/input/by-id/x", RUN+="/bin/sh',
        "/dev/input/by-id/x|y",
        "/dev/input/by-id/../event0",
    ],
)
def test_a_device_that_could_be_another_one_tomorrow_is_refused(device: str) -> None:
    with pytest.raises(SettingsError, match="reader 'qr' device"):
        rules_of(site(device))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    (tmp_path / "gateway.toml").write_text(SITE.format(device=SCANNER))
    (tmp_path / "bin").mkdir()
    udevadm = tmp_path / "bin/udevadm"
    udevadm.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n')
    udevadm.chmod(0o755)
    monkeypatch.setattr("os.defpath", str(tmp_path / "bin"))
    monkeypatch.setattr(program, "RULES_FILE", tmp_path / "rules")
    return lambda *words: CliRunner().invoke(device_rules, ["--data", str(tmp_path), *words])


def test_they_are_printed_for_who_wants_to_look(run: Callable[..., Result], tmp_path: Path) -> None:
    assert rules(run().stdout) == [RULE]
    assert not (tmp_path / "rules").exists()


def test_installed_rules_are_applied_at_once_and_only_when_they_changed(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    for _ in range(2):
        assert run("--install").exit_code == 0
    assert rules((tmp_path / "rules").read_text()) == [RULE]
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["control --reload", "trigger --subsystem-match=input"]


def test_a_file_that_cannot_be_written_is_named(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "RULES_FILE", tmp_path / "missing/rules")
    answer = run("--install")
    assert isinstance(answer.exception, GatewayError)
    assert "missing/rules cannot be written: No such file" in str(answer.exception)


def test_what_udev_says_against_it_is_told(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "bin/udevadm").write_text("#!/bin/sh\necho 'no daemon' >&2\nexit 1\n")
    answer = run("--install")
    assert isinstance(answer.exception, GatewayError)
    assert "udevadm control: no daemon" in str(answer.exception)
