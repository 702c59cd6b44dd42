"""A reader of the journal that never lets go: the log stays bounded and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import StorageError
from gateway.store.files import database
from gateway.store.journal import Entry, EntryKind, Journal, JournalReader, journal

LARGEST = 1_000_000
ENTRY = Entry(
    EntryKind.DEVICE,
    {"why": "x" * 10_000},
    datetime(2026, 11, 23, tzinfo=UTC),
    5,
    clock_trusted=True,
)

READS = """
import sqlite3, sys
reader = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
reader.execute("BEGIN")
reader.execute("SELECT count(*) FROM journal").fetchall()
print("ready", flush=True)
sys.stdin.read()
"""
# What the right to read the file of shared memory allows: shared locks on the readers' marks
# (bytes 123 to 127, https://sqlite.org/walformat.html).
LOCKS_MARKS = """
import fcntl, os, sys
shared = os.open(f"{sys.argv[1]}-shm", os.O_RDONLY)
fcntl.lockf(shared, fcntl.LOCK_SH, 5, 123)
print("ready", flush=True)
sys.stdin.read()
"""
# Byte 120 is the writer's.
LOCKS_WRITER = LOCKS_MARKS.replace("5, 123", "1, 120")


@contextmanager
def hostile(program: str, path: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        process.communicate()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(journal, "LARGEST_LOG", LARGEST)
    Journal.create(tmp_path / "journal.db")
    return tmp_path / "journal.db"


@pytest.mark.parametrize("program", [READS, LOCKS_MARKS])
def test_the_log_stays_bounded_and_is_emptied_when_the_reader_has_gone(
    path: Path, program: str
) -> None:
    log = path.with_name("journal.db-wal")
    with closing(Journal(path, "boot")) as written, closing(JournalReader(path)) as reader:
        last = written.append([ENTRY], {})
        with hostile(program, path):
            with pytest.raises(StorageError, match="another program"):  # noqa: PT012 - some time
                for _ in range(1_000):
                    last = written.append([ENTRY] * 5, {})
            assert log.stat().st_size < LARGEST + 500_000
            assert reader.last_seq() == last
        assert written.append([ENTRY], {}) == last + 1
        assert log.stat().st_size < LARGEST


def test_a_lock_on_the_writers_byte_is_a_fault_that_ends_with_it(path: Path) -> None:
    with closing(Journal(path, "boot")) as written:
        assert written.append([ENTRY], {}) == 1
        with (
            hostile(LOCKS_WRITER, path),
            pytest.raises(StorageError, match="another program keeps the file locked"),
        ):
            written.append([ENTRY], {})
        assert written.append([ENTRY], {}) == 2
