"""Opening SQLite files: one writer, any number of readers, a connection of its own per thread."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import peewee

from gateway.errors import DamagedFile, NewerForm, StorageError
from gateway.objects.columns import u64_text

STORE_UNREADABLE = "the store cannot be read"
"""Start of the error texts of raw SQL reads of `store.db`."""

Pragmas = tuple[tuple[str, str | int], ...]

CACHE_KIB = 2_000
"""SQLite's own default."""
BUSY_TIMEOUT_S = 5
"""How long a connection waits for the lock of another process."""

WRITER_PRAGMAS: Pragmas = (
    # Readers go on while a write runs, and a commit is one sequential append.
    ("journal_mode", "wal"),
    # Nothing acknowledged is lost in a power cut; NORMAL loses the last commits (measured).
    ("synchronous", "full"),
    # SQLite checks references only if asked to.
    ("foreign_keys", 1),
    # Bytes: shrink the write-ahead log after a bulk import has made it grow.
    ("journal_size_limit", 16 * 1024 * 1024),
)
READER_PRAGMAS: Pragmas = (
    # In addition to `mode=ro`: no statement of this connection changes anything.
    ("query_only", 1),
)


def text_or_bytes(raw: bytes) -> str | bytes:
    """A text, or the bytes of one that is not UTF-8; for `text_factory`."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


_replaced: Callable[[bytes], str] = partial(str, encoding="utf-8", errors="replace")


class _ReaderConnection(sqlite3.Connection):
    """A connection that closes when the last thread lets go of it, as `CurrentFile` needs."""

    def __del__(self) -> None:
        with contextlib.suppress(sqlite3.ProgrammingError):  # one that was never opened
            self.close()


class TrackedDatabase(peewee.SqliteDatabase):
    """A peewee database that knows the connections of all threads and can close them."""

    def __init__(self, path: Path, mode: str, pragmas: Pragmas, *, any_text: bool = False) -> None:
        """`mode` is SQLite's: `rw` or `ro` never create the file, `rwc` does.

        `any_text` gives replacement characters for what is not UTF-8; otherwise reading it raises.
        """
        self._text: Callable[[bytes], str] = _replaced if any_text else str
        self._writes = mode != "ro"
        self._open: list[tuple[weakref.ref[threading.Thread], sqlite3.Connection]] = []
        self._open_guard = threading.Lock()
        super().__init__(
            # A URI, because only a URI can say "never create the file".
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            pragmas=pragmas,
            timeout=BUSY_TIMEOUT_S,
            # A deferred begin fails at once with "database is locked" when it turns into a
            # write, whatever the busy time-out (measured).
            lock_type="IMMEDIATE",
            # `close_all` closes the connections of other threads; only one thread uses each.
            check_same_thread=False,
            factory=sqlite3.Connection if self._writes else _ReaderConnection,
        )
        self.register_function(u64_text, "u64_text", 1, deterministic=True)

    def _connect(self) -> sqlite3.Connection:
        connect = super()._connect  # type: ignore[misc] # - missing in peewee's stubs
        connection: sqlite3.Connection = connect()
        connection.text_factory = self._text
        if self._writes:
            try:
                _check_writable(connection)
            except BaseException:
                connection.close()
                raise
        with self._open_guard:
            gone = [pair for pair in self._open if not _alive(pair[0])]
            self._open = [pair for pair in self._open if _alive(pair[0])]
            self._open.append((weakref.ref(threading.current_thread()), connection))
        for _, abandoned in gone:
            abandoned.close()
        return connection

    def _close(self, conn: sqlite3.Connection) -> None:
        with self._open_guard:
            self._open = [pair for pair in self._open if pair[1] is not conn]
        conn.close()

    def connection(self) -> sqlite3.Connection:
        """The connection of this thread, opened when it has none yet."""
        of_thread = super().connection
        connection: sqlite3.Connection = of_thread()  # type: ignore[no-untyped-call] # - peewee
        return connection

    def execute_sql(self, sql: str, params: Sequence[object] | None = None) -> sqlite3.Cursor:
        """Run one statement on this thread's connection."""
        run = super().execute_sql
        cursor: sqlite3.Cursor = run(sql, params)  # type: ignore[no-untyped-call] # - peewee
        return cursor

    def rollback(self) -> None:
        """Undo the transaction of this thread, if SQLite has not done so. Raises nothing, so that
        the error that led here is the one reported."""
        roll_back(self.connection())

    def savepoint(self) -> _Savepoint:
        """A part of a transaction, see `_Savepoint`."""
        return _Savepoint(self)

    def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one compiled statement for each of `rows`; raises peewee's errors."""
        with peewee_errors():
            self.connection().executemany(sql, rows)

    def close_all(self) -> None:
        """Close the connections of every thread; none may be in use."""
        with self._open_guard:
            for _, connection in self._open:
                connection.close()
            self._open.clear()
        self.dispose()


