"""Every statement of the journal fails in turn: nothing is lost or written twice."""

from __future__ import annotations

import os
import queue
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.controller.state import journal_writer
from gateway.controller.state.journal_writer import Committed, JournalWriter, WriterFault
from gateway.store.journal import Entry, EntryKind, JournalReader
from gateway.store.journal.renewal import JournalFile

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
CODES = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
)
PATIENCE_S = 20


class Fault:
    """Fails one call of all that are made, if it is reached."""

    def __init__(self) -> None:
        self.left = -1
        self.code = 0
        self.calls = 0

    def pass_call(self) -> None:
        self.calls += 1
        self.left -= 1
        if self.left == 0:
            error = sqlite3.OperationalError("made to fail")
            error.sqlite_errorcode = self.code
            raise error


FAULT = Fault()


class FailingConnection(sqlite3.Connection):
    """Asks FAULT before each statement."""

    def execute(self, *words: Any) -> sqlite3.Cursor:
        FAULT.pass_call()
        return super().execute(*words)

    def executemany(self, *words: Any) -> sqlite3.Cursor:
        FAULT.pass_call()
        return super().executemany(*words)

    def cursor(self, *words: Any) -> Any:
        FAULT.pass_call()
        return super().cursor(*words)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fault]:
    real = sqlite3.connect
    monkeypatch.setattr(
        "peewee.sqlite3.connect",
        lambda *words, **named: real(*words, **{**named, "factory": FailingConnection}),
    )
    monkeypatch.setattr(journal_writer, "RETRY_S", 0.001)
    FAULT.left, FAULT.calls = -1, 0
    yield FAULT
    FAULT.left = -1


def write(directory: Path) -> list[int]:
    """Write ten entries in five batches; the numbers that are in the journal."""
    path = directory / "journal.db"
    reports: queue.SimpleQueue[Committed | WriterFault] = queue.SimpleQueue()
    opener = JournalFile(path, "boot", lambda: NOON)
    writer = JournalWriter(None, {}, reports.put, opener=opener)
    writer.start()
    for number in range(10):
        body = {"reader": "front", "locked_ms": number}
        ticket = writer.add(Entry(EntryKind.KEYPAD, body, NOON, 1, clock_trusted=True))
        if number % 2:
            while True:
                report = reports.get(timeout=PATIENCE_S)
                if isinstance(report, Committed) and report.ticket == ticket:
                    break
    writer.close()
    assert writer.dropped == 0
    FAULT.left = -1
    with closing(JournalReader(path)) as reader:
        entries = reader.after(0, 100)
        assert not reader.damage.count
    return [e.body["locked_ms"] for e in entries if e.kind is EntryKind.KEYPAD]


@pytest.mark.chaos
def test_whichever_statement_fails_every_entry_is_written_once(
    failing: Fault, tmp_path: Path
) -> None:
    """Each in one way; with GATEWAY_FLIPS, as for a long search, in every way."""
    (tmp_path / "whole").mkdir()
    assert write(tmp_path / "whole") == list(range(10))
    calls = failing.calls
    assert calls > 50
    for number in range(1, calls + 1):
        chosen = CODES if "GATEWAY_FLIPS" in os.environ else (CODES[number % len(CODES)],)
        for code in chosen:
            directory = tmp_path / f"{number}-{code}"
            directory.mkdir()
            failing.left, failing.code = number, code
            assert write(directory) == list(range(10)), f"statement {number}, code {code}"
