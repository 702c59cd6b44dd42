"""A consistent copy of the store as one file, and the way back.

The file is a line that names the format, a line of JSON about what follows, and a SQLite database
with the objects and the configuration. What belongs to the device alone (logins, tokens, how far
the journal was read) never leaves it, and stays as it is when a backup comes back.

A file may come from anybody: its rows go through their declarations into a new database, see
`gateway.store.staging`. Both ways end in SQLite's backup API: a copy is one short read whatever is
written meanwhile, and a restored database replaces the old one in one commit, so that a reader, a
power cut or a kill finds either the old or the new one.

Secrets are in it under a passphrase alone, see `gateway.store.backup_secrets`; without one they are
left out.

Copies hold secrets. They are in a directory of their own beside the store, which is emptied when a
copy is done and, after a kill, when the api process starts.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import InvalidRequest, StorageError
from gateway.sealing import NO_KEY, Sealer
from gateway.store.backup_file import (
    FORMAT,
    BackupFile,
    BackupStamp,
    Source,
    begun,
    pieces_of,
    receive,
    sha256_of,
    stamp_line,
)
from gateway.store.backup_secrets import NewBackupKey, new_backup_key
from gateway.store.files.database import peewee_errors, reason, storage_errors
from gateway.store.objects.configuration import ConfigurationValue
from gateway.store.objects.custom_rows import read_shape
from gateway.store.objects.migrations import VERSION
from gateway.store.objects.numbers import HIGHEST
from gateway.store.objects.schema import CHANGES, EPOCH, quote
from gateway.store.objects.seals import TABLE as SEALING
from gateway.store.objects.seals import reseal
from gateway.store.objects.store import Store
from gateway.store.staging import (
    COPY_PRAGMAS,
    SHARED,
    Columns,
    StagedStore,
    UploadedStore,
)
from gateway.store.tables.identity import DeviceIdentity, store_identity

_COPY, _UPLOAD = "copy.db", "upload.db"
_LEFT = tuple(name + end for name in (_COPY, _UPLOAD) for end in ("", "-journal", "-wal", "-shm"))
"""Every file that is made in the directory of copies."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """The rows of one table."""

    present: int
    """On this device now."""
    backup: int
    """In the file."""
    after: int
    """On this device once the file is restored: logs are joined."""


@dataclass(frozen=True, slots=True)
class RestorePreview:
    """What a restore would do."""

    stamp: BackupStamp
    tables: dict[str, RowCounts]
    """Of every object, and `user_photos`."""
    changed_values: list[str]
    """`module.key` of each value that becomes another one, sorted."""
    left_out: Mapping[str, int]
    """Table -> secrets that are not restored."""


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
        self._path = path
        self._directory = _copies_beside(path)
        self._identity = identity
        self._program = program
        self._turn = turn

    def make(self, created_utc: str, passphrase: str = "") -> BackupFile:
        """Everything as it is committed now, checked. Secrets are in it only with a passphrase.

        Raises InvalidRequest for a bad one, StorageError.
        """
        key = new_backup_key(passphrase, self._store.sealer) if passphrase else None
        with self._workplace():
            path = self._directory / _COPY
            with _opened(path) as copy:
                with storage_errors(), peewee_errors():
                    self._store.reader().connection().backup(copy)
                left_out = self._strip(copy, key)
                _check(copy)
            size = path.stat().st_size
            stamp = BackupStamp(
                form=VERSION,
                program=self._program,
                device_id=self._identity.device_id,
                created_utc=created_utc,
                bytes=size,
                sha256=sha256_of(path),
                sealed=key.sealed if key else None,
                left_out=left_out,
            )
            head = FORMAT + stamp_line(stamp) + b"\n"
            # Open, it outlives its name; however the reading ends, nothing is left behind.
            file = path.open("rb")
        return BackupFile(stamp, len(head) + size, pieces_of(head, file))

    def restore(
        self, source: Source, passphrase: str = "", *, without_secrets: bool = False
    ) -> RestoredSecrets:
        """Put back the objects and the configuration of a backup, all or nothing.

        Its secrets need its passphrase, unless this device made it and has the same key as then.

        Logins, tokens and the device's identity stay. Logs of another device are not taken over;
        those of this one are joined with what it has. Raises InvalidRequest when the file is
        damaged, not a backup, of a newer program, also one of the same form with a table or
        column that this program does not know, or has a row that the API would refuse;
        StorageError when it cannot be written. Then nothing has changed.
        """
        with (
            self._staged(source, passphrase, without_secrets) as work,
            self._store.alone() as live,
        ):
            self._finish(work.staged, live)
            work.staged.connection.backup(live)
            self._store.renew_shape()
        return RestoredSecrets(work.stamp, work.left_out)

    def preview(
        self, source: Source, passphrase: str = "", *, without_secrets: bool = False
    ) -> RestorePreview:
        """What `restore` would do, and raise; changes nothing."""
        with self._staged(source, passphrase, without_secrets) as work:
            stamp, staged, in_file = work.stamp, work.staged, work.in_file
            live = self._store.reader().connection()
            present = _counts(live)
            before = _configuration(live)
            self._finish(staged, live)
            after = _counts(staged.connection)
            values = _configuration(staged.connection)
            registry = read_shape(self._store.built_in, staged.connection.execute).registry
        objects = {it.name for it in (*self._store.registry, *registry)}
        shown = (*sorted(objects), "user_photos")
        return RestorePreview(
            stamp,
            {
                name: RowCounts(present.get(name, 0), in_file.get(name, 0), after.get(name, 0))
                for name in shown
            },
            sorted(
                f"{module}.{key}"
                for module, key in before.keys() | values.keys()
                if before.get((module, key)) != values.get((module, key))
            ),
            work.left_out,
        )

    @contextlib.contextmanager
    def _staged(
        self,
        source: Source,
        passphrase: str,
        without_secrets: bool,  # noqa: FBT001 - of two callers
    ) -> Iterator[_Work]:
        """The rows of a backup in a new store beside the present one."""
        with self._workplace():
            upload_path, path = self._directory / _UPLOAD, self._directory / _COPY
            stamp, piece = begun(source)
            # Before anything else is read: a wrong passphrase is told at once.
            sealer = self._opener(stamp, passphrase, without_secrets=without_secrets)
            receive(source, upload_path, stamp, piece)
            with contextlib.ExitStack() as stack, storage_errors():
                # Both stay open without a name, so that a kill leaves nothing of them.
                upload = UploadedStore(upload_path, self._store.built_in, sealer or Sealer.random())
                stack.callback(upload.close)
                upload_path.unlink()
                upload.bring_up_to_date()
                left_out = dict(stamp.left_out)
                if sealer is None:
                    for table, lost in upload.leave_secrets_out().items():
                        left_out[table] = left_out.get(table, 0) + lost
                staged = StagedStore(path, self._store.built_in, self._store.sealer)
                stack.callback(staged.close)
                path.unlink()
                further = upload.further(self._columns(), stamp.program)
                old = upload.device_id()
                given = self._given_ids() if old == self._identity.device_id else None
                staged.fill(upload, further, self._keys(), given)
                in_file = upload.counts()
                upload.close()
                store_identity(staged.database, self._identity)
                _rename_device(staged.connection, old, self._identity.device_id)
                yield _Work(stamp, staged, in_file, left_out)

    def _opener(
        self, stamp: BackupStamp, passphrase: str, *, without_secrets: bool
    ) -> Sealer | None:
        """What opens the secrets of the file; None where they are to be left out."""
        if without_secrets:
            return None
        if stamp.clear:
            return Sealer.random()  # seals them on their way
        if stamp.sealed is None:
            return NO_KEY
        return stamp.sealed.unlock(passphrase, self._store.sealer)

    def _finish(self, staged: StagedStore, live: sqlite3.Connection) -> None:
        """Make the staged store this device's, and check it."""
        self._adopt(staged.connection, live)
        staged.finish()
        _check(staged.connection)

    @contextlib.contextmanager
    def _workplace(self) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            raise InvalidRequest("another backup or restore is at work")
        try:
            sweep_copies(self._path)
            self._directory.mkdir(mode=0o700, exist_ok=True)
            yield
        except StorageError:
            raise
        except sqlite3.Error as error:
            raise StorageError(f"database: {reason(error)}") from error
        except OSError as error:
            raise StorageError(f"the copy cannot be written: {error}") from error
        finally:
            sweep_copies(self._path)
            self._turn.release()

    def _strip(self, copy: sqlite3.Connection, key: NewBackupKey | None) -> dict[str, int]:
        """Take out what is the device's alone, and seal secrets with `key` or leave them out: how
        many, by table. VACUUM leaves no page that held any of it."""
        for name in self._own_tables(copy):
            copy.execute(f"DROP TABLE {quote(name)}")
        # They are made anew where it is taken back, and write into a table that is gone.
        named = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in copy.execute(named).fetchall():
            copy.execute(f"DROP TRIGGER {quote(name)}")
        own = self._store.sealer

        def change(context: str, value: str) -> str | None:
            clear = own.opened(context, value) if key is not None else None
            return None if key is None or clear is None else key.sealer.seal(context, clear)

        registry = read_shape(self._store.built_in, copy.execute).registry
        copy.execute("BEGIN")
        left_out = reseal(copy, registry, change)
        copy.execute("COMMIT")
        copy.execute("VACUUM")
        return dict(left_out)

    def _own_tables(self, connection: sqlite3.Connection) -> list[str]:
        """Of a file in the form of this program: what is neither an object nor shared."""
        registry = read_shape(self._store.built_in, connection.execute).registry
        return [
            name
            for name in _tables(connection.execute)
            if name not in registry and name not in SHARED and not name.startswith("sqlite_")
        ]

    def _columns(self) -> Columns:
        """Every column of this device's store."""
        run = self._store.reader().execute_sql
        found: dict[str, dict[str, str]] = {}
        for table in _tables(run):
            columns = run(
                'SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)', (table,)
            )
            found[table] = {
                name: f"{kind}{' NOT NULL' if not_null else ''}"
                f"{'' if default is None else f' DEFAULT {default}'}"
                for name, kind, not_null, default in columns.fetchall()
            }
        return found

    def _keys(self) -> set[tuple[str, str]]:
        """The configuration keys that have a value here."""
        query = ConfigurationValue.select(ConfigurationValue.module, ConfigurationValue.key)
        rows: Any = query.tuples().execute(self._store.reader())
        return set(rows)

    def _given_ids(self) -> dict[str, int]:
        """Log -> the highest id that it has had on this device."""
        run = self._store.reader().execute_sql
        given = dict(run("SELECT name, seq FROM sqlite_sequence").fetchall())
        for declared in self._store.built_in:
            if declared.log and declared.key is not None:
                highest = f"SELECT max({quote(declared.key.name)}) FROM {quote(declared.name)}"  # noqa: S608 - declared names, quoted
                [(number,)] = run(highest).fetchall()
                given[declared.name] = max(given.get(declared.name, 0), number or 0)
        return given

    def _adopt(self, copy: sqlite3.Connection, live: sqlite3.Connection) -> None:
        """Make the copy this device's: its own tables, its logs, its numbers."""
        [live_path] = [row[2] for row in live.execute("PRAGMA database_list") if row[1] == "main"]
        copy.execute("ATTACH ? AS live", (f"{Path(live_path).as_uri()}?mode=ro",))
        copy.execute("BEGIN")
        self._adopt_own_tables(copy, live)
        self._adopt_logs(copy)
        _adopt_numbers(copy)
        copy.execute("COMMIT")
        copy.execute("DETACH live")

    def _adopt_own_tables(self, copy: sqlite3.Connection, live: sqlite3.Connection) -> None:
        for name in self._own_tables(live):
            if name in (CHANGES, EPOCH, SEALING):
                continue  # the copy begins an epoch of its own, and is sealed
            found = live.execute(
                "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"
                " ORDER BY type = 'table' DESC",
                (name,),
            )
            for (sql,) in found.fetchall():
                copy.execute(sql)
            copy.execute(f"INSERT INTO main.{quote(name)} SELECT * FROM live.{quote(name)}")  # noqa: S608 - names of our own tables, quoted

    def _adopt_logs(self, copy: sqlite3.Connection) -> None:
        for declared in self._store.built_in:
            if declared.log:
                table = quote(declared.name)
                columns = ", ".join(quote(field.name) for field in declared.fields)
                copy.execute(
                    f"INSERT OR REPLACE INTO main.{table} ({columns}) "  # noqa: S608 - declared names, quoted
                    f"SELECT {columns} FROM live.{table} ORDER BY rowid"
                )


