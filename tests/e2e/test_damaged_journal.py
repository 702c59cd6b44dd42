"""A journal that is damaged, or that cannot be written, when the processes start."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.disks import own_disk, remounted

if TYPE_CHECKING:
    from tests.e2e.conftest import Home, Maker, Running

ANA = "123,45678"
FRONT = 17


def test_both_processes_come_back_whatever_lies_in_place_of_the_journal(
    make: Maker, start: Callable[..., Running]
) -> None:
    site = make.demo()
    journal = site.data / "journal.db"
    running = start(site)
    last = running.swiped(ANA)
    assert running.stop() == 0
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE journal SET kind = 'stoppee' WHERE seq = (SELECT max(seq) FROM journal)"
        )
    running = start(site)
    last = running.swiped(ANA) | {"before": last["id"]}
    assert last["id"] == last["before"] + 2
    doctor = running.site.type("doctor")
    assert doctor.returncode == 1
    assert "1 entries cannot be read and are skipped: " in doctor.stdout
    assert "no kind 'stoppee'" in doctor.stdout
    assert running.stop() == 0
    journal.write_bytes(b"this is no database" * 999)
    running = start(site)
    edges = running.board.edges(FRONT)
    row = running.swiped(ANA)
    assert row["id"] > last["id"]
    assert running.board.edges(FRONT) > edges
    assert "made anew: " in (running.status().journal_replaced or "")
    doctor = running.site.type("doctor")
    assert doctor.returncode == 1
    assert "fail journal: made anew: the file is damaged" in doctor.stdout
    assert "was put aside at a start" in doctor.stdout


@pytest.mark.parametrize("unclean", [False, True], ids=["after a stop", "after a crash"])
def test_on_a_read_only_disk_both_come_up_and_rows_come_once_it_can_be_written(
    home: Home,
    make: Maker,
    start: Callable[..., Running],
    eventually: Callable[..., Any],
    *,
    unclean: bool,
) -> None:
    site = make.demo()
    card = home.new_path()
    journal = site.data / "journal.db"
    with own_disk(card):
        shutil.move(journal, card / "journal.db")
        journal.symlink_to(card / "journal.db")
        running = start(site)
        before = running.swiped(ANA)
        files = [path for path in card.iterdir() if not path.name.endswith("-shm")]
        kept = {path: path.read_bytes() for path in files}
        assert running.stop() == 0
        for path, content in kept.items() if unclean else ():
            path.write_bytes(content)
        eventually(lambda: remounted(card, "ro"), "a quiet disk")
        running = start(site)
        edges = running.board.edges(FRONT)
        running.swipe(ANA)
        eventually(lambda: running.board.edges(FRONT) > edges, "an open front door")
        status = running.status()
        assert status.journal_fault
        assert status.journal_waiting
        doctor = running.site.type("doctor")
        assert doctor.returncode == 1
        assert "fail journal: " in doctor.stdout
        assert remounted(card, "rw")
        eventually(lambda: running.status().journal_fault is None, "a journal to write")
        [row] = eventually(
            lambda: running.api.since("access_logs", before["id"]), "the row that waited"
        )
        assert (row["id"], row["event"]) == (before["id"] + 1, 7)
        assert running.stop() == 0
