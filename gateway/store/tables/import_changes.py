"""What the last import changed: counted, and kept so that it can be undone.

Temporary triggers note each row that an import adds, changes or deletes, also by cascade, with its
values before and after. Names in SQL text come from declarations, as in
`gateway.store.objects.schema`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import peewee

from gateway.errors import ConstraintViolation, InvalidRequest
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Blob
from gateway.store.files.database import storage_errors
from gateway.store.objects.schema import quote
from gateway.store.objects.store import Store
from gateway.store.tables import own_table

MOST_CHANGES = 200_000
MOST_BYTES = 64 << 20
"""Bounds of what is kept; a larger import cannot be undone."""
_PHOTOS = "user_photos"
_ENDS = (
    "WITH ends AS (SELECT name, key, min(seq) AS first, max(seq) AS last FROM import_changes"
    " GROUP BY name, key), net AS (SELECT ends.name, ends.key, f.old, l.new FROM ends"
    " JOIN import_changes f ON f.seq = first JOIN import_changes l ON l.seq = last) "
)
"""`net` has the values of each row before and after the whole import."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table whose changes are noted."""

    name: str
    key: str
    columns: tuple[str, ...]
    binary: frozenset[str]
    """Columns of bytes, which are noted in hexadecimal."""
    quiet: frozenset[str]
    """Columns that the device itself sets at any time."""

    def row(self, of: str) -> str:
        """SQL for the values of the row `of` as JSON."""
        values = (
            f"CASE WHEN {of}.{quote(it)} IS NULL THEN NULL ELSE hex({of}.{quote(it)}) END"
            if it in self.binary
            else f"{of}.{quote(it)}"
            for it in self.columns
        )
        return f"json_array({', '.join(values)})"

    def triggers(self) -> Iterator[tuple[str, str]]:
        """Names of the triggers and the statements that make them."""
        old, new, key = self.row("OLD"), self.row("NEW"), quote(self.key)
        for event, which, when, values in (
            ("INSERT", "NEW", "", f"NULL, {new}"),
            ("UPDATE", "NEW", f" WHEN {old} <> {new}", f"{old}, {new}"),
            ("DELETE", "OLD", "", f"{old}, NULL"),
        ):
            name = quote(f"import_{self.name}_{event.lower()}")
            note = (
                "INSERT INTO import_changes (name, key, old, new)"  # noqa: S608 - declared names, quoted
                f" VALUES ('{self.name}', {which}.{key}, {values});"
            )
            on = f"{event} ON {quote(self.name)}{when}"
            yield name, f"CREATE TEMP TRIGGER {name} AFTER {on} BEGIN {note} END"

    def values(self, noted: str) -> dict[str, Any]:
        """The values of a noted row by column."""
        return dict(zip(self.columns, json.loads(noted), strict=True))

    def same(self, one: str | None, other: str | None) -> bool:
        """Whether two noted rows differ in nothing that somebody has set."""
        if one is None or other is None:
            return one is other
        mine, theirs = self.values(one), self.values(other)
        return all(mine[it] == theirs[it] for it in self.columns if it not in self.quiet)

    def stored(self, noted: str) -> dict[str, Any]:
        """As `values`, as the columns hold them."""
        return {
            name: bytes.fromhex(value) if name in self.binary and value is not None else value
            for name, value in self.values(noted).items()
        }


@dataclass(frozen=True, slots=True)
class NetCounts:
    """Rows of one object that an import added, changed and removed."""

    added: int
    changed: int
    removed: int


