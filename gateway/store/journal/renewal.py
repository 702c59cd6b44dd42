"""Opening the journal at a start, whatever lies in its place.

A file that is no journal, or that a newer program wrote, is put aside with the date, and a new one
takes its place with all that can be read of the old: doors must open, and what happens at them must
be written down. Numbers of entries and ids of the API's tables go on above the last known ones.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from gateway.errors import DamagedFile, NewerForm, StorageError
from gateway.sealing import NO_KEY, Sealer
from gateway.store.journal.bodies import LARGEST_ID
from gateway.store.journal.entries import CommittedEntry, EntryKind
from gateway.store.journal.history import KEPT, LAST_IDS, STATES, ids_of
from gateway.store.journal.journal import Journal
from gateway.store.journal.rows import (
    COLUMNS,
    KNOWN_SEQ,
    entry_of,
    whole_number,
)

KEPT_ASIDE = 3
"""Files put aside that stay, for each reason."""
_REASONS = ("damaged", "newer")
_HEAD = b"SQLite format 3\0"
_BESIDE = ("-wal", "-shm", "-journal")
_SALVAGED = 20_000
"""Newest entries that are copied from a file put aside, beside those that tell a state."""
_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "passages": ("number", "user_id", "portal_id", "area_id", "utc_s", "day"),
    "forgotten_positions": ("user_id", "area_id", "utc_s", "day"),
    "used_codes": ("card_id", "card_value", "step"),
    "spent_cards": ("card_id", "card_value"),
    "credential_uses": ("kind", "row_id", "user_id", "used"),
}
"""The tables beside the journal, which consist of whole numbers."""
_GAP = 1_000
"""Left free above ids and numbers known from elsewhere, which may lag behind."""

log = structlog.get_logger("journal")


def put_aside(path: Path) -> list[Path]:
    """The journals that lie beside the one at `path`, oldest first."""
    whole = path.resolve()
    found = (one for kind in _REASONS for one in whole.parent.glob(f"{whole.name}.{kind}-*"))
    return sorted(one for one in found if not one.name.endswith(_BESIDE))


@dataclass(frozen=True, slots=True)
class KnownElsewhere:
    """What others know of the journal, for one that is lost."""

    seq: int = 0
    """The newest entry that was projected."""
    ids: Mapping[str, int] = field(default_factory=dict)
    """The highest id in each of the API's log tables."""


@dataclass(frozen=True, slots=True)
class _Lost:
    why: str
    aside: Path | None


