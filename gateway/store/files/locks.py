"""Locks of SQLite's that the kernel failed to release."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

_HELD = Path("/proc/locks")
_FIRST, _LAST = 120, 127
"""Bytes of a -shm file that SQLite locks (wal.c, "WALINDEX_LOCK_OFFSET")."""
_LOOKS, _PAUSE_S = 10, 0.05
"""A reader locks for a moment to note from where it reads, and longer to recover the log."""


def left_locked(path: Path) -> bool:
    """Whether this process keeps a lock on the database at `path` that shuts others out; asked
    while none of its connections writes.

    SQLite takes such a lock for released. It lasts until the process closes every connection to the
    file; meanwhile nobody can write, or nobody can read. Takes 0.5 s while anything is locked.
    False where the kernel does not tell (`man 5 proc_locks`).
    """
    held = exclusive_locks(path)
    for _ in range(_LOOKS):
        if not held:
            break
        time.sleep(_PAUSE_S)
        held &= exclusive_locks(path)
    return bool(held)


def exclusive_locks(path: Path) -> set[int]:
    """The bytes of the -shm file of `path` that this process keeps locked for itself now."""
    try:
        inode = Path(f"{path.resolve()}-shm").stat().st_ino
        lines = _HELD.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeError):
        return set()
    return {byte for line in lines for byte in _bytes_of(line.split(), inode)}


def _bytes_of(words: list[str], inode: int) -> Iterator[int]:
    """What a line of the kernel's says of that file and this process, such as
    `1: POSIX  ADVISORY  WRITE 19317 fe:00:5532019 120 120`."""
    match words:
        case [_, "POSIX", _, "WRITE", pid, file, first, last] if pid == str(os.getpid()):
            # Not by the device: some file systems show another one than `stat`.
            if file.rpartition(":")[2] == str(inode):
                end = _LAST if last == "EOF" else min(int(last), _LAST)
                yield from range(max(int(first), _FIRST), end + 1)