class ImportChanges:
    """The changes of the last import into one store. Methods raise StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes = own_table(
            store,
            "import_changes",
            seq=peewee.AutoField(),
            name=peewee.TextField(),
            key=peewee.BigIntegerField(),
            old=peewee.TextField(null=True),
            new=peewee.TextField(null=True),
        )
        self._facts = own_table(
            store, "last_import", id=peewee.IntegerField(primary_key=True), facts=peewee.TextField()
        )

    @contextmanager
    def noted(self, names: Collection[str]) -> Iterator[None]:
        """Note what the block does to the objects `names` and to what refers to them, in place of
        what was noted before. Within the transaction of the import."""
        run = self._store.database.execute_sql
        self.forget()
        triggers = dict(it for table in self._tables(names) for it in table.triggers())
        for statement in triggers.values():
            run(statement)
        yield
        for name in triggers:
            run(f"DROP TRIGGER temp.{name}")

    def counts(self) -> dict[str, NetCounts]:
        """By object, within the transaction of the import."""
        found = self._store.database.execute_sql(
            _ENDS + "SELECT name, sum(old IS NULL AND new IS NOT NULL),"  # noqa: S608 - constants
            " sum(old IS NOT NULL AND new IS NOT NULL AND old <> new),"
            " sum(old IS NOT NULL AND new IS NULL) FROM net GROUP BY name"
        )
        return {name: NetCounts(*numbers) for name, *numbers in found.fetchall() if any(numbers)}

    def removed(self, name: str, limit: int) -> Iterator[dict[str, Any]]:
        """The first of the removed rows of the object `name`, as the columns held them."""
        table = self._table(self._store.registry[name])
        gone = "WHERE name = ? AND old IS NOT NULL AND new IS NULL ORDER BY key LIMIT ?"
        query = f"{_ENDS} SELECT old FROM net {gone}"  # noqa: S608 - constants
        found = self._store.database.execute_sql(query, (name, limit))
        yield from (table.stored(old) for (old,) in found.fetchall())

    def keep(self, facts: Mapping[str, object]) -> bool:
        """Keep what was noted, with `facts` about the import; False if it is too much.

        Within the transaction of the import.
        """
        size = peewee.fn.SUM(
            peewee.fn.LENGTH(peewee.fn.COALESCE(self._changes.old, ""))
            + peewee.fn.LENGTH(peewee.fn.COALESCE(self._changes.new, ""))
        )
        [(count, length)] = list(
            self._changes.select(peewee.fn.COUNT(self._changes.seq), size).tuples()
        )
        fits = count <= MOST_CHANGES and (length or 0) <= MOST_BYTES
        if not fits:
            self._changes.delete().execute()
        names = {name for (name,) in self._changes.select(self._changes.name).distinct().tuples()}
        columns = {it.name: it.columns for it in self._tables(names) if it.name in names}
        self._facts.insert(
            id=1, facts=json.dumps({**facts, "undo": fits, "columns": columns})
        ).execute()
        return fits

    def forget(self) -> None:
        """The last import cannot be undone any more."""
        with self._store.transaction():
            self._changes.delete().execute()
            self._facts.delete().execute()

    def facts(self) -> dict[str, Any] | None:
        """About the last import, with `undo`, whether its changes were kept; None without one."""
        found = self._store.read(self._facts.select(self._facts.facts).tuples())
        return json.loads(found[0][0]) if found else None

    def undo(self) -> dict[str, NetCounts]:
        """Give every row the values that it had before the import; returns what that changed.

        Within a transaction. Raises ConstraintViolation, which names the row, if one has changed
        since, or is referred to by one that was added since.
        """
        facts = self.facts()
        if facts is None or not facts["undo"]:
            raise InvalidRequest("there is no import that can be undone")
        counts = self.counts()
        columns = {name: tuple(it) for name, it in facts["columns"].items()}
        tables = {it.name: it for it in self._tables(columns) if it.name in columns}
        for name, then in columns.items():
            if name not in tables or tables[name].columns != then:
                raise ConstraintViolation(f"{name} has other fields than at the import")
        for table in tables.values():
            self._check_unchanged(table)
            self._check_references(table)
        with storage_errors():
            try:
                self._revert(tables)
            except peewee.IntegrityError as error:
                raise ConstraintViolation(f"a removed row cannot come back: {error}") from error
        self.forget()
        return {name: NetCounts(it.removed, it.changed, it.added) for name, it in counts.items()}

    def _revert(self, tables: Mapping[str, _Table]) -> None:
        run = self._store.database.execute_sql
        # A row may come back before the one that it refers to.
        run("PRAGMA defer_foreign_keys = 1")
        change = self._changes
        query = change.select(change.name, change.key, change.old, change.new)
        for name, key, old, new in query.order_by(change.seq.desc()).tuples().iterator():
            table = tables[name]
            whole, at = quote(name), quote(table.key)
            if old is None:
                run(f"DELETE FROM {whole} WHERE {at} = ?", (key,))  # noqa: S608 - declared names, quoted
                continue
            row = table.stored(old)
            if new is None:
                names, marks = ", ".join(map(quote, row)), ", ".join("?" * len(row))
                run(f"INSERT INTO {whole} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - as above
                continue
            loud = {it: value for it, value in row.items() if it not in table.quiet}
            sets = ", ".join(f"{quote(it)} = ?" for it in loud)
            run(f"UPDATE {whole} SET {sets} WHERE {at} = ?", (*loud.values(), key))  # noqa: S608 - as above

    def _check_unchanged(self, table: _Table) -> None:
        query = (
            f"{_ENDS} SELECT net.key, new, CASE WHEN now.{quote(table.key)} IS NOT NULL"  # noqa: S608 - declared names, quoted
            f" THEN {table.row('now')} END FROM net LEFT JOIN {quote(table.name)} now"
            f" ON now.{quote(table.key)} = net.key WHERE net.name = ?"
        )
        for key, then, now in self._store.database.execute_sql(query, (table.name,)):
            if not table.same(then, now):
                raise ConstraintViolation(
                    f"{_shown(table, key, now or then)} has changed since the import"
                )

    def _check_references(self, table: _Table) -> None:
        registry = self._store.registry
        if table.name not in registry:
            return
        added = f"{_ENDS} SELECT key FROM net WHERE name = ? AND old IS NULL"  # noqa: S608 - a constant
        for child, ref in registry.references_to(table.name):
            if child.log or not ref.enforced:
                continue
            query = (
                f"SELECT {quote(ref.name)} FROM {quote(child.name)} WHERE {quote(ref.name)} IN"  # noqa: S608 - declared names, quoted
                f" ({added}) AND {quote(child.key_name)} NOT IN"
                " (SELECT key FROM import_changes WHERE name = ?) LIMIT 1"
            )
            found = self._store.database.execute_sql(query, (table.name, child.name)).fetchone()
            if found is not None:
                raise ConstraintViolation(
                    f"{table.name} {found[0]} got a row of {child.name} since the import"
                )

    def _tables(self, names: Iterable[str]) -> list[_Table]:
        """The tables of `names` and of what refers to them, however far."""
        registry, found = self._store.registry, dict[str, None]()
        waiting = [name for name in names if name in registry]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                waiting += [
                    child.name
                    for child, ref in registry.references_to(name)
                    if ref.enforced and not child.log
                ]
        tables = [self._table(registry[name]) for name in found]
        if "users" in found:
            columns = ("user_id", "timestamp", "size", "image")
            nothing = frozenset[str]()
            tables.append(_Table(_PHOTOS, "user_id", columns, frozenset({"image"}), nothing))
        return tables

    @staticmethod
    def _table(declared: ObjectType) -> _Table:
        names = tuple(field.name for field in declared.fields)
        return _Table(
            declared.name,
            declared.key_name,
            names if declared.key else (declared.key_name, *names),
            frozenset(field.name for field in declared.fields if isinstance(field, Blob)),
            frozenset(field.name for field in declared.fields if field.quiet),
        )


def _shown(table: _Table, key: int, noted: str | None) -> str:
    name = table.values(noted).get("name") if noted else None
    return f"{table.name} {key}{f' ({name})' if name else ''}"
