"""Copies of databases from before: of upgrades, and those that were put aside as damaged.

They hold secrets as they were then: in clear text, or sealed with a former key. They are read as
plain files. SQLite would delete on root's behalf what a crafted file beside one names.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.cli.doctor.findings import Finding, warn
from gateway.store.files import JOURNAL_FILE, STORE_FILE
from gateway.store.objects.seals import SINCE

UPGRADES = Path("/var/backups/gateway")
"""Root's, with a directory for each of the last upgrades."""
_FORM_AT = 60
"""Where SQLite's header has `user_version`, four bytes."""
_PIECE = 1 << 20
_OVERLAP = 64
_KEY = re.compile(rb"s1:([A-Za-z0-9_-]{6}):[A-Za-z0-9+/=]{16}")
_CLEAR_PIN = re.compile(rb'"pin_value": ?"(?!s[0-9]+:)[^"]')


@dataclass(frozen=True, slots=True)
class OldCopy:
    """What is in the files of one copy."""

    path: Path
    """The directory of an upgrade, or one file."""
    clear: bool
    keys: frozenset[str]
    """Names of the keys with which secrets are sealed."""


def upgrade_copies(directory: Path = UPGRADES) -> list[OldCopy]:
    """Those that the user of this process may read; nobody but root may enter the directory."""
    with suppress(OSError):
        return [
            _read(copy, [copy / STORE_FILE, copy / JOURNAL_FILE])
            for copy in sorted(directory.iterdir())
            if copy.is_dir() and not copy.is_symlink()
        ]
    return []


def aside_copies(data: Path) -> Iterator[OldCopy]:
    """What was put aside beside the databases in use."""
    for name in (STORE_FILE, JOURNAL_FILE):
        with suppress(OSError):
            used = (data / name).resolve()
            for path in sorted(used.parent.glob(f"{used.name}.*-*")):
                yield _read(path, [path])


def copy_findings(copies: Iterable[OldCopy], key_id: str) -> Iterator[Finding]:
    """A warning for each copy with secrets that somebody without the present key can read."""
    for copy in copies:
        if copy.clear:
            what = "holds PINs and passwords in clear text"
        elif copy.keys - {key_id}:
            what = "holds secrets that were sealed with a former key"
        else:
            continue
        remove = "rm -r" if copy.path.is_dir() else "rm"
        yield warn(
            "old copies",
            f"{copy.path} {what}; once you need it no more: sudo {remove}"
            f" {shlex.quote(str(copy.path))}",
        )


def _read(path: Path, files: Iterable[Path]) -> OldCopy:
    clear, keys = False, set[str]()
    for file in files:
        with suppress(OSError), _opened(file) as opened:
            is_journal = file.name.startswith(JOURNAL_FILE)
            clear |= not is_journal and _is_older(opened)
            for piece in _pieces(opened):
                keys.update(it.decode() for it in _KEY.findall(piece))
                clear |= is_journal and _CLEAR_PIN.search(piece) is not None
    return OldCopy(path, clear, frozenset(keys))


def _opened(path: Path) -> BinaryIO:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = open(handle, "rb")  # noqa: PTH123, SIM115 - a descriptor, for the caller's `with`
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise OSError("not a regular file")
    return file


def _is_older(store: BinaryIO) -> bool:
    """Whether a program that sealed nothing wrote it."""
    head = store.read(_FORM_AT + 4)
    store.seek(0)
    return head.startswith(b"SQLite format 3\0") and int.from_bytes(head[_FORM_AT:]) < SINCE


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """The content; each piece begins with the end of the one before."""
    kept = b""
    while piece := file.read(_PIECE):
        yield kept + piece
        kept = piece[-_OVERLAP:]
