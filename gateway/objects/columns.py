"""Column types that peewee lacks."""

from __future__ import annotations

import peewee

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
