"""The runtime directory: private, found again, and the judge of who is running."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import DataDirectoryError
from gateway.host.clock_trust import RELEASED, ClockTrust, ClockVerdict
from gateway.link.runtime import RUNTIME_FILE, RuntimeDirectory


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A directory whose path is short enough for sockets, which that of a test may not be."""
    with tempfile.TemporaryDirectory(prefix="gw-") as made:
        yield Path(made)


def test_it_is_private_and_the_same_at_every_start(data: Path) -> None:
    first = RuntimeDirectory.create(data)
    assert first.path.stat().st_mode & 0o777 == 0o700
    assert RuntimeDirectory.create(data).path == first.path
    claimed(data)
    assert RuntimeDirectory.find(data).path == first.path


def claimed(data: Path) -> RuntimeDirectory:
    """The directory, once a controller has used it."""
    runtime = RuntimeDirectory.create(data)
    with runtime.claim("controller", data / "journal.db"):
        return runtime


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
    first = claimed(data)
    DAMAGE[damage](data / RUNTIME_FILE)
    with pytest.raises(DataDirectoryError, match="no gateway runs"):
        RuntimeDirectory.find(data)
    assert claimed(data).path == first.path
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


def test_a_start_waits_for_somebody_who_asks_for_the_holder(data: Path) -> None:
    runtime = RuntimeDirectory.create(data)
    with runtime.claim("controller"):
        pass
    asking = os.open(runtime.path / "controller.lock", os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)
    answered = threading.Timer(0.05, os.close, (asking,))
    answered.start()
    with runtime.claim("controller"):
        assert runtime.holder("controller") == f"pid {os.getpid()}"
    answered.join()


def test_of_several_starts_at_once_one_succeeds(data: Path) -> None:
    runtime = RuntimeDirectory.create(data)
    began, ended = threading.Barrier(8), threading.Barrier(8)
    refused = []

    def start() -> None:
        began.wait()
        try:
            with runtime.claim("controller"):
                ended.wait()
        except DataDirectoryError as error:
            refused.append(error)
            ended.wait()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7


def test_a_second_runtime_directory_does_not_allow_a_second_process_on_the_same_data(
    data: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = RuntimeDirectory.create(data)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(elsewhere))
    second = RuntimeDirectory.create(data)
    assert second.path != first.path
    database = data / "journal.db"
    with first.claim("controller", database):
        assert second.holder("controller", database) == f"pid {os.getpid()}"
        with (
            pytest.raises(DataDirectoryError, match=f"already running: pid {os.getpid()}"),
            second.claim("controller", database),
        ):
            pass
        assert RuntimeDirectory.find(data).path == first.path
    with second.claim("controller", database):
        assert RuntimeDirectory.find(data).path == second.path


def test_nobody_else_can_open_a_lock(data: Path) -> None:
    runtime = RuntimeDirectory.create(data)
    with runtime.claim("controller", data / "journal.db"):
        for lock in (runtime.path / "controller.lock", data / "controller.lock"):
            assert lock.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "put",
    [lambda lock: lock.symlink_to("none"), os.mkfifo, Path.mkdir],
    ids=["link", "pipe", "dir"],
)
def test_what_is_no_lock_file_is_put_aside(data: Path, put: Callable[[Path], object]) -> None:
    runtime = RuntimeDirectory.create(data)
    lock = runtime.path / "run.lock"
    put(lock)
    assert runtime.holder("run") is None
    with runtime.claim("run"):
        assert runtime.holder("run") == f"pid {os.getpid()}"
    assert os.path.lexists(f"{lock}.aside-1")


@pytest.mark.parametrize("is_held", [False, True])
def test_a_lock_that_cannot_be_opened_is_put_aside_unless_a_process_holds_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, *, is_held: bool
) -> None:
    runtime = RuntimeDirectory.create(data)
    lock = runtime.path / "run.lock"
    lock.touch()
    opened, denied = os.open, [lock]

    def deny(path: Any, *args: Any, **more: Any) -> int:
        if Path(path) == lock and denied:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *args, **more)

    with lock.open() as holder, ExitStack() as stack:
        if is_held:
            fcntl.flock(holder, fcntl.LOCK_EX)
        monkeypatch.setattr(os, "open", deny)
        if is_held:
            with pytest.raises(DataDirectoryError, match=f"the lock {lock} cannot be used"):
                runtime.holder("run")
            with pytest.raises(DataDirectoryError, match="Permission denied"):
                stack.enter_context(runtime.claim("run"))
        else:
            assert runtime.holder("run") is None
            monkeypatch.setattr("gateway.link.locks.move_aside", lambda _: denied.clear())
            stack.enter_context(runtime.claim("run"))
            assert runtime.holder("run") == f"pid {os.getpid()}"


def test_systemds_second_directory_is_the_apis(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, apis = tmp_path / "own", tmp_path / "apis"
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{own}:{apis}")
    own.mkdir()
    apis.mkdir()
    runtime = RuntimeDirectory.create(data)
    assert runtime.command_socket.parent == own
    assert runtime.clock_mark.parent == apis
    with runtime.claim("api"):
        assert (apis / "api.lock").exists()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _directory(path: Path) -> None:
    path.mkdir()


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize("put", [_fifo, _directory, _endless, _huge])
def test_what_another_user_put_in_the_place_of_a_file_holds_up_nobody(
    data: Path, put: Callable[[Path], None]
) -> None:
    put(data / "runtime.json")
    runtime = claimed(data)
    put(runtime.clock_mark)
    trust = ClockTrust(None, battery_clock=data / "none", set_by_hand=runtime.clock_mark)
    assert trust.judge(RELEASED) is not ClockVerdict.SET_BY_HAND


def test_a_directory_where_nothing_ever_ran_says_so(data: Path) -> None:
    with pytest.raises(DataDirectoryError, match="no gateway runs"):
        RuntimeDirectory.find(data)
