"""`make test-vm` where there can be no virtual machine, with stand-ins for what it starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    shutil.copy(root / "Makefile", tmp_path)
    program(tmp_path / ".ci/setup", "#!/bin/bash\n")
    program(tmp_path / ".venv/bin/pytest", '#!/bin/bash\necho "pytest $*" >>calls\n')
    return tmp_path


def make(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=tree, env=inherited, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("command", "answer"), [("uname", "Linux aarch64"), ("id", "1000")], ids=["machine", "user"]
)
def test_a_machine_that_cannot_have_it_is_told_loudly(
    command: str, answer: str, root: Path, tree: Path
) -> None:
    shutil.copy(root / ".ci/vm", tree / ".ci/vm")
    program(tree / "stand-in" / command, f'#!/bin/bash\necho "{answer}"\n')
    if command == "id":
        program(tree / "stand-in/uname", '#!/bin/bash\necho "Linux x86_64"\n')
    path = f"{tree / 'stand-in'}:{os.environ['PATH']}"
    done = subprocess.run(
        [".ci/vm"], cwd=tree, env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 75
    assert "THE TESTS IN THE VIRTUAL MACHINE DID NOT RUN" in done.stderr
    assert not (tree / ".vm").exists()


@pytest.mark.parametrize(
    ("code", "made", "ran"), [(0, 0, True), (75, 0, False), (1, 2, False)], ids=str
)
def test_the_tests_run_only_in_a_machine_that_was_built(
    code: int, made: int, ran: bool, tree: Path
) -> None:
    program(tree / ".ci/vm", f"#!/bin/bash\nexit {code}\n")
    assert make(tree, "test-vm").returncode == made
    assert (tree / "calls").exists() is ran


def test_the_soak_sends_many_more_frames(tree: Path) -> None:
    program(tree / ".ci/vm", "#!/bin/bash\n")
    program(tree / ".venv/bin/pytest", '#!/bin/bash\necho "$GATEWAY_VM_FRAMES $*" >>calls\n')
    assert make(tree, "soak-vm").returncode == 0
    assert (tree / "calls").read_text().startswith("10000 ")
