"""From a database that may hold anything to one that holds only what the API would have taken.

Nothing of the file's own schema is adopted: its rows are read one by one, pass the declarations
that clients' rows pass, and go into a new file. Triggers, views and indices never run. A row that
its declaration refuses refuses the whole.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import peewee

from gateway.errors import InvalidRequest, StorageError
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.custom import MOST_COLUMNS, MOST_TABLES
from gateway.objects.declaration import ROWID, ObjectType, Registry
from gateway.objects.fields import (
    I64_MAX,
    TEXT_LIMIT,
    Blob,
    Field,
    Id,
    Stored,
    invalid_member,
    storable_text,
    wire_type_of,
)
from gateway.objects.models import Models
from gateway.objects.people import USER_ID_MAX
from gateway.sealing import Sealer, is_sealed
from gateway.store.objects.custom_rows import COLUMNS, TABLES, TYPES, read_shape
from gateway.store.objects.migrations import VERSION
from gateway.store.objects.numbers import GIVEN_BEYOND
from gateway.store.objects.schema import fit, prepare, quote
from gateway.store.objects.seals import reseal, sealed_key
from gateway.store.tables.photos import MOST_BYTES, check_photo_file

SHARED = {"configuration": 1, "policy_version": 1, "device_identity": 1, "user_photos": 3}
"""Tables of ours that are neither objects nor the device's alone -> the form that brought them."""
COPY_PRAGMAS = (("journal_mode", "memory"), ("synchronous", 0), ("trusted_schema", 0))
"""A copy that is not finished is thrown away; what it holds may come from anywhere."""

_LONGEST_VALUE = 4 << 20
"""Bytes of one value or row: above those of a photo, the largest."""
_MOST_NAMES = 2_000
"""Tables, indices and triggers: with all custom tables there are some 1,000."""
_MOST_ROWS = 20_000_000
_ROWS_AT_ONCE = 500

Row = Sequence[Any]
Columns = Mapping[str, Mapping[str, str]]
"""Table -> column -> its SQL without the name."""


class _NotUtf8(bytes):
    """A text whose bytes are none."""


def _text(data: bytes) -> str | _NotUtf8:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _NotUtf8(data)


