"""Power cuts, modelled below SQLite, over the real schema.

A file system of our own notes what SQLite writes and when it asks for it to be on the disk. A cut
is a place in these notes: all that was synced before is there, each write after it was kept, lost
or torn to sectors, whatever its order. What is left has to open, to be sound, and to be the state
of one commit that is not older than the last acknowledged one.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest

from gateway.objects.catalogue import REGISTRY
from gateway.objects.columns import u64_text
from gateway.objects.factory import FACTORY_ROWS
from gateway.store.audit import AuditType, write_entry
from gateway.store.database import WRITER_PRAGMAS
from gateway.store.objects_store import Store

STAMP = 1_700_000_000
CUTS = 300
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
        for name in {*self.files, *self.pending}:
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


def digest(connection: sqlite3.Connection) -> str:
    """All that the database holds."""
    found = hashlib.sha256()
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
    for (name,) in tables.fetchall():
        rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - names of our own tables
        found.update(repr((name, rows)).encode())
    return found.hexdigest()


@dataclass(frozen=True)
class Script:
    """What a store did: its statements, word for word, and the state after each commit."""

    base: bytes
    statements: list[str]
    states: list[str]
    """The first is that of `base`."""
    restored: bytes
    """A database that replaces this one at the end, as a restore does."""


def _work(store: Store) -> Iterator[None]:
    """Commits of every kind that the api makes; each `yield` follows one."""
    for batch in range(6):
        numbers = range(batch * 40 + 10, batch * 40 + 50)
        store.insert("users", [{"id": number, "name": f"user {number}"} for number in numbers])
        yield
        store.insert("cards", [{"user_id": n, "value": n << 32} for n in numbers])
        yield
        with store.transaction():
            store.insert("user_groups", [{"user_id": n, "group_id": 1} for n in numbers])
            store.modify("users", {"name": f"batch {batch}"}, {"users": {"id": [numbers[0]]}})
            write_entry(store, AuditType.API, STAMP, "x" * 600)
        yield
        store.set_configuration({"general": {"relay1_timeout": 1_000 + batch}})
        yield
        store.insert("access_rules", [{"name": f"rule {batch}", "type": 1}])
        yield
        if batch % 2:
            store.destroy("users", {"users": {"id": {"<": numbers[0], ">=": numbers[0] - 40}}})
            yield


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    directory = tmp_path_factory.mktemp("script")
    path = directory / "store.db"
    with Store.create(path, REGISTRY, lambda: STAMP) as store, store.transaction():
        for name, rows in FACTORY_ROWS.items():
            store.insert(name, rows)
    base = path.read_bytes()
    statements: list[str] = []
    with Store.open(path, REGISTRY, lambda: STAMP) as store:
        reader = store.reader().connection()
        states = [digest(reader)]
        store.database.connection().set_trace_callback(statements.append)
        states += [digest(reader) for _ in _work(store)]
    with Store.open(path, REGISTRY, lambda: STAMP) as store:
        store.clear()
        store.insert("groups", [{"name": "restored"}])
        states.append(digest(store.reader().connection()))
    # What a trigger does is told as a comment or, by some versions, as its statement once more.
    told = [same for same, _ in groupby(statements) if not same.startswith("--")]
    assert told.count("COMMIT") == len(states) - 2
    return Script(base, told, states, path.read_bytes())


def text_of(*stored: Any) -> str | None:
    return u64_text(stored[0])


def _replay(
    script: Script, directory: Path, pragmas: Mapping[str, str | int]
) -> tuple[Ops, list[int]]:
    """The notes of the whole script, and how long they were after each commit."""
    directory.mkdir()
    (directory / "store.db").write_bytes(script.base)
    (directory / "restored.db").write_bytes(script.restored)
    vfs = NotingVfs()
    # Alone, it keeps the index of the log in memory: a file that no cut has to spare.
    database = apsw.Connection(str(directory / "store.db"), vfs="noting")
    acknowledged = [0]
    try:
        database.execute("PRAGMA locking_mode = exclusive")
        for name, value in pragmas.items():
            database.execute(f"PRAGMA {name} = {value}")
        database.create_scalar_function("device_stamp", lambda *_: STAMP, 0)
        database.create_scalar_function("u64_text", text_of, 1)
        acknowledged = [len(vfs.ops)]
        for statement in script.statements:
            database.execute(statement).fetchall()
            if statement == "COMMIT":
                acknowledged.append(len(vfs.ops))
                if len(acknowledged) % 9 == 0:
                    mode = "truncate" if len(acknowledged) % 18 else "passive"
                    database.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        with (
            closing(apsw.Connection(str(directory / "restored.db"))) as source,
            database.backup("main", source, "main") as copying,
        ):
            copying.step()
        acknowledged.append(len(vfs.ops))
        database.execute("PRAGMA wal_checkpoint").fetchall()
        return list(vfs.ops), acknowledged
    finally:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(NotingVfs, "xDelete", lambda *_: None)
            database.close()
        vfs.unregister()


def _verdict(directory: Path, script: Script, acknowledged: int) -> str:
    """`sound`, or what is wrong with the files that a cut left."""
    with closing(sqlite3.connect(directory / "store.db")) as connection:
        try:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return "damaged"
            if connection.execute("PRAGMA foreign_key_check").fetchone():
                return "a reference is broken"
            state = digest(connection)
        except sqlite3.DatabaseError as error:
            return f"does not open: {error}"
    if state not in script.states:
        return "half a batch"
    # A state that comes twice counts as the later one.
    newest = len(script.states) - 1 - script.states[::-1].index(state)
    return "sound" if newest >= acknowledged else "lost"


def _verdicts(
    script: Script, tmp_path: Path, pragmas: Mapping[str, str | int], cuts: int
) -> tuple[list[str], list[int]]:
    """What each cut came to, and how much was acknowledged before it."""
    ops, acknowledged = _replay(script, tmp_path / "replay", pragmas)
    chance = random.Random(17)  # noqa: S311 - the same cuts every time
    places = [chance.randint(*ends) for ends in pairwise([*acknowledged, len(ops)])]
    places += chance.choices(range(acknowledged[0], len(ops) + 1), k=cuts - len(places))
    disk = Disk({"store.db": bytearray(script.base)})
    done, found, before = 0, [], []
    for place in sorted(places):
        for op in ops[done:place]:
            disk.take(op)
        done = place
        directory = tmp_path / "cut"
        directory.mkdir()
        disk.cut(chance, directory)
        before.append(sum(length <= place for length in acknowledged) - 1)
        found.append(_verdict(directory, script, before[-1]))
        shutil.rmtree(directory)
    return found, before


def test_no_power_cut_damages_the_store_or_loses_what_was_acknowledged(
    script: Script, tmp_path: Path
) -> None:
    found, before = _verdicts(script, tmp_path, dict(WRITER_PRAGMAS), CUTS)
    assert set(found) == {"sound"}
    assert len(found) == CUTS
    # They are spread over all of the work, the restore included.
    assert len(set(before)) > len(script.states) * 0.9


def test_the_model_finds_what_a_careless_setting_loses(script: Script, tmp_path: Path) -> None:
    careless = {**dict(WRITER_PRAGMAS), "synchronous": "off"}
    found, _ = _verdicts(script, tmp_path, careless, 60)
    assert "lost" in found
    assert set(found) - {"sound", "lost"}
