"""Whether a stored value is one that could be stored today, and what is shown of others."""

from __future__ import annotations

from gateway.errors import InvalidRequest
from gateway.objects.fields import Field, Stored, Text
from gateway.sealing import is_sealed


def storable(field: Field, value: object) -> bool:
    """Whether `value`, as models give it, is one that `field` takes."""
    if value is None:
        return not field.not_null
    if not field.required and value in (field.default, field.empty):
        return True
    if not isinstance(value, int | str | bytes):
        return False
    try:
        field.decode(field.encode(value))
    except InvalidRequest:
        return False
    return True


def raw_storable(field: Field, raw: object) -> bool:
    """Whether `raw`, as SQLite gives it, stands for a value that `field` takes. A sealed one is
    not opened; in a store of an older program none is sealed."""
    if field.sealed:
        return is_sealed(raw) or storable(field, raw)
    if raw is None or field.plain:
        return storable(field, raw)
    return type(raw) is kind_of(field) and storable(field, field.column().python_value(raw))


def kind_of(field: Field) -> type:
    """The type of a sound value of `field` in the file, when it is not null."""
    return type(field.empty)


def mended(field: Field, raw: object) -> Stored:
    """What is shown of `raw`, which has another type than `field`: text as far as it can be read,
    else null."""
    if isinstance(field, Text) and isinstance(raw, bytes):
        return raw.decode("utf-8", "replace")
    return None
