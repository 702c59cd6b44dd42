"""The runtime directory: private, found again, and the judge of who is running."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import DataDirectoryError
from gateway.link.runtime import RuntimeDirectory


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
