"""A parsed request of `load_objects`, independent of the client's dialect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Stored


class Operator(StrEnum):
    """A comparison of a column."""

    EQ = "="
    NE = "!="
    GT = ">"
    LT = "<"
    GE = ">="
    LE = "<="
    LIKE = "LIKE"
    NOT_LIKE = "NOT LIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Column:
    """A field of an object."""

    object_name: str
    field: str


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison; `values` holds one value, the elements of a list, or none."""

    column: Column
    operator: Operator
    values: tuple[Stored, ...] = ()


@dataclass(frozen=True, slots=True)
class Every:
    """All of the conditions hold."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of the conditions holds."""

    conditions: tuple[Condition, ...]


Condition = Clause | Every | Some


def objects_of(condition: Condition) -> Iterator[str]:
    """The names of the objects that `condition` uses, in order, possibly repeated."""
    if isinstance(condition, Clause):
        yield condition.column.object_name
    else:
        for part in condition.conditions:
            yield from objects_of(part)


@dataclass(frozen=True, slots=True)
class CountColumn:
    """The number of rows, `COUNT(*)` on the wire."""


Output = Column | CountColumn


@dataclass(frozen=True, slots=True)
class Order:
    """One key of the sort order."""

    by: Output
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole request."""

    declared: ObjectType
    outputs: tuple[Output, ...]
    condition: Condition | None
    order: tuple[Order, ...]
    group: tuple[Column, ...]
    left: bool
    """Whether rows without a joined row stay, with nulls."""
    limit: int | None
    offset: int

    @property
    def aggregated(self) -> bool:
        """Whether result rows are not rows of the object."""
        return bool(self.group) or any(isinstance(output, CountColumn) for output in self.outputs)

    @property
    def joined(self) -> bool:
        """Whether an output, order or group belongs to another object."""
        shown = (*self.outputs, *(order.by for order in self.order), *self.group)
        return any(
            isinstance(output, Column) and output.object_name != self.declared.name
            for output in shown
        )
