"""The files of the flight record: several of bounded size; the oldest is deleted."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from io import FileIO
from pathlib import Path

DIRECTORY = "flight"
"""In the data directory."""
FILES = 4
"""The size is shared by so many files, so at least three quarters of it are always kept."""
MOST_FILES = 100
"""Limit for short files, which frequent restarts leave."""
_MB = 1_000_000
_NUMBER = re.compile(r"[0-9]{8,12}")
"""Names of records without their end."""


class RecordFiles:
    """Writes each line at once, without waiting for the disk. The loop's thread alone uses it.

    A power cut loses the last seconds.
    """

    def __init__(self, directory: Path, size_mb: int) -> None:
        """`size_mb` limits all files together."""
        self._directory = directory
        self._size = size_mb * _MB
        self._file: FileIO | None = None
        self._written = 0
        self._header = 0

    def begin(self, header: str) -> None:
        """Begin the next file. Raises OSError."""
        self.close()
        self._directory.mkdir(mode=0o700, exist_ok=True)
        records = self._records()
        last = int(records[-1].stem) if records else 0
        path = self._directory / f"{last + 1:08d}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = FileIO(descriptor, "w")
        self._written = 0
        self._add(header)
        self._header = self._written
        self._make_room()

    def write(self, line: str) -> bool:
        """Add a line; True when the next file should begin. Raises OSError."""
        before = self._written
        self._add(line)
        limit = self._size // FILES
        # A file is full if another line like this one would not fit, but holds steps even if the
        # header alone fills it.
        full = self._written + (self._written - before) > limit
        return full and self._written >= self._header + limit // 2

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _add(self, line: str) -> None:
        if self._file is not None:
            data = line.encode("ascii") + b"\n"
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._written += len(data)

    def _make_room(self) -> None:
        """Delete the oldest files, so that another full one fits."""
        records = self._records()
        sizes = [record.stat().st_size for record in records]
        allowed = self._size - self._size // FILES
        while len(records) > 1 and (sum(sizes[:-1]) > allowed or len(records) > MOST_FILES):
            with suppress(OSError):  # it is gone, or no file
                records.pop(0).unlink()
            sizes.pop(0)

    def _records(self) -> list[Path]:
        """All files, oldest first."""
        found = self._directory.glob("*.jsonl")
        return sorted(path for path in found if _NUMBER.fullmatch(path.stem))
