"""Rows for any object, made from its declaration alone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.fields import Blob, Choice, Field, HexText, Id, Ref, Text

Put = Callable[[str, dict[str, Any]], int]


class Samples:
    """Makes rows as a client would send them, no two alike, and the rows that they refer to."""

    def __init__(self, registry: Registry, put: Put) -> None:
        """`put` adds or changes a row of the named object and gives its id."""
        self.registry = registry
        self._put = put
        self._numbers = count(7_000)
        self.made: list[tuple[str, int]] = []
        """Rows that were only made because others refer to them: object and id."""

    def other(self, field: Field, present: Any) -> Any:
        """A value that the field takes and that is not the `present` one."""
        return next(it for it in iter(lambda: self.value(field), None) if it != present)

    def value(self, field: Field) -> Any:
        """A value that the field takes; the next one is another where there are enough."""
        number = next(self._numbers)
        match field:
            case Ref() if field.enforced:
                return self._parent(field.target)
            case Choice():
                return field.choices[number % len(field.choices)]
            case HexText():
                return f"{number:X}"
            case Text():
                return f"{field.name} {number}"
            case Blob():
                return base64.b64encode(f"{number}".encode()).decode()
        return self._whole(field, number)

    @staticmethod
    def _whole(field: Any, number: int) -> int:
        low, high = max(field.minimum, 0), min(field.maximum, 1 << 40)
        return int(low + number % (high - low + 1))

    def row(self, declared: ObjectType) -> dict[str, Any]:
        """What has to be given when a row is created, and nothing else."""
        return {
            field.name: self.value(field)
            for field in declared.fields
            if field.required or (isinstance(field, Id) and not field.auto)
        }

    def _parent(self, name: str) -> int:
        key = self._put(name, self.row(self.registry[name]))
        self.made.append((name, key))
        return key

    @staticmethod
    def wrong(field: Field) -> Any:
        """A value of a JSON type that the field does not take."""
        return "seven" if field.expected == "int" else 7

    @staticmethod
    def identity(declared: ObjectType, row: dict[str, Any]) -> dict[str, Any]:
        """A `where` that selects the loaded `row` alone."""
        names = [declared.key.name] if declared.key else list(declared.pairs_unique[0])
        return {declared.name: {name: row[name] for name in names}}

    @staticmethod
    def defaults(declared: ObjectType) -> dict[str, Any]:
        """What a created row holds of the fields that were not given, ids left out."""
        return {
            field.name: field.encode(field.default)
            for field in declared.fields
            if not (field.required or isinstance(field, Id))
        }


@pytest.fixture(scope="session")
def samples() -> Callable[[Registry, Put], Samples]:
    return Samples
