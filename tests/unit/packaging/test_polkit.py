"""What the api's user may ask of the operating system, and how it is started again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.host.process import RESTART_REQUESTED

ACTIONS = {
    "org.freedesktop.login1.reboot",
    "org.freedesktop.login1.reboot-multiple-sessions",
    "org.freedesktop.timedate1.set-time",
    "org.freedesktop.timedate1.set-ntp",
    "org.freedesktop.timesync1.set-runtime-servers",
    "org.freedesktop.hostname1.set-static-hostname",
    "org.freedesktop.NetworkManager.network-control",
    "org.freedesktop.NetworkManager.settings.modify.system",
}
"""One or two for each thing that `Platform` does."""


@pytest.fixture
def unit(root: Path) -> str:
    return (root / "systemd/gateway-api.service").read_text()


def test_the_apis_user_may_do_what_the_platform_does_and_no_more(root: Path, unit: str) -> None:
    rules = (root / "systemd/polkit/gateway.rules").read_text()
    assert set(re.findall(r'"(org\.[^"]+)"', rules)) == ACTIONS
    assert re.findall(r'subject\.user === "([^"]+)"', rules) == re.findall(
        r"^User=(.+)$", unit, re.MULTILINE
    )
    assert rules.count("polkit.Result.YES") == 1


def test_the_api_reaches_the_system_bus(unit: str) -> None:
    (families,) = re.findall(r"^RestrictAddressFamilies=(.+)$", unit, re.MULTILINE)
    assert "AF_UNIX" in families.split()


def test_an_api_that_requests_a_restart_has_not_failed(unit: str) -> None:
    assert re.findall(r"^SuccessExitStatus=(.+)$", unit, re.MULTILINE) == [str(RESTART_REQUESTED)]


def test_the_controllers_user_may_use_smart_card_readers_and_nothing_else(root: Path) -> None:
    rules = (root / "systemd/polkit/gateway-readers.rules").read_text()
    assert set(re.findall(r'"(org\.[^"]+)"', rules)) == {
        "org.debian.pcsc-lite.access_pcsc",
        "org.debian.pcsc-lite.access_card",
    }
    assert re.findall(r'subject\.user === "([^"]+)"', rules) == ["gateway-controller"]
    assert rules.count("polkit.Result.YES") == 1
