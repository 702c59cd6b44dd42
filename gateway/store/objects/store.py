"""`store.db` for its writer: objects and configuration."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import peewee
import structlog

from gateway.errors import KeyUnusable, StorageError
from gateway.objects.declaration import Registry
from gateway.objects.joins import Joins
from gateway.objects.models import Models
from gateway.sealing import Sealer
from gateway.settings.seal_key import sealer_of
from gateway.store.files import SEARCH_FILE
from gateway.store.files.copies import FileCopy, on_read_only_disk
from gateway.store.files.database import (
    TrackedDatabase,
    code_of,
    open_reader,
    open_writer,
    storage_errors,
)
from gateway.store.files.locks import left_locked
from gateway.store.objects import configuration
from gateway.store.objects.custom_rows import name_custom_tables, read_shape
from gateway.store.objects.mode_rows import forget_modes
from gateway.store.objects.numbers import mend_numbers
from gateway.store.objects.people_search import PeopleSearch
from gateway.store.objects.schema import (
    CHANGE_LOG,
    CHANGES,
    EPOCH,
    PolicyVersion,
    drop_table,
    fit,
    prepare,
)
from gateway.store.objects.seals import (
    SealingState,
    forget_import,
    holds_sealed,
    keep_state,
    read_state,
    reseal,
)
from gateway.store.objects.writes import Writes
from gateway.store.query.compile import Compiler
from gateway.store.query.request import parse_query
from gateway.store.query.run import Runner
from gateway.store.query.tree import Condition
from gateway.store.query.where import check_visible, parse_where

READER_CACHE_KIB = 256
"""Each thread that serves clients has its own connection: with the usual cache a dozen of them
would take 24 MB, for pages that the kernel caches anyway."""

NUMBERS_ENDED = "database: a damaged number left none for further rows; it is mended, try again"

log = structlog.get_logger("store")


@dataclass(frozen=True, slots=True)
class _Tools:
    """What depends on the objects of the file. A change replaces all together, so a caller takes
    all from one instance."""

    models: Models
    runner: Runner
    writes: Writes


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The answer to a query. `rows` can be iterated once and reads pages meanwhile."""

    object_name: str
    rows: Iterator[dict[str, object]]


