"""A disk that is full, or fails: every error says so, and no undoing hides it.

SQLite takes a limit of pages for a full disk; it undoes the transaction itself then, as on a real
one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee
import pytest

from gateway.errors import DamagedFile, StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.store.check import damage
from gateway.store.files.database import TrackedDatabase, one_instant, open_writer, reason
from gateway.store.journal import Entry, EntryKind, Journal
from gateway.store.objects.names import NameReader
from gateway.store.objects.store import Store
from gateway.store.tables.photos import Photo, Photos

FULL = r"the disk is full \(database or disk is full\)"
LONG = ("registration", "name", "password", "salt")
PEOPLE = [{"name": f"N{number}" * 50} for number in range(400)]


@contextmanager
def full_disk(connection: sqlite3.Connection) -> Iterator[None]:
    """Let the file of `connection` grow by no page."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (before,) = connection.execute("PRAGMA max_page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA max_page_count = {before}")


def count(store: Store, name: str) -> int:
    (row,) = store.load({"object": name, "fields": ["COUNT(*)"]}).rows
    return int(str(row["COUNT(*)"]))


def in_parts(store: Store) -> None:
    """A write within a write, whose part is undone first."""
    with store.transaction():
        store.insert("users", [{"name": "first"}])
        with store.transaction():
            store.insert("users", PEOPLE)


WRITES: dict[str, Callable[[Store], object]] = {
    "create": lambda store: store.insert("users", PEOPLE),
    "create or modify": lambda store: store.insert_or_modify("users", PEOPLE),
    "modify": lambda store: store.modify("users", dict.fromkeys(LONG, "m" * 4_000)),
    "part of a write": in_parts,
    "photo": lambda store: Photos(store).put(1, Photo(1, bytes(200_000))),
    "configuration": lambda store: store.set_configuration(
        {"identifier": {f"custom_{word}_message": "m" * 4_000 for word in ("auth", "deny")}}
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_that_finds_the_disk_full_says_so_and_changes_nothing(
    store: Store, write: Callable[[Store], object]
) -> None:
    store.insert("users", [{"id": 1, "name": "Ana"}])
    with full_disk(store.database.connection()), pytest.raises(StorageError, match=FULL):
        write(store)
    assert count(store, "users") == 1
    write(store)  # once there is space


def test_the_journal_says_that_the_disk_is_full_and_goes_on_afterwards(tmp_path: Path) -> None:
    Journal.create(tmp_path / "journal.db")
    entries = [
        Entry(
            EntryKind.STARTED,
            {"text": "x" * 4_000},
            datetime(2026, 1, 1, tzinfo=UTC),
            1,
            clock_trusted=True,
        )
        for _ in range(20)
    ]
    with closing(Journal(tmp_path / "journal.db", "boot")) as journal:
        with (
            full_disk(journal._database.connection()),
            pytest.raises(StorageError, match=f"the journal cannot be written: {FULL}"),
        ):
            journal.append(entries, {})
        assert journal.append(entries, {}) == len(entries)


class Failing:
    """A connection whose transactions cannot be undone."""

    in_transaction = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def rollback(self) -> None:
        if self.connection.in_transaction:
            self.failures += 1
            raise sqlite3.OperationalError("disk I/O error")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[TrackedDatabase]:
    with closing_all(open_writer(tmp_path / "file.db", create=True)) as opened:
        opened.execute_sql("CREATE TABLE t (x)")
        yield opened


@contextmanager
def closing_all(opened: TrackedDatabase) -> Iterator[TrackedDatabase]:
    try:
        yield opened
    finally:
        opened.close_all()


def test_undoing_that_fails_does_not_hide_why_it_was_undone(
    database: TrackedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(database.connection())
    monkeypatch.setattr(database, "connection", lambda: failing)
    with pytest.raises(KeyError, match="cause"), database.atomic():
        raise KeyError("cause")
    assert failing.failures == 1
    failing.connection.rollback()
    with pytest.raises(KeyError, match="cause"), one_instant(failing):  # type: ignore[arg-type] # - a stand-in
        raise KeyError("cause")
    assert failing.failures == 2


def test_reading_that_breaks_off_leaves_no_transaction_open(database: TrackedDatabase) -> None:
    connection = database.connection()
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="no such"), one_instant(connection):
            connection.execute("SELECT * FROM absent")
        assert not connection.in_transaction


def test_an_error_is_told_by_what_a_technician_can_do_something_about(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE t (x)")
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader,
        pytest.raises(sqlite3.OperationalError) as refused,
    ):
        reader.execute("INSERT INTO t VALUES (1)")
    assert reason(refused.value).startswith("the file, or its disk, is read-only (")
    wrapped = peewee.OperationalError(refused.value, *refused.value.args)
    assert reason(wrapped) == reason(refused.value)
    assert reason(peewee.OperationalError("no code")) == "no code"


def test_damage_that_sqlite_quotes_byte_by_byte_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Store.create(path, REGISTRY, lambda: 0).close()
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE", b"CREATE T\xe1BLE"))
    with pytest.raises(DamagedFile, match="the file is damaged"):
        Store.open(path, REGISTRY, lambda: 0)
    assert "the file is damaged" in str(damage(path))
    with pytest.raises(StorageError, match="the file is damaged"):
        NameReader(path)("users", 1)


def test_a_file_that_sqlite_opens_for_reading_alone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.db"
    with closing_all(open_writer(path, create=True)) as writer:
        writer.execute_sql("CREATE TABLE t (x)")
        with monkeypatch.context() as patch:  # as after an EIO or EACCES, without a word
            real = sqlite3.connect
            patch.setattr(
                "peewee.sqlite3.connect",
                lambda name, **named: real(name.replace("mode=rw", "mode=ro"), **named),
            )
            with pytest.raises(StorageError, match="the file, or its disk, is read-only"):
                open_writer(path)
        with writer.atomic(), closing_all(open_writer(path)) as waiting:  # for the other's lock
            assert waiting.execute_sql("SELECT count(*) FROM t").fetchone() == (0,)
        assert writer.execute_sql("PRAGMA user_version").fetchone() == (0,)
