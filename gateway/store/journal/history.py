"""What a start reads of the journal: the state that earlier runs left.

Damaged rows are skipped, counted and named. Where the newest entry on something cannot be read, the
newest one that can be read counts; who must not rely on that asks `unreadable`.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.clock import LATEST
from gateway.errors import StorageError
from gateway.store.files.current import CurrentFile
from gateway.store.journal.bodies import LARGEST_ID
from gateway.store.journal.entries import CommittedEntry, EntryKind
from gateway.store.journal.rows import (
    COLUMNS,
    KNOWN_SEQ,
    Damage,
    entries_of,
    journal_errors,
    raw_text,
    whole_number,
)
from gateway.store.journal.used_codes import UsedUp, read_used_up

ALARMS_LOOKED_AT = 2_000
"""Newest alarm entries searched at start for one that is still on."""
LOOKED_AT = 256
"""Newest entries of any other kind that a start may look at."""

KEPT: Mapping[EntryKind, int] = {
    EntryKind.ALARM: ALARMS_LOOKED_AT,
    EntryKind.MODE: LOOKED_AT,
    EntryKind.DURESS: LOOKED_AT,
    **dict.fromkeys(
        (EntryKind.FIRE, EntryKind.ARMING, EntryKind.SILENCED, EntryKind.THREAT_LEVEL), 8
    ),
}
"""Kind of entry that a start searches for a state -> how many of the newest stay for that, however
old they are; some more than one, since the newest may be damaged."""

STATES: Mapping[str, str] = {
    EntryKind.SCHEDULE: "door",
    EntryKind.FIRST_CARD: "first_card",
    EntryKind.KEYPAD: "reader",
    EntryKind.FAULT: "part",
    EntryKind.ENTRY: "zone",
    EntryKind.TRIGGER: "trigger",
    EntryKind.OUTPUT: "output",
}
"""Kind of entry that tells a state -> the member of its body that says of what."""

_ALARM_KEY = ("cause", "door_id", "user_id", "access_log_id")
_MORE = 64
"""Rows of a query beyond those wanted, since damaged ones are skipped."""
READING = "the journal cannot be read"


LAST_IDS = f"""SELECT {raw_text('"table"')}, {whole_number("value")} FROM last_ids"""  # noqa: S608 - ours


def ids_of(rows: Iterable[tuple[bytes | None, int | None]]) -> dict[str, int]:
    """What LAST_IDS gives: by table, without what cannot be an id."""
    return {
        (table or b"").decode(errors="replace"): value
        for table, value in rows
        if value is not None and 0 < value < LARGEST_ID
    }


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the run before this one ended."""

    seq: int
    """The newest entry's number."""
    clean: bool
    """An orderly end; an entry that cannot be read is none."""


