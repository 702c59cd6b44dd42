"""Adds, changes and deletes rows of API objects: one call is one transaction.

Compiled statements insert a batch with many rows each, which is as fast as SQLite gets. If the
database refuses the batch, it is repeated row by row to find the refused row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain
from typing import Any

import peewee

from gateway.errors import InvalidRequest, KeyUnusable, worded
from gateway.objects.declaration import ROWID, ObjectType
from gateway.objects.fields import Digits, Stored, invalid_member
from gateway.objects.models import Models
from gateway.store.files.database import TrackedDatabase, peewee_errors
from gateway.store.objects.constraints import (
    TIME_ZONES,
    VALIDATIONS,
    explain_deletion,
    explain_row,
    keep_blocks,
    keep_conditions,
)
from gateway.store.objects.numbers import HIGHEST
from gateway.store.objects.rows import (
    Row,
    check_each,
    check_rows,
    complete,
    decode_row,
    decode_rows,
)
from gateway.store.query.compile import Compiler, members
from gateway.store.query.deadline import deadline
from gateway.store.query.tree import Condition
from gateway.store.query.where import parse_where

ROWS_AT_ONCE = 50
"""Rows of one INSERT. Within a savepoint SQLite copies every page that a statement touches, for
each statement again: one statement per row takes five times as long (measured with 250 cards)."""

_SEQUENCE = peewee.Table("sqlite_sequence")


def _check_length(name: str, least: int, row: Mapping[str, Stored]) -> None:
    digits = row.get(name)
    if isinstance(digits, str) and len(digits) < least:
        why = worded("it has at least %(count)s digits", count=least)
        raise invalid_member(name, f"at least {least} digits", str(len(digits)), why)


class Writes:
    """The writing half of the store."""

    def __init__(
        self,
        database: TrackedDatabase,
        models: Models,
        compiler: Compiler,
        transaction: Callable[[], AbstractContextManager[None]],
        shortest_pin: Callable[[], int],
    ) -> None:
        self._database = database
        self._models = models
        self._compiler = compiler
        self._transaction = transaction
        self._shortest_pin = shortest_pin
        self._inserts: dict[tuple[str, int], str] = {}

    def insert(self, name: str, rows: object) -> list[int]:
        """Add `rows`; returns their ids in the same order, or rowids if there are no ids."""
        declared = self._addable(name)
        full = complete(declared, self._decoded(declared, rows))
        check_rows(declared, full)
        with self._transaction():
            return self._insert(declared, full)

    def insert_or_modify(self, name: str, rows: object) -> list[int]:
        """Add new rows, change the given fields of existing ones."""
        declared = self._addable(name)
        decoded = self._decoded(declared, rows)
        with self._transaction():
            if self._all_new(declared, decoded):
                full = complete(declared, decoded)
                check_rows(declared, full)
                return self._insert(declared, full)
            keys = [self._put(declared, row, number) for number, row in enumerate(decoded, start=1)]
            self._check_stored(declared, keys)
            return keys

    def modify(self, name: str, values: object, where: object) -> int:
        """Set `values` in every row that `where` selects; returns their number."""
        declared = self._changeable(name)
        row = decode_row(declared, values)
        self._check_key(declared, row)
        self._check_lengths(declared, [row])
        condition = parse_where(self._models.registry, declared, where, show_secrets=True)
        if not row:
            return 0
        query = self._models[name].update(self._by_column(declared, row))
        try:
            with self._transaction():
                chosen = self._selected(declared, condition)
                if chosen is not None:
                    query = query.where(chosen)
                keys = self._chosen_keys(declared, row, chosen)
                changed = int(query.execute())
                self._check_stored(declared, keys)
                return changed
        except peewee.IntegrityError as error:
            raise explain_row(self._models, declared, row, error, None) from error

    def destroy(self, name: str, where: object) -> int:
        """Delete every row that `where` selects, with the rows that cascade; returns the number
        of the selected ones."""
        declared = self._changeable(name)
        _refuse_made_by(declared)
        condition = parse_where(self._models.registry, declared, where, show_secrets=True)
        query = self._models[name].delete()
        try:
            with self._transaction():
                chosen = self._selected(declared, condition)
                if chosen is not None:
                    query = query.where(chosen)
                if name == TIME_ZONES and chosen is not None:
                    keep_blocks(self._models, chosen)
                if name == VALIDATIONS:
                    keep_conditions(self._models, chosen)
                return int(query.execute())
        except peewee.IntegrityError as error:
            raise explain_deletion(self._models, declared, error) from error

    def _decoded(self, declared: ObjectType, rows: object) -> list[Row]:
        decoded = decode_rows(declared, rows)
        self._check_key(declared, {name for row in decoded for name in row})
        self._check_lengths(declared, decoded)
        return decoded

    def _check_key(self, declared: ObjectType, names: Collection[str]) -> None:
        """Raise KeyUnusable where a sealed field is given and there is no key: a client that sends
        back what it read would empty what it could not see."""
        fault = self._models.sealer.fault if any(map(_is_sealed(declared), names)) else None
        if fault is not None:
            raise KeyUnusable(f"secrets of {declared.name} cannot be stored: {fault}")

    def _check_lengths(self, declared: ObjectType, rows: Sequence[Row]) -> None:
        """Refuse PINs that are shorter than the configuration demands."""
        for field in declared.fields:
            if isinstance(field, Digits):
                check_each(rows, partial(_check_length, field.name, self._shortest_pin()))

    def _selected(
        self, declared: ObjectType, condition: Condition | None
    ) -> peewee.Expression | None:
        """An expression for the rows that satisfy `condition`, which are looked up now; None for
        all rows. A search that takes too long ends before anything is written."""
        if condition is None:
            return None
        key = self._models.key(declared.name)
        query = self._models[declared.name].select(key)
        found = query.where(self._compiler.filter(declared, condition))
        sql, values = found.sql()
        connection = self._database.connection()
        with peewee_errors(), deadline(connection):
            keys = [number for (number,) in connection.execute(sql, values)]
        selected: peewee.Expression = key.in_(members(keys))
        return selected

    def _chosen_keys(
        self, declared: ObjectType, row: Row, chosen: peewee.Expression | None
    ) -> list[int]:
        """The keys that changed rows will have; none if whole rows need no check."""
        if declared.check is None:
            return []
        given = row.get(declared.key_name)
        if isinstance(given, int):
            return [given]
        query = self._models[declared.name].select(self._models.key(declared.name))
        found: Any = (query if chosen is None else query.where(chosen)).tuples()
        return [number for (number,) in found]

    def _check_stored(self, declared: ObjectType, keys: Sequence[int]) -> None:
        """Refuse rows whose fields contradict each other now, in the transaction of the change."""
        if declared.check is not None:
            columns = [self._models.column(declared.name, field.name) for field in declared.fields]
            query = self._models[declared.name].select(*columns)
            named = query.where(self._models.key(declared.name).in_(members(keys)))
            rows: Any = named.dicts()
            check_rows(declared, list(rows))

    def _changeable(self, name: str) -> ObjectType:
        declared = self._models.registry[name]
        if declared.read_only:
            raise InvalidRequest(f"only the device writes rows of {name}")
        return declared

    def _addable(self, name: str) -> ObjectType:
        declared = self._changeable(name)
        if declared.log:
            raise InvalidRequest(f"only the device writes rows of {name}")
        _refuse_made_by(declared)
        return declared

    def _insert(self, declared: ObjectType, rows: Sequence[Row]) -> list[int]:
        try:
            with self._transaction():
                return self._insert_all(declared, rows)
        except peewee.IntegrityError:
            return self._insert_singly(declared, rows)

    def _all_new(self, declared: ObjectType, rows: Sequence[Row]) -> bool:
        """Whether each row brings its own id and the table has none of these ids."""
        key_name = declared.key_name
        given = (row.get(key_name) for row in rows)
        ids = {number for number in given if isinstance(number, int)}
        if len(ids) < len(rows):
            return False
        key = self._models.key(declared.name)
        taken = self._models[declared.name].select().where(key.in_(members(sorted(ids))))
        return not taken.exists()

    def _insert_all(self, declared: ObjectType, rows: Sequence[Row]) -> list[int]:
        ids = self._allot(declared, rows)
        names = tuple(field.name for field in declared.fields if field is not declared.key)
        values = [
            (number, *map(row.__getitem__, names))
            for number, row in zip(ids, self._as_stored(declared, rows), strict=True)
        ]
        self._execute(declared, (declared.key_name, *names), values)
        return ids

    def _execute(
        self, declared: ObjectType, names: Sequence[str], rows: Sequence[tuple[Stored, ...]]
    ) -> None:
        """Add `rows` of values for the columns `names`, ROWS_AT_ONCE per statement."""
        whole = len(rows) - len(rows) % ROWS_AT_ONCE
        together = [
            tuple(chain.from_iterable(rows[at : at + ROWS_AT_ONCE]))
            for at in range(0, whole, ROWS_AT_ONCE)
        ]
        for count, bound in ((ROWS_AT_ONCE, together), (1, rows[whole:])):
            if bound:
                self._database.execute_many(self._insert_sql(declared, names, count), bound)

    def _as_stored(self, declared: ObjectType, rows: Sequence[Row]) -> Sequence[Row]:
        """`rows` with values as columns store them; most kinds of field store them unchanged."""
        convert: dict[str, Callable[[Stored], Stored]] = {
            field.name: self._models.column(declared.name, field.name).db_value
            for field in declared.fields
            if not field.plain
        }
        if not convert:
            return rows
        return [
            {**row, **{name: to_db(row[name]) for name, to_db in convert.items()}} for row in rows
        ]

    def _insert_singly(self, declared: ObjectType, rows: Sequence[Row]) -> list[int]:
        ids: list[int] = []
        for number, row in enumerate(rows, start=1):
            try:
                ids += self._insert_all(declared, [row])
            except peewee.IntegrityError as error:
                raise explain_row(self._models, declared, row, error, number) from error
        return ids

    def _insert_sql(self, declared: ObjectType, names: Sequence[str], count: int) -> str:
        """The statement that adds `count` rows."""
        sql = self._inserts.get((declared.name, count))
        if sql is None:
            columns = [self._models.column(declared.name, name) for name in names]
            example = [tuple(0 for _ in columns)] * count
            sql = str(self._models[declared.name].insert_many(example, fields=columns).sql()[0])
            self._inserts[declared.name, count] = sql
        return sql

    def _allot(self, declared: ObjectType, rows: Sequence[Row]) -> list[int]:
        """An id for each row: the client's own, else the next that SQLite would assign."""
        key = self._models.key(declared.name)
        rows_max = self._models[declared.name].select(peewee.fn.MAX(key)).where(key <= HIGHEST)
        given = _SEQUENCE.select(_SEQUENCE.c.seq).where(
            (_SEQUENCE.c.name == declared.name) & (_SEQUENCE.c.seq <= HIGHEST)
        )
        last = max(rows_max.scalar() or 0, given.scalar(self._database) or 0)
        ids = []
        key_name = declared.key_name
        for row in rows:
            chosen = row.get(key_name)
            number = chosen if isinstance(chosen, int) else last + 1
            last = max(last, number)
            ids.append(number)
        return ids

    def _put(self, declared: ObjectType, row: Row, number: int) -> int:
        present = self._find(declared, row)
        try:
            if present is None:
                return self._insert_all(declared, complete(declared, [row]))[0]
            changes = {name: value for name, value in row.items() if name != declared.key_name}
            if changes:
                self._models[declared.name].update(self._by_column(declared, changes)).where(
                    self._models.key(declared.name) == present
                ).execute()
        except peewee.IntegrityError as error:
            raise explain_row(self._models, declared, row, error, number) from error
        return present

    def _find(self, declared: ObjectType, row: Row) -> int | None:
        """The key of the stored row with the id of `row`, or else with its unique pair."""
        names: tuple[str, ...] = (declared.key_name,)
        if declared.key_name not in row:
            names = next(iter(declared.pairs_unique), (ROWID,))
        if not all(name in row for name in names):
            return None
        key = self._models.key(declared.name)
        query = self._models[declared.name].select(key)
        for name in names:
            query = query.where(self._models.column(declared.name, name) == row[name])
        found: int | None = query.scalar()
        return found

    def _by_column(self, declared: ObjectType, row: Row) -> dict[object, object]:
        return {self._models.column(declared.name, name): value for name, value in row.items()}


def _is_sealed(declared: ObjectType) -> Callable[[str], bool]:
    return lambda name: declared.has(name) and declared.field(name).sealed


def _refuse_made_by(declared: ObjectType) -> None:
    if declared.made_by:
        text = f"only {declared.made_by} add and remove rows of {declared.name}"
        raise InvalidRequest(text)
