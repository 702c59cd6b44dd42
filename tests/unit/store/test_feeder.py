"""What feeds the mirror goes on after a failure of the mirror's file, and answers what it was asked
meanwhile."""

from __future__ import annotations

import fcntl
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.files import STORE_FILE
from gateway.store.mirror import connections, mirror_side, store_side
from gateway.store.objects.store import Store

from .feeding import Fed


def add_rule(store: Store, name: str) -> None:
    store.insert("access_rules", [{"name": name, "type": 1, "priority": 0}])


@pytest.fixture
def opened_for_reading_alone(fed: Fed, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Start the feeder again, its first open of the mirror failing: SQLite tries once more without
    writing then, and says nothing."""

    def start() -> None:
        connect = connections.connect

        def failing(path: Path, mode: str) -> sqlite3.Connection:
            return connect(path, "ro" if path == fed.mirror_path else mode)

        with monkeypatch.context() as patched:
            patched.setattr(mirror_side, "connect", failing)
            fed.start_again()

    return start


def test_a_change_is_copied_although_the_first_open_of_the_mirror_failed(
    fed: Fed, opened_for_reading_alone: Callable[[], None]
) -> None:
    opened_for_reading_alone()
    add_rule(fed.store, "Nights")
    fed.ask(7)
    fed.wait_for_answer(7)
    assert "Nights" in fed.copied()
    assert fed.last_report()["mirror_fault"] is None


def test_a_mirror_that_cannot_be_written_is_no_fault_of_the_store(
    fed: Fed, opened_for_reading_alone: Callable[[], None]
) -> None:
    opened_for_reading_alone()
    add_rule(fed.store, "Nights")
    fed.ask(7)
    report = fed.last_report()
    assert report["store_fault"] is None
    assert report["mirror_fault"].startswith("the mirror cannot be written: ")


def test_damage_that_a_write_to_the_mirror_meets_has_it_made_anew(fed: Fed) -> None:
    with closing(sqlite3.connect(fed.mirror_path)) as connection:
        connection.execute("DROP TABLE rows_access_rules")
    add_rule(fed.store, "Nights")
    fed.ask(7)
    assert "built" in [it["is"] for it in fed.said]
    fed.put_in_place()
    fed.wait_for_answer(7)
    assert "Nights" in fed.copied()


def test_a_question_that_meets_an_unreadable_store_is_answered_once_it_can_be_read(
    fed: Fed,
) -> None:
    store_path = fed.mirror_path.with_name(STORE_FILE)
    away = store_path.with_name("away")
    add_rule(fed.store, "Nights")
    store_path.rename(away)
    fed.ask(7)
    assert fed.last_report()["store_fault"] is not None
    away.rename(store_path)
    fed.wait_for_answer(7)
    assert "Nights" in fed.copied()


WRITE_LOCK = 120
"""Where SQLite locks a -shm file to write (wal.c, WALINDEX_LOCK_OFFSET)."""
WRITE = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('BEGIN IMMEDIATE')"


def test_a_lock_left_on_the_store_does_not_keep_its_writer_out_for_good(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a call to unlock that failed."""
    path = tmp_path / STORE_FILE
    store.close()  # of all connections to the file only the one under test is this process's

    def others_can_write() -> bool:
        return subprocess.run([sys.executable, "-c", WRITE, path], check=False).returncode == 0

    with closing(store_side.StoreSide(path)) as side:
        side.changed()
        with Path(f"{path}-shm").open("r+b") as index:
            fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, WRITE_LOCK)
            side.changed()
            assert not others_can_write()
            monkeypatch.setattr(store_side, "REOPEN_S", 0.0)
            side.changed()
            assert others_can_write()
