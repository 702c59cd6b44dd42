"""A journal of a newer program is refused by name; that of an older one is raised."""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.store.check import too_new
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.journal import JOURNAL_FORM, Entry, EntryKind, Journal, JournalReader
from gateway.store.journal.projection import Projection
from gateway.store.objects.migrations import VERSION
from gateway.store.objects.store import Store

KINDS = Path(__file__).parent / "forms" / "journal-kinds.toml"
STARTED = Entry(EntryKind.STARTED, {}, datetime(2026, 11, 23, tzinfo=UTC), 5, clock_trusted=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / JOURNAL_FILE
    Journal.create(made)
    with closing(Journal(made, "boot")) as journal:
        journal.append([STARTED], {})
    return made


def run(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def form(path: Path) -> object:
    return run(path, "PRAGMA user_version")[0][0]


def write_newer_entry(path: Path) -> None:
    run(path, "INSERT INTO journal VALUES (NULL, 'teleported', '{}', 86400000000, 1, 'boot', 1)")
    run(path, f"PRAGMA user_version = {JOURNAL_FORM + 1}")


def test_a_kind_that_is_added_raises_the_form() -> None:
    kinds = tomllib.loads(KINDS.read_text(encoding="utf-8"))
    assert list(kinds) == [f"form-{number}" for number in range(JOURNAL_FORM + 1)]
    listed = [kind for added in kinds.values() for kind in added]
    assert sorted(listed) == sorted(EntryKind), (
        f"raise JOURNAL_FORM (gateway/store/journal/entries.py) unless form {JOURNAL_FORM} was"
        f" never released, and list new kinds in {KINDS.name} under the form that adds them"
    )


def test_the_first_entry_raises_a_journal_of_an_older_program(path: Path) -> None:
    run(path, "PRAGMA user_version = 0")
    with closing(JournalReader(path)) as reader:
        assert [entry.kind for entry in reader.after(0, 9)] == [EntryKind.STARTED]
        with closing(Journal(path, "boot")) as journal:
            assert form(path) == 0, "an older program may still read what nobody has added to"
            journal.append([STARTED], {})
            assert form(path) == JOURNAL_FORM
        assert len(reader.after(0, 9)) == 2


def test_an_entry_that_is_not_kept_raises_no_form(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(path, "PRAGMA user_version = 0")
    with closing(Journal(path, "boot")) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(journal, "_insert", "SELECT no_such_function(?,?,?,?,?,?,?)")
            with pytest.raises(StorageError, match="no_such_function"):
                journal.append([STARTED], {})
        assert form(path) == 0
        journal.append([STARTED], {})
    assert form(path) == JOURNAL_FORM


@pytest.mark.parametrize(
    "opening",
    [lambda path: Journal(path, "boot"), lambda path: JournalReader(path).after(0, 9)],
)
def test_everyone_refuses_a_journal_of_a_newer_form(
    path: Path, opening: Callable[[Path], object]
) -> None:
    with closing(Journal(path, "boot")):  # makes the tables beside the entries
        pass
    run(path, f"PRAGMA user_version = {JOURNAL_FORM + 1}")
    with pytest.raises(
        StorageError,
        match=rf"journal\.db was written by a newer version \(form {JOURNAL_FORM + 1}, this",
    ):
        opening(path)


def test_an_entry_of_a_newer_program_is_refused_by_name(path: Path) -> None:
    said = r"entry 2 of the journal was written by a newer version .* no kind 'teleported'"
    with closing(Journal(path, "boot")) as journal, closing(JournalReader(path)) as reader:
        assert len(reader.after(0, 9)) == 1
        write_newer_entry(path)  # while both have the file open
        with pytest.raises(StorageError, match=said):
            journal.last_trusted_utc()
        started = journal.last_of(EntryKind.STARTED)
        assert started is not None
        assert started.seq == 1
        with pytest.raises(StorageError, match=said):
            reader.after(0, 9)


def test_log_tables_stop_before_an_entry_of_a_newer_program(path: Path, tmp_path: Path) -> None:
    with (
        Store.create(tmp_path / STORE_FILE, REGISTRY, lambda: 0) as store,
        closing(JournalReader(path)) as reader,
    ):
        projection = Projection(store, reader)
        projection.catch_up()
        write_newer_entry(path)
        for _ in range(2):  # whoever asks next is told the same
            with pytest.raises(StorageError, match="newer version"):
                projection.catch_up()


def test_what_a_newer_program_wrote_is_found_in_either_file(path: Path, tmp_path: Path) -> None:
    store = tmp_path / STORE_FILE
    Store.create(store, REGISTRY, lambda: 0).close()
    assert (too_new(path), too_new(store)) == (None, None)
    for file, known in ((path, JOURNAL_FORM), (store, VERSION)):
        run(file, "PRAGMA user_version = 99")
        assert f"newer version (form 99, this program knows {known})" in (too_new(file) or "")
