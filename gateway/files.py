"""Small files that are read or written as a whole."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path


def read_whole(path: Path, largest: int) -> bytes:
    """The content of the file at `path`, of at most `largest` bytes.

    Raises OSError, also for what is no regular file, which could block or never end.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:  # noqa: PTH123 - a descriptor
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"More than {largest} bytes", str(path))
    return content


def move_aside(path: Path) -> Path:
    """Rename whatever is at `path` to NAME.aside-1 to -9; where it is then. Raises OSError."""
    for number in range(1, 10):
        target = path.with_name(f"{path.name}.aside-{number}")
        if not os.path.lexists(target):
            return path.rename(target)
    raise FileExistsError(errno.EEXIST, "Nine others were put aside: delete them", str(path))


def make_way(path: Path) -> None:
    """Remove what is at `path`, where a socket is to be; put a directory aside. Raises OSError."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        if not path.is_dir():
            raise
        move_aside(path)


def sweep_unfinished(path: Path) -> None:
    """Remove what killed processes left of `write_whole` to `path`. Raises nothing."""
    for left in path.parent.glob(f".{path.name}.????????"):
        with contextlib.suppress(OSError):
            try:
                handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except PermissionError:  # those at work can be read by this user
                left.unlink()
                continue
            with open(handle, "rb"):  # noqa: PTH123 - a descriptor
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()


def sync_directory(directory: Path) -> None:
    """Have the names in `directory` survive a power cut. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(
    path: Path,
    content: bytes,
    *,
    mode: int = 0o600,
    like: Path | None = None,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Replace the file at `path`: after a power cut it is the old or the new one, whole.

    `like` is a file whose owner and mode the new one gets, as far as this process may give them.
    `check` may refuse the finished file by an exception, before it takes the place of the old one.
    Raises OSError; then the old file is as it was.
    """
    sweep_unfinished(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if like is not None:
                status = like.stat()
                mode = stat.S_IMODE(status.st_mode)
                # None but root gives files away; their own groups others may choose.
                for owner in (-1, status.st_uid):
                    with contextlib.suppress(PermissionError):
                        os.fchown(handle, owner, status.st_gid)
            os.fchmod(handle, mode)
            file.write(content)
            file.flush()
            os.fsync(handle)
            if check is not None:
                check(Path(name))
            Path(name).replace(path)
        sync_directory(path.parent)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)