def _check_writable(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.OperationalError where SQLite opened the file for reading alone: it does so
    silently when it cannot open it for writing. Changes nothing, and waits for nobody."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        begin(connection, "IMMEDIATE")
        # Of a file that is read-only, BEGIN reads.
        form = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute(f"PRAGMA user_version = {form}")
    except sqlite3.OperationalError as error:
        if code_of(error) != sqlite3.SQLITE_BUSY:  # another program writes: so can this one
            raise
    finally:
        roll_back(connection)
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1_000)}")


class _Savepoint(peewee._savepoint):  # noqa: SLF001 - what `Database.savepoint` makes
    """A part of a transaction; its rollback does nothing if SQLite has undone the transaction."""

    def rollback(self, begin: bool = True) -> None:  # noqa: FBT001, FBT002 - peewee's own signature
        if self.db.connection().in_transaction:
            super().rollback(begin)


def roll_back(connection: sqlite3.Connection) -> None:
    """Undo the open transaction of `connection`, if any; SQLite itself has undone one that ended
    by a full or failing disk.

    Raises nothing, so that the error that led here is the one reported. If this fails, the next
    `begin` tries again.
    """
    with contextlib.suppress(sqlite3.Error):
        connection.rollback()


def begin(connection: sqlite3.Connection, kind: str = "") -> None:
    """Begin a transaction of `kind`, such as IMMEDIATE. Raises sqlite3.Error."""
    connection.rollback()
    connection.execute(f"BEGIN {kind}")


@contextlib.contextmanager
def one_instant(connection: sqlite3.Connection) -> Iterator[None]:
    """Make all reads in the block see the file as it is at the first of them."""
    begin(connection)
    try:
        yield
    finally:
        roll_back(connection)


_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file, or its disk, is read-only",
    sqlite3.SQLITE_IOERR: "the disk failed",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is damaged",
    sqlite3.SQLITE_BUSY: "another program keeps the file locked",
    sqlite3.SQLITE_PROTOCOL: "another program keeps the file locked",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
}
"""SQLite's result code -> the cause in a technician's words."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL})
_PRIMARY = 0xFF
"""Mask of the primary code in an extended result code."""


def reason(error: BaseException | None) -> str:
    """The cause of `error`, which is SQLite's or the driver's, or peewee's around it."""
    if isinstance(error, UnicodeError):  # of SQLite's text about a file of which it quotes bytes
        return f"the file is damaged ({error})"
    known = _REASONS.get(code_of(error)) if error else None
    return f"{known} ({error})" if known else str(error)


def code_of(error: BaseException) -> int:
    """SQLite's primary result code, 0 where the error has none."""
    found: BaseException | None = error
    while isinstance(found, peewee.PeeweeException):
        # An error while it connects is wrapped twice.
        found = getattr(found, "orig", None) or found.__context__
    return int(getattr(found, "sqlite_errorcode", 0)) & _PRIMARY


def is_locked(error: BaseException) -> bool:
    """Whether somebody kept the file locked for longer than a connection waits.

    SQLite takes a lock for released even where the kernel failed to release it. Such a lock ends
    when its process closes every connection to the file.
    """
    return code_of(error) in _LOCKED


