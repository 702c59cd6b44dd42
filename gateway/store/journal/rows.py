"""A row of the journal's table, which may be damaged, becomes an entry, or is named and skipped."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import peewee

from gateway.clock import EARLIEST, EPOCH, LATEST
from gateway.errors import DamagedFile, NewerForm, ReadOnlyFile, StorageError
from gateway.store.files import database
from gateway.store.journal.bodies import LARGEST_ID, read_body
from gateway.store.journal.entries import JOURNAL_FORM, CommittedEntry, EntryKind

_US = timedelta(microseconds=1)
_EARLIEST_US, _LATEST_US = (EARLIEST - EPOCH) // _US, (LATEST - EPOCH) // _US
_KINDS = {kind.value.encode(): kind for kind in EntryKind}
_NAMED = 20
"""Damaged rows that are named, of all that are counted."""


def whole_number(column: str) -> str:
    """SQL for `column` where it holds an integer, else NULL."""
    return f"iif(typeof({column}) = 'integer', {column}, NULL)"


def raw_text(column: str) -> str:
    """SQL for the bytes of `column`: the driver fails the whole read at one that is not UTF-8."""
    return f"CAST({column} AS BLOB)"


COLUMNS = ", ".join(
    (
        "seq",
        raw_text("kind"),
        raw_text("body"),
        whole_number("utc_us"),
        whole_number("monotonic_ns"),
        raw_text("boot_id"),
        whole_number("clock_trusted"),
    )
)
"""What `Rows` reads, for SELECT. Damage passes through it without an error of the driver."""
Raw = tuple[int, bytes | None, bytes | None, int | None, int | None, bytes | None, int | None]

KNOWN_SEQ = f"seq BETWEEN 1 AND {LARGEST_ID}"
"""SQL condition; rows with other numbers are damaged, and never count as the newest."""


_PASSING = frozenset(
    {
        0,  # the driver's own
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_INTERRUPT,
    }
)
"""Result codes that tell of the disk or of others. Every statement here fits the declared tables:
any other code, "no such column" among them, tells that the file is not what was written."""


@contextlib.contextmanager
def journal_errors(what: str) -> Iterator[None]:
    """Turn what the driver raises into a StorageError that begins with `what`, and into a
    DamagedFile where waiting does not help."""
    try:
        yield
    except (sqlite3.Error, peewee.PeeweeException, UnicodeDecodeError) as error:
        code = database.code_of(error)
        kind = StorageError if code in _PASSING else DamagedFile
        if code == sqlite3.SQLITE_READONLY:
            kind = ReadOnlyFile
        raise kind(f"{what}: {database.reason(error)}") from error


class UnknownKind(ValueError):
    """No program of this form writes that kind."""


@dataclass(slots=True)
class Damage:
    """The rows that could not be read. Any thread adds and reads."""

    count: int = 0
    named: dict[int, str] = field(default_factory=dict)
    """Number of a row -> what is wrong with it; only of some."""

    def add(self, seq: int, why: str) -> None:
        """A row that was counted is not counted again, as long as it is among those named."""
        if seq in self.named:
            return
        self.count += 1
        if len(self.named) < _NAMED:
            self.named[seq] = why


def entry_of(raw: Raw) -> CommittedEntry:
    """Raises ValueError that says what is wrong with the row."""
    seq, kind, body, utc_us, monotonic_ns, boot_id, trusted = raw
    known = _KINDS.get(kind or b"")
    if known is None:
        raise UnknownKind(f"no kind {(kind or b'').decode(errors='replace')[:40]!r}")
    if utc_us is None or not _EARLIEST_US <= utc_us <= _LATEST_US:
        raise ValueError(f"utc_us: {utc_us} is no time")
    if monotonic_ns is None:
        raise ValueError("monotonic_ns: not a whole number")
    if trusted not in (0, 1):
        raise ValueError("clock_trusted: neither 0 nor 1")
    return CommittedEntry(
        seq=seq,
        kind=known,
        body=read_body(known, body or b""),
        utc=EPOCH + utc_us * _US,
        monotonic_ns=monotonic_ns,
        boot_id=(boot_id or b"").decode(errors="replace"),
        clock_trusted=trusted == 1,
    )


def entries_of(
    connection: sqlite3.Connection, rows: Iterable[Raw], damage: Damage
) -> Iterator[CommittedEntry]:
    """The entries among `rows`; the others are skipped and added to `damage`.

    Raises StorageError at a kind that a newer program wrote.
    """
    for raw in rows:
        try:
            yield entry_of(raw)
        except UnknownKind as error:
            refuse_newer(connection, raw[0], error)
            damage.add(raw[0], str(error))
        except ValueError as error:
            damage.add(raw[0], str(error)[:200])


def refuse_newer(connection: sqlite3.Connection, seq: int, error: UnknownKind) -> None:
    """Raise StorageError if the file has a newer form by now: its kinds are no damage."""
    with journal_errors("the journal cannot be read"):
        (form,) = connection.execute("PRAGMA user_version").fetchone()
    if form > JOURNAL_FORM:
        raise NewerForm(
            f"entry {seq} of the journal was written by a newer version (this program knows"
            f" {error})"
        )
