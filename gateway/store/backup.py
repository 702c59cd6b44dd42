"""A consistent copy of the store as one file, and the way back.

The file is a line that names the format, a line of JSON about what follows, and a SQLite database
with the objects and the configuration. What belongs to the device alone (logins, tokens, how far
the journal was read) never leaves it, and stays as it is when a backup comes back.

Both ways go through SQLite's backup API: a copy is one short read whatever is written meanwhile,
and a restored database replaces the old one in one commit, so that a reader, a power cut or a kill
finds either the old or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Protocol

import peewee

from gateway.errors import GatewayError, InvalidRequest, StorageError
from gateway.objects.declaration import ROWID
from gateway.store.files.database import peewee_errors, reason, storage_errors
from gateway.store.objects.custom_rows import read_shape
from gateway.store.objects.migrations import VERSION
from gateway.store.objects.schema import prepare, quote
from gateway.store.objects.store import Store
from gateway.store.tables.identity import DeviceIdentity

FORMAT = b"GATEWAY BACKUP 1\n"
"""First line of a file. A newer program that writes another form raises the number."""
LARGEST = 1 << 30
"""Bytes of a database that are taken back."""
PIECE = 1 << 16

_FAMILY = b"GATEWAY BACKUP "
_COPIES = 3
"""What a restore needs of the disk, in sizes of the database: the copy, the log of the change."""
_COPY_PRAGMAS = (("journal_mode", "memory"), ("synchronous", 0), ("trusted_schema", 0))
"""A copy that is not finished is thrown away; what it holds may come from anywhere."""
_PREFIX = "backup-"
_SHARED = {"configuration": 1, "policy_version": 1, "device_identity": 1, "user_photos": 3}
"""Tables of ours that are neither objects nor the device's alone -> the form that brought them."""


class Source(Protocol):
    """Where a backup is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, fewer only at the end."""


@dataclass(frozen=True, slots=True)
class BackupStamp:
    """What the second line of a file tells."""

    form: int
    """Of the database, see `gateway.store.objects.migrations`."""
    program: str
    device_id: int
    created_utc: str
    """ISO 8601."""
    bytes: int
    sha256: str
    """Of the database, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A finished backup. `pieces` can be gone through once; the file is gone afterwards."""

    stamp: BackupStamp
    length: int
    """Bytes of all pieces."""
    pieces: Iterator[bytes]


