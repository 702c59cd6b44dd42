"""A lock that the kernel failed to release keeps everybody from writing until the file is opened
anew, and nothing else counts as one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store

HELD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(store: Store, tmp_path: Path) -> Path:
    store.insert("groups", [{"name": "Locks are only taken in a file that has a log"}])
    return tmp_path / STORE_FILE


@pytest.fixture
def left_locked(path: Path) -> Iterator[None]:
    """What a connection whose unlocking failed is to others of its process: one that writes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.usefixtures("left_locked")
def test_a_store_that_nobody_in_its_process_writes_is_outdated_while_it_is_locked(
    store: Store,
) -> None:
    assert store.outdated


@pytest.mark.usefixtures("path")
def test_a_store_is_not_outdated_by_its_own_reads_and_writes(store: Store) -> None:
    with store.transaction():
        assert not store.outdated
    reading = store.reader().execute_sql("SELECT id FROM groups")
    assert reading.fetchone()
    assert not store.outdated


def test_a_lock_of_another_process_outdates_no_store(store: Store, path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HELD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        assert not store.outdated
        other.communicate()