class Store:
    """Objects and configuration. Any thread may use it; writes take turns.

    Reads see committed rows, each on its thread's own connection. Methods raise InvalidRequest for
    an invalid request, ConstraintViolation for rows that would break a rule, and StorageError if
    the file cannot be read or written; then nothing has changed.
    """

    def __init__(
        self,
        path: Path,
        registry: Registry,
        stamp: Callable[[], int],
        sealer: Sealer | None = None,
    ) -> None:
        """Open the existing file at `path` and bring it to the form of this program. On a read-only
        disk it opens a copy, which takes no write after `protect`.

        `stamp` returns the device time for the change log, in seconds. `sealer` defaults to that of
        the directory of `path`. A key that is missing is made only where nothing is sealed yet, and
        never at a place that the site file names; otherwise secrets are neither shown nor taken,
        see `key_fault`.
        """
        found = sealer or sealer_of(path.parent)
        self._awaited: Sealer | None = None
        """Has the key by which the store is to be sealed once it is opened again."""
        self._turn = threading.RLock()
        self._path = path
        self._copy = FileCopy(path) if on_read_only_disk(path) else None
        opened = self._copy.path if self._copy else path
        self._database = open_writer(opened, {"device_stamp": stamp}, any_text=True)
        try:
            with storage_errors():
                if read_state(self._database.execute_sql) is None:
                    if self._copy is None:
                        self._ensure(found)
                    elif found.fault:
                        found = Sealer.random()  # of a copy that nobody keeps
                shape = prepare(self._database, registry, opened, found, may_wait=True)
                self._mend_numbers(shape.registry)
                self._built_in = registry
                self.sealer = self._bound(found)
            self.scrub()
            self._reader = open_reader(opened, READER_CACHE_KIB, any_text=True)
            for database in (self._database, self._reader):
                database.register_function(self._unsealed, "unsealed", 2)
        except BaseException:
            self._database.close_all()
            raise
        for problem in shape.problems:
            log.warning("custom table or field ignored", why=problem)
        self._reshaped = False
        self.people_search = PeopleSearch(opened.resolve().with_name(SEARCH_FILE), self)
        self._tools = self._tools_for(shape.registry)

    def _tools_for(self, registry: Registry) -> _Tools:
        models = Models(registry, self._database, self.sealer)
        compiler = Compiler(models, Joins(registry))
        return _Tools(
            models,
            Runner(compiler, self._reader),
            Writes(self._database, models, compiler, self.transaction, self._shortest_pin),
        )

    def _unsealed(self, context: str, value: object) -> str | None:
        return self.sealer.opened(context, value)

    def _ensure(self, sealer: Sealer) -> None:
        # Of two programs at once each would make one, and one would be lost.
        with self._database.atomic("IMMEDIATE"), contextlib.suppress(KeyUnusable):
            sealer.ensure()

    def _bound(self, sealer: Sealer) -> Sealer:
        """`sealer`, for the key that the file names; any will do while nothing is sealed.

        Where nothing is sealed for want of a key, none is used before the store is opened again: it
        would seal new values beside clear ones.
        """
        state = read_state(self._database.execute_sql)
        if state is None:
            self._awaited = sealer
            why = sealer.fault or "the key is there now: the api process starts anew"
            log.error("secrets are not sealed, neither shown nor taken", why=why)
            return Sealer.unusable(why)
        bound = sealer.expecting(state.key_id)
        if bound.fault:
            try:
                sealer.finish_change(state.key_id)
            except KeyUnusable as error:
                log.warning("the key is not in its place", why=str(error))
            bound = sealer.expecting(state.key_id)
        if bound.fault and not holds_sealed(self._database.connection(), self._built_in):
            with contextlib.suppress(KeyUnusable):
                sealer.ensure()
                with self._database.atomic("IMMEDIATE"):
                    keep_state(self._database, SealingState(sealer.key_id, state.scrub))
                return sealer.expecting(sealer.key_id)
        return bound

    def scrub(self) -> bool:
        """Leave no page of the file, nor of its log, that holds secrets of before: in clear text,
        or sealed with a former key. Whether that is so; else the next start tries again, as after a
        full disk.
        """
        state = read_state(self._database.execute_sql)
        if state is None or not state.scrub:
            return True
        try:
            with storage_errors():
                self._database.execute_sql("VACUUM")
                self._empty_log()
                with self._database.atomic("IMMEDIATE"):
                    keep_state(self._database, SealingState(state.key_id, scrub=False))
        except StorageError as error:
            log.warning("freed pages may hold secrets of before", why=str(error))
            return False
        return True

    def _empty_log(self) -> None:
        """Raises StorageError."""
        busy = self._database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StorageError("another program has been reading the file for too long")

    @property
    def awaits_key(self) -> bool:
        """Whether nothing is sealed before the store is opened again, for want of a key."""
        return self._awaited is not None

    @property
    def key_fault(self) -> str | None:
        """Why sealed values cannot be read or written; None when they can."""
        return self.sealer.fault

    def rekey(self, sealer: Sealer) -> dict[str, int]:
        """Seal everything with the key of `sealer`; what cannot be opened is lost.

        Returns how many values were lost, by table. What was sealed with the former key is in freed
        pages until `scrub`. Raises KeyUnusable, StorageError.
        """
        old = self.sealer
        key_id = sealer.key_id

        def change(context: str, value: str) -> str | None:
            clear = old.opened(context, value)
            return None if clear is None else sealer.seal(context, clear)

        with self.transaction():
            lost = reseal(self._database.connection(), self.registry, change)
            forget_import(self._database)
            keep_state(self._database, SealingState(key_id, scrub=True))
        with self._turn:
            self.sealer = sealer.expecting(key_id)
            self._tools = self._tools_for(self.registry)
        return lost

    @classmethod
    def create(
        cls,
        path: Path,
        registry: Registry,
        stamp: Callable[[], int],
        sealer: Sealer | None = None,
    ) -> Self:
        """A new, empty file at `path`. Raises StorageError if one exists."""
        try:
            # If the path is a link, this makes the file at its target.
            path.resolve().touch(mode=0o660, exist_ok=False)
        except FileExistsError:
            raise StorageError(f"{path} exists already") from None
        except OSError as error:
            raise StorageError(f"{path} cannot be made: {error}") from error
        try:
            return cls(path, registry, stamp, sealer)
        except StorageError:
            path.resolve().unlink(missing_ok=True)
            raise

    @classmethod
    def open(
        cls,
        path: Path,
        registry: Registry,
        stamp: Callable[[], int],
        sealer: Sealer | None = None,
    ) -> Self:
        """The existing file at `path`. Raises StorageError if it is missing, damaged or newer."""
        return cls(path, registry, stamp, sealer)

    def close(self) -> None:
        """Close all connections; no other method may be running."""
        self.people_search.close()
        self._reader.close_all()
        self._database.close_all()
        if self._copy:
            self._copy.close()

    def protect(self) -> None:
        """Let every write to a copy, which would be lost, raise StorageError from now on. Call it
        before other threads use the store."""
        if self._copy:
            self._database.pragma("query_only", 1, permanent=True)

    @property
    def outdated(self) -> bool:
        """Whether it must be opened anew; asked every second or so.

        It reads a copy of a file that can be written by now, the key by which it is to be sealed is
        there now, or the kernel failed to release a lock that shuts others out.
        """
        if self._awaited is not None and self._awaited.fault is None:
            return True
        if self._copy is not None:
            return not on_read_only_disk(self._path)
        if not self._turn.acquire(blocking=False):
            return False  # somebody writes
        try:
            return not self._database.in_transaction() and left_locked(self._path)
        finally:
            self._turn.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def registry(self) -> Registry:
        """The objects of this store as they are now, with custom tables and fields."""
        return self._tools.models.registry

    @property
    def built_in(self) -> Registry:
        """The objects that every store has, without custom tables and fields."""
        return self._built_in

    @property
    def models(self) -> Models:
        """The models of all objects, bound to the writing connection."""
        return self._tools.models

    def model(self, name: str) -> type[peewee.Model]:
        """The model of the object `name`. Raises InvalidRequest if there is none."""
        return self.models[name]

    @property
    def database(self) -> TrackedDatabase:
        """For writing; only within `transaction`."""
        return self._database

    def reader(self) -> TrackedDatabase:
        """For reading committed rows. Run queries with `query.execute(reader)`."""
        return self._reader

    def data_version(self) -> int:
        """Another number, for the calling thread, after each commit of anybody."""
        with storage_errors():
            return int(self._reader.execute_sql("PRAGMA data_version").fetchone()[0])

    def read(self, query: Any) -> list[Any]:
        """The committed rows that `query` selects."""
        with storage_errors():
            return list(query.execute(self._reader))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A write transaction; within another one, a savepoint.

        Waits for other threads of this process. An exception in the block undoes it.
        """
        with self._turn:
            try:
                with storage_errors():
                    with self._database.atomic("IMMEDIATE"):
                        yield
                    if self._reshaped and not self._database.in_transaction():
                        self.renew_shape()
            except StorageError as error:
                self._explain_full(error)
                raise

    def _explain_full(self, error: StorageError) -> None:
        """Where numbers of rows, not the disk, had come to their end: mend them, and say so."""
        code = code_of(error.__cause__) if error.__cause__ else 0
        if code != sqlite3.SQLITE_FULL or self._database.in_transaction():
            return
        mended = False
        with contextlib.suppress(StorageError), storage_errors():
            mended = self._mend_numbers(self.registry)
        if mended:
            raise StorageError(NUMBERS_ENDED) from error

    def _mend_numbers(self, registry: Registry) -> bool:
        with self._database.atomic("IMMEDIATE"):
            mended = mend_numbers(self._database.execute_sql, registry)
        if mended:
            log.warning("numbers of rows were damaged, and are mended", file=str(self._path))
        return mended

    @contextlib.contextmanager
    def reshaping(self) -> Iterator[None]:
        """As `transaction`, for changes of the rows that name custom tables or fields.

        At its end the schema follows those rows; after the commit `registry` does too.
        """
        with self.transaction():
            yield
            fit(self._database, read_shape(self._built_in, self._database.execute_sql).registry)
            self._reshaped = True

    def renew_shape(self) -> None:
        """Read the custom tables and fields of the file again."""
        with self._turn, storage_errors():
            shape = read_shape(self._built_in, self._database.execute_sql)
            self._tools = self._tools_for(shape.registry)
            self._reshaped = False

    @contextlib.contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """The writing connection outside of any transaction, while no other thread writes."""
        with self._turn, storage_errors():
            yield self._database.connection()

    def load(self, request: Mapping[str, object], *, show_secrets: bool = True) -> LoadResult:
        """Rows for a request of `load_objects` (Control iD Access API, 3.1).

        Without `show_secrets` a request can neither show, search, sort nor group by a secret
        field, and a secret object raises NotPermitted.
        """
        tools = self._tools
        query = parse_query(tools.models.registry, request, show_secrets=show_secrets)
        return LoadResult(query.declared.name, tools.runner.run(query))

    def check(self, request: Mapping[str, object], *, show_secrets: bool = True) -> None:
        """Raise what `load` would raise for a wrong request, without reading a row."""
        parse_query(self.registry, request, show_secrets=show_secrets)

    def insert(self, object_name: str, rows: object) -> list[int]:
        """Add `rows`; returns their ids in the same order, or rowids if the object has no ids."""
        with self._turn:
            return self._tools.writes.insert(object_name, rows)

    def insert_or_modify(self, object_name: str, rows: object) -> list[int]:
        """Add rows whose id, or unique pair, is new; change the given fields of the others."""
        with self._turn:
            return self._tools.writes.insert_or_modify(object_name, rows)

    def condition(
        self, object_name: str, where: object, *, show_secrets: bool = True
    ) -> Condition | None:
        """The condition of `where`, for `load`, `modify` and `destroy`.

        Without `show_secrets` it must name no secret field, and a secret object raises
        NotPermitted.
        """
        registry = self.registry
        declared = registry[object_name]
        check_visible(declared, show_secrets=show_secrets)
        return parse_where(registry, declared, where, show_secrets=show_secrets)

    def modify(self, object_name: str, values: object, where: object = None) -> int:
        """Set `values` in the rows that `where` selects, default all; returns their number."""
        with self._turn:
            return self._tools.writes.modify(object_name, values, where)

    def destroy(self, object_name: str, where: object = None) -> int:
        """Delete the rows that `where` selects, default all; returns their number."""
        with self._turn:
            return self._tools.writes.destroy(object_name, where)

    def clear(self) -> None:
        """Delete every row, custom table, custom field and configuration value.

        The audit log stays, and so does the change log, which gets a row per deleted row.
        """
        with self.reshaping():
            for declared in reversed(self.registry.by_dependence()):
                if declared.custom:
                    drop_table(self._database, declared)
                elif not declared.read_only and declared.name != CHANGE_LOG:
                    self.model(declared.name).delete().execute()
            name_custom_tables(self._database, self._built_in)
            configuration.ConfigurationValue.delete().execute(self._database)

    def policy_version(self) -> int:
        """A number that grows with every change of the access rules and the configuration."""
        with storage_errors():
            query = PolicyVersion.select(PolicyVersion.version)
            return int(query.scalar(self._reader))

    def change_mark(self) -> tuple[int, int]:
        """Another pair after every change of what the controller decides by: rules, configuration,
        people and what they identify with."""
        query = (
            f"SELECT (SELECT epoch FROM {EPOCH}),"  # noqa: S608 - constants
            f" (SELECT seq FROM sqlite_sequence WHERE name = '{CHANGES}')"
        )
        with storage_errors():
            epoch, seq = self._reader.execute_sql(query).fetchone()
        return epoch or 0, seq or 0

    def configuration(
        self, request: Mapping[str, Any] | None = None, *, show_secrets: bool = True
    ) -> dict[str, dict[str, str]]:
        """The requested values, see `gateway.store.objects.configuration.read_asked`."""
        with storage_errors():
            return configuration.read_asked(
                self._reader, request, self.sealer, show_secrets=show_secrets
            )

    def _shortest_pin(self) -> int:
        values = self.configuration({"identifier": ["pin_min_length"]})
        return int(values["identifier"]["pin_min_length"])

    def set_configuration(self, values: Mapping[str, Any]) -> None:
        """Set all of `values`, or none, see `gateway.store.objects.configuration.write`."""
        checked = configuration.check(values)
        with self.transaction():
            configuration.write(self._database, checked, self.sealer)
            forget_modes(self.models, checked)
