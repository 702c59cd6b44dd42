"""Cleans up runtime directories in the temporary directory, which nothing else removes."""

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
"""Files that the next start needs: the simulated board's record and the clock mark. An orderly stop
moves them to the data directory."""
QUIET_S = 60
"""A directory with a newer change may belong to a gateway that is starting."""


def is_temporary(runtime: RuntimeDirectory) -> bool:
    """Return whether the directory is one of this program's in the temporary directory."""
    path = runtime.path
    return path.parent == Path(tempfile.gettempdir()) and path.name.startswith(_prefix())


def bring_back(runtime: RuntimeDirectory, data: Path) -> None:
    """Move back the files that `clear` left in the data directory. The caller holds lock `run`."""
    if not is_temporary(runtime):
        return
    for name in OUTLIVES_AN_END:
        if (data / name).exists() and not (runtime.path / name).exists():
            shutil.move(data / name, runtime.path / name)


def clear(runtime: RuntimeDirectory, data: Path) -> None:
    """Remove a temporary directory after an orderly stop. The caller holds lock `run`."""
    if not is_temporary(runtime):
        return
    for name in OUTLIVES_AN_END:
        if (runtime.path / name).exists():
            shutil.move(runtime.path / name, data / name)
    shutil.rmtree(runtime.path, ignore_errors=True)


def sweep(own: RuntimeDirectory) -> None:
    """Remove temporary directories that killed gateways of this user left.

    Keeps `own`, and every directory that another user owns or can enter, that has a held lock, or
    that changed within QUIET_S.
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
                continue  # in use, or another process sweeps it
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
