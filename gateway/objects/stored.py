"""Whether a stored value is one that could be stored today."""

from __future__ import annotations

from gateway.errors import InvalidRequest
from gateway.objects.fields import Field


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
