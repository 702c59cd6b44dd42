"""Decodes and checks the rows that clients send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gateway.errors import ConstraintViolation, InvalidRequest, worded
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Field, Id, Stored, invalid_member, wire_type_of

Row = dict[str, Stored]
"""Field -> value, as models take it."""
Check = Callable[[Mapping[str, Stored]], object]


def decode_rows(declared: ObjectType, rows: object) -> list[Row]:
    """The fields that each row gives; rows may give different ones.

    Raises InvalidRequest, which names field and row, for a wrong shape, type or range and for an
    unknown field; ConstraintViolation for a null in a field that must not be null.
    """
    if not isinstance(rows, list):
        raise invalid_member("values", "array", wire_type_of(rows))
    decoded = []
    for number, row in enumerate(rows, start=1):
        try:
            decoded.append(decode_row(declared, row))
        except InvalidRequest as error:
            where = f" (row {number})" if len(rows) > 1 else ""
            raise error.reworded(f"{error}{where}") from None
    return decoded


def decode_row(declared: ObjectType, row: object) -> Row:
    """The fields that one row gives; see `decode_rows`."""
    if not isinstance(row, Mapping):
        raise invalid_member("values", "object", wire_type_of(row))
    decoded: Row = {}
    for given, value in row.items():
        name = declared.aliases.get(given, given)
        field = declared.field(name)
        if not field.is_nothing(value):
            decoded[name] = field.decode(value)
        elif not isinstance(field, Id):
            decoded[name] = _null(declared, field)
        if field.derived:
            decoded.pop(name, None)
    return decoded


def check_rows(declared: ObjectType, rows: Sequence[Mapping[str, Stored]]) -> None:
    """Raise InvalidRequest, which names the row, if fields of a whole row contradict each other."""
    if declared.check is not None:
        check_each(rows, declared.check)


def check_each(rows: Sequence[Mapping[str, Stored]], check: Check) -> None:
    """Call `check` with each row; adds the row's number to the InvalidRequest that it raises."""
    for number, row in enumerate(rows, start=1):
        try:
            check(row)
        except InvalidRequest as error:
            where = f" (row {number})" if len(rows) > 1 else ""
            raise error.reworded(f"{error}{where}") from None


def _null(declared: ObjectType, field: Field) -> Stored:
    if not field.not_null:
        return None
    if field.default is None:
        raise ConstraintViolation(
            f"NOT NULL constraint failed: {declared.name}.{field.name}",
            members=(field.name,),
            why=worded("it is missing"),
        )
    return field.default


def complete(declared: ObjectType, rows: Sequence[Row]) -> list[Row]:
    """`rows` with a value for every field except an id that the database assigns.

    Raises InvalidRequest for an absent required field.
    """
    needed = [field for field in declared.fields if _is_needed(field)]
    defaults = {
        field.name: field.default
        for field in declared.fields
        if not isinstance(field, Id) and not field.required
    }
    for number, row in enumerate(rows, start=1):
        for field in needed:
            if field.name not in row:
                raise _absent(field, number, len(rows))
    return [{**defaults, **row} for row in rows]


def _is_needed(field: Field) -> bool:
    return not field.auto if isinstance(field, Id) else field.required


def _absent(field: Field, number: int, count: int) -> InvalidRequest:
    error = invalid_member(field.name, field.expected, "undefined")
    return error.reworded(f"{error} (row {number})") if count > 1 else error