@dataclass(frozen=True, slots=True)
class RestoredSecrets:
    """What came back, and what did not."""

    stamp: BackupStamp
    left_out: Mapping[str, int]
    """Table -> secrets that were not restored."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A backup on its way back."""

    stamp: BackupStamp
    staged: StagedStore
    in_file: Mapping[str, int]
    """Rows of each table."""
    left_out: Mapping[str, int]


def sweep_copies(path: Path) -> None:
    """Remove what a process that was killed left of a backup or restore of the store at `path`."""
    directory = _copies_beside(path)
    for name in _LEFT:
        with contextlib.suppress(OSError):
            (directory / name).unlink()
    with contextlib.suppress(OSError):  # none, or somebody put something else there
        directory.rmdir()


def _copies_beside(path: Path) -> Path:
    return path.resolve().with_name(f".{path.name}-copies")


def _adopt_numbers(copy: sqlite3.Connection) -> None:
    """No id is given twice, and whoever holds rules in memory sees that they are others now.

    A number from which no further id can be given is not taken over.
    """
    own = dict(copy.execute("SELECT name, seq FROM main.sqlite_sequence").fetchall())
    for name, number in copy.execute("SELECT name, seq FROM live.sqlite_sequence").fetchall():
        if type(number) is int and number <= HIGHEST:
            own[name] = max(number, own.get(name, 0))
    copy.execute("DELETE FROM main.sqlite_sequence")
    copy.executemany("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)", own.items())
    copy.execute(
        "UPDATE main.policy_version SET version = 1 +"
        " coalesce((SELECT max(version) FROM live.policy_version), 0)"
    )