class JournalFile:
    """Opens the journal at a path, and makes a new one where that one is of no use."""

    def __init__(
        self,
        path: Path,
        boot_id: str,
        utc: Callable[[], datetime],
        known: Callable[[], KnownElsewhere] = KnownElsewhere,
        sealer: Sealer = NO_KEY,
        store_key: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`sealer` and `store_key` are as for Journal. `known` is asked when a journal is made
        anew; it raises nothing."""
        self.path = path
        self._lost: _Lost | None = None
        """Put aside, and nothing stands in its place yet."""
        self.replaced: str | None = None
        """Why the journal was made anew; None while it was not."""
        self._boot_id = boot_id
        self._utc = utc
        self._known = known
        self._sealer = sealer
        self._store_key = store_key

    def open(self) -> Journal:
        """The journal, ready to be written. Raises StorageError when that must wait."""
        try:
            self._check_kind()
            journal = self._journal()
        except DamagedFile as error:
            return self.renew(error)
        try:
            journal.last_seq()
            journal.last_ids()
        except DamagedFile as error:
            journal.close()
            return self.renew(error)
        except StorageError:
            journal.close()
            raise
        return journal

    def _journal(self) -> Journal:
        return Journal(self.path, self._boot_id, self._sealer, self._store_key)

    def renew(self, why: DamagedFile) -> Journal:
        """Put the file aside and make a new one. Raises StorageError when neither can be done; the
        next attempt then goes on from there."""
        aside = self._put_aside("newer" if isinstance(why, NewerForm) else "damaged")
        if aside is not None or self._lost is None:
            self._lost = _Lost(str(why), aside)
        Journal.create(self.path)
        journal = self._journal()
        lost, self._lost = self._lost, None
        kept = f"; the old one is {lost.aside.name}" if lost.aside else ""
        self.replaced = f"made anew: {lost.why}{kept}"
        log.error("the journal was made anew", why=self.replaced)
        try:
            self._fill(journal, lost.aside)
        except BaseException:
            journal.close()
            raise
        return journal

    def _check_kind(self) -> None:
        whole = self.path.resolve()
        if not whole.exists():
            raise DamagedFile("there was no journal")
        for suffix in ("", *_BESIDE):
            path = whole.with_name(whole.name + suffix)
            if path.exists() and not path.is_file():
                raise DamagedFile(f"{path} is no file")
        try:
            with whole.open("rb") as file:
                head = file.read(len(_HEAD))
        except OSError as error:
            raise StorageError(f"{self.path} cannot be read: {error}") from error
        if head != _HEAD:
            # SQLite takes an empty file for a new database, and waits for whoever still reads it.
            raise DamagedFile("the file is damaged (it does not begin as a database)")

    def _put_aside(self, reason: str) -> Path | None:
        """Rename the file and those beside it; the new path, None when there was nothing."""
        whole = self.path.resolve()
        prefix = f"{whole.name}.{reason}-"
        name = f"{prefix}{self._utc():%Y%m%d-%H%M%S}"
        aside, number = whole.with_name(name), 1
        while aside.exists():
            number += 1
            aside = whole.with_name(f"{name}-{number}")
        found = False
        try:
            for suffix in (*_BESIDE, ""):
                path = whole.with_name(whole.name + suffix)
                if path.exists() or path.is_symlink():
                    path.rename(f"{aside}{suffix}")
                    found = True
            others = [one for one in put_aside(self.path) if one.name.startswith(prefix)]
            for path in others[:-KEPT_ASIDE]:
                for suffix in ("", *_BESIDE):
                    _remove(path.with_name(path.name + suffix))
        except OSError as error:
            raise StorageError(f"{self.path} cannot be put aside: {error}") from error
        return aside if found else None

    def _fill(self, journal: Journal, aside: Path | None) -> None:
        known = self._known()
        with _salvage(aside) as salvage:
            self._adopt(journal, salvage, known)

    def _adopt(self, journal: Journal, salvage: _Salvage, known: KnownElsewhere) -> None:
        entries = salvage.entries()
        seq = max([*(entry.seq for entry in entries), salvage.last_seq()], default=0)
        if not seq and known.seq:
            seq = min(known.seq, LARGEST_ID // 2) + _GAP
        ids = dict(salvage.last_ids())
        for table, highest in known.ids.items():
            if highest > ids.get(table, 0):
                ids[table] = min(highest, LARGEST_ID // 2) + (0 if table in ids else _GAP)
        if not any(entry.seq == seq for entry in entries) and seq:
            utc = self._utc()
            body = {"part": self.path.name, "why": self.replaced}
            entries.append(CommittedEntry(seq, EntryKind.FAULT, body, utc, 0, "", False))
        journal.adopt(entries)
        journal.copy_state("last_ids", list(ids.items()))
        for table, rows in salvage.tables():
            journal.copy_state(table, rows)


@contextmanager
def _salvage(aside: Path | None) -> Iterator[_Salvage]:
    if aside is None or not aside.is_file():
        yield _Salvage(None)
        return
    try:
        connection = sqlite3.connect(aside, isolation_level=None)
    except sqlite3.Error:
        yield _Salvage(None)
        return
    with closing(connection):
        yield _Salvage(connection)


class _Salvage:
    """What can be read of a file put aside. Raises nothing for what cannot."""

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self._connection = connection

    def entries(self) -> list[CommittedEntry]:
        """The entries that tell a state and the newest of all, in their order."""
        found = {entry.seq: entry for entry in self._newest_entries(f"{KNOWN_SEQ}", _SALVAGED)}
        kinds = ", ".join(f"'{kind}'" for kind in (*KEPT, *STATES))
        for entry in self._newest_entries(f"{KNOWN_SEQ} AND kind IN ({kinds})", _SALVAGED):
            found[entry.seq] = entry
        return [found[seq] for seq in sorted(found)]

    def _newest_entries(self, condition: str, limit: int) -> Iterator[CommittedEntry]:
        sql = f"SELECT {COLUMNS} FROM journal WHERE {condition} ORDER BY seq DESC LIMIT {limit}"  # noqa: S608 - ours
        for raw in self._rows(sql):
            with suppress(ValueError):
                yield entry_of(raw)

    def last_seq(self) -> int:
        found = list(self._rows(f"SELECT max(seq) FROM journal WHERE {KNOWN_SEQ}"))  # noqa: S608 - ours
        return int(found[0][0] or 0) if found else 0

    def last_ids(self) -> dict[str, int]:
        return ids_of(self._rows(LAST_IDS))

    def tables(self) -> Iterator[tuple[str, list[tuple[int, ...]]]]:
        """The tables beside the journal, each with its whole rows."""
        for table, columns in _NUMBERS.items():
            wanted = ", ".join(map(whole_number, columns))
            rows = self._rows(f"SELECT {wanted} FROM {table}")  # noqa: S608 - ours
            yield table, [row for row in rows if None not in row]

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Up to the first page that is damaged."""
        if self._connection is not None:
            with suppress(sqlite3.Error, UnicodeDecodeError):
                yield from self._connection.execute(sql)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
