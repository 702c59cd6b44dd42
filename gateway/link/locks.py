"""Lock files: one process at a time holds each. Nobody but its user can open one.

Whoever can read a file can take a shared lock on it, so a lock file has mode 0600.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.errors import DataDirectoryError
from gateway.files import move_aside

_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Neither follow a link nor wait at a FIFO that another process put there."""
_LONGEST_TEXT = 1_000
_LONGEST_QUERY_S = 1.0
_PAUSE_S = 0.005


@contextmanager
def held(path: Path, role: str) -> Iterator[None]:
    """Hold the lock at `path` for `role`, with this process's id in it.

    What is no lock file that this process may use, and nobody holds, is put aside. Raises
    DataDirectoryError that names the process holding it. A file system that is read-only and has no
    lock file yet needs none: nobody can write there.
    """
    try:
        try:
            lock = _opened(path)
        except OSError:
            if _may_be_held(path):
                raise
            move_aside(path)
            lock = _opened(path)
    except OSError as error:
        raise _unusable(path, error) from error
    if lock is None:
        yield
        return
    try:
        if not _take(lock):
            holder = _text(lock) or "another process"
            raise DataDirectoryError(f"the {role} is already running: {holder}")
        _write(lock, f"pid {os.getpid()}")
        yield
    finally:
        os.close(lock)


def rewrite(path: Path, text: str) -> None:
    """Replace the text in the lock at `path`, which this process holds."""
    lock = _opened(path)
    if lock is not None:
        try:
            _write(lock, text)
        finally:
            os.close(lock)


def holder_of(path: Path) -> str | None:
    """The text that the holder of the lock at `path` wrote; None without a holder.

    Raises DataDirectoryError for the held lock of another user, which cannot be opened.
    """
    try:
        lock = os.open(path, os.O_RDONLY | _SAFE)
    except FileNotFoundError:
        return None
    except OSError as error:
        if _may_be_held(path):
            raise _unusable(path, error) from error
        return None
    try:
        return None if _locked(lock, fcntl.LOCK_SH) else _text(lock)
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    """Lock the file for this process alone; False when another process has done so.

    `holder_of` takes a shared lock for a moment, which is waited for: flock(2) has no query.
    """
    end_s = time.monotonic() + _LONGEST_QUERY_S
    while not _locked(lock, fcntl.LOCK_EX):
        if not _locked(lock, fcntl.LOCK_SH) or time.monotonic() > end_s:
            return False
        fcntl.flock(lock, fcntl.LOCK_UN)
        time.sleep(_PAUSE_S)
    return True


def _locked(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _opened(path: Path) -> int | None:
    """The lock file, made if missing; None where it is missing and cannot be made."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | _SAFE, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    else:
        if stat.S_ISREG(os.fstat(lock).st_mode):
            return lock
        os.close(lock)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY | _SAFE)
    return None


def _may_be_held(path: Path) -> bool:
    """Whether a process may hold what is at `path`, which this one cannot open.

    The kernel lists the inodes of held locks (proc_locks(5)); equal numbers on two disks err on the
    side of a held one.
    """
    try:
        found = path.lstat()
        held = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return True
    inodes = re.findall(r"^\d+: FLOCK .* [0-9a-f]+:[0-9a-f]+:(\d+) ", held, re.MULTILINE)
    return stat.S_ISREG(found.st_mode) and str(found.st_ino) in inodes


def _unusable(path: Path, error: OSError) -> DataDirectoryError:
    return DataDirectoryError(f"the lock {path} cannot be used: {error.strerror}")


def _text(lock: int) -> str:
    return os.pread(lock, _LONGEST_TEXT, 0).decode("utf-8", "replace").strip()


def _write(lock: int, text: str) -> None:
    # On a full or read-only disk the lock holds without a text.
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, text.encode(), 0)
