"""What the packaging tests share."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .device import Device, tool


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return Path(__file__).parents[3]


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of this tree, built without a network and without leaving anything in the tree."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=root,
        check=True,
        capture_output=True,
    )
    (path,) = target.glob("gateway-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture
def device(root: Path) -> Iterator[Device]:
    if os.geteuid() != 0:
        pytest.skip("only root can lay out files of several users")
    # The directories of pytest's own cannot be entered by other users.
    with tempfile.TemporaryDirectory(prefix="gateway-root-") as name:
        top = Path(name)
        top.chmod(0o755)
        (top / "etc").mkdir()
        sysusers = str(root / "systemd/sysusers.d/gateway.conf")
        subprocess.run(
            [tool("systemd-sysusers"), f"--root={top}", sysusers], check=True, capture_output=True
        )
        groups = [line.split(":") for line in (top / "etc/group").read_text().splitlines()]
        users = {}
        for line in (top / "etc/passwd").read_text().splitlines():
            user, _, number, first, *_ = line.split(":")
            others = [int(group) for _, _, group, names in groups if user in names.split(",")]
            users[user] = (int(number), [int(first), *others])
        made = Device(root, top, users)
        made.tidy()
        yield made