class UploadedStore:
    """A database that somebody sent, in a file that only this process uses.

    Methods raise InvalidRequest for whatever is wrong with it.
    """

    def __init__(self, path: Path, built_in: Registry, sealer: Sealer) -> None:
        """`sealer` opens what is sealed in it, and seals what an older program left open."""
        self._built_in = built_in
        self._path = path
        self.sealer = sealer
        self._database = peewee.SqliteDatabase(
            f"{path.as_uri()}?mode=rw", uri=True, pragmas=COPY_PRAGMAS
        )
        with _refusals():
            self._connection: sqlite3.Connection = self._database.connection()
        self._connection.text_factory = _text
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)

    def close(self) -> None:
        self._database.close()

    def bring_up_to_date(self) -> None:
        """Check the file as a whole and give it the form of this program."""
        with _refusals():
            self._strip()
            tables = self._tables()
            damage = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise _damaged(damage)
            [(form,)] = self._connection.execute("PRAGMA user_version").fetchall()
            needed = {"users", *(name for name, since in SHARED.items() if since <= form)}
            if not needed <= tables or not 1 <= form <= VERSION:
                raise InvalidRequest("the database in the file is not one of this program")
            for name in (TABLES, COLUMNS, TYPES):
                if name in tables and self._count(name) > MOST_TABLES * MOST_COLUMNS:
                    raise InvalidRequest(f"the backup has more rows of {name} than there can be")
            prepare(self._database, self._built_in, self._path, self.sealer, triggers=False)
            total = sum(self._count(name) for name in self._tables())
        if total > _MOST_ROWS:
            raise InvalidRequest(f"the backup has {total} rows: at most {_MOST_ROWS} are taken")

    def leave_secrets_out(self) -> dict[str, int]:
        """Empty every secret, or drop its row; how many, by table. After `bring_up_to_date`."""
        with _refusals():
            self._connection.execute("BEGIN")
            lost = reseal(self._connection, self.registry(), lambda _context, _value: None)
            self._connection.execute("COMMIT")
        return dict(lost)

    def _strip(self) -> None:
        """Drop the triggers, views and indices of the file."""
        run = self._connection.execute
        [(count,)] = run("SELECT count(*) FROM sqlite_master").fetchall()
        if count > _MOST_NAMES:
            raise InvalidRequest(f"the backup has {count} tables and indices: most are not ours")
        for kind in ("trigger", "view", "index"):
            named = "SELECT name FROM sqlite_master WHERE type = ? AND sql IS NOT NULL"
            for (name,) in run(named, (kind,)).fetchall():
                run(f"DROP {kind} {quote(_name(name))}")

    def _tables(self) -> set[str]:
        """The names of the tables. Raises InvalidRequest for one that is not ordinary."""
        run = self._connection.execute
        found = run("SELECT name, type FROM pragma_table_list WHERE schema = 'main'").fetchall()
        for name, kind in found:
            if kind != "table":
                raise InvalidRequest(f"the backup has the {kind} table {name!r}")
            columns = run("SELECT name, hidden FROM pragma_table_xinfo(?)", (_name(name),))
            for column, hidden in columns.fetchall():
                if hidden:
                    raise InvalidRequest(f"the backup has the generated column {column!r}")
        return {name for name, _ in found if not name.startswith("sqlite_")}

    def _count(self, table: str) -> int:
        count = f"SELECT count(*) FROM {quote(table)} NOT INDEXED"  # noqa: S608 - quoted
        return int(self._connection.execute(count).fetchone()[0])

    def counts(self) -> dict[str, int]:
        """Table -> its rows."""
        with _refusals():
            return {name: self._count(name) for name in self._tables()}

    def registry(self) -> Registry:
        """The built-in objects with the custom ones that it has."""
        with _refusals():
            shape = read_shape(self._built_in, self._connection.execute)
        for problem in shape.problems:
            raise InvalidRequest(f"the backup is refused: {problem}")
        return shape.registry

    def further(self, known_here: Columns, program: str) -> Columns:
        """The columns that nothing declares, of those `known_here`.

        A new field raises no form. What this device's own store has as well is taken back: a
        newer program made it here, before an older one came back. Any other table or column is
        refused: nothing here would obey or show it; `program` is named as the one that made it.
        """
        registry = self.registry()
        found: dict[str, dict[str, str]] = {}
        with _refusals():
            for table in sorted(self._tables()):
                here = known_here.get(table)
                if table not in registry and here is None:
                    raise _unknown(f"the table {table!r}", program)
                declared = {it.name for it in registry[table].fields} if table in registry else ()
                columns = self._connection.execute(
                    "SELECT name FROM pragma_table_info(?)", (table,)
                )
                for (column,) in columns.fetchall():
                    if column in declared or (table in registry and column == ROWID):
                        continue
                    if here is None or column not in here:
                        raise _unknown(f"the column {column!r} of {table!r}", program)
                    if table in registry:
                        found.setdefault(table, {})[column] = here[column]
        return found

    def device_id(self) -> int:
        """Of the device that made it, as it says."""
        [*found] = self.rows("device_identity", ("device_id",))
        if len(found) != 1 or type(found[0][0]) is not int:
            raise InvalidRequest("the backup is refused: device_identity has not one row")
        number: int = found[0][0]
        return number

    def rows(self, table: str, columns: Sequence[str], *, order: str = "") -> Iterator[Row]:
        """The rows as they are stored, whatever they hold."""
        listed = ", ".join(map(quote, columns))
        ordered = f" ORDER BY {quote(order)}" if order else ""
        with _refusals():
            found = self._connection.execute(
                f"SELECT {listed} FROM {quote(table)} NOT INDEXED{ordered}"  # noqa: S608 - quoted
            )
            # Not `yield from`, which would close the cursor, perhaps after the connection.
            while (row := found.fetchone()) is not None:
                yield row


