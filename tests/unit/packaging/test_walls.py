"""The walls between the rooms hold, and each of them would notice being broken."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

BREACHES = {
    "a room imports only from rooms below it": ("objects", "import gateway.store"),
    "a room of the store imports only from rooms below it": (
        "store/files",
        "import gateway.store.objects",
    ),
    "a room of the controller imports only from rooms below it": (
        "controller/state",
        "import gateway.controller.doors",
    ),
    "what serves clients touches no hardware": ("api", "import gateway.hardware"),
    "what serves clients is not the controller": ("api", "import gateway.controller"),
    "link, host and hardware know no tables": ("hardware", "import gateway.objects"),
    "link touches neither the system nor the wires": ("link", "import gateway.host"),
    "objects and host know nothing of doors and rules": ("objects", "import gateway.doors"),
    "the pure rooms have no clock, no input or output, no thread, no log": (
        "access",
        "import time",
    ),
    "the controller serves no web page": ("controller", "import flask"),
    "the safe page and root's helper of updates need the standard library alone": (
        "safe",
        "import pydantic",
    ),
    "no cycle of imports among siblings": ("host", "import gateway.cli"),
}


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    shutil.copytree(root / "gateway", tmp_path / "gateway")
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def verdicts(tree: Path) -> dict[str, str]:
    script = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run(
        [script, "--no-cache", "--no-logo"], cwd=tree, capture_output=True, text=True, check=False
    )
    found = re.findall(r"^(.+) (KEPT|BROKEN)\b", answer.stdout, re.MULTILINE)
    assert found, answer.stdout + answer.stderr
    assert (answer.returncode == 0) == all(verdict == "KEPT" for _, verdict in found)
    return dict(found)


def test_every_wall_holds(tree: Path) -> None:
    assert set(verdicts(tree).values()) == {"KEPT"}


def test_every_wall_notices_its_breach(tree: Path) -> None:
    contracts = tomllib.loads((tree / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert {contract["name"] for contract in contracts["contracts"]} == set(BREACHES)
    for number, (room, line) in enumerate(BREACHES.values()):
        (tree / "gateway" / room / f"breach_{number}.py").write_text(f"{line}\n")
    assert verdicts(tree) == dict.fromkeys(BREACHES, "BROKEN")


def test_a_room_that_is_not_in_the_list_is_noticed(tree: Path) -> None:
    (tree / "gateway/cellar").mkdir()
    (tree / "gateway/cellar/__init__.py").write_text("")
    assert verdicts(tree)["a room imports only from rooms below it"] == "BROKEN"


def test_rooms_that_are_announced_are_placed_already(tree: Path) -> None:
    for room in ("uplink", "web"):
        (tree / "gateway" / room).mkdir(exist_ok=True)
        (tree / "gateway" / room / "breach.py").write_text("import gateway.hardware\n")
        (tree / "gateway" / room / "__init__.py").touch()
        assert verdicts(tree)["what serves clients touches no hardware"] == "BROKEN"
        (tree / "gateway" / room / "breach.py").unlink()


def test_a_name_of_a_class_stands_for_one_thing_in_the_whole_package(root: Path) -> None:
    places: dict[str, list[str]] = {}
    for path in (root / "gateway").rglob("*.py"):
        for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            places.setdefault(name, []).append(str(path.relative_to(root)))
    assert "Controller" in places
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