def _failure(what: str, error: BaseException) -> StorageError:
    damaged = code_of(error) in _DAMAGED or isinstance(error, UnicodeError)
    kind = DamagedFile if damaged else StorageError
    return kind(f"{what}: {reason(error)}")


@contextlib.contextmanager
def sqlite_errors(what: str) -> Iterator[None]:
    """Turn errors of the sqlite3 module into StorageErrors that begin with `what`, DamagedFile
    where the file is damaged."""
    try:
        yield
    except (sqlite3.Error, UnicodeError) as error:  # the text of an error may be damaged as well
        raise _failure(what, error) from error


@contextlib.contextmanager
def peewee_errors() -> Iterator[None]:
    """Turn errors of the sqlite3 module into peewee's."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise peewee.IntegrityError(error, *error.args) from error
    except sqlite3.Error as error:
        raise peewee.OperationalError(error, *error.args) from error


def _alive(thread: weakref.ref[threading.Thread]) -> bool:
    running = thread()
    return running is not None and running.is_alive()


def open_writer(
    path: Path,
    functions: Mapping[str, Callable[..., object]] | None = None,
    *,
    create: bool = False,
    known_form: int | None = None,
    any_text: bool = False,
) -> TrackedDatabase:
    """The file at `path` for reading and writing; it must exist unless `create`.

    `functions` become SQL functions, which triggers may call. Raises StorageError, also if the
    file can only be read, or its form is above `known_form`.
    """
    database = TrackedDatabase(path, "rwc" if create else "rw", WRITER_PRAGMAS, any_text=any_text)
    for name, function in (functions or {}).items():
        database.register_function(function, name)
    _try(database, path, known_form)
    return database


def open_reader(
    path: Path,
    cache_kib: int = CACHE_KIB,
    *,
    known_form: int | None = None,
    immutable: bool = False,
    any_text: bool = False,
) -> TrackedDatabase:
    """The existing file at `path`, read-only; the connection of each thread caches `cache_kib` KiB.
    Raises StorageError as `open_writer` does.

    `immutable` needs neither a lock nor a file beside it. It ignores the file's log, and nobody may
    write meanwhile.
    """
    # A negative number counts KiB instead of pages.
    mode = "ro&immutable=1" if immutable else "ro"
    database = TrackedDatabase(
        path, mode, (*READER_PRAGMAS, ("cache_size", -cache_kib)), any_text=any_text
    )
    _try(database, path, known_form)
    return database


def sql_of(query: peewee.Query) -> str:
    """The SQL of `query`, without the values bound to it."""
    text, _values = query.sql()
    return str(text)


def form_of(database: peewee.Database) -> int:
    """The form of the file, from SQLite's `user_version`; 0 if none was set."""
    found: int = database.execute_sql("PRAGMA user_version").fetchone()[0]
    return found


def check_form(database: peewee.Database, path: Path, known: int) -> int:
    """The form of the file at `path`, which `database` has open. Raises StorageError if it is
    above `known`, this program's form: a newer version wrote the file."""
    found = form_of(database)
    if found > known:
        raise NewerForm(
            f"{path} was written by a newer version (form {found}, this program knows {known})"
        )
    return found


def _try(database: TrackedDatabase, path: Path, known_form: int | None) -> None:
    """Read once, so that a file that is no database, or a newer one, raises now."""
    try:
        with storage_errors():
            database.execute_sql("SELECT count(*) FROM sqlite_master").fetchone()
            if known_form is not None:
                check_form(database, path, known_form)
    except StorageError:
        database.close_all()
        raise


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turn peewee's errors about the file or the disk into StorageErrors.

    IntegrityErrors pass through: the caller explains them.
    """
    try:
        yield
    except peewee.IntegrityError:
        raise
    except (peewee.PeeweeException, UnicodeDecodeError) as error:
        raise _failure("database", error) from error