class StagedStore:
    """A new store, filled with what an UploadedStore has as far as the declarations take it."""

    def __init__(self, path: Path, built_in: Registry, sealer: Sealer) -> None:
        """`sealer` is the device's. Raises KeyUnusable where it has no key."""
        self._built_in = built_in
        self._path = path
        self._sealer = sealer
        self.database = peewee.SqliteDatabase(
            f"{path.as_uri()}?mode=rwc", uri=True, pragmas=COPY_PRAGMAS
        )
        # Triggers would note every row; `finish` makes them.
        prepare(self.database, built_in, path, sealer, triggers=False)
        self.connection: sqlite3.Connection = self.database.connection()

    def close(self) -> None:
        self.database.close()

    def finish(self) -> None:
        """Give it its triggers, after all rows."""
        prepare(self.database, self._built_in, self._path, self._sealer)

    def fill(
        self,
        upload: UploadedStore,
        further: Columns,
        known_keys: Collection[tuple[str, str]],
        given: Mapping[str, int] | None,
    ) -> None:
        """Take the rows of `upload`; raises InvalidRequest naming table and row.

        `known_keys` are configuration keys that this device has though nothing declares them.
        `given`: table -> the highest id of a log that this device has given; logs are left out
        without it, and rows of them beyond it: the journal has yet to give these ids.
        """
        with self.database.atomic():
            registry = upload.registry()
            fit(self.database, registry)
            self.connection.execute(f"DELETE FROM {TABLES}")  # noqa: S608 - a constant
            for table, columns in further.items():
                for column, sql in columns.items():
                    self.connection.execute(
                        f"ALTER TABLE {quote(table)} ADD COLUMN {quote(column)} {sql}"
                    )
            models = Models(registry, self.database, self._sealer)
            theirs = Models(registry, self.database, upload.sealer)
            for declared in registry:
                convert = _Converter(declared, models, theirs)
                if not declared.log:
                    self._fill(upload, convert, tuple(further.get(declared.name, ())), I64_MAX)
                elif given is not None:
                    self._fill(upload, convert, (), given.get(declared.name, 0))
            self._trim_logs(registry)
            self._fill_configuration(upload, known_keys)
            self._fill_photos(upload)
            self._check_references()

    def _fill(
        self, upload: UploadedStore, convert: _Converter, further: Sequence[str], last: int
    ) -> None:
        declared = convert.declared
        names = tuple(field.name for field in declared.fields)
        key_at = None if declared.key is None else names.index(declared.key.name)
        rows = (
            convert(row)
            for row in upload.rows(declared.name, (*names, *further), order=declared.key_name)
            if key_at is None or not isinstance(row[key_at], int) or row[key_at] <= last
        )
        self._insert(declared.name, (*names, *further), rows)

    def _insert(self, table: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
        listed, marks = ", ".join(map(quote, columns)), ", ".join("?" * len(columns))
        sql = f"INSERT INTO {quote(table)} ({listed}) VALUES ({marks})"  # noqa: S608 - quoted
        try:
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                self.connection.executemany(sql, some)
        except sqlite3.IntegrityError as error:
            raise InvalidRequest(f"the backup is refused: {table}: {error}") from error

    def _trim_logs(self, registry: Registry) -> None:
        """Rings are as long as ever; ties of logs that were left out go with them."""
        for declared in registry:
            table, key = quote(declared.name), quote(declared.key_name)
            if declared.ring:
                self.connection.execute(
                    f"DELETE FROM {table} WHERE {key} <= "  # noqa: S608 - declared names, quoted
                    f"(SELECT max({key}) FROM {table}) - {declared.ring}"
                )
        for declared in registry:
            for ref in declared.refs:
                if declared.log and ref.enforced:
                    key = quote(registry[ref.target].key_name)
                    self.connection.execute(
                        f"DELETE FROM {quote(declared.name)} WHERE {quote(ref.name)}"  # noqa: S608 - as above
                        f" NOT IN (SELECT {key} FROM {quote(ref.target)})"
                    )

    def _fill_configuration(
        self, upload: UploadedStore, known_keys: Collection[tuple[str, str]]
    ) -> None:
        columns = ("module", "key", "value")
        rows = (
            self._sealed(_configuration(row, known_keys, upload.sealer))
            for row in upload.rows("configuration", columns)
        )
        self._insert("configuration", columns, rows)

    def _sealed(self, row: Row) -> Row:
        module, name, value = row
        key = CONFIGURATION.find(module, name)
        if key is None or not key.secret:
            return row
        return (module, name, self._sealer.seal(sealed_key(key), value))

    def _fill_photos(self, upload: UploadedStore) -> None:
        columns = ("user_id", "timestamp", "size", "image")
        self._insert("user_photos", columns, map(_photo, upload.rows("user_photos", columns)))
        run = self.connection.execute
        [(total,)] = run("SELECT coalesce(sum(size), 0) FROM user_photos").fetchall()
        if total > MOST_BYTES:
            raise InvalidRequest(f"all photos together may have {MOST_BYTES} bytes")
        run(
            "UPDATE users SET image_timestamp = coalesce((SELECT timestamp FROM user_photos"
            " WHERE user_id = users.id), 0)"
        )

    def _check_references(self) -> None:
        broken = self.connection.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            table, number, target, key = broken
            keys = self.connection.execute(f"PRAGMA foreign_key_list({quote(table)})").fetchall()
            column = next(row[3] for row in keys if row[0] == key)
            raise InvalidRequest(
                f"the backup is refused: a reference of {table} is broken: {column} of row {number}"
                f" names no row of {target}"
            )


class _Converter:
    """Checks one stored row after the other by its declaration, and any columns after its own."""

    def __init__(self, declared: ObjectType, models: Models, theirs: Models) -> None:
        """`theirs` has the key of the stored rows, `models` that of the rows to be stored."""
        self.declared = declared
        columns = [(field, models.column(declared.name, field.name)) for field in declared.fields]
        self._to_python: list[Callable[[Any], Any]] = [
            theirs.column(declared.name, field.name).python_value for field in declared.fields
        ]
        self._to_stored: list[Callable[[Any], Any]] = [
            _same if field.plain else column.db_value for field, column in columns
        ]

    def __call__(self, row: Row) -> Row:
        """The row to be stored; raises InvalidRequest naming the row."""
        fields = self.declared.fields
        names = [field.name for field in fields]
        try:
            values = [
                _value(field, to_python, raw)
                for field, to_python, raw in zip(fields, self._to_python, row, strict=False)
            ]
            if self.declared.check is not None:
                self.declared.check(dict(zip(names, values, strict=True)))
            further = [_unchecked(raw) for raw in row[len(fields) :]]
        except InvalidRequest as error:
            at = names.index(self.declared.key.name) if self.declared.key else 0
            place = f"{self.declared.name}, row with {names[at]} {_shown(fields[at], row[at])}"
            raise InvalidRequest(f"the backup is refused: {place}: {error}") from error
        stored = (to(value) for to, value in zip(self._to_stored, values, strict=True))
        return (*stored, *further)


def _same(value: Stored) -> Stored:
    return value


def _shown(field: Field, value: object) -> str:
    return repr(value) if type(value) is int and not field.secret else wire_type_of(value)


def _value(field: Field, to_python: Callable[[Any], Any], raw: object) -> Stored:
    """What `raw`, of a column of `field`, stands for. Raises InvalidRequest."""
    if isinstance(raw, _NotUtf8):
        raise invalid_member(field.name, "UTF-8 text", "other bytes")
    if isinstance(field, Id):
        return _id(field, raw)
    if field.is_nothing(raw):
        if raw is None and field.not_null:
            raise invalid_member(field.name, field.expected, "null")
        return None
    if field.sealed:
        return _unsealed(field, to_python, raw)
    # These kinds have another value on the wire, of which `decode` could not tell `raw`.
    if not field.plain and type(raw) is not (bytes if isinstance(field, Blob) else int):
        raise invalid_member(field.name, field.expected, wire_type_of(raw))
    value = raw if field.plain else field.encode(to_python(raw))
    return field.decode(value)


def _unsealed(field: Field, to_python: Callable[[Any], Any], raw: object) -> Stored:
    # A guard that was left out of the backup is a random text, which is as good as any.
    value = raw if field.guards and not is_sealed(raw) else to_python(raw)
    if not isinstance(value, str):
        raise invalid_member(field.name, "a value sealed with the key of the backup", "another")
    return value if value == "" and not field.required else field.decode(value)


def _id(field: Id, raw: object) -> int:
    if type(raw) is not int:
        raise invalid_member(field.name, field.expected, wire_type_of(raw))
    highest = field.maximum + GIVEN_BEYOND
    if not field.minimum <= raw <= highest:
        raise invalid_member(field.name, f"int between {field.minimum} and {highest}", str(raw))
    return raw


def _unchecked(raw: object) -> object:
    """A value that a newer program is to read."""
    if raw is not None and type(raw) is not int:
        if not isinstance(raw, str) or len(raw) > TEXT_LIMIT:
            raise InvalidRequest("a column of a newer program holds what this one cannot check")
        storable_text("column", raw)
    return raw


def _configuration(row: Row, known_keys: Collection[tuple[str, str]], sealer: Sealer) -> Row:
    if not all(isinstance(text, str) for text in row):
        raise InvalidRequest("the backup is refused: configuration: a value is no text")
    module, name, value = row
    key = CONFIGURATION.find(module, name)
    try:
        if key is not None:
            if key.secret:
                value = sealer.opened(sealed_key(key), value)
                if value is None:
                    raise invalid_member(
                        key.name, "a value sealed with the backup's key", "another"
                    )
            return (key.module, key.key, key.text(value))
        if (module, name) in known_keys and len(value) <= TEXT_LIMIT:
            return (module, name, storable_text(name, value))
        CONFIGURATION.known(module[:80], name[:80])
    except InvalidRequest as error:
        raise InvalidRequest(f"the backup is refused: configuration: {error}") from error
    raise InvalidRequest(f"the backup is refused: configuration: {module}.{name} is too long")


def _photo(row: Row) -> Row:
    user_id, timestamp, size, image = row
    if not (type(user_id) is int and 1 <= user_id <= USER_ID_MAX + GIVEN_BEYOND):
        raise InvalidRequest("the backup is refused: user_photos: a row names no person")
    try:
        if type(timestamp) is not int or timestamp == 0:
            raise invalid_member("timestamp", "int other than 0", wire_type_of(timestamp))
        if type(image) is not bytes or size != len(image):
            raise invalid_member("image", "as many bytes as size says", wire_type_of(image))
        check_photo_file(image)
    except InvalidRequest as error:
        raise InvalidRequest(f"the backup is refused: photo of user {user_id}: {error}") from error
    return row


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise InvalidRequest("the backup has a table or column whose name is no text")
    return name


def _unknown(what: str, program: str) -> InvalidRequest:
    return InvalidRequest(
        f"the backup has {what}, which this program does not know: it was made by a newer program,"
        f" {program}; update this device first"
    )


def _damaged(why: object) -> InvalidRequest:
    return InvalidRequest(f"the database in the backup is damaged: {why}")


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Whatever SQLite says of the uploaded file is the file's fault."""
    try:
        yield
    except (sqlite3.Error, peewee.PeeweeException, StorageError, UnicodeDecodeError) as error:
        raise _damaged(error) from error
