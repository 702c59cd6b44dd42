"""What the api's user may ask of the operating system, and how it is started again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.host.helped_platform import SOCKET_VARIABLE
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


def test_the_helper_may_do_what_the_platform_does_and_no_more_and_the_api_nothing(
    root: Path,
) -> None:
    rules = (root / "systemd/polkit/gateway.rules").read_text()
    helper = (root / "systemd/gateway-system.service").read_text()
    assert set(re.findall(r'"(org\.[^"]+)"', rules)) == ACTIONS
    (user,) = re.findall(r"^User=(.+)$", helper, re.MULTILINE)
    assert re.findall(r'subject\.user === "([^"]+)"', rules) == [user]
    assert rules.count("polkit.Result.YES") == 1
    for path in (root / "systemd/polkit").iterdir():
        assert "gateway-api" not in path.read_text()


def test_the_apis_user_alone_reaches_the_helper(root: Path, unit: str) -> None:
    listener = (root / "systemd/gateway-system.socket").read_text()
    (user,) = re.findall(r"^User=(.+)$", unit, re.MULTILINE)
    assert re.findall(r"^Socket(\w+)=(.+)$", listener, re.MULTILINE) == [
        ("Mode", "0660"),
        ("Group", user),
    ]
    (path,) = re.findall(r"^ListenSequentialPacket=(.+)$", listener, re.MULTILINE)
    assert re.findall(rf"^Environment={SOCKET_VARIABLE}=(.+)$", unit, re.MULTILINE) == [path]


def test_the_api_reaches_the_system_bus(unit: str) -> None:
    (families,) = re.findall(r"^RestrictAddressFamilies=(.+)$", unit, re.MULTILINE)
    assert "AF_UNIX" in families.split()


def test_a_process_that_requests_a_restart_has_not_failed(root: Path, unit: str) -> None:
    controller = (root / "systemd/gateway-controller.service").read_text()
    for text in (unit, controller):
        found = re.findall(r"^SuccessExitStatus=(.+)$", text, re.MULTILINE)
        assert found == [str(RESTART_REQUESTED)]


def test_the_controllers_user_may_use_smart_card_readers_and_nothing_else(root: Path) -> None:
    rules = (root / "systemd/polkit/gateway-readers.rules").read_text()
    assert set(re.findall(r'"(org\.[^"]+)"', rules)) == {
        "org.debian.pcsc-lite.access_pcsc",
        "org.debian.pcsc-lite.access_card",
    }
    assert re.findall(r'subject\.user === "([^"]+)"', rules) == ["gateway-controller"]
    assert rules.count("polkit.Result.YES") == 1
