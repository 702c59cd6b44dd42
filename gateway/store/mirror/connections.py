"""How the process that feeds the mirror opens its two files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.store.files.database import text_or_bytes

MIRROR_ERRORS = (sqlite3.Error, UnicodeError)
"""What SQLite raises; the text of its error may itself be damaged."""
_BUSY_S = 1.0
CACHE_KIB = 512


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """The database at `path`, in a mode of SQLite's: `ro`, `rw` or `rwc`."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
        cached_statements=300,
    )
    connection.text_factory = text_or_bytes
    try:
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA mmap_size = 0")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def raw(connection: sqlite3.Connection) -> Iterator[None]:
    """Let what is read within have texts as their bytes."""
    connection.text_factory = bytes
    try:
        yield
    finally:
        connection.text_factory = text_or_bytes
