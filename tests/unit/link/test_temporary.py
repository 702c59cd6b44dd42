"""Runtime directories below the temporary directory: cleared at an end, swept when left behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.link.runtime import RuntimeDirectory
from gateway.link.temporary import QUIET_S, bring_back, clear, sweep


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory with a path as short as the system's: a socket's may be no longer."""
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    with tempfile.TemporaryDirectory(prefix="t") as place:
        monkeypatch.setattr(tempfile, "tempdir", place)
        yield Path(place)


def site(tmp_path: Path, name: str) -> tuple[Path, RuntimeDirectory]:
    data = tmp_path / name
    data.mkdir()
    return data, RuntimeDirectory.create(data)


def age(path: Path) -> None:
    """Let nothing below `path` have changed for longer than QUIET_S."""
    long_ago = time.time() - QUIET_S - 1
    for entry in (*path.iterdir(), path):
        os.utime(entry, (long_ago, long_ago))


def test_an_orderly_end_removes_the_directory_and_keeps_what_the_next_start_needs(
    tmp_path: Path, temporary: Path
) -> None:
    data, runtime = site(tmp_path, "data")
    (runtime.path / "board.record").write_text("fire")
    (runtime.path / "commands").touch()
    clear(runtime, data)
    assert list(temporary.iterdir()) == []
    bring_back(RuntimeDirectory.create(data), data)
    assert (runtime.path / "board.record").read_text() == "fire"
    assert not (data / "board.record").exists()


def test_a_directory_of_the_system_is_left_to_the_system(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = temporary / "users"
    users.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(users))
    data, runtime = site(tmp_path, "data")
    clear(runtime, data)
    assert runtime.path.exists()
    assert list(temporary.iterdir()) == [users]


def test_what_a_killed_gateway_left_is_swept(tmp_path: Path, temporary: Path) -> None:
    _, own = site(tmp_path, "own")
    _, left = site(tmp_path, "left")
    (left.path / "run.lock").write_text("pid 1")
    age(left.path)
    sweep(own)
    assert list(temporary.iterdir()) == [own.path]


@pytest.mark.parametrize("role", ["run", "controller", "api"])
def test_a_directory_in_use_is_not_swept(tmp_path: Path, temporary: Path, role: str) -> None:
    _, own = site(tmp_path, "own")
    _, busy = site(tmp_path, "busy")
    with busy.claim(role):
        age(busy.path)
        sweep(own)
        assert sorted(busy.path.iterdir())
        assert busy.holder(role) == f"pid {os.getpid()}"
    assert busy.path.parent == temporary


def test_a_directory_that_may_belong_to_a_start_is_not_swept(
    tmp_path: Path, temporary: Path
) -> None:
    _, own = site(tmp_path, "own")
    _, starting = site(tmp_path, "starting")
    sweep(own)
    assert starting.path.parent == temporary
    assert starting.path.exists()


def test_what_is_not_a_private_directory_of_this_user_is_not_swept(
    tmp_path: Path, temporary: Path
) -> None:
    _, own = site(tmp_path, "own")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    age(elsewhere)
    link = temporary / f"gateway-{os.geteuid()}-0123456789ab"
    link.symlink_to(elsewhere)
    _, shared = site(tmp_path, "shared")
    age(shared.path)
    shared.path.chmod(0o755)
    other = temporary / "gateway-1-0123456789ab"
    other.mkdir(mode=0o700)
    age(other)
    sweep(own)
    assert link.is_symlink()
    assert elsewhere.exists()
    assert shared.path.exists()
    assert other.exists()
