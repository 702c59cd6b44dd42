"""What a person typed into a form, as values."""

from __future__ import annotations

from gateway.errors import worded
from gateway.objects.fields import invalid_value

MOST_DIGITS = 20


def number_typed(name: str, text: str, digits: int = MOST_DIGITS) -> int:
    """The number that the field `name` holds. Raises InvalidRequest for anything else."""
    if text.isascii() and text.isdecimal() and len(text) <= digits:
        return int(text)
    raise invalid_value(name, worded("it must be a number") if text else worded("it is missing"))