class Backups:
    """Makes and takes back backups of one store."""

    def __init__(
        self,
        store: Store,
        path: Path,
        identity: DeviceIdentity,
        program: str,
        turn: threading.Lock,
    ) -> None:
        """`path` is the store's file, beside which there must be room for a copy; `turn` is held
        while one is at work."""
        self._store = store
        self._directory = path.resolve().parent
        self._identity = identity
        self._program = program
        self._turn = turn

    def make(self, created_utc: str) -> BackupFile:
        """Everything as it is committed now, checked. Raises StorageError."""
        with self._workplace() as directory:
            path = directory / "copy.db"
            with _opened(path) as copy:
                with storage_errors(), peewee_errors():
                    self._store.reader().connection().backup(copy)
                self._strip(copy)
                _check(copy, StorageError)
            size = path.stat().st_size
            stamp = BackupStamp(
                form=VERSION,
                program=self._program,
                device_id=self._identity.device_id,
                created_utc=created_utc,
                bytes=size,
                sha256=_sha256(path),
            )
            head = FORMAT + json.dumps(asdict(stamp)).encode() + b"\n"
            # Open, it outlives its name; however the reading ends, nothing is left behind.
            file = path.open("rb")
        return BackupFile(stamp, len(head) + size, _pieces(head, file))

    def restore(self, source: Source) -> BackupStamp:
        """Put back the objects and the configuration of a backup, all or nothing.

        Logins, tokens and the device's identity stay. Logs of another device are not taken over;
        those of this one are joined with what it has. Raises InvalidRequest when the file is
        damaged, not a backup, or of a newer program, also one of the same form with a table or
        column that this program does not know; StorageError when it cannot be written. Then
        nothing has changed.
        """
        with self._workplace() as directory:
            path = directory / "copy.db"
            stamp = _receive(source, path)
            with _opened(path) as copy:
                self._examine(copy)
            self._bring_up_to_date(path)
            with self._store.alone() as live, _opened(path) as copy:
                self._refuse_unknown(copy, live, stamp)
                self._drop_own_tables(copy)
                self._adopt(copy, live)
                _check(copy, InvalidRequest)
                copy.backup(live)
                self._store.renew_shape()
        return stamp

    @contextlib.contextmanager
    def _workplace(self) -> Iterator[Path]:
        if not self._turn.acquire(blocking=False):
            raise InvalidRequest("another backup or restore is at work")
        try:
            for left in self._directory.glob(f"{_PREFIX}*"):  # of a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            with TemporaryDirectory(prefix=_PREFIX, dir=self._directory) as name:
                yield Path(name)
        except StorageError:
            raise
        except sqlite3.Error as error:
            raise StorageError(f"database: {reason(error)}") from error
        except OSError as error:
            raise StorageError(f"the copy cannot be written: {error}") from error
        finally:
            self._turn.release()

    def _strip(self, copy: sqlite3.Connection) -> None:
        """Take out what is the device's alone; VACUUM leaves no page that held it."""
        self._drop_own_tables(copy)
        copy.execute("VACUUM")

    def _drop_own_tables(self, copy: sqlite3.Connection) -> None:
        for name in self._own_tables(copy):
            copy.execute(f"DROP TABLE {quote(name)}")

    def _own_tables(self, connection: sqlite3.Connection) -> list[str]:
        """Of a file in the form of this program: what is neither an object nor shared."""
        registry = read_shape(self._store.built_in, connection.execute).registry
        return [
            name
            for name in _names(connection, "table")
            if name not in registry and name not in _SHARED and not name.startswith("sqlite_")
        ]

    def _examine(self, copy: sqlite3.Connection) -> None:
        """Refuse what no program of ours has written, and drop what would run by itself."""
        _check(copy, InvalidRequest)
        found = _names(copy, "table")
        form = copy.execute("PRAGMA user_version").fetchone()[0]
        needed = {"users", *(name for name, since in _SHARED.items() if since <= form)}
        if not needed <= set(found) or not 1 <= form <= VERSION:
            raise InvalidRequest("the database in the file is not one of this program")
        for kind in ("trigger", "view"):
            for name in _names(copy, kind):
                copy.execute(f"DROP {kind} {quote(name)}")

    def _bring_up_to_date(self, path: Path) -> None:
        """Give the copy the form of this program."""
        database = peewee.SqliteDatabase(str(path), pragmas=_COPY_PRAGMAS)
        try:
            with storage_errors():
                prepare(database, self._store.built_in, path)
        finally:
            database.close()

    def _refuse_unknown(
        self, copy: sqlite3.Connection, live: sqlite3.Connection, stamp: BackupStamp
    ) -> None:
        """Raise InvalidRequest for a table or column that nothing here would obey or show.

        A new field raises no form. What this device's own store has as well is taken back: a
        newer program made it here, before an older one came back.
        """
        registry = read_shape(self._store.built_in, copy.execute).registry
        present = set(_names(live, "table"))
        for table in _names(copy, "table"):
            if table.startswith("sqlite_"):
                continue
            known = set(_columns(live, table))
            if table in registry:
                known |= {ROWID, *(field.name for field in registry[table].fields)}
            elif table not in present:
                raise _unknown(f"the table {table!r}", stamp)
            for column in _columns(copy, table):
                if column not in known:
                    raise _unknown(f"the column {column!r} of {table!r}", stamp)

    def _adopt(self, copy: sqlite3.Connection, live: sqlite3.Connection) -> None:
        """Make the copy this device's: its own tables, its logs, its numbers."""
        [live_path] = [row[2] for row in live.execute("PRAGMA database_list") if row[1] == "main"]
        copy.execute("ATTACH ? AS live", (f"{Path(live_path).as_uri()}?mode=ro",))
        copy.execute("BEGIN")
        # They would note every row that is moved here, and are put back word for word.
        triggers = copy.execute(
            "SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            copy.execute(f"DROP TRIGGER main.{quote(name)}")
        self._adopt_own_tables(copy, live)
        [(old,)] = copy.execute("SELECT device_id FROM main.device_identity").fetchall()
        self._adopt_logs(copy, same_device=old == self._identity.device_id)
        _adopt_numbers(copy)
        _rename_device(copy, old, self._identity.device_id)
        for _, sql in triggers:
            copy.execute(sql)
        copy.execute("COMMIT")
        copy.execute("DETACH live")

    def _adopt_own_tables(self, copy: sqlite3.Connection, live: sqlite3.Connection) -> None:
        for name in self._own_tables(live):
            found = live.execute(
                "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"
                " ORDER BY type = 'table' DESC",
                (name,),
            )
            for (sql,) in found.fetchall():
                copy.execute(sql)
            copy.execute(f"INSERT INTO main.{quote(name)} SELECT * FROM live.{quote(name)}")  # noqa: S608 - names of our own tables, quoted

    def _adopt_logs(self, copy: sqlite3.Connection, *, same_device: bool) -> None:
        for declared in self._store.built_in:
            if not declared.log:
                continue
            table = quote(declared.name)
            if not same_device:
                copy.execute(f"DELETE FROM main.{table}")  # noqa: S608 - a declared name, quoted
            columns = ", ".join(quote(field.name) for field in declared.fields)
            copy.execute(
                f"INSERT OR IGNORE INTO main.{table} ({columns}) "  # noqa: S608 - as above
                f"SELECT {columns} FROM live.{table} ORDER BY rowid"
            )


def _adopt_numbers(copy: sqlite3.Connection) -> None:
    """No id is given twice, and whoever holds rules in memory sees that they are others now."""
    copy.execute(
        "INSERT INTO main.sqlite_sequence (name, seq) SELECT name, seq FROM live.sqlite_sequence"
        " WHERE name NOT IN (SELECT name FROM main.sqlite_sequence)"
    )
    copy.execute(
        "UPDATE main.sqlite_sequence SET seq = max(seq, coalesce((SELECT theirs.seq FROM"
        " live.sqlite_sequence AS theirs WHERE theirs.name = main.sqlite_sequence.name), 0))"
    )
    copy.execute(
        "UPDATE main.policy_version SET version = 1 + (SELECT version FROM live.policy_version)"
    )
    copy.execute(
        "UPDATE main.device_identity SET device_id = (SELECT device_id FROM live.device_identity)"
    )


def _rename_device(copy: sqlite3.Connection, old: int, new: int) -> None:
    """The row of `devices` that means the device itself means this one from now on."""
    if old != new:
        copy.execute("UPDATE OR IGNORE main.devices SET id = ? WHERE id = ?", (new, old))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy, for the changes that this module makes to it; nobody else knows of it."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rwc", uri=True, isolation_level=None)
    try:
        # Raised here already where the file is no database.
        with contextlib.suppress(sqlite3.DatabaseError):
            for name, value in _COPY_PRAGMAS:
                connection.execute(f"PRAGMA {name} = {value}")
        yield connection
    finally:
        connection.close()


