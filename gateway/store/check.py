"""Whether a database file is whole, and what was found when one was last looked at in full."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from gateway.errors import StorageError
from gateway.files import read_whole, write_whole
from gateway.store.files import CHECKS_FILE, STORE_FILE, database
from gateway.store.journal import JournalReader
from gateway.store.journal.rows import Damage
from gateway.store.objects.migrations import VERSION

_LONGEST = 1 << 20
"""Bytes of the file of full checks."""


@dataclass(frozen=True, slots=True)
class FullCheck:
    """What the latest full check of a file found."""

    file: str
    utc: str
    """When it ended, ISO 8601."""
    damage: str | None


def damage(
    path: Path, *, full: bool = False, connected: Callable[[sqlite3.Connection], object] = id
) -> str | None:
    """What SQLite's quick check finds wrong with the file at `path`; None when it is whole.

    Reads the whole file: seconds on a card. `full` also compares every index with its table and
    looks for every reference: tens of seconds. Writers go on meanwhile; the log of the file
    cannot shrink until it ends. A file that cannot be opened is damaged too.

    `connected` is handed the connection, whose `interrupt` another thread may call: the check ends
    at once, with an answer that means nothing.
    """
    try:
        with _reading(path) as opened, database.storage_errors():
            connected(opened.connection())
            kind = "integrity_check" if full else "quick_check"
            answer = str(opened.execute_sql(f"PRAGMA {kind}(1)").fetchone()[0])
            if answer != "ok":
                return answer
            broken = opened.execute_sql("PRAGMA foreign_key_check").fetchone() if full else None
    except StorageError as error:
        return str(error)
    return None if broken is None else f"a reference of {broken[0]} is broken"


def too_new(path: Path) -> str | None:
    """What this program does not know in the store or journal at `path`, which is whole; None when
    it knows everything."""
    try:
        if path.name == STORE_FILE:
            database.open_reader(path, known_form=VERSION).close_all()
            return None
        with contextlib.closing(JournalReader(path)) as journal:
            journal.last_seq()
    except StorageError as error:
        return str(error)
    return None


def damaged_entries(path: Path) -> Damage:
    """The damaged rows among the newest 20,000 of the journal at `path`. Raises StorageError."""
    with contextlib.closing(JournalReader(path)) as journal:
        return journal.examine()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[database.TrackedDatabase]:
    opened = database.open_reader(path)
    try:
        yield opened
    finally:
        opened.close_all()


def _kept_in(data: Path) -> Path:
    """Beside the store, whose writer keeps it. On a device that is a directory of its own, of which
    `data` has only a link to the file: there alone the api may write."""
    return (data / STORE_FILE).resolve().parent / CHECKS_FILE


def full_checks(data: Path) -> list[FullCheck]:
    """The latest full check of each file in the directory `data` that had one."""
    try:
        kept = json.loads(read_whole(_kept_in(data), _LONGEST))
        return [FullCheck(**one) for one in kept if datetime.fromisoformat(one["utc"]).tzinfo]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        # It is a note for people and can be made again: none is as good as a broken one.
        return []


def keep_full_checks(data: Path, checks: list[FullCheck]) -> None:
    """Remember `checks` in the place of those before. Raises StorageError."""
    path = _kept_in(data)
    text = json.dumps([asdict(one) for one in checks])
    try:
        write_whole(path, text.encode(), mode=0o640)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}") from error
