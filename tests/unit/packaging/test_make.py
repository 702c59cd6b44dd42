"""What `make run` and the set-up behind it do, with stand-ins for what they start."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Notes its arguments; `init` makes the database, `run` says that it is ready and waits.
GATEWAY = """
import pathlib, signal, sys
with open("calls", "a") as calls:
    print(*sys.argv[1:], file=calls)
if sys.argv[1] == "init":
    print("password  shown once")
    pathlib.Path(".gateway").mkdir()
    pathlib.Path(".gateway/store.db").touch()
    sys.exit()
if "--refuse" in sys.argv:
    sys.exit(1)
def stop(number, frame):
    pathlib.Path("stopped").touch()
    sys.exit()
signal.signal(signal.SIGTERM, stop)
print("ready http://127.0.0.1:8080", flush=True)
if "--once" not in sys.argv:
    signal.pause()
"""


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    shutil.copy(root / "Makefile", tmp_path)
    program(tmp_path / ".ci/setup", '#!/bin/bash\necho "setup $*" >>calls\n')
    program(tmp_path / ".venv/bin/gateway", f"#!{sys.executable}\n{GATEWAY}")
    return tmp_path


def make(tree: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", *arguments],
        cwd=tree,
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def calls(tree: Path) -> list[str]:
    return (tree / "calls").read_text().splitlines()


def test_the_first_run_makes_the_data_and_the_second_uses_it(tree: Path) -> None:
    for _ in range(2):
        make(tree, "run", "ARGS=--once").communicate()
    assert calls(tree) == [
        "setup run",
        "init --data .gateway --demo",
        "run --data .gateway --once",
        "setup run",
        "run --data .gateway --once",
    ]


def test_standard_output_is_the_gateways_alone(tree: Path) -> None:
    out, err = make(tree, "run", "ARGS=--once").communicate()
    assert out == "ready http://127.0.0.1:8080\n"
    assert "password" in err


def test_a_refusal_of_the_gateway_fails_make(tree: Path) -> None:
    process = make(tree, "run", "ARGS=--refuse")
    _, err = process.communicate()
    assert process.returncode != 0
    assert "Error 1" in err


def test_a_signal_to_make_stops_the_gateway_in_order(tree: Path) -> None:
    process = make(tree, "run")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready")
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert (tree / "stopped").exists()


def test_cleaning_keeps_the_data(tree: Path) -> None:
    make(tree, "run", "ARGS=--once").communicate()
    (tree / "gateway").mkdir()
    (tree / "tests").mkdir()
    make(tree, "clean").communicate()
    assert (tree / ".gateway/store.db").exists()
    assert not (tree / ".venv").exists()


def set_up(
    root: Path, tree: Path, python: str, apt: str = "exit 100"
) -> subprocess.CompletedProcess[str]:
    """Run the real set-up with `python` as the interpreter and `apt` as apt-get."""
    shutil.copy(root / ".ci/setup", tree / ".ci/setup")
    program(tree / "bin/python3", f"#!/bin/bash\n{python}\n")
    program(tree / "bin/apt-get", f"#!/bin/bash\n{apt}\n")
    path = f"{tree / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [".ci/setup", "run"],
        cwd=tree,
        env={**os.environ, "PATH": path, "PYTHON": "python3"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_out_of_range_is_refused_with_what_is_needed(root: Path, tree: Path) -> None:
    old = '[ "$1" = --version ] && echo Python 3.9.2 || exit 1'
    answer = set_up(root, tree, old)
    assert answer.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed; found python3: Python 3.9.2" in answer.stderr
    assert answer.stdout == ""


def test_what_cannot_be_installed_is_named(root: Path, tree: Path) -> None:
    without = f'[[ "$2" == *ensurepip* ]] && exit 1; exec {sys.executable} "$@"'
    answer = set_up(root, tree, without)
    version = "{}.{}".format(*sys.version_info)
    assert answer.returncode == 1
    assert f"apt-get install python{version}-venv" in answer.stderr


NOISE = "Setting up python3-venv ..."


def test_what_dpkg_writes_is_not_shown_when_it_succeeds(root: Path, tree: Path) -> None:
    python = (
        f'[[ "$2" == *ensurepip* && ! -e installed || "$2" == venv ]] && exit 1\n'
        f'exec {sys.executable} "$@"'
    )
    answer = set_up(root, tree, python, f"echo {NOISE}; echo {NOISE} >&2; touch installed")
    assert "making .venv" in answer.stderr
    assert NOISE not in answer.stdout + answer.stderr


def test_what_dpkg_writes_is_shown_when_it_fails(root: Path, tree: Path) -> None:
    without = f'[[ "$2" == *ensurepip* ]] && exit 1; exec {sys.executable} "$@"'
    answer = set_up(root, tree, without, f"echo {NOISE}; exit 100")
    assert answer.returncode == 1
    assert NOISE in answer.stderr
