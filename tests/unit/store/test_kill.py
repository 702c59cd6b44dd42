"""`kill -9` during bulk writes, again and again, on the same file."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import gateway
from gateway.objects.catalogue import REGISTRY
from gateway.store.objects.store import Store
from gateway.store.tables.audit import AUDIT_LOG

KILLS = 8
BATCH = 200
WRITER = f"""
import sys
from pathlib import Path
from gateway.objects.catalogue import REGISTRY
from gateway.store.tables.audit import AuditType, write_entry
from gateway.store.objects.store import Store

store = Store.open(Path(sys.argv[1]), REGISTRY, lambda: 0)
for first in range(int(sys.argv[2]), 10**9, {BATCH}):
    numbers = range(first, first + {BATCH})
    with store.transaction():
        store.insert("users", [{{"id": number, "name": "x" * 40}} for number in numbers])
        store.insert("cards", [{{"user_id": number, "value": number}} for number in numbers])
        write_entry(store, AuditType.API, 0, str(first))
    print(first, flush=True)
    if first % (7 * {BATCH}) == 1:
        store.destroy("users", {{"users": {{"id": {{"<": first - 3 * {BATCH}}}}}}})
"""


def _killed(path: Path, first: int, acknowledgements: int) -> int:
    """Let a writer begin at `first`; the first id of the last batch that it acknowledged."""
    assert gateway.__file__ is not None
    environment = {**os.environ, "PYTHONPATH": str(Path(gateway.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(acknowledgements)]
        process.send_signal(signal.SIGKILL)
        # What it still said before it died counts, a line without its end does not.
        told += process.stdout.read().splitlines(keepends=True)
    assert process.returncode == -signal.SIGKILL
    return int([line for line in told if line.endswith("\n")][-1])


def test_killed_in_the_middle_of_bulk_writes_a_store_is_sound_and_has_all_it_acknowledged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    Store.create(path, REGISTRY, lambda: 0).close()
    chance = random.Random(5)  # noqa: S311 - the same lengths every time
    first = 1
    for _ in range(KILLS):
        acknowledged = _killed(path, first, chance.randrange(1, 12))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        with Store.open(path, REGISTRY, lambda: 0) as store:
            people: list[Any] = [row["id"] for row in store.load({"object": "users"}).rows]
            cards = [row["user_id"] for row in store.load({"object": "cards"}).rows]
            entries = [row["details"] for row in store.load({"object": AUDIT_LOG}).rows]
        # Old batches are deleted now and then, always whole; those that are there have no gap.
        assert people == cards
        assert people == list(range(people[0], people[-1] + 1))
        assert len(people) % BATCH == 0
        newest = people[-1] - BATCH + 1
        assert newest in {acknowledged, acknowledged + BATCH}
        assert entries[-1] == str(newest)
        assert entries == [str(number) for number in range(1, newest + 1, BATCH)]
        first = newest + BATCH
