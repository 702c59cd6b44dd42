"""The journal: what happened, append-only, written by the controller alone.

It is the truth behind the API's log tables and the outbox of every destination. Times are UTC and
monotonic with the machine's boot id, so that an order can be told even when the wall clock was
wrong.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import peewee

from gateway.clock import EPOCH
from gateway.errors import StorageError
from gateway.sealing import NO_KEY, Sealer
from gateway.store.files import database
from gateway.store.files.database import sql_of
from gateway.store.journal.bodies import LARGEST_ID, read_body
from gateway.store.journal.credential_uses import CredentialUseTable
from gateway.store.journal.entries import JOURNAL_FORM, CommittedEntry, Entry, EntryKind
from gateway.store.journal.history import KEPT, STATES, History
from gateway.store.journal.newest import NewestTable
from gateway.store.journal.passages import PassageTable, change_of
from gateway.store.journal.rows import (
    COLUMNS,
    KNOWN_SEQ,
    Damage,
    entries_of,
    journal_errors,
    whole_number,
)
from gateway.store.journal.sealed_rows import resealed_body, sealed_body
from gateway.store.journal.used_codes import UsedCodeTable

_MOST_FREE = 1_000
"""Pages (of 4 KiB, as a rule) that are free before some are given back to the disk ..."""
_GIVEN_BACK = 500
"""... so many at a time."""
LARGEST_LOG = 64 * 1024 * 1024
"""Bytes of the write-ahead log. A reader that never ends keeps SQLite from emptying it: beyond
this size nothing more is written, since that would fill the disk."""
_WRITING = "the journal cannot be written"
_SEALED_AT_ONCE = 500
_ALL_SEALED = 0x67_77_73_31
"""SQLite's `application_id` of a journal without PINs in clear text: `gws1`. If all are sealed with
the store's key it is `_mark`."""


def _mark(key_id: str) -> int:
    return 0x40_00_00_00 | zlib.crc32(key_id.encode()) >> 2


def _json(body: object) -> str:
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


class _Model(peewee.Model):
    class Meta:
        legacy_table_names = False


class JournalRow(_Model):
    """An entry as stored."""

    seq = peewee.AutoField()
    kind = peewee.TextField(index=True)
    body = peewee.TextField()
    utc_us = peewee.BigIntegerField()
    monotonic_ns = peewee.BigIntegerField()
    boot_id = peewee.TextField()
    clock_trusted = peewee.BooleanField()

    class Meta:
        table_name = "journal"


class LastId(_Model):
    """The highest id given to a row of an API log table; ids never go back."""

    table = peewee.TextField(primary_key=True)
    value = peewee.BigIntegerField()

    class Meta:
        table_name = "last_ids"


_TABLES = [JournalRow, LastId]
_WRITTEN = (
    JournalRow.seq,
    JournalRow.kind,
    JournalRow.body,
    JournalRow.utc_us,
    JournalRow.monotonic_ns,
    JournalRow.boot_id,
    JournalRow.clock_trusted,
)
"""The columns of an entry, in the order in which `append` binds them."""


