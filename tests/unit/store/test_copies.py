"""Private copies of databases: nothing of them outlives their process for long."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gateway.store.files.copies import FileCopy, sweep_left

MAKE = """
import os, signal, sys, tempfile
from pathlib import Path
from gateway.store.files.copies import FileCopy
tempfile.tempdir = sys.argv[2]
copy = FileCopy(Path(sys.argv[1]))
print(copy.path, flush=True)
signal.pause()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "tmp"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


def test_a_copy_of_a_killed_process_is_swept_and_one_in_use_is_not(
    tmp_path: Path, temporary: Path
) -> None:
    database = tmp_path / "store.db"
    database.write_bytes(b"secret")
    own = FileCopy(database)
    with subprocess.Popen(
        [sys.executable, "-c", MAKE, str(database), str(temporary)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        sweep_left()
        assert theirs.read_bytes() == own.path.read_bytes() == b"secret"
        process.kill()
    assert theirs.exists()
    sweep_left()
    assert list(temporary.iterdir()) == [own.path.parent]
    own.close()
    assert not list(temporary.iterdir())


def test_nothing_else_is_swept(tmp_path: Path, temporary: Path) -> None:
    database = tmp_path / "store.db"
    database.write_bytes(b"secret")
    name = FileCopy(database).path.parent.name
    other = tmp_path / "other"
    other.mkdir()
    (temporary / f"{name[:-1]}-").symlink_to(other)
    (temporary / f"{name[:-1]}+").write_text("mine")
    sweep_left()
    assert other.exists()
    assert len(list(temporary.iterdir())) == 2


def test_a_file_that_cannot_be_copied_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    database = tmp_path / "store.db"
    database.write_bytes(b"secret")
    (tmp_path / "store.db-wal").mkdir()
    with pytest.raises(Exception, match="cannot be read"):
        FileCopy(database)
    assert not list(temporary.iterdir())


def test_without_a_temporary_directory_nothing_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.gettempdir", none)
    sweep_left()
