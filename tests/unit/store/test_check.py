"""A damaged file is found, and said to be damaged."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.store.check import damage
from gateway.store.journal import Entry, EntryKind, Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "journal.db"
    Journal.create(made)
    entries = [
        Entry(EntryKind.DEVICE, {"text": "x" * 500}, datetime.now(UTC), 1, clock_trusted=True)
        for _ in range(200)
    ]
    with closing(Journal(made, "boot")) as journal:
        journal.append(entries, {})
    return made


def test_a_whole_file_is_whole(path: Path) -> None:
    assert damage(path) is None


def test_a_torn_page_is_found(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)
    assert damage(path) is not None


def test_a_missing_file_is_damaged_too(tmp_path: Path) -> None:
    assert "unable to open" in (damage(tmp_path / "journal.db") or "")