class Journal(History):
    """The writing end. One thread uses it."""

    def __init__(
        self,
        path: Path,
        boot_id: str,
        sealer: Sealer = NO_KEY,
        store_key: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Open the journal at `path`; nothing is written. Raises StorageError when it cannot be
        opened, a DamagedFile when it is no journal or when a newer program wrote it.

        `sealer` seals PINs in entries; without a key they are left out. `store_key` names the key
        with which the store is sealed, None where it is not known: those that were sealed with a
        former one are emptied then.

        The first entry raises the file of an older program to this program's form.
        """
        self.damage = Damage()
        self._database = database.open_writer(path, known_form=JOURNAL_FORM)
        try:
            with journal_errors("the journal cannot be read"):
                self._form = database.form_of(self._database)
            self._check_tables()
        except BaseException:
            self._database.close_all()
            raise
        self._boot_id = boot_id
        self._sealer = sealer
        self._store_key = store_key
        self._sealed_to = 0
        """The last row that `seal_some` looked at."""
        self._sealed_with = ""
        """The key with which `seal_some` found all sealed, or made it so."""
        resolved = path.resolve()  # SQLite keeps the log beside the target of a link
        self._log = resolved.with_name(f"{resolved.name}-wal")
        self._prepared = False
        # The ORM writes each statement once: what it costs is taken from the loop, which shares
        # the interpreter with this thread just when somebody stands at a door.
        self._passages = PassageTable(self._database)
        self._used_codes = UsedCodeTable(self._database)
        self._uses = CredentialUseTable(self._database)
        self._newest = NewestTable(self._database, STATES)
        with self._database.bind_ctx(_TABLES):
            self._insert = sql_of(JournalRow.insert_many([(0, "", "", 0, 0, "", False)], _WRITTEN))
            kept = LastId.insert_many([("", 0)], (LastId.table, LastId.value))
            self._keep_id = sql_of(kept.on_conflict_replace())

    def _check_tables(self) -> None:
        """Raises DamagedFile when a table or a column is not there."""
        with journal_errors("the journal cannot be read"):
            for model in _TABLES:
                columns = ", ".join(f'"{field.column_name}"' for field in model._meta.sorted_fields)  # noqa: SLF001 - peewee's
                name = model._meta.table_name  # noqa: SLF001 - peewee's own way to ask
                self.connection().execute(f"SELECT {columns} FROM {name} LIMIT 0")  # noqa: S608 - ours

    @classmethod
    def create(cls, path: Path) -> None:
        """Make an empty journal. Raises StorageError, also when there is a file already."""
        # Where the path is a link, the file is made at its target.
        whole = path.resolve()
        fresh = whole.with_name(f"{whole.name}.new")
        try:
            if whole.exists():
                raise FileExistsError(f"{whole} exists")
            fresh.unlink(missing_ok=True)
            fresh.touch(mode=0o640)
            cls._fill(fresh)
            # Half a journal never stands under its name.
            fresh.rename(whole)
        except OSError as error:
            raise StorageError(f"{path} cannot be made: {error}") from error
        finally:
            fresh.unlink(missing_ok=True)

    @staticmethod
    def _fill(path: Path) -> None:
        with journal_errors(f"{path} cannot be made"):
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                # Space of entries that are dropped can then be given back.
                connection.execute("PRAGMA auto_vacuum = incremental")
                connection.execute(f"PRAGMA application_id = {_ALL_SEALED}")
                connection.execute("PRAGMA journal_mode = wal").fetchall()  # writes the first page
            fresh = database.open_writer(path)
            try:
                with fresh.bind_ctx(_TABLES):
                    fresh.create_tables(_TABLES)
            finally:
                fresh.close_all()

    def close(self) -> None:
        self._database.close_all()

    def connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._database.connection()
        return connection

    def append(self, entries: Sequence[Entry], last_ids: Mapping[str, int]) -> int:
        """Commit `entries` durably in one transaction with the ids given so far.

        The number of the last entry is returned. Keeps nothing and raises StorageError when the
        file cannot be written, ValueError or TypeError when an entry is none that can be stored.
        """
        rows = [self._row(entry) for entry in entries]
        with journal_errors(_WRITING):
            connection = self.connection()
            self._bound_log(connection)
            database.begin(connection, "IMMEDIATE")
            try:
                if not self._prepared:
                    self._prepare(connection)
                first = self.last_seq() + 1
                connection.executemany(
                    self._insert, [(seq, *row) for seq, row in enumerate(rows, start=first)]
                )
                connection.executemany(self._keep_id, list(last_ids.items()))
                for seq, entry in enumerate(entries, start=first):
                    self._keep_state(connection, seq, entry)
                if self._form < JOURNAL_FORM:
                    connection.execute(f"PRAGMA user_version = {JOURNAL_FORM}")
                connection.execute("COMMIT")
            except BaseException:
                database.roll_back(connection)
                raise
        self._form, self._prepared = JOURNAL_FORM, True
        return first + len(rows) - 1

    def _bound_log(self, connection: sqlite3.Connection) -> None:
        """Raises StorageError when the write-ahead log is at its largest and cannot be emptied."""
        if not self._log.exists() or self._log.stat().st_size < LARGEST_LOG:
            return
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StorageError(f"{_WRITING}: another program has been reading it for too long")

    def check(self, entry: Entry) -> None:
        """Raises ValueError, TypeError or OverflowError where `append` cannot store `entry`."""
        row = self._row(entry)
        for value in row:
            if isinstance(value, int) and abs(value) >= 1 << 63:
                raise OverflowError("a number is too large")
            if isinstance(value, str):
                value.encode()
        read_body(entry.kind, str(row[1]).encode())

    def adopt(self, entries: Iterable[CommittedEntry]) -> None:
        """Copy `entries` of another journal, with their numbers, into this one, which is new.

        Raises StorageError.
        """
        connection = self.connection()
        with journal_errors(_WRITING):
            database.begin(connection, "IMMEDIATE")
            try:
                self._prepare(connection)
                for entry in entries:
                    row = (entry.seq, *self._row(entry, entry.boot_id))
                    connection.execute(self._insert, row)
                    self._newest.apply(connection, entry.seq, entry.kind, entry.body)
                connection.execute("COMMIT")
            except BaseException:
                database.roll_back(connection)
                raise

    def copy_state(self, table: str, rows: Iterable[Sequence[int | str]]) -> None:
        """Add `rows` to a table beside the journal. Raises StorageError."""
        connection = self.connection()
        with journal_errors(_WRITING):
            database.begin(connection, "IMMEDIATE")
            try:
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608 - ours
                connection.execute("COMMIT")
            except BaseException:
                database.roll_back(connection)
                raise

    def used_bytes(self) -> int:
        """What the entries take in the file. Raises StorageError."""
        with journal_errors("the journal cannot be read"):
            pages, free, size = (
                self.connection().execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def oldest(self, limit: int) -> list[tuple[int, int | None]]:
        """Number and time (microseconds of UTC, None where damaged) of the oldest entries that no
        start needs, oldest first. Raises StorageError."""
        connection = self.connection()
        needed = []
        with journal_errors("the journal cannot be read"):
            if not self._has("newest"):
                return []
            for kind, count in KEPT.items():
                row = connection.execute(
                    "SELECT seq FROM journal WHERE kind = ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
                    (kind.value, count - 1),
                ).fetchone()
                needed.append(f"(kind = '{kind.value}' AND seq >= {row[0] if row else 0})")
            return connection.execute(
                f"SELECT seq, {whole_number('utc_us')} FROM journal"  # noqa: S608 - ours
                f" WHERE NOT coalesce({' OR '.join(needed)}, 0)"
                " AND seq NOT IN (SELECT seq FROM newest WHERE seq NOTNULL)"
                # The newest stays: its number is the last that was given.
                f" AND seq < (SELECT max(seq) FROM journal WHERE {KNOWN_SEQ})"
                " ORDER BY seq LIMIT ?",
                (limit,),
            ).fetchall()

    def drop(self, numbers: Sequence[int]) -> None:
        """Delete the entries with these numbers. Raises StorageError."""
        with journal_errors(_WRITING):
            connection = self.connection()
            self._bound_log(connection)
            database.begin(connection, "IMMEDIATE")
            try:
                connection.executemany(
                    "DELETE FROM journal WHERE seq = ?", [(number,) for number in numbers]
                )
                connection.execute("COMMIT")
            except BaseException:
                database.roll_back(connection)
                raise

    def give_back(self) -> None:
        """Return part of the space of dropped entries to the disk, where that is much.

        A file that an older program made keeps its space, for later entries.
        """
        with journal_errors(_WRITING):
            connection = self.connection()
            self._bound_log(connection)
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            if free > _MOST_FREE:
                # Each step gives one page, and `execute` makes only one: there are no columns.
                connection.executescript(f"PRAGMA incremental_vacuum({_GIVEN_BACK})")

    def seal_some(self) -> bool:
        """Seal PINs that an older program wrote in clear text, and empty those that were sealed
        with a former key, in some entries; whether more are to be looked at. Raises StorageError.
        """
        if self._sealer.fault is not None or self._sealed_with == self._sealer.key_id:
            return False
        key_id = self._sealer.key_id
        # The key may be of another device by mistake: then nothing is emptied.
        forget = self._store_key() == key_id
        with journal_errors(_WRITING):
            connection = self.connection()
            mark = _mark(key_id)
            done = mark if forget else _ALL_SEALED
            found = connection.execute("PRAGMA application_id").fetchone()[0]
            if found == mark:
                self._sealed_to, self._sealed_with = 0, key_id
                return False
            if found != 0 and not forget:
                return False
            connection.execute("PRAGMA secure_delete = 1")
            database.begin(connection, "IMMEDIATE")
            try:
                more = self._seal_slice(connection, forget=forget)
                if not more:
                    connection.execute(f"PRAGMA application_id = {done}")
                connection.execute("COMMIT")
            except BaseException:
                database.roll_back(connection)
                raise
            if not more:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                connection.execute("PRAGMA secure_delete = 0")
                self._sealed_to = 0
                self._sealed_with = key_id if forget else ""
        return more

    def _seal_slice(self, connection: sqlite3.Connection, *, forget: bool) -> bool:
        rows = connection.execute(
            f"SELECT seq, kind, CAST(body AS TEXT) FROM journal WHERE {KNOWN_SEQ} AND seq > ?"  # noqa: S608 - ours
            " ORDER BY seq LIMIT ?",
            (self._sealed_to, _SEALED_AT_ONCE),
        ).fetchall()
        for seq, kind, text in rows:
            self._sealed_to = seq
            if kind == EntryKind.ACCESS.value:
                with suppress(ValueError, AttributeError, TypeError, UnicodeError):
                    body = json.loads(text)
                    sealed = resealed_body(body, self._sealer, forget=forget)
                    if sealed != body:
                        connection.execute(
                            "UPDATE journal SET body = ? WHERE seq = ?", (_json(sealed), seq)
                        )
        return len(rows) == _SEALED_AT_ONCE

    def _row(self, entry: Entry | CommittedEntry, boot_id: str | None = None) -> tuple[object, ...]:
        return (
            entry.kind.value,
            _json(sealed_body(entry.body, self._sealer)),
            (entry.utc - EPOCH) // timedelta(microseconds=1),
            entry.monotonic_ns,
            self._boot_id if boot_id is None else boot_id,
            entry.clock_trusted,
        )

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make what an older program did not, in the running transaction: a start writes nothing,
        since the disk may be full or read-only."""
        for table in (PassageTable, UsedCodeTable, CredentialUseTable, NewestTable):
            for model in table.TABLES:
                with self._database.bind_ctx([model]):
                    model.create_table()
        seen = connection.execute(
            "SELECT max(seq) FROM newest WHERE seq BETWEEN 1 AND ?", (LARGEST_ID,)
        ).fetchone()[0]
        kinds = ", ".join("?" * len(STATES))
        missed = connection.execute(
            f"SELECT {COLUMNS} FROM journal WHERE {KNOWN_SEQ} AND kind IN ({kinds}) AND seq > ?"  # noqa: S608 - ours
            " ORDER BY seq",
            (*(str(kind) for kind in STATES), seen or 0),
        )
        for entry in entries_of(connection, missed, self.damage):
            self._newest.apply(connection, entry.seq, entry.kind, entry.body)

    def _keep_state(self, connection: sqlite3.Connection, seq: int, entry: Entry) -> None:
        """Write down what follows from `entry` for the tables beside the journal."""
        self._newest.apply(connection, seq, entry.kind, entry.body)
        match entry.kind:
            case EntryKind.PASSAGE:
                self._passages.apply(connection, change_of(entry.body))
            case EntryKind.CODE_USED:
                self._used_codes.use(connection, entry.body)
            case EntryKind.CREDENTIAL_USED:
                self._uses.count(connection, entry.body)
            case EntryKind.CARD_SPENT:
                self._used_codes.spend(connection, entry.body)
            case _:
                pass
