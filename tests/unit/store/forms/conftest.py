"""Databases of every form that was released, as `freeze.py` left them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.sealing import KEY_FILE, write_key
from gateway.store.files import JOURNAL_FILE, STORE_FILE

from .freeze import KEY

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Frozen:
    """The databases of one form, and what clients read from them then."""

    form: int
    known: dict[str, Any]

    def thaw(self, directory: Path) -> Path:
        """Write both files and their key into `directory`; the path of the store."""
        write_key(directory / KEY_FILE, KEY)
        for name in (STORE_FILE, JOURNAL_FILE):
            # Bytes: the ends of lines within values are values.
            text = (HERE / f"{Path(name).stem}-{self.form}.sql").read_bytes().decode()
            with closing(sqlite3.connect(directory / name, isolation_level=None)) as connection:
                connection.executescript(text)
                connection.execute("PRAGMA journal_mode = wal").fetchall()
        return directory / STORE_FILE


def forms() -> list[int]:
    """Every form that was frozen."""
    return sorted(int(path.stem.partition("-")[2]) for path in HERE.glob("store-*.sql"))


@pytest.fixture(params=forms())
def frozen(request: pytest.FixtureRequest) -> Frozen:
    known = json.loads((HERE / f"rows-{request.param}.json").read_text(encoding="utf-8"))
    return Frozen(request.param, known)


@pytest.fixture(scope="session")
def frozen_forms() -> list[int]:
    return forms()