class History(ABC):
    """Reads on one connection. Each method raises StorageError; DamagedFile where the file is no
    journal."""

    damage: Damage

    @abstractmethod
    def connection(self) -> sqlite3.Connection:
        """Where to read."""

    def newest(self, kind: EntryKind, limit: int) -> list[CommittedEntry]:
        """At most `limit` entries of one kind, the newest first."""
        # A damaged row may have another kind than its index says.
        found = self._entries("kind = ?", kind.value, limit=limit)
        return [entry for entry in found if entry.kind is kind]

    def last_of(self, kind: EntryKind) -> CommittedEntry | None:
        """The newest entry of one kind."""
        return next(iter(self.newest(kind, 1)), None)

    def last_run(self) -> LastRun | None:
        """How the journal ends; None in a new one."""
        with journal_errors(READING):
            row = self._one(
                f"SELECT seq, {raw_text('kind')} FROM journal WHERE {KNOWN_SEQ}"  # noqa: S608 - ours
                " ORDER BY seq DESC LIMIT 1"
            )
        return None if row is None else LastRun(row[0], row[1] == EntryKind.STOPPED.encode())

    def last_seq(self) -> int:
        """The number of the newest committed entry, 0 in a new journal."""
        last = self.last_run()
        return last.seq if last else 0

    def newest_of_each(self, kind: EntryKind) -> list[CommittedEntry]:
        """The newest readable entry of `kind` on each thing that has had one, newest first."""
        named, found = self._newest_of_each(kind)
        key = STATES[kind]
        if named.keys() - found.keys():
            for entry in self.newest(kind, LOOKED_AT):
                about = str(entry.body[key])
                if about in named:
                    found.setdefault(about, entry)
        return sorted(found.values(), key=lambda entry: entry.seq, reverse=True)

    def unreadable(self, kind: EntryKind) -> list[str]:
        """What the newest entry of `kind` is about, as text, where that entry cannot be read."""
        named, found = self._newest_of_each(kind)
        return sorted(named.keys() - found.keys())

    def _newest_of_each(self, kind: EntryKind) -> tuple[dict[str, int], dict[str, CommittedEntry]]:
        key, named, seen = STATES[kind], dict[str, int](), 0
        with journal_errors(READING):
            if self._has("newest"):
                for of, about, seq in self._all(
                    f"SELECT {raw_text('kind')}, {raw_text('about')}, {whole_number('seq')}"  # noqa: S608 - ours
                    " FROM newest"
                ):
                    if seq is not None and 0 < seq <= LARGEST_ID:
                        seen = max(seen, seq)
                        if of == kind.encode():
                            named[(about or b"").decode(errors="replace")] = seq
        # A program without that table may have written after it.
        entries = self._entries("kind = ? AND seq > ?", kind.value, seen, limit=ALARMS_LOOKED_AT)
        found: dict[str, CommittedEntry] = {}
        for entry in entries:
            if entry.kind is kind:
                found.setdefault(str(entry.body[key]), entry)
        for about, seq in named.items():
            for entry in self._entries("seq = ?", seq, limit=1):
                if entry.kind is kind and str(entry.body[key]) == about:
                    found.setdefault(about, entry)
        return {**dict.fromkeys(found, 0), **named}, found

    def open_alarms(self) -> list[CommittedEntry]:
        """Of every alarm that began and whose end is not recorded the newest entry, oldest first.

        What tells alarms apart is their row, without its time, and the `part` beside it.
        """
        state: dict[tuple[int | str, ...], CommittedEntry | None] = {}
        for entry in self.newest(EntryKind.ALARM, ALARMS_LOOKED_AT):
            alarm = entry.body["row"]
            key = (*(alarm.get(name, 0) for name in _ALARM_KEY), entry.body.get("part", ""))
            state.setdefault(key, entry if alarm["event"] == 1 else None)
        return [entry for entry in reversed(state.values()) if entry is not None]

    def last_trusted_utc(self, latest: datetime = LATEST) -> datetime | None:
        """The newest instant journalled while the clock was trusted, of those up to `latest`."""
        trusted = self._entries("clock_trusted = 1", limit=LOOKED_AT)
        return next((entry.utc for entry in trusted if entry.utc <= latest), None)

    def used_up(self) -> UsedUp:
        """The one-time codes and single-use cards that are used up."""
        with journal_errors(READING):
            if not self._has("used_codes"):
                return UsedUp()
            return read_used_up(self.connection())

    def last_ids(self) -> dict[str, int]:
        """The highest id given so far, for each log table that has one."""
        with journal_errors(READING):
            return ids_of(self._all(LAST_IDS))

    def _entries(self, condition: str, *values: object, limit: int) -> list[CommittedEntry]:
        """At most `limit` readable entries, the newest first."""
        sql = (
            f"SELECT {COLUMNS} FROM journal WHERE {KNOWN_SEQ} AND {condition}"  # noqa: S608 - ours
            " ORDER BY seq DESC LIMIT ?"
        )
        connection = self.connection()
        with journal_errors(READING):
            rows = connection.execute(sql, (*values, limit + _MORE)).fetchall()
        return list(entries_of(connection, rows, self.damage))[:limit]

    def _has(self, table: str) -> bool:
        return self._one("SELECT 1 FROM sqlite_master WHERE name = ?", table) is not None

    def _one(self, sql: str, *values: object) -> Any:
        return self.connection().execute(sql, values).fetchone()

    def _all(self, sql: str, *values: object) -> list[Any]:
        return self.connection().execute(sql, values).fetchall()


class ReadOnlyHistory(History):
    """The history of a journal that cannot be written now."""

    def __init__(self, file: CurrentFile) -> None:
        self._file = file
        self.damage = Damage()

    def connection(self) -> sqlite3.Connection:
        return self._file.connection()


class NoHistory(History):
    """That of a journal that can be neither read nor made: as on a new device."""

    def __init__(self) -> None:
        self.damage = Damage()

    def connection(self) -> sqlite3.Connection:
        raise StorageError("the journal cannot be read")
