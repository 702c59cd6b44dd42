"""Power cuts, modelled below SQLite, for whatever writes through it.

A file system of our own notes what SQLite writes and when it asks for it to be on the disk. A cut
is a place in these notes: all that was synced before is there, each write after it was kept, lost
or torn to sectors, whatever its order. What our programs do is recorded as their statements, word
for word, and played again on that file system.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest

from gateway.objects.columns import u64_text
from gateway.store.files.database import WRITER_PRAGMAS
from gateway.store.objects.schema import CHANGES, EPOCH

STAMP = 1_700_000_000
SECTOR = 512

Ops = list[tuple[str, str, int, bytes]]
"""Kind (write, truncate, sync), file, offset or size, data."""


class NotingVfs(apsw.VFS):
    """The system's own file access, with notes."""

    def __init__(self) -> None:
        self.ops: Ops = []
        super().__init__("noting", "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return NotingFile(self.ops, path, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802 - SQLite's name
        raise AssertionError(f"{name} is deleted ({sync=}), which the model does not know")


class NotingFile(apsw.VFSFile):
    def __init__(self, ops: Ops, path: str | None, name: Any, flags: list[int]) -> None:
        self._ops, self._name = ops, Path(path).name if path else ""
        super().__init__("", name, flags)

    def _note(self, kind: str, number: int = 0, data: bytes = b"") -> None:
        if self._name:  # one without a name is for sorting, and gone after a cut
            self._ops.append((kind, self._name, number, data))

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._note("write", offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        self._note("truncate", size)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._note("sync")
        super().xSync(flags)


@dataclass
class Disk:
    """What is certainly there, and what may be."""

    files: dict[str, bytearray]
    pending: dict[str, Ops] = field(default_factory=dict)

    def take(self, op: tuple[str, str, int, bytes]) -> None:
        kind, name, _, _ = op
        if kind == "sync":
            for waiting in self.pending.pop(name, []):
                _apply(self.files.setdefault(name, bytearray()), waiting)
        else:
            self.pending.setdefault(name, []).append(op)

    def cut(self, chance: random.Random, directory: Path) -> None:
        """Write what one cut leaves into `directory`."""
        for name in sorted({*self.files, *self.pending}):
            image = bytearray(self.files.get(name, b""))
            for op in self.pending.get(name, []):
                fate = chance.random()
                if fate < 0.4:
                    _apply(image, op)
                elif fate < 0.7 and op[0] == "write":
                    _tear(image, op, chance)
            (directory / name).write_bytes(image)


def _apply(image: bytearray, op: tuple[str, str, int, bytes]) -> None:
    kind, _, number, data = op
    if kind == "truncate":
        del image[number:]
        return
    image.extend(bytes(max(0, number + len(data) - len(image))))
    image[number : number + len(data)] = data


def _tear(image: bytearray, op: tuple[str, str, int, bytes], chance: random.Random) -> None:
    kind, name, offset, data = op
    for at in range(0, len(data), SECTOR):
        if chance.random() < 0.5:
            _apply(image, (kind, name, offset + at, data[at : at + SECTOR]))


class Recorder:
    """Hears the statements of connections, in their order."""

    def __init__(self) -> None:
        self._told: list[tuple[str, str]] = []

    def hear(self, name: str, connection: sqlite3.Connection) -> None:
        """Note what `connection`, which writes the file `name`, does from now on."""
        connection.set_trace_callback(lambda statement: self._told.append((name, statement)))

    @property
    def statements(self) -> list[tuple[str, str]]:
        """File and statement."""
        # What a trigger does is told as a comment or, by some versions, as its statement once more.
        return [same for same, _ in groupby(self._told) if not same[1].startswith("--")]


@dataclass(frozen=True)
class Script:
    """What was done to some databases, word for word."""

    base: Mapping[str, bytes]
    """The files at the start."""
    statements: list[tuple[str, str]]
    """File and statement."""
    replacements: Mapping[str, bytes]
    """What files are replaced with at the end, in the way of a restore."""


@dataclass(frozen=True)
class Cut:
    """What one power cut left."""

    directory: Path
    acknowledged: int
    """Commits, of all files together, that were acknowledged before; a restore is one as well."""


class PowerModel:
    """The notes of one script, which may be cut anywhere."""

    STAMP = STAMP

    @staticmethod
    def recorder() -> Recorder:
        return Recorder()

    @staticmethod
    def script(
        base: Mapping[str, bytes],
        statements: list[tuple[str, str]],
        replacements: Mapping[str, bytes] | None = None,
    ) -> Script:
        return Script(base, statements, replacements or {})

    def __init__(
        self,
        script: Script,
        directory: Path,
        pragmas: Mapping[str, str | int] | None = None,
    ) -> None:
        """Play `script` in `directory`, which is made, under the pragmas of our writers or others
        in their place."""
        self._script = script
        self._vfs = NotingVfs()
        self._acknowledged: list[int] = []
        """How long the notes were before the first commit and after each."""
        directory.mkdir()
        try:
            self._play(directory, {**dict(WRITER_PRAGMAS), **(pragmas or {})})
        finally:
            self._vfs.unregister()

    @property
    def _ops(self) -> Ops:
        return self._vfs.ops

    def _play(self, directory: Path, pragmas: Mapping[str, str | int]) -> None:
        for name, content in self._script.base.items():
            (directory / name).write_bytes(content)
        with ExitStack() as stack:
            opened = {name: _opened(directory / name, pragmas, stack) for name in self._script.base}
            self._acknowledged.append(len(self._ops))
            for name, statement in self._script.statements:
                opened[name].execute(statement).fetchall()
                if statement == "COMMIT":
                    self._acknowledged.append(len(self._ops))
                    self._checkpoint(opened)
            for name, content in self._script.replacements.items():
                source = directory / f"new-{name}"
                source.write_bytes(content)
                _replace(opened[name], source)
                self._acknowledged.append(len(self._ops))
            for database in opened.values():
                database.execute("PRAGMA wal_checkpoint").fetchall()
            self._played = list(self._ops)

    def _checkpoint(self, opened: Mapping[str, apsw.Connection]) -> None:
        """Now and then, in both ways."""
        if len(self._acknowledged) % 9 == 0:
            mode = "truncate" if len(self._acknowledged) % 18 else "passive"
            for database in opened.values():
                database.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    @property
    def commits(self) -> int:
        return len(self._acknowledged) - 1

    def cuts(self, count: int, directory: Path) -> Iterator[Cut]:
        """`count` cuts, the same every time: one or more between any two commits. What one left
        is gone when the next is asked for."""
        chance = random.Random(17)  # noqa: S311 - the same cuts every time
        acknowledged, ops = self._acknowledged, self._played
        places = [chance.randint(*ends) for ends in pairwise([*acknowledged, len(ops)])]
        places += chance.choices(range(acknowledged[0], len(ops) + 1), k=count - len(places))
        disk = Disk({name: bytearray(content) for name, content in self._script.base.items()})
        done = 0
        for place in sorted(places[:count]):
            for op in ops[done:place]:
                disk.take(op)
            done = place
            directory.mkdir()
            disk.cut(chance, directory)
            yield Cut(directory, sum(length <= place for length in acknowledged) - 1)
            shutil.rmtree(directory)

    @staticmethod
    def digest(connection: sqlite3.Connection) -> str:
        """All that a database holds, but random marks for the mirror, which no replay repeats."""
        found = hashlib.sha256()
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
        )
        for (name,) in tables.fetchall():
            if name in (CHANGES, EPOCH):
                continue
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - names of our own tables
            found.update(repr((name, rows)).encode())
        return found.hexdigest()

    @classmethod
    def judged(cls, path: Path) -> tuple[str, str]:
        """What is wrong with the file at `path`, else nothing; and all that it holds."""
        with closing(sqlite3.connect(path)) as connection:
            try:
                if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    return "damaged", ""
                if connection.execute("PRAGMA foreign_key_check").fetchone():
                    return "a reference is broken", ""
                return "", cls.digest(connection)
            except sqlite3.DatabaseError as error:
                return f"does not open: {error}", ""


def _opened(path: Path, pragmas: Mapping[str, str | int], stack: ExitStack) -> apsw.Connection:
    database = apsw.Connection(str(path), vfs="noting")

    def close() -> None:
        # Its log goes with it, which is no part of the script any more.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(NotingVfs, "xDelete", lambda *_: None)
            database.close()

    stack.callback(close)
    # Alone, it keeps the index of the log in memory: a file that no cut has to spare.
    database.execute("PRAGMA locking_mode = exclusive")
    for name, value in pragmas.items():
        database.execute(f"PRAGMA {name} = {value}")
    database.create_scalar_function("device_stamp", lambda *_: STAMP, 0)
    database.create_scalar_function("u64_text", lambda *stored: u64_text(stored[0]), 1)
    return database


def _replace(database: apsw.Connection, source: Path) -> None:
    with (
        closing(apsw.Connection(str(source))) as new,
        database.backup("main", new, "main") as copying,
    ):
        copying.step()


@pytest.fixture(scope="session")
def power() -> type[PowerModel]:
    return PowerModel
