"""What `gateway doctor` says of databases that a newer program wrote."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.cli import doctor
from gateway.cli.doctor import Grade
from gateway.commands.provisioning import initialise
from gateway.store.files import JOURNAL_FILE
from tests.demo_site import DEMO


def test_a_journal_of_a_newer_program_fails(tmp_path: Path) -> None:
    data = tmp_path / "data"
    initialise(data, DEMO, demo=True)
    with closing(sqlite3.connect(data / JOURNAL_FILE)) as connection:
        connection.execute("PRAGMA user_version = 99")
    [found] = [it for it in doctor.examine(data) if it.subject == JOURNAL_FILE]
    assert found.grade is Grade.FAIL
    assert "written by a newer version (form 99" in found.text
