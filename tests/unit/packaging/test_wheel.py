"""What is in the wheel, and that the tests run against an installed copy of it."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

import gateway
from gateway.hardware.boards.profiles import load_profile

NOT_INSTALLED = "the gateway is not installed in this environment; `make test` installs it"


@pytest.fixture
def installed() -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution("gateway")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(NOT_INSTALLED)


def is_editable(installed: importlib.metadata.Distribution) -> bool:
    origin = installed.read_text("direct_url.json")
    return origin is not None and bool(json.loads(origin).get("dir_info", {}).get("editable"))


@pytest.mark.parametrize("directory", ["hw", "systemd", "udev"])
def test_the_wheel_carries_every_file_of(
    directory: str, root: Path, wheel: zipfile.ZipFile
) -> None:
    files = [path for path in (root / directory).rglob("*") if path.is_file()]
    assert files
    for path in files:
        packed = wheel.read(f"gateway/_share/{path.relative_to(root)}")
        assert packed == path.read_bytes(), path


def test_the_wheel_carries_every_file_of_the_package(root: Path, wheel: zipfile.ZipFile) -> None:
    files = {
        str(path.relative_to(root))
        for path in (root / "gateway").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - set(wheel.namelist()) == set()


def test_the_wheel_carries_nothing_that_is_not_the_product(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top.partition("-")[0] for top in tops} == {"gateway"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name]


def test_the_wheel_names_its_licence_and_carries_it(root: Path, wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    assert "License-Expression: Apache-2.0" in wheel.read(metadata).decode().splitlines()
    licence = metadata.replace("METADATA", "licenses/LICENSE")
    assert wheel.read(licence) == (root / "LICENSE").read_bytes()


def test_the_wheel_makes_the_gateway_command(wheel: zipfile.ZipFile) -> None:
    (entries,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    parsed = ConfigParser()
    parsed.read_string(wheel.read(entries).decode())
    assert dict(parsed["console_scripts"]) == {"gateway": "gateway.cli.main:main"}


def test_the_installed_command_answers(installed: importlib.metadata.Distribution) -> None:
    script = Path(sys.executable).with_name("gateway")
    answer = subprocess.run([script, "version"], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["gateway", installed.version]


def test_the_tests_meet_an_installed_copy_and_not_the_sources(
    root: Path, installed: importlib.metadata.Distribution
) -> None:
    assert not is_editable(installed)
    assert Path(gateway.__path__[0]) != root / "gateway"


def test_every_board_file_loads(root: Path) -> None:
    boards = sorted(path.stem for path in (root / "hw/boards").glob("*.toml"))
    assert "simulated" in boards
    for board in boards:
        load_profile(board)
