"""Compiles a Query to peewee expressions. Values are bound; names come from declarations."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import peewee
from peewee import JOIN, OP, Expression, Value, fn

from gateway.objects.columns import sealed_as
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Field, Stored
from gateway.objects.joins import Joins
from gateway.objects.models import Models
from gateway.store.query.tree import (
    Clause,
    Column,
    Condition,
    Every,
    Operator,
    Output,
    Query,
    objects_of,
)

_COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.GT: operator.gt,
    Operator.LT: operator.lt,
    Operator.GE: operator.ge,
    Operator.LE: operator.le,
}

_SIZES = (Operator.GT, Operator.LT, Operator.GE, Operator.LE)


class QuerySources:
    """The loaded object and those joined to it, each under one alias."""

    def __init__(self, models: Models, joins: Joins, declared: ObjectType, *, left: bool) -> None:
        self._models = models
        self._joins = joins
        self._declared = declared
        self._left = left
        self.base = models[declared.name].alias()
        self._aliases: dict[str, Any] = {declared.name: self.base}
        self._ons: list[tuple[Any, Any]] = []

    def column(self, name: str, field: str) -> Any:
        """The column `field` of the object `name`; joins the object if necessary."""
        if name not in self._aliases:
            self._join(name)
        return peewee.FieldAlias.create(self._aliases[name], self._models.column(name, field))

    def may_be_null(self, name: str, field: Field) -> bool:
        """Whether the column `field` of the object `name` can be null in a row."""
        return not field.not_null or (self._left and name != self._declared.name)

    @property
    def key(self) -> Any:
        """The key of the loaded object."""
        return self.column(self._declared.name, self._declared.key_name)

    def select(self, *columns: object) -> peewee.ModelSelect:
        """A selection from the objects joined so far."""
        query = self.base.select(*columns)
        for alias, on in self._ons:
            query = query.join(alias, JOIN.LEFT_OUTER if self._left else JOIN.INNER, on=on)
        return query

    def _join(self, end: str) -> None:
        for pair in self._joins.path(self._declared.name, end):
            name, field = pair.right
            if name not in self._aliases:
                alias = self._models[name].alias()
                self._aliases[name] = alias
                equal = self.column(*pair.left) == self.column(name, field)
                self._ons.append((alias, equal))


class Compiler:
    """Makes selections and conditions for one set of models."""

    def __init__(self, models: Models, joins: Joins) -> None:
        self.models = models
        self._joins = joins

    def sources(self, query: Query) -> QuerySources:
        """Fresh sources for `query`."""
        return QuerySources(self.models, self._joins, query.declared, left=query.left)

    def output(self, sources: QuerySources, output: Output) -> Any:
        """What is selected for `output`."""
        if not isinstance(output, Column):
            return fn.COUNT(peewee.SQL("*"))
        name, column = output.object_name, sources.column(output.object_name, output.field)
        declared = self.models.registry[name]
        if output.field == declared.key_name and declared.key is None:
            return column  # the rowid, which is not a field
        field = declared.field(output.field)
        if not sources.may_be_null(name, field):
            return column
        if field.sealed:
            return fn.COALESCE(column, "")
        empty = self.models.column(name, output.field).db_value(field.empty)
        return fn.COALESCE(column, Value(empty, converter=False))

    def selection(
        self, query: Query, sources: QuerySources, columns: Sequence[Any], *extra: object
    ) -> peewee.ModelSelect:
        """`columns` of the rows that `query` and `extra` select, without an order.

        A row appears once, however many joined rows satisfy the condition, unless the output shows
        something of a joined row.
        """
        condition = query.condition
        conditions = list(extra)
        if condition is not None:
            own = all(name == query.declared.name for name in objects_of(condition))
            if own or query.joined:
                conditions.append(self.expression(sources, condition))
            else:
                conditions.append(sources.key.in_(self._keys(query, condition)))
        selection = sources.select(*columns)
        return selection.where(*conditions) if conditions else selection

    def _keys(self, query: Query, condition: Condition) -> peewee.ModelSelect:
        inner = self.sources(query)
        expression = self.expression(inner, condition)
        return inner.select(inner.key).where(expression)

    def filter(self, declared: ObjectType, condition: Condition) -> Any:
        """`condition` for an UPDATE or DELETE of `declared`, whose table has no alias."""
        inner = QuerySources(self.models, self._joins, declared, left=False)
        expression = self.expression(inner, condition)
        return self.models.key(declared.name).in_(inner.select(inner.key).where(expression))

    def ordering(self, query: Query, sources: QuerySources) -> list[Any]:
        """The sort order, with the key as the last criterion so that pages are stable."""
        keys = []
        descending = False
        for order in query.order:
            column = self._in_order(sources, order.by)
            descending = order.descending
            keys.append(column.desc() if descending else column.asc())
        if not query.aggregated:
            keys.append(sources.key.desc() if descending else sources.key.asc())
        return keys

    def _in_order(self, sources: QuerySources, by: Output) -> Any:
        """What rows are sorted by: of sealed values the order says nothing."""
        column = self.output(sources, by)
        if not isinstance(by, Column):
            return column
        declared = self.models.registry[by.object_name]
        known = declared.has(by.field) and declared.field(by.field).sealed
        return _unsealed(declared, by.field, column) if known else column

    def expression(self, sources: QuerySources, condition: Condition) -> Any:
        """`condition` over `sources`, with the joins that it needs."""
        if isinstance(condition, Clause):
            return self._clause(sources, condition)
        combine = operator.and_ if isinstance(condition, Every) else operator.or_
        return _balanced(combine, [self.expression(sources, it) for it in condition.conditions])

    def _clause(self, sources: QuerySources, clause: Clause) -> Any:
        name = clause.column.object_name
        column = sources.column(name, clause.column.field)
        declared = self.models.registry[name]
        field = declared.field(clause.column.field)
        kind = clause.operator
        null = sources.may_be_null(name, field)
        if kind in {Operator.IS_NULL, Operator.IS_NOT_NULL}:
            return _unset(column, field) if kind is Operator.IS_NULL else _set(column, field)
        if kind in {Operator.LIKE, Operator.NOT_LIKE}:
            text = (
                _unsealed(declared, field.name, column) if field.sealed else field.text_of(column)
            )
            if null:
                text = fn.COALESCE(text, "0" if field.empty == 0 else "")
            # peewee's ILIKE is SQLite's LIKE; the pattern is bound unconverted.
            like = Expression(text, OP.ILIKE, Value(clause.values[0], converter=False))
            return ~like if kind is Operator.NOT_LIKE else like
        if field.sealed and kind in _SIZES:
            values = Value(clause.values[0], converter=False)
            return _COMPARE[kind](_unsealed(declared, field.name, column), values)
        made, includes_empty = _compared(column, kind, clause.values, field.empty)
        return made | column.is_null() if null and includes_empty else made


def _unsealed(declared: ObjectType, name: str, column: Any) -> Any:
    """SQL for the clear text of a sealed column; the store gives its connections the function."""
    return fn.COALESCE(fn.unsealed(sealed_as(declared.name, name), column), "")


def _compared(
    column: Any, kind: Operator, values: tuple[Stored, ...], empty: Stored
) -> tuple[Any, bool]:
    """The comparison in SQL, and whether `empty`, the value that null means, satisfies it."""
    if kind is Operator.IN:
        return column.in_(values), empty in values
    if kind is Operator.NOT_IN:
        return column.not_in(values), empty not in values
    compare = _COMPARE[kind]
    return compare(column, values[0]), bool(compare(empty, values[0]))


def _unset(column: Any, field: Field) -> Any:
    return (column == field.empty) | column.is_null() if field.unset else column.is_null()


def _set(column: Any, field: Field) -> Any:
    return column != field.empty if field.unset else column.is_null(is_null=False)


def members(keys: Sequence[int]) -> peewee.Select:
    """`keys` as a table for IN: one bound value for any number of keys."""
    return peewee.Select([fn.json_each(json.dumps(list(keys)))], [peewee.SQL("value")])


def _balanced(combine: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    """`parts` combined in a balanced tree: SQLite allows a depth of 1,000, Python less."""
    while len(parts) > 1:
        parts = [reduce(combine, parts[at : at + 2]) for at in range(0, len(parts), 2)]
    return parts[0]
