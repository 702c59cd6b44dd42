"""Copies of databases on a disk that is read-only.

SQLite reads no file with a write-ahead log from such a disk: it needs to make a file beside it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path

from gateway.errors import StorageError

LARGEST_COPY = 256 * 1024 * 1024
"""Bytes, since a copy may lie in memory."""


def on_read_only_disk(path: Path) -> bool:
    """Whether nothing can be written where the file at `path` is."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


class _PrivateDirectory:
    """A directory in the temporary directory until `close` or the end of the process.

    It is locked as long as its process lives: `sweep_left` removes those of killed ones.
    """

    def __init__(self) -> None:
        """Raises OSError."""
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_prefix()))
            lock = _locked(self.path)
            if lock is not None:  # otherwise another process swept it before it was locked
                break
        self.close: Callable[[], object] = weakref.finalize(self, _remove, self.path, lock)


class FileCopy:
    """A database with its write-ahead log, in a private directory until `close`."""

    def __init__(self, path: Path) -> None:
        """Raises StorageError where the file cannot be read, is too large, or nothing can be
        written anywhere."""
        whole = path.resolve()
        log = whole.with_name(f"{whole.name}-wal")
        try:
            size = whole.stat().st_size + (log.stat().st_size if log.exists() else 0)
            if size > LARGEST_COPY:
                raise StorageError(f"{path} cannot be read: {size} bytes are too many to copy")
            self._directory = _PrivateDirectory()
            self.path = self._directory.path / whole.name
            shutil.copyfile(whole, self.path)
            if log.exists():
                shutil.copyfile(log, f"{self.path}-wal")
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(f"{path} cannot be read: {error}") from error

    def close(self) -> None:
        self._directory.close()


def sweep_left() -> None:
    """Remove the copies that killed processes of this user left: they hold secrets."""
    try:
        directory = Path(tempfile.gettempdir())
    except (
        FileNotFoundError
    ):  # none that can be written: none was left, and doors open all the same
        return
    for path in directory.glob(f"{_prefix()}*"):
        lock = _locked(path)
        if lock is not None:
            _remove(path, lock)


def _prefix() -> str:
    return f"gateway-copy-{os.geteuid()}-"


def _locked(path: Path) -> int | None:
    """A lock on the directory of this user at `path`; None where a process holds it, or it is gone
    or another's."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = path.lstat()
        if found.st_uid == os.geteuid() and os.path.samestat(found, os.fstat(lock)):
            return lock
    except OSError:
        pass
    os.close(lock)
    return None


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
