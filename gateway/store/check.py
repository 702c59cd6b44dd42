"""Whether a database file is whole."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import StorageError
from gateway.store import database


def damage(path: Path) -> str | None:
    """What SQLite's quick check finds wrong with the file at `path`; None when it is whole.

    Reads the whole file: seconds on a card. A file that cannot be opened is damaged too.
    """
    try:
        opened = database.open_reader(path)
        try:
            with database.storage_errors():
                answer = str(opened.execute_sql("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            opened.close_all()
    except StorageError as error:
        return str(error)
    return None if answer == "ok" else answer
