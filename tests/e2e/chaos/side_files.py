"""The files beside the databases, and what can become of each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

Harm = Callable[[Path], object]

STRANGER = 61_002
"""A user who runs nothing."""

DATA_FILES = (
    "api.lock",
    "controller.lock",
    "checks.json",
    "gateway.toml.accepted",
    "gateway.toml.last-good",
    "gateway.toml.last-good.1",
    "gateway.toml.last-good.2",
    "https.pem",
    "runtime.json",
    "flight/00000001.jsonl",
    "flight",
    "mirror.db-wal",
    "mirror.db-shm",
    "mirror.db.new-1",
    "journal.db.damaged-20260101T000000Z",
    ".store.db-copies",
    ".https.pem.aaaaaaaa",
    "store.db.restored",
)
SECRETS = ("mirror.db.new-1", ".https.pem.aaaaaaaa", "store.db.restored")
"""What a killed process may leave, and the next start removes."""
RUNTIME_FILES = (
    "api.lock",
    "controller.lock",
    "api.notify",
    "controller.notify",
    "board.record",
    "clock-set",
    "commands",
    "facts",
)


def _instead(path: Path, make: Callable[[Path], object]) -> None:
    if not path.parent.is_dir():  # missing, or harmed before
        _instead(path.parent, Path.mkdir)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    make(path)


def _cut(path: Path) -> None:
    """The second half is missing."""
    if path.is_file():
        os.truncate(path, path.stat().st_size // 2)


def _huge(path: Path) -> None:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(1 << 36)

    _instead(path, make)


def _directory(path: Path) -> None:
    """With something in it, so that nobody removes it by the way."""

    def make(path: Path) -> None:
        path.mkdir()
        (path / "something").write_bytes(b"x")

    _instead(path, make)


def _existing(path: Path) -> Path:
    if not os.path.lexists(path):
        _instead(path, lambda path: path.write_bytes(b"x" * 99))
    return path


def _of_a_stranger(path: Path) -> None:
    _existing(path).chmod(0o700 if path.is_dir() else 0o600)
    os.chown(path, STRANGER, STRANGER)


HARMS: dict[str, Harm] = {
    "missing": lambda path: _instead(path, lambda _: None),
    "empty": lambda path: _instead(path, Path.touch),
    "cut": _cut,
    "rubbish": lambda path: _instead(path, lambda path: path.write_bytes(b"\xff\x00{" * 5_000)),
    "another form": lambda path: _instead(path, lambda path: path.write_text('{"form": 99}\n')),
    "huge": _huge,
    "a directory": _directory,
    "a pipe": lambda path: _instead(path, os.mkfifo),
    "a dangling link": lambda path: _instead(path, lambda path: path.symlink_to("nowhere")),
    "a loop": lambda path: _instead(path, lambda path: path.symlink_to(path.name)),
    "unreadable": lambda path: _existing(path).chmod(0),
    "of a stranger": _of_a_stranger,
}
