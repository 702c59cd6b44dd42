"""Runs a Query without a long read.

A reader that stays open keeps SQLite from emptying the write-ahead log, and a result of 200,000
rows does not belong in memory. So results come in pages, each from a short read: by key if the
order is that of the keys, else by a list of keys (eight bytes each) from one short read. Rows that
are deleted meanwhile are omitted. Only counts, groups and an order by another object's column are
read at once.
"""

from __future__ import annotations

import contextlib
import sqlite3
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import peewee

from gateway.errors import InvalidRequest
from gateway.objects.fields import Field, Stored
from gateway.objects.stored import kind_of, mended
from gateway.store.files.database import TrackedDatabase, peewee_errors, storage_errors
from gateway.store.query.compile import Compiler, QuerySources, members
from gateway.store.query.deadline import deadline
from gateway.store.query.request import COUNT
from gateway.store.query.tree import Column, Output, Query, objects_of

PAGE = 1_000
"""Rows of one read; below SQLite's limit of bound values."""

Rows = list[tuple[Any, ...]]


class Runner:
    """Runs queries on the calling thread's reading connection."""

    def __init__(self, compiler: Compiler, reader: TrackedDatabase, page: int = PAGE) -> None:
        self._compiler = compiler
        self._reader = reader
        self._page = page

    def run(self, query: Query) -> Iterator[dict[str, object]]:
        """The result rows. Reads the first page at once, so that an error is raised now."""
        shape = self._shape(query)
        pages = self._pages(query)
        first = next(pages, [])
        return (shape(row) for page in chain((first,), pages) for row in page)

    def _pages(self, query: Query) -> Iterator[Rows]:
        short = query.limit is not None and query.limit <= self._page
        if query.aggregated or short or not _order_is_own(query):
            yield self._single(query)
        elif _in_key_order(query):
            yield from self._key_pages(query)
        elif query.joined:
            # A row may appear with several joined rows, so limits count after joining.
            keys = self._keys(replace(query, limit=None, offset=0))
            yield from _cut(self._listed_pages(query, keys), query.offset, query.limit)
        else:
            yield from self._listed_pages(query, self._keys(query))

    def _single(self, query: Query) -> Rows:
        return self._fetch(self._selection(query))

    def _selection(self, query: Query) -> peewee.Query:
        """One selection for the whole of `query`."""
        sources = self._compiler.sources(query)
        columns = self._columns(query, sources)
        order = self._compiler.ordering(query, sources)
        group = [self._compiler.output(sources, column) for column in query.group]
        selection = self._compiler.selection(query, sources, columns)
        if group:
            selection = selection.group_by(*group)
        if query.group or not query.aggregated:
            # A count alone is one row; limit and offset do not apply to it.
            selection = selection.order_by(*order).limit(query.limit).offset(query.offset or None)
        return selection

    def _key_pages(self, query: Query) -> Iterator[Rows]:
        left = query.limit
        last: int | None = None
        descending = any(order.descending for order in query.order)
        while left is None or left > 0:
            sources = self._compiler.sources(query)
            key = sources.key
            extra = () if last is None else (key < last if descending else key > last,)
            size = self._page if left is None else min(self._page, left)
            columns = [*self._columns(query, sources), key]
            selection = self._compiler.selection(query, sources, columns, *extra)
            order = key.desc() if descending else key.asc()
            rows = self._fetch(selection.order_by(order).limit(size))
            yield rows
            if len(rows) < size:
                return
            last = rows[-1][-1]
            left = None if left is None else left - len(rows)

    def _keys(self, query: Query) -> array[int]:
        """The keys of the selected rows, each once, in the order of `query`."""
        key = Column(query.declared.name, query.declared.key_name)
        with self._cursor(self._selection(replace(query, outputs=(key,)))) as cursor:
            return array("q", (row[0] for row in cursor))

    def _listed_pages(self, query: Query, keys: array[int]) -> Iterator[Rows]:
        for at in range(0, len(keys), self._page):
            requested = keys[at : at + self._page].tolist()
            sources = self._compiler.sources(query)
            columns = [*self._columns(query, sources), sources.key]
            chosen = query if query.joined else replace(query, condition=None)
            selection = self._compiler.selection(
                chosen, sources, columns, sources.key.in_(members(requested))
            )
            found: dict[int, Rows] = {}
            for row in self._fetch(selection):
                found.setdefault(row[-1], []).append(row)
            yield [row for key in requested for row in found.get(key, ())]

    def _columns(self, query: Query, sources: QuerySources) -> list[Any]:
        return [self._compiler.output(sources, output) for output in query.outputs]

    def _fetch(self, selection: peewee.Query) -> Rows:
        with self._cursor(selection) as cursor:
            rows: Rows = cursor.fetchall()
        return rows

    @contextlib.contextmanager
    def _cursor(self, selection: peewee.Query) -> Iterator[sqlite3.Cursor]:
        sql, values = selection.sql()
        with storage_errors(), peewee_errors():
            connection = self._reader.connection()
            with deadline(connection):
                try:
                    cursor = connection.execute(sql, values)
                except sqlite3.OperationalError as error:
                    raise _refused(error) from error
                yield cursor

    def _shape(self, query: Query) -> Callable[[tuple[Any, ...]], dict[str, object]]:
        """A function from a database row, whose first columns are the outputs, to a result row."""
        parts = [self._part(query, output) for output in query.outputs]
        names = [name for name, _ in parts]
        encoded = [(name, encode) for name, encode in parts if encode is not None]
        mend = self._mend(query)

        def shape(row: tuple[Any, ...]) -> dict[str, object]:
            row = mend(row)
            # In pages a row has its key after the outputs.
            shown: dict[str, object] = dict(zip(names, row, strict=False))
            for name, encode in encoded:
                shown[name] = encode(shown[name])
            return shown

        return shape

    def _mend(self, query: Query) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        """A function that shows what can be read of a damaged row, and leaves a sound one as it
        is. Rows have few combinations of types, so each is looked at once."""
        fields = [self._field(output) for output in query.outputs]
        known: dict[tuple[type, ...], list[tuple[int, Field]]] = {}

        def mend(row: tuple[Any, ...]) -> tuple[Any, ...]:
            types = tuple(map(type, row))
            bad = known.get(types)
            if bad is None:
                bad = known[types] = [
                    (at, field)
                    for at, (field, found) in enumerate(zip(fields, types, strict=False))
                    if field is not None and found not in (kind_of(field), type(None))
                ]
            if not bad:
                return row
            values = list(row)
            for at, field in bad:
                values[at] = mended(field, values[at])
            return tuple(values)

        return mend

    def _field(self, output: Output) -> Field | None:
        """What a column holds; None for a count and for a key, which cannot be anything else."""
        if not isinstance(output, Column):
            return None
        declared = self._compiler.models.registry[output.object_name]
        return None if output.field == declared.key_name else declared.field(output.field)

    def _part(self, query: Query, output: Output) -> tuple[str, Callable[[Any], object] | None]:
        if not isinstance(output, Column):
            return COUNT, None
        own = output.object_name == query.declared.name
        name = output.field if own else f"{output.object_name}.{output.field}"
        models = self._compiler.models
        if not own or output.field != query.declared.key_name:
            field = models.registry[output.object_name].field(output.field)
            if not field.plain:
                column = models.column(output.object_name, output.field)

                def encode(value: Stored) -> object:
                    return field.encode(column.python_value(value))

                return name, encode
        return name, None


