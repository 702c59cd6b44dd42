"""Reading the journal from another process."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.errors import DamagedFile
from gateway.store.files.current import CurrentFile
from gateway.store.files.locks import left_locked
from gateway.store.journal.entries import JOURNAL_FORM, CommittedEntry, EntryKind
from gateway.store.journal.rows import (
    COLUMNS,
    KNOWN_SEQ,
    Damage,
    Raw,
    entries_of,
    journal_errors,
    raw_text,
)

READING = "the journal cannot be read"
_EXAMINED = 20_000
"""Newest rows that `examine` reads: some 100 ms."""

_EVENT = "CASE WHEN json_valid(body) THEN json_extract(body, '$.row.event') END"
"""SQL for the event of an access."""


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


@dataclass(frozen=True, slots=True)
class Batch:
    """Part of the journal, in its order."""

    entries: list[CommittedEntry]
    reached: int
    """Number of the last row that was read, damaged or not; the one asked for where none was."""


class JournalReader:
    """The reading end. Any thread uses it; each has a connection of its own.

    Every method raises StorageError when the file cannot be read, a DamagedFile when it is no
    journal or has a newer form. A file of an older form is read as it is: only its writer raises
    the form. A file that was replaced is opened anew.
    """

    def __init__(self, path: Path) -> None:
        """Opens nothing yet."""
        self._path = path
        self._file = CurrentFile(path, JOURNAL_FORM)
        self.damage = Damage()
        """Rows that were skipped since this object was made."""

    def close(self) -> None:
        self._file.close()

    @property
    def left_locked(self) -> bool:
        """As locks.left_locked, in a process that does not write the journal."""
        return left_locked(self._path)

    def last_seq(self) -> int:
        """The number of the newest committed entry, 0 in a new journal."""
        connection = self._file.connection()
        with journal_errors(READING):
            sql = f"SELECT max(seq) FROM journal WHERE {KNOWN_SEQ}"  # noqa: S608 - ours
            return int(connection.execute(sql).fetchone()[0] or 0)

    def count(self, seq: int, kinds: Collection[EntryKind]) -> int:
        """How many entries of `kinds` have numbers above `seq`."""
        connection = self._file.connection()
        with journal_errors(READING):
            sql = f"SELECT count(*) FROM journal WHERE kind IN ({_marks(kinds)}) AND seq > ?"  # noqa: S608 - marks
            return int(connection.execute(sql, (*map(str, kinds), seq)).fetchone()[0])

    def after(self, seq: int, limit: int) -> list[CommittedEntry]:
        """As `batch`, without the number."""
        return self.batch(seq, limit).entries

    def batch(self, seq: int, limit: int) -> Batch:
        """At most `limit` rows with numbers above `seq`, oldest first; the damaged ones among them
        are skipped."""
        connection = self._file.connection()
        try:
            with journal_errors(READING):
                rows = self._rows(connection, "seq > ?", seq, limit)
            reached = rows[-1][0] if rows else seq
        except DamagedFile:
            # Before the rows are read: one that is written meanwhile is not passed over.
            reached = min(seq + limit, self.last_seq())
            rows = list(self._one_by_one(connection, seq, reached))
        return Batch(list(entries_of(connection, rows, self.damage)), reached)

    def before(
        self,
        seq: int,
        span: int,
        kinds: Collection[EntryKind],
        events: Collection[int] = (),
        mentioned: str = "",
    ) -> list[CommittedEntry]:
        """The entries of `kinds` among the `span` numbers below `seq`, the newest first.

        With `events` accesses of other events may be left out, with `mentioned` entries whose
        body lacks that text.
        """
        connection = self._file.connection()
        low = max(1, seq - span)
        condition = f"seq >= ? AND seq < ? AND kind IN ({_marks(kinds)})"
        values = [low, seq, *map(str, kinds)]
        if events:
            condition += f" AND (kind <> ? OR {_EVENT} IN ({_marks(events)}))"
            values += [str(EntryKind.ACCESS), *events]
        if mentioned:
            condition += f" AND instr({raw_text('body')}, ?)"
            values.append(mentioned.encode())
        try:
            with journal_errors(READING):
                rows = connection.execute(
                    f"SELECT {COLUMNS} FROM journal WHERE {condition} ORDER BY seq",  # noqa: S608 - ours
                    values,
                ).fetchall()
        except DamagedFile:
            rows = list(self._one_by_one(connection, low - 1, seq - 1))
        found = entries_of(connection, rows, self.damage)
        return [entry for entry in found if entry.kind in kinds][::-1]

    def seq_at(self, utc: datetime) -> int:
        """The number of the first entry from `utc` on, one beyond the newest for none.

        Where the clock was set back meanwhile, it is one of several such numbers.
        """
        low, high = 1, self.last_seq() + 1
        while low < high:
            middle = (low + high) // 2
            entry = self._first_from(middle)
            if entry is None or entry.utc >= utc:
                high = middle
            else:
                low = entry.seq + 1
        return low

    def _one_by_one(self, connection: sqlite3.Connection, seq: int, last: int) -> Iterator[Raw]:
        """The rows up to `last` on the pages of the file that can be read."""
        for number in range(seq + 1, last + 1):
            try:
                with journal_errors(READING):
                    yield from self._rows(connection, "seq = ?", number, 1)
            except DamagedFile as error:
                self.damage.add(number, str(error))

    def examine(self) -> Damage:
        """The damaged rows among the newest 20,000."""
        damage = Damage()
        connection = self._file.connection()
        with journal_errors(READING):
            rows = self._rows(connection, "seq > ?", self.last_seq() - _EXAMINED, _EXAMINED)
        for _ in entries_of(connection, rows, damage):
            pass
        with journal_errors(READING):
            numbers = f"SELECT seq FROM journal WHERE NOT ({KNOWN_SEQ}) LIMIT 100"  # noqa: S608 - ours
            for (seq,) in connection.execute(numbers):
                damage.add(seq, "no number of an entry")
        return damage

    def access(self, log_id: int) -> CommittedEntry | None:
        """The entry that the row `log_id` of access_logs comes from; None when it is not there.

        Ids rise with the numbers of their entries: it is found in some twenty looks.
        """
        low, high = 0, self.last_seq() + 1
        while low < high:
            middle = (low + high) // 2
            entry = self._first_from(middle, EntryKind.ACCESS)
            if entry is None or entry.body["row"]["id"] > log_id:
                high = middle
            elif entry.body["row"]["id"] == log_id:
                return entry
            else:
                low = entry.seq + 1
        return None

    def _first_from(self, seq: int, kind: EntryKind | None = None) -> CommittedEntry | None:
        """The first readable entry, or the first of `kind`, from number `seq` on."""
        connection = self._file.connection()
        of_kind = f"kind = '{kind.value}' AND " if kind else ""
        while True:
            with journal_errors(READING):
                rows = self._rows(connection, f"{of_kind}seq >= ?", seq, 1)
            if not rows:
                return None
            for entry in entries_of(connection, rows, self.damage):
                if kind in (None, entry.kind):
                    return entry
            seq = rows[-1][0] + 1

    def _rows(
        self, connection: sqlite3.Connection, condition: str, seq: int, limit: int
    ) -> list[Raw]:
        return connection.execute(
            f"SELECT {COLUMNS} FROM journal WHERE {KNOWN_SEQ} AND {condition}"  # noqa: S608 - ours
            " ORDER BY seq LIMIT ?",
            (seq, limit),
        ).fetchall()
