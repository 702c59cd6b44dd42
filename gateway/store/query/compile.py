"""From a Query to peewee expressions. Values are bound, names come from declarations."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import peewee
from peewee import JOIN, OP, Expression, Value, fn

from gateway.objects.declaration import ObjectType
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


class Sources:
    """The object that is loaded and those joined to it, each under one alias."""

    def __init__(self, models: Models, joins: Joins, declared: ObjectType, *, left: bool) -> None:
        self._models = models
        self._joins = joins
        self._declared = declared
        self._kind = JOIN.LEFT_OUTER if left else JOIN.INNER
        self.base = models[declared.name].alias()
        self._aliases: dict[str, Any] = {declared.name: self.base}
        self._ons: list[tuple[Any, Any]] = []

    def column(self, name: str, field: str) -> Any:
        """The column `field` of the object `name`, which is joined if it is not yet."""
        if name not in self._aliases:
            self._join(name)
        return peewee.FieldAlias.create(self._aliases[name], self._models.column(name, field))

    @property
    def key(self) -> Any:
        """The key of the loaded object."""
        return self.column(self._declared.name, self._declared.key_name)

    def select(self, *columns: object) -> peewee.ModelSelect:
        """A selection from all that has been joined by now."""
        query = self.base.select(*columns)
        for alias, on in self._ons:
            query = query.join(alias, self._kind, on=on)
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

    def sources(self, query: Query) -> Sources:
        """Fresh sources for `query`."""
        return Sources(self.models, self._joins, query.declared, left=query.left)

    def output(self, sources: Sources, output: Output) -> Any:
        """What is selected for `output`."""
        if isinstance(output, Column):
            return sources.column(output.object_name, output.field)
        return fn.COUNT(peewee.SQL("*"))

    def selection(
        self, query: Query, sources: Sources, columns: Sequence[Any], *extra: object
    ) -> peewee.ModelSelect:
        """`columns` of the rows that `query` and `extra` select, in no order yet.

        A row comes once however many partners satisfy the condition, unless something of a
        partner is shown.
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
        """`condition` for an UPDATE or DELETE of `declared`, whose table has no alias there."""
        inner = Sources(self.models, self._joins, declared, left=False)
        expression = self.expression(inner, condition)
        return self.models.key(declared.name).in_(inner.select(inner.key).where(expression))

    def ordering(self, query: Query, sources: Sources) -> list[Any]:
        """The sort order; rows that are equal in it come by their key, so that pages are stable."""
        keys = []
        descending = False
        for order in query.order:
            column = self.output(sources, order.by)
            descending = order.descending
            keys.append(column.desc() if descending else column.asc())
        if not query.aggregated:
            keys.append(sources.key.desc() if descending else sources.key.asc())
        return keys

    def expression(self, sources: Sources, condition: Condition) -> Any:
        """`condition` over `sources`, which are joined as it needs them."""
        if isinstance(condition, Clause):
            return self._clause(sources, condition)
        combine = operator.and_ if isinstance(condition, Every) else operator.or_
        return _balanced(combine, [self.expression(sources, it) for it in condition.conditions])

    def _clause(self, sources: Sources, clause: Clause) -> Any:
        name, field_name = clause.column.object_name, clause.column.field
        column = sources.column(name, field_name)
        kind = clause.operator
        if kind in _COMPARE:
            return _COMPARE[kind](column, clause.values[0])
        if kind is Operator.IN:
            return column.in_(clause.values)
        if kind is Operator.NOT_IN:
            return column.not_in(clause.values)
        if kind in {Operator.IS_NULL, Operator.IS_NOT_NULL}:
            return column.is_null(kind is Operator.IS_NULL)
        text = self.models.registry[name].field(field_name).text_of(column)
        # peewee's ILIKE is SQLite's LIKE; the pattern is bound as it is, not as a column's value.
        like = Expression(text, OP.ILIKE, Value(clause.values[0], converter=False))
        return ~like if kind is Operator.NOT_LIKE else like


def members(keys: Sequence[int]) -> peewee.Select:
    """`keys` as a table for IN: one bound value, however many there are."""
    return peewee.Select([fn.json_each(json.dumps(list(keys)))], [peewee.SQL("value")])


def _balanced(combine: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    """`parts` in a tree of little depth: SQLite allows a thousand levels, Python not even that."""
    while len(parts) > 1:
        parts = [reduce(combine, parts[at : at + 2]) for at in range(0, len(parts), 2)]
    return parts[0]
