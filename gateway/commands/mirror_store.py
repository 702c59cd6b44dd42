"""Fills a new store from the controller's mirror, where no backup is left.

The mirror is a file of the controller's user. A process of its own, run before this one gives up
root's rights and itself running as that user, hands over its bytes: `python -m
gateway.commands.mirror_store DATA`. They are read as the user of the store, row by row against
their check sums.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from gateway.commands.provisioning import factory_rows, site_rows
from gateway.errors import DataDirectoryError, GatewayError, StorageError
from gateway.host.ownership import become_owner
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Ref
from gateway.settings import SiteFile
from gateway.store.files import mirror_path
from gateway.store.files.database import open_reader, sqlite_errors
from gateway.store.mirror.people import USERS
from gateway.store.mirror.reader import Sound, is_complete
from gateway.store.mirror.rows import MAY_BLOCK, TABLES, Fate, MirrorTable, Value, read_row
from gateway.store.mirror.schema import FORM
from gateway.store.objects.schema import quote
from gateway.store.objects.store import Store
from gateway.store.tables.identity import DeviceIdentity

LONGEST_S = 60.0
_FORM_BYTES = slice(18, 20)
"""Where a database says whether it has a log (SQLite's file format, 1.3.3)."""
_IDENTITY = "device_identity"
_NEVER_WITHOUT = MAY_BLOCK | {"access_rules", "configuration"}
"""Without a row of these somebody might pass who must not."""

Values = tuple[Value, ...]


class MirrorCopy:
    """The mirror of a data directory as it was at one instant, in memory."""

    def __init__(self, content: bytes) -> None:
        """Raises StorageError where it cannot be used."""
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            self._read(content)
        except BaseException:
            self.close()
            raise

    def _read(self, content: bytes) -> None:
        with sqlite_errors("mirror"):
            self._connection.deserialize(content)
            self._connection.execute("PRAGMA query_only = 1")
            [(form,)] = self._connection.execute("PRAGMA user_version").fetchall()
        if form != FORM:
            raise StorageError("the mirror is of another form: it was made by another program")

    @classmethod
    def of(cls, data: Path) -> MirrorCopy:
        """A copy of the mirror of `data`. Raises StorageError where there is none that can be used.

        Call it before `become_owner`.
        """
        return cls(_content(data))

    def identity(self) -> DeviceIdentity:
        """The device's id. Raises StorageError."""
        for _, values in self.rows(TABLES[_IDENTITY], lambda _: None):
            if isinstance(values[0], int):
                return DeviceIdentity(values[0])
        raise StorageError("the mirror does not tell the device's id")

    def rows(
        self, table: MirrorTable, lost: Callable[[object], object]
    ) -> Iterator[tuple[Value, Values]]:
        """The key and the values of each row that is as the store had it; `lost` gets the keys of
        others. Raises StorageError."""
        sound = Sound(lambda _: None)
        with sqlite_errors("mirror"):
            whole = is_complete(self._connection, table.name)
            found = self._connection.execute(
                f"SELECT row_key, {table.columns}, row_sum "  # noqa: S608 - declared names only
                f"FROM {quote(f'rows_{table.name}')} ORDER BY row_key"
            )
            withheld = self._withheld() if table.name == USERS else frozenset[object]()
            for key, *values, total in found:
                with contextlib.suppress(ValueError):
                    sound(table.name, total, key, *values)
                    read = read_row(table, values)
                    if read.fate is Fate.COPIED and not read.bad and key not in withheld:
                        yield key, tuple(values)
                        continue
                lost(key)
            faults = self._connection.execute(
                "SELECT DISTINCT row FROM faults WHERE name = ? AND fate != ?",
                (table.name, Fate.COPIED.name),
            ).fetchall()
        for (row,) in faults:
            lost(row)
        if not whole:
            lost("with an unknown number")

    def _withheld(self) -> frozenset[object]:
        """The people who may have lost a right by a change that is not copied yet."""
        found = self._connection.execute("SELECT user_id FROM withheld")
        return frozenset(person for (person,) in found)

    def close(self) -> None:
        self._connection.close()


def fill_from_mirror(
    store: Store, mirror: MirrorCopy, site: SiteFile, identity: DeviceIdentity
) -> list[str]:
    """Fill an empty store with what the mirror has, and with the rows of the site that it has not.

    Answers what is left out because it is damaged. Raises StorageError where a damaged row might
    block somebody: without it a door might open for whom it must not.
    """
    left_out: list[str] = []

    def lost(table: str, row: object) -> None:
        what = f"{table} {row}"
        if table in _NEVER_WITHOUT:
            raise StorageError(
                f"the mirror cannot be restored: {what} is damaged and may block somebody. Restore"
                " a backup, or make a new store by --empty"
            )
        left_out.append(what)

    with store.transaction():
        for rows in (factory_rows(site), site_rows(site, identity)):
            for name, values in rows.items():
                if name not in TABLES:
                    store.insert(name, values)
        # References are checked when all rows are there.
        store.database.execute_sql("PRAGMA defer_foreign_keys = 1")
        for table in TABLES.values():
            if table.name != _IDENTITY:
                _insert(store, table, mirror.rows(table, partial(lost, table.name)))
        for declared in store.built_in:
            _complete_references(store, declared, left_out)
    return left_out


def _insert(store: Store, table: MirrorTable, rows: Iterator[tuple[Value, Values]]) -> None:
    columns = [field.name for field in table.fields]
    keyed = table.name != "configuration"
    if keyed:
        columns.insert(0, table.key.strip('"'))
    listed, marks = ", ".join(map(quote, columns)), ", ".join("?" * len(columns))
    sql = f"INSERT OR REPLACE INTO {quote(table.name)} ({listed}) VALUES ({marks})"  # noqa: S608 - declared names, quoted
    values: list[Sequence[object]] = [(key, *row) if keyed else row for key, row in rows]
    store.database.execute_many(sql, values)


def _complete_references(store: Store, declared: ObjectType, left_out: list[str]) -> None:
    """Make a nameless row for each one that the mirror does not hold and a tie names: without the
    tie a rule might release. Delete rows that name a damaged one."""
    table, key = quote(declared.name), quote(declared.key_name)
    run = store.database.execute_sql
    for ref in declared.refs:
        if not ref.enforced or declared.name not in TABLES:
            continue
        target = store.built_in[ref.target]
        column, named = quote(ref.name), quote(target.key_name)
        missing = f"FROM {table} WHERE {column} NOT IN (SELECT {named} FROM {quote(target.name)})"  # noqa: S608 - declared names, quoted
        if target.name in TABLES:
            gone = run(f"SELECT {key} {missing}").fetchall()
            left_out += [f"{declared.name} {number}" for (number,) in gone]
            run(f"DELETE {missing}")
            continue
        numbers = run(f"SELECT DISTINCT {column} {missing}").fetchall()
        nameless = _nameless(store, target) if numbers else {}
        store.insert(target.name, [{target.key_name: it, **nameless} for (it,) in numbers])


def _nameless(store: Store, target: ObjectType) -> dict[str, object]:
    """Values for the fields that a row must have."""
    found: dict[str, object] = {}
    for field in target.fields:
        if field.required and field is not target.key:
            found[field.name] = "lost"
            if isinstance(field, Ref):
                lowest = f"SELECT min(id) FROM {quote(field.target)}"  # noqa: S608 - declared names, quoted
                [(found[field.name],)] = store.database.execute_sql(lowest).fetchall()
    return found


def _content(data: Path) -> bytes:
    # The command line is our own interpreter and our own words.
    command = [sys.executable, "-m", __name__, str(data.absolute())]
    try:
        done = subprocess.run(  # noqa: S603 - see above
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StorageError(f"the mirror cannot be read: {error}") from error
    if done.returncode:
        why = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[-1]
        raise StorageError(f"the mirror cannot be read: {why}")
    return done.stdout


def main(data: Path) -> None:
    """Write the mirror of `data` to standard output, as one SQLite file."""
    path = mirror_path(data)
    try:
        become_owner(path)
        if not path.is_file():
            raise DataDirectoryError(f"there is no {path}")
        opened = open_reader(path)
        with sqlite_errors(str(path)), contextlib.closing(sqlite3.connect(":memory:")) as copy:
            opened.connection().backup(copy)
            content = bytearray(copy.serialize())
            # A database in memory has no write-ahead log.
            content[_FORM_BYTES] = b"\1\1"
            sys.stdout.buffer.write(content)
        opened.close_all()
    except GatewayError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
