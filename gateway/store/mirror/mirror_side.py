"""The mirror as its one writer has it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.store.files.database import begin, reason
from gateway.store.mirror.connections import CACHE_KIB, MIRROR_ERRORS, connect
from gateway.store.mirror.history import Head
from gateway.store.mirror.reader import Sound, is_complete
from gateway.store.mirror.rows import TABLES, Fate, Key, check_sum
from gateway.store.mirror.schema import FORM, STATE_COLUMNS, create, indices

BULK_CACHE_KIB = 4096
"""While much is copied: with less, each new card writes a page of its index (366 MB for 100,000
people instead of 42)."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row of the store that is not what its declaration says."""

    table: str
    row: Key
    columns: str
    fate: Fate
    since_utc: int


class MirrorSide:
    """The mirror as its one writer has it. Raises MIRROR_ERRORS."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        """The existing mirror at `path`; `fresh` makes a new one that nobody reads yet."""
        self._path = path
        self.fresh = fresh
        self._unsound: list[str] = []
        self.connection = connect(path, "rwc" if fresh else "rw")
        try:
            self.connection.create_function("sound", -1, Sound(self._unsound.append))
            if fresh:
                # Nothing of it counts before it is finished.
                self.connection.execute("PRAGMA journal_mode = off")
                self.connection.execute("PRAGMA synchronous = 0")
                begin(self.connection)
                create(self.connection)
                self.connection.execute("COMMIT")
            else:
                self._file = path.stat()
                self._check_form()
                # What an older store gave in clear text goes when it is sealed there.
                self.connection.execute("PRAGMA secure_delete = 1")
                self.connection.execute("PRAGMA synchronous = full")
                self.connection.execute("PRAGMA journal_size_limit = 4194304")
        except BaseException:
            self.connection.close()
            raise

    def _check_form(self) -> None:
        if self.connection.execute("PRAGMA user_version").fetchone()[0] != FORM:
            raise sqlite3.DatabaseError("it is of another form")

    def close(self) -> None:
        self.connection.close()

    def is_in_place(self) -> bool:
        """Whether the file under the path is still the existing one that was opened."""
        try:
            return os.path.samestat(self._file, self._path.stat())
        except OSError:
            return False

    def finish(self, beat: Callable[[], object]) -> None:
        """Put a fresh mirror on the disk, in the form in which it is read and written."""
        for statement in indices():
            beat()
            self.connection.execute(statement)
        self.connection.execute("PRAGMA journal_mode = wal")
        self.close()
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def head(self) -> Head | None:
        """How far the copying came; None before the first."""
        columns = ", ".join(STATE_COLUMNS)
        found = self.connection.execute(f"SELECT {columns}, row_sum FROM state").fetchone()  # noqa: S608 - constants
        if found is None or check_sum("state", 1, found[:-1]) != found[-1]:
            return None
        return Head(*found[:-1])

    def keep_head(self, head: Head) -> None:
        values = (head.version, head.epoch, head.seq, head.mark)
        self.connection.execute(
            "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?)",
            (*values, check_sum("state", 1, values)),
        )

    def unfinished(self) -> dict[str, Key]:
        """The tables that are not copied to their end, each with the last key that is."""
        return dict(self.connection.execute("SELECT name, after FROM unfinished"))

    def keep_unfinished(self, tables: Mapping[str, Key]) -> None:
        """Store what `unfinished` answers. When all is copied, nobody is withheld."""
        self.connection.execute("DELETE FROM unfinished")
        self.connection.executemany("INSERT INTO unfinished VALUES (?, ?)", tables.items())
        if not tables:
            self.connection.execute("DELETE FROM withheld")
        self.connection.execute(f"PRAGMA cache_size = -{BULK_CACHE_KIB if tables else CACHE_KIB}")

    def withhold(self, people: Iterable[int]) -> None:
        """Let nobody in who is among `people`, as far as they are known."""
        self.connection.executemany(
            "INSERT OR IGNORE INTO withheld SELECT row_key FROM rows_users WHERE row_key = ?",
            ((person,) for person in people),
        )

    def faults(self) -> list[RowFault]:
        found = self.connection.execute(
            "SELECT name, row, columns, fate, since_utc FROM faults ORDER BY name, row"
        )
        return [RowFault(name, row, bad, Fate[fate], utc) for name, row, bad, fate, utc in found]

    def damage(self, beat: Callable[[], object]) -> str | None:
        """What is wrong with the file or one of its rows; None when it is whole. Reads all."""
        try:
            answer = self.connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if answer != "ok":
                return str(answer)
            if self.head() is None:
                return "its state is lost"
            for name, table in TABLES.items():
                beat()
                if not is_complete(self.connection, name):
                    return f"rows of {name} are missing"
                every = f'SELECT row_key, {table.columns}, row_sum FROM "rows_{name}"'  # noqa: S608 - declared names only
                for key, *values, total in self.connection.execute(every):
                    if total is not None and check_sum(name, key, values) != total:
                        return f"a row of {name} is damaged"
        except MIRROR_ERRORS as error:
            return reason(error)
        return None
