"""The runtime directory: private, found again, and the judge of who is running."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import DataDirectoryError
from gateway.link.runtime import RUNTIME_FILE, RuntimeDirectory


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = tmp_path / "data"
    made.mkdir()
    return made


def test_it_is_private_and_the_same_at_every_start(data: Path) -> None:
    first = RuntimeDirectory.create(data)
    assert first.path.stat().st_mode & 0o777 == 0o700
    assert RuntimeDirectory.create(data).path == first.path
    assert RuntimeDirectory.find(data).path == first.path


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: os.truncate(path, 5),
    "empty": lambda path: os.truncate(path, 0),
    "no text": lambda path: path.write_bytes(bytes(range(128, 256))),
    "nested": lambda path: path.write_bytes(b"[" * 8_000),
    "a number": lambda path: path.write_text('{"runtime": 5}'),
    "large": lambda path: os.truncate(path, 1 << 40),
    "a pipe": as_fifo,
    "a directory": as_directory,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_note_keeps_no_gateway_from_starting(data: Path, damage: str) -> None:
    first = RuntimeDirectory.create(data)
    DAMAGE[damage](data / RUNTIME_FILE)
    with pytest.raises(DataDirectoryError, match="no gateway runs"):
        RuntimeDirectory.find(data)
    assert RuntimeDirectory.create(data).path == first.path
    if damage != "a directory":  # which is somebody's, and stays
        assert RuntimeDirectory.find(data).path == first.path


def test_two_sites_never_meet(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert RuntimeDirectory.create(other).path != RuntimeDirectory.create(data).path


def test_a_directory_that_others_may_enter_is_refused(data: Path) -> None:
    runtime = RuntimeDirectory.create(data)
    runtime.path.chmod(0o755)
    with pytest.raises(DataDirectoryError, match="not private"):
        RuntimeDirectory.create(data)


def test_a_path_too_long_for_a_socket_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / ("x" * 100)))
    with pytest.raises(DataDirectoryError, match="too long"):
        RuntimeDirectory.create(tmp_path)


def test_only_one_process_holds_a_role(data: Path) -> None:
    runtime = RuntimeDirectory.create(data)
    assert runtime.holder("controller") is None
    with runtime.claim("controller"):
        runtime.note("controller", "pid 1 http://here")
        assert runtime.holder("controller") == "pid 1 http://here"
        with (
            pytest.raises(DataDirectoryError, match="already running: pid 1 http://here"),
            runtime.claim("controller"),
        ):
            pass
    assert runtime.holder("controller") is None


def test_a_directory_where_nothing_ever_ran_says_so(data: Path) -> None:
    with pytest.raises(DataDirectoryError, match="no gateway runs"):
        RuntimeDirectory.find(data)
