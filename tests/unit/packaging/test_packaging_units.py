"""The systemd units, checked by systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = ["gateway-controller.service", "gateway-api.service"]


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package systemd)")
    return found


def verify(unit: Path) -> subprocess.CompletedProcess[str]:
    # Without --recursive-errors, unknown keys are a warning with exit status 0.
    return subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )


def options(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


@pytest.fixture(params=UNITS)
def unit(root: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of a unit whose program exists on this machine, as the real one does on a device."""
    text = (root / "systemd" / request.param).read_text()
    text, count = re.subn(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
    assert count == 1
    copy = tmp_path / str(request.param)
    copy.write_text(text)
    return copy


def test_systemd_accepts_the_unit_without_a_word(unit: Path) -> None:
    answer = verify(unit)
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


def test_systemds_check_would_find_a_misspelt_key(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    answer = verify(unit)
    assert answer.returncode != 0
    assert "WatchdogSecs" in answer.stderr


def test_the_unit_is_exposed_little(unit: Path) -> None:
    answer = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=true", "--threshold=40", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-500:] + answer.stderr


def test_the_unit_is_watched_and_always_comes_back(unit: Path) -> None:
    text = unit.read_text()
    assert options(text, "Type") == ["notify"]
    assert options(text, "WatchdogSec") == ["30"]
    assert options(text, "Restart") == ["always"]
    assert options(text, "StartLimitIntervalSec") == ["0"]


def test_the_controller_has_the_devices_and_no_network(root: Path) -> None:
    text = (root / "systemd/gateway-controller.service").read_text()
    assert options(text, "RestrictAddressFamilies") == ["AF_UNIX"]
    assert options(text, "PrivateNetwork") == ["yes"]
    assert options(text, "CapabilityBoundingSet") == [""]
    assert "char-gpiochip rw" in options(text, "DeviceAllow")


def test_the_api_has_the_network_and_no_devices(root: Path) -> None:
    text = (root / "systemd/gateway-api.service").read_text()
    assert options(text, "PrivateDevices") == ["yes"]
    assert options(text, "DeviceAllow") == []
    assert options(text, "CapabilityBoundingSet") == ["CAP_NET_BIND_SERVICE"]
    assert "/var/lib/gateway" not in options(text, "ReadWritePaths")[0].split()


def test_neither_process_waits_for_the_other_to_live(root: Path) -> None:
    for name in UNITS:
        text = (root / "systemd" / name).read_text()
        for key in ("Requires", "Requisite", "BindsTo", "PartOf"):
            assert options(text, key) == []