def _rename_device(copy: sqlite3.Connection, old: int, new: int) -> None:
    """The row of `devices` that means the device itself means this one from now on."""
    if old != new:
        copy.execute("UPDATE OR IGNORE devices SET id = ? WHERE id = ?", (new, old))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy, for the changes that this module makes to it; nobody else knows of it."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rwc", uri=True, isolation_level=None)
    try:
        for name, value in COPY_PRAGMAS:
            connection.execute(f"PRAGMA {name} = {value}")
        yield connection
    finally:
        connection.close()


def _tables(run: Callable[[str], sqlite3.Cursor]) -> list[str]:
    found = run("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [name for (name,) in found.fetchall()]


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Table -> its rows."""
    return {
        name: int(connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()[0])  # noqa: S608 - quoted
        for name in _tables(connection.execute)
    }


def _configuration(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("SELECT module, key, value FROM configuration")
    return {(module, key): value for module, key, value in rows.fetchall()}


def _check(copy: sqlite3.Connection) -> None:
    """Raise StorageError unless pages, indices and references are sound."""
    try:
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        broken = copy.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise StorageError(f"the copy is damaged: {error}") from error
    if found != "ok":
        raise StorageError(f"the copy is damaged: {found}")
    if broken is not None:
        raise StorageError(f"the copy is damaged: a reference of {broken[0]} is broken")
