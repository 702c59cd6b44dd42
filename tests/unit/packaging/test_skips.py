"""The rule that a test may not vanish unseen."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

def test_passes():
    pass

def test_that_may_skip():
    pytest.skip("no such thing here")

@pytest.mark.xfail(reason="known", strict=True)
def test_expected_to_fail():
    assert False
"""
SKIPPING = """
def test_that_may_not_skip():
    pytest.skip("the tool is missing")
"""


@pytest.fixture
def suite(root: Path, tmp_path: Path) -> Path:
    shutil.copy(root / "tests/conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "allowed_skips.txt").write_text(
        "# free\n\ntest_suite.py::test_that_may_skip - needs a thing that no machine has\n"
    )
    return tmp_path


def run(suite: Path, skips: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra"],
        cwd=suite,
        # Loading the plugins of what is installed takes longer than the run.
        env={**os.environ, "GATEWAY_TEST_SKIPS": skips, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("system", "release", "user_id", "refused"),
    [
        ("debian", "12", 0, True),
        ("debian", "13", 0, True),
        ("raspbian", "13", 0, True),
        ("debian", "13", 1000, False),
        ("debian", "14", 0, False),
        ("ubuntu", "24.04", 0, False),
    ],
)
def test_a_skip_fails_the_run_where_everything_can_be_installed(
    root: Path, system: str, release: str, user_id: int, refused: bool
) -> None:
    refuses = runpy.run_path(str(root / "tests/conftest.py"))["skips_are_refused"]
    assert refuses({}, {"ID": system, "VERSION_ID": release}, user_id) is refused


def test_a_skip_that_is_named_with_a_reason_passes(suite: Path) -> None:
    answer = run(suite, "refuse")
    assert "1 passed, 1 skipped, 1 xfailed" in answer.stdout
    assert answer.returncode == 0


def test_a_skip_that_is_not_named_fails_the_run_and_says_why(suite: Path) -> None:
    with (suite / "test_suite.py").open("a") as file:
        file.write(SKIPPING)
    answer = run(suite, "refuse")
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed" in answer.stdout
    assert "may not be skipped on this machine (Skipped: the tool is missing)" in answer.stdout
    assert answer.returncode == 1


def test_a_whole_file_that_is_skipped_fails_the_run(suite: Path) -> None:
    (suite / "test_other.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    answer = run(suite, "refuse")
    assert "test_other.py may not be skipped on this machine" in answer.stdout
    assert answer.returncode != 0


def test_elsewhere_a_skip_is_reported_and_passes(suite: Path) -> None:
    with (suite / "test_suite.py").open("a") as file:
        file.write(SKIPPING)
    answer = run(suite, "allow")
    assert "1 passed, 2 skipped, 1 xfailed" in answer.stdout
    assert "the tool is missing" in answer.stdout
    assert answer.returncode == 0


def test_a_named_skip_without_a_reason_stops_the_run(suite: Path) -> None:
    (suite / "allowed_skips.txt").write_text("test_suite.py::test_that_may_skip\n")
    answer = run(suite, "refuse")
    assert "line 1: a reason is missing" in answer.stderr + answer.stdout
    assert answer.returncode != 0


def test_every_named_test_exists(root: Path) -> None:
    for line in (root / "tests/allowed_skips.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        path, _, name = line.partition(" - ")[0].strip().partition("::")
        assert f"def {name}(" in (root / path).read_text(), line