def _names(connection: sqlite3.Connection, kind: str) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = ?", (kind,))
    return [name for (name,) in found.fetchall()]


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    found = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return [name for (name,) in found.fetchall()]


def _unknown(what: str, stamp: BackupStamp) -> InvalidRequest:
    return InvalidRequest(
        f"the backup has {what}, which this program does not know: it was made by a newer program,"
        f" {stamp.program}; update this device first"
    )


def _check(copy: sqlite3.Connection, kind: type[GatewayError]) -> None:
    """Raise `kind` unless pages, indices and references are sound."""
    try:
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        broken = copy.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise kind(f"the database in the backup is damaged: {error}") from error
    if found != "ok":
        raise kind(f"the database in the backup is damaged: {found}")
    if broken is not None:
        raise kind(f"the database in the backup is damaged: a reference of {broken[0]} is broken")


def _receive(source: Source, path: Path) -> BackupStamp:
    """Write the database of a backup to `path`; raises InvalidRequest unless it came whole."""
    piece = source.read(PIECE)
    if not piece.startswith(_FAMILY):
        raise InvalidRequest("the file is not a backup of a gateway")
    if not piece.startswith(FORMAT):
        raise InvalidRequest("the backup has a form that this program does not know")
    line, end, piece = piece[len(FORMAT) :].partition(b"\n")
    stamp = _stamp(line if end else b"")
    room = shutil.disk_usage(path.parent).free
    if room < _COPIES * stamp.bytes:
        raise StorageError(f"{_COPIES * stamp.bytes} bytes are needed on the disk, {room} are free")
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while piece:
            size += len(piece)
            if size > stamp.bytes:
                break
            digest.update(piece)
            file.write(piece)
            piece = source.read(PIECE)
    if size != stamp.bytes:
        said = "more" if size > stamp.bytes else f"{size}"
        raise InvalidRequest(f"the backup is damaged: {stamp.bytes} bytes expected, {said} came")
    if digest.hexdigest() != stamp.sha256:
        raise InvalidRequest("the backup is damaged: its SHA-256 is another")
    return stamp


def _stamp(line: bytes) -> BackupStamp:
    damaged = InvalidRequest("the backup is damaged: its second line is not what it should be")
    try:
        stamp = BackupStamp(**json.loads(line))
        sound = 0 < stamp.bytes <= LARGEST and len(stamp.sha256) == 64 and stamp.form > 0
    except (TypeError, ValueError) as error:
        raise damaged from error
    if not sound:
        raise damaged
    if stamp.form > VERSION:
        raise InvalidRequest(
            f"the backup was made by a newer program, {stamp.program} (form {stamp.form}, this"
            f" one knows {VERSION})"
        )
    return stamp


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pieces(head: bytes, file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield head
        while piece := file.read(PIECE):
            yield piece
