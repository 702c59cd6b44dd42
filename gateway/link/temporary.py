"""Runtime directories below the temporary directory, which neither systemd nor a log-out clears."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from gateway.errors import DataDirectoryError
from gateway.link.runtime import RuntimeDirectory

ROLES = ("run", "controller", "api")
OUTLIVES_AN_END = ("board.record", "clock-set")
"""What still holds at the next start: how the simulated wires are, and who set the clock. An
orderly end leaves these files in the data directory."""
QUIET_S = 60
"""A directory in which something changed more recently may belong to a gateway that starts."""


def is_temporary(runtime: RuntimeDirectory) -> bool:
    """Whether this program made the directory below the temporary one, and so has to clear it."""
    path = runtime.path
    return path.parent == Path(tempfile.gettempdir()) and path.name.startswith(_prefix())


def bring_back(runtime: RuntimeDirectory, data: Path) -> None:
    """Take what `clear` left in the data directory. For the holder of the lock `run`."""
    if not is_temporary(runtime):
        return
    for name in OUTLIVES_AN_END:
        if (data / name).exists() and not (runtime.path / name).exists():
            shutil.move(data / name, runtime.path / name)


def clear(runtime: RuntimeDirectory, data: Path) -> None:
    """Remove a temporary directory after an orderly end. For the holder of the lock `run`."""
    if not is_temporary(runtime):
        return
    for name in OUTLIVES_AN_END:
        if (runtime.path / name).exists():
            shutil.move(runtime.path / name, data / name)
    shutil.rmtree(runtime.path, ignore_errors=True)


def sweep(own: RuntimeDirectory) -> None:
    """Remove the temporary directories that gateways of this user left when they were killed.

    `own` stays, and so does every directory that another user owns or may enter, in which a
    process holds a lock, or in which something changed within QUIET_S.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{_prefix()}*"):
        if path == own.path or not _is_private_and_quiet(path):
            continue
        runtime = RuntimeDirectory(path)
        with ExitStack() as locks:
            try:
                for role in ROLES:
                    locks.enter_context(runtime.claim(role))
            except (DataDirectoryError, OSError):
                continue  # it is in use, or somebody else sweeps
            shutil.rmtree(path, ignore_errors=True)


def _is_private_and_quiet(path: Path) -> bool:
    try:
        status = path.lstat()
        latest = max([status.st_mtime, *(entry.lstat().st_mtime for entry in path.iterdir())])
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and not status.st_mode & 0o077
        and latest < time.time() - QUIET_S
    )


def _prefix() -> str:
    return f"gateway-{os.geteuid()}-"