def _refused(error: sqlite3.OperationalError) -> Exception:
    """`error`, or what it means for a client."""
    text = str(error)
    if text.startswith(("no such table", "no such column")):
        return InvalidRequest(f"{text}: custom fields were removed meanwhile")
    if "tables in a join" in text:
        return InvalidRequest("the query names too many objects")
    return error


def _own(query: Query) -> bool:
    """Whether the condition uses only the loaded object."""
    condition = query.condition
    return condition is None or all(it == query.declared.name for it in objects_of(condition))


def _order_is_own(query: Query) -> bool:
    return all(
        isinstance(order.by, Column) and order.by.object_name == query.declared.name
        for order in query.order
    )


def _in_key_order(query: Query) -> bool:
    key = Column(query.declared.name, query.declared.key_name)
    by_key = not query.order or (len(query.order) == 1 and query.order[0].by == key)
    return by_key and not query.offset and not query.joined and _own(query)


def _cut(pages: Iterator[Rows], offset: int, limit: int | None) -> Iterator[Rows]:
    """`pages` without the first `offset` rows, up to `limit` rows."""
    skip, left = offset, limit
    for page in pages:
        rows = page[skip:]
        skip = max(0, skip - len(page))
        if left is not None:
            rows = rows[:left]
            left -= len(rows)
        yield rows
        if left == 0:
            return
