"""Copies of databases on a disk that is read-only.

SQLite reads no file with a write-ahead log from such a disk: it needs to make a file beside it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
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
            self._directory = tempfile.TemporaryDirectory(prefix="gateway-")
            self.path = Path(self._directory.name) / whole.name
            shutil.copyfile(whole, self.path)
            if log.exists():
                shutil.copyfile(log, f"{self.path}-wal")
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(f"{path} cannot be read: {error}") from error

    def close(self) -> None:
        self._directory.cleanup()
