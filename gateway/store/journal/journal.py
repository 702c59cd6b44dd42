"""The journal: what happened, append-only, written by the controller alone.

It is the truth behind the API's log tables and the outbox of every destination. Times are UTC and
monotonic with the machine's boot id, so that an order can be told even when the wall clock was
wrong.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import peewee

from gateway.errors import StorageError
from gateway.store.files import database
from gateway.store.files.database import sql_of, storage_errors
from gateway.store.journal.entries import JOURNAL_FORM, CommittedEntry, Entry, EntryKind
from gateway.store.journal.newest import NewestRow, NewestTable
from gateway.store.journal.passages import PassageTable, change_of
from gateway.store.journal.used_codes import UsedCodeTable, UsedUp

_ALARMS_LOOKED_AT = 2_000
"""Newest alarm entries searched at start for one that is still on."""

_ALARM_KEY = ("cause", "door_id", "user_id", "access_log_id")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_KINDS = frozenset(kind.value for kind in EntryKind)
_STATES: Mapping[str, str] = {
    EntryKind.SCHEDULE: "door",
    EntryKind.FIRST_CARD: "first_card",
    EntryKind.KEYPAD: "reader",
    EntryKind.FAULT: "part",
    EntryKind.ENTRY: "zone",
}
"""Kind of entry that tells a state -> the member of its body that says of what."""


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
    JournalRow.kind,
    JournalRow.body,
    JournalRow.utc_us,
    JournalRow.monotonic_ns,
    JournalRow.boot_id,
    JournalRow.clock_trusted,
)
"""The columns of an entry, in the order in which `append` binds them."""


class Journal:
    """The writing end. One thread uses it."""

    def __init__(self, path: Path, boot_id: str) -> None:
        """Open the journal at `path`. Raises StorageError when it cannot be opened, or when a newer
        program wrote it.

        The first entry raises the file of an older program to this program's form.
        """
        self._database = database.open_writer(path, known_form=JOURNAL_FORM)
        self._form = database.form_of(self._database)
        self._boot_id = boot_id
        # The ORM writes each statement once: what it costs is taken from the loop, which shares
        # the interpreter with this thread just when somebody stands at a door.
        self._passages = PassageTable(self._database)
        self._used_codes = UsedCodeTable(self._database)
        self._newest = NewestTable(self._database, _STATES)
        with self._database.bind_ctx(_TABLES):
            self._insert = sql_of(JournalRow.insert_many([("", "", 0, 0, "", False)], _WRITTEN))
            kept = LastId.insert_many([("", 0)], (LastId.table, LastId.value))
            self._keep_id = sql_of(kept.on_conflict_replace())
            self._last = sql_of(JournalRow.select(peewee.fn.MAX(JournalRow.seq)))
            self._catch_up()

    def _catch_up(self) -> None:
        kinds = [str(kind) for kind in _STATES]
        missed = JournalRow.select().where(
            JournalRow.kind.in_(kinds), JournalRow.seq > self._newest.seen
        )
        with self._database.atomic():
            for row in missed.order_by(JournalRow.seq).iterator():
                entry = _entry(row)
                self._newest.apply(self._database.connection(), entry.seq, entry.kind, entry.body)

    @classmethod
    def create(cls, path: Path) -> None:
        """Make an empty journal. Raises StorageError when there is one already."""
        try:
            # Where the path is a link, the file is made at its target.
            path.resolve().touch(mode=0o640, exist_ok=False)
        except OSError as error:
            raise StorageError(f"{path} cannot be made: {error}") from error
        fresh = database.open_writer(path)
        with fresh.bind_ctx(_TABLES):
            fresh.create_tables(_TABLES)
        fresh.close_all()

    def close(self) -> None:
        self._database.close_all()

    def append(self, entries: Sequence[Entry], last_ids: Mapping[str, int]) -> int:
        """Commit `entries` durably in one transaction with the ids given so far.

        The number of the last entry is returned. Raises StorageError and keeps nothing when the
        file cannot be written.
        """
        rows = [
            (
                entry.kind.value,
                json.dumps(entry.body, separators=(",", ":")),
                (entry.utc - _EPOCH) // timedelta(microseconds=1),
                entry.monotonic_ns,
                self._boot_id,
                entry.clock_trusted,
            )
            for entry in entries
        ]
        connection: sqlite3.Connection = self._database.connection()
        with database.sqlite_errors("the journal cannot be written"):
            database.begin(connection, "IMMEDIATE")
            try:
                connection.executemany(self._insert, rows)
                connection.executemany(self._keep_id, list(last_ids.items()))
                for entry in entries:
                    self._keep_state(connection, entry)
                if self._form < JOURNAL_FORM:
                    connection.execute(f"PRAGMA user_version = {JOURNAL_FORM}")
                (seq,) = connection.execute(self._last).fetchone()
                for number, entry in enumerate(entries, start=seq - len(entries) + 1):
                    self._newest.apply(connection, number, entry.kind, entry.body)
                connection.execute("COMMIT")
            except BaseException:
                database.roll_back(connection)
                raise
        self._form = JOURNAL_FORM
        return int(seq)

    def _keep_state(self, connection: sqlite3.Connection, entry: Entry) -> None:
        """Write down what follows from `entry` for the tables beside the journal."""
        match entry.kind:
            case EntryKind.PASSAGE:
                self._passages.apply(connection, change_of(entry.body))
            case EntryKind.CODE_USED:
                self._used_codes.use(connection, entry.body)
            case EntryKind.CARD_SPENT:
                self._used_codes.spend(connection, entry.body)
            case _:
                pass

    def used_up(self) -> UsedUp:
        """The one-time codes and single-use cards that are used up."""
        return self._used_codes.read()

    def last_ids(self) -> dict[str, int]:
        """The highest id given so far, for each log table that has one."""
        with self._database.bind_ctx(_TABLES):
            return {row.table: row.value for row in LastId.select()}

    def last_entry(self) -> CommittedEntry | None:
        """The newest entry; None in a new journal."""
        with self._database.bind_ctx(_TABLES):
            row = JournalRow.select().order_by(JournalRow.seq.desc()).first()
        return None if row is None else _entry(row)

    def last_of(self, kind: EntryKind) -> CommittedEntry | None:
        """The newest entry of one kind."""
        return next(iter(self.newest(kind, 1)), None)

    def newest(self, kind: EntryKind, limit: int) -> list[CommittedEntry]:
        """At most `limit` entries of one kind, the newest first."""
        with self._database.bind_ctx(_TABLES):
            rows = JournalRow.select().where(JournalRow.kind == kind.value)
            return [_entry(row) for row in rows.order_by(JournalRow.seq.desc()).limit(limit)]

    def newest_of_each(self, kind: EntryKind) -> list[CommittedEntry]:
        """The newest entry of `kind` on each thing that has had one, the newest first."""
        with self._database.bind_ctx([*_TABLES, NewestRow]):
            named = NewestRow.select(NewestRow.seq).where(NewestRow.kind == kind.value)
            rows = JournalRow.select().where(JournalRow.seq.in_(named))
            return [_entry(row) for row in rows.order_by(JournalRow.seq.desc())]

    def open_alarms(self) -> list[CommittedEntry]:
        """Of every alarm that began and whose end is not recorded the newest entry, oldest first.

        What tells alarms apart is their row, without its time, and the `part` beside it.
        """
        state: dict[tuple[int | str, ...], CommittedEntry | None] = {}
        with self._database.bind_ctx(_TABLES):
            for row in (
                JournalRow.select()
                .where(JournalRow.kind == EntryKind.ALARM.value)
                .order_by(JournalRow.seq.desc())
                .limit(_ALARMS_LOOKED_AT)
            ):
                entry = _entry(row)
                alarm = entry.body["row"]
                key = (*(alarm[name] for name in _ALARM_KEY), entry.body.get("part", ""))
                state.setdefault(key, entry if alarm["event"] == 1 else None)
        return [entry for entry in reversed(state.values()) if entry is not None]

    def last_trusted_utc(self) -> datetime | None:
        """The newest instant journalled while the clock was trusted."""
        with self._database.bind_ctx(_TABLES):
            row = (
                JournalRow.select()
                .where(JournalRow.clock_trusted)
                .order_by(JournalRow.seq.desc())
                .first()
            )
        return None if row is None else _entry(row).utc


class JournalReader:
    """The reading end, for another process; each thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        """Raises StorageError as the writing end does.

        A file of an older form is read as it is: only its writer raises the form.
        """
        self._database = database.open_reader(path, known_form=JOURNAL_FORM)

    def close(self) -> None:
        self._database.close_all()

    def unknown_kinds(self) -> list[str]:
        """Kinds of entries that this program does not know. Raises StorageError."""
        kinds = JournalRow.select(JournalRow.kind).distinct()
        unknown = kinds.where(JournalRow.kind.not_in(_KINDS))
        with storage_errors():
            return [str(row.kind) for row in unknown.execute(self._database)]

    def last_seq(self) -> int:
        """The number of the newest committed entry, 0 in a new journal."""
        with self._database.bind_ctx(_TABLES):
            return int(JournalRow.select(peewee.fn.MAX(JournalRow.seq)).scalar() or 0)

    def after(self, seq: int, limit: int) -> list[CommittedEntry]:
        """At most `limit` committed entries with numbers above `seq`, oldest first."""
        with self._database.bind_ctx(_TABLES):
            rows = (
                JournalRow.select()
                .where(JournalRow.seq > seq)
                .order_by(JournalRow.seq)
                .limit(limit)
            )
            return [_entry(row) for row in rows]

    def access(self, log_id: int) -> CommittedEntry | None:
        """The entry that the row `log_id` of access_logs comes from; None when it is not there.

        Ids rise with the numbers of their entries: it is found in some twenty looks.
        Raises StorageError.
        """
        # Each query names its database: other threads may have bound the model to theirs.
        file = self._database
        last = JournalRow.select(peewee.fn.MAX(JournalRow.seq))
        accesses = JournalRow.select().where(JournalRow.kind == EntryKind.ACCESS.value)
        with storage_errors():
            low, high = 0, int(last.scalar(file) or 0) + 1
            while low < high:
                middle = (low + high) // 2
                later = accesses.where(JournalRow.seq >= middle).order_by(JournalRow.seq)
                row = next(iter(later.limit(1).execute(file)), None)
                entry = None if row is None else _entry(row)
                if entry is None or entry.body["row"]["id"] > log_id:
                    high = middle
                elif entry.body["row"]["id"] == log_id:
                    return entry
                else:
                    low = entry.seq + 1
        return None


def _entry(row: JournalRow) -> CommittedEntry:
    """`row` decoded. Raises StorageError when a newer program wrote it, or when it is damaged."""
    # Checked for each row: a newer program may write while this process has the file open.
    if row.kind not in _KINDS:
        raise StorageError(
            f"entry {row.seq} of the journal was written by a newer version (this program knows no"
            f" kind {row.kind!r})"
        )
    try:
        body = json.loads(row.body)
    except ValueError as error:
        raise StorageError(f"entry {row.seq} of the journal is damaged: {error}") from error
    return CommittedEntry(
        seq=int(row.seq),
        kind=EntryKind(row.kind),
        body=body,
        utc=_EPOCH + timedelta(microseconds=int(row.utc_us)),
        monotonic_ns=int(row.monotonic_ns),
        boot_id=row.boot_id,
        clock_trusted=bool(row.clock_trusted),
    )
