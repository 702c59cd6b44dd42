"""Column types that peewee lacks."""

from __future__ import annotations

from typing import Any

import peewee

from gateway.sealing import Sealer

_BIAS = 1 << 63


def u64_text(stored: int | None) -> str | None:
    """The decimal digits of a stored unsigned number; an SQL function of that name."""
    return str(stored + _BIAS) if type(stored) is int else None


class U64Column(peewee.BigIntegerField):
    """An unsigned 64-bit number in a signed column."""

    def db_value(self, value: int | None) -> int | None:
        return None if value is None else value - _BIAS

    def python_value(self, value: int | None) -> int | None:
        return None if value is None else value + _BIAS


class SealedColumn(peewee.TextField):
    """A text that the file holds sealed. What cannot be opened is read as null.

    Equality compares sealed values, so that an index serves it; for any other comparison there is
    the SQL function `unsealed`.
    """

    def __init__(self, sealer: Sealer, context: str, **options: Any) -> None:
        """`context` is what `sealed_as` names."""
        super().__init__(**options)
        self.sealer = sealer
        self.context = context

    def db_value(self, value: str | None) -> str | None:
        """Raises KeyUnusable."""
        return None if value is None else self.sealer.seal(self.context, value)

    def python_value(self, value: str | None) -> str | None:
        return self.sealer.opened(self.context, value)


def sealed_as(table: str, column: str) -> str:
    """What binds a sealed value to its field."""
    return f"{table}.{column}"
