"""Says whose value stands in the way when the database refuses a row.

SQLite names the columns of a uniqueness rule and nothing of a broken reference; clients look for
its wording, technicians need the row. PINs are secrets: whose PIN it is already, is never told.
"""

from __future__ import annotations

from functools import reduce
from operator import and_

import peewee

from gateway.errors import ConstraintViolation
from gateway.objects.declaration import ObjectType
from gateway.objects.models import Models
from gateway.store.objects.rows import Row


def explain_row(
    models: Models,
    declared: ObjectType,
    row: Row,
    error: peewee.IntegrityError,
    number: int | None,
) -> ConstraintViolation:
    """The refusal of `row`, the `number`-th of its request (None: the only change asked for)."""
    text = str(error)
    place = [] if number is None else [f"row {number}"]
    if text.startswith("UNIQUE"):
        owner = _owner(models, declared, row, text)
        return _violation(text, ", ".join([*place, *owner]))
    if text.startswith("FOREIGN KEY"):
        for ref in declared.refs:
            value = row.get(ref.name)
            if ref.enforced and isinstance(value, int) and not _exists(models, ref.target, value):
                missing = ": ".join([*place, f"{value} is not a row of {ref.target}"])
                return _violation(f"{text}: {declared.name}.{ref.name}", missing)
    return _violation(text, ", ".join(place))


def explain_deletion(
    models: Models, declared: ObjectType, error: peewee.IntegrityError
) -> ConstraintViolation:
    """The refusal to delete rows that others refer to."""
    referring = ", ".join(
        f"{other.name}.{ref.name}"
        for other, ref in models.registry.references_to(declared.name)
        if ref.on_delete == "RESTRICT"
    )
    return _violation(str(error), f"{referring} may refer to {declared.name} that are in use")


def _violation(text: str, details: str) -> ConstraintViolation:
    return ConstraintViolation(f"{text} ({details})" if details else text)


def _owner(models: Models, declared: ObjectType, row: Row, text: str) -> list[str]:
    columns = [part.rsplit(".", 1)[-1] for part in text.partition(": ")[2].split(", ")]
    secret = any(declared.has(name) and declared.field(name).secret for name in columns)
    owners = [ref.name for ref in declared.refs if ref.target == "users"]
    if secret or not owners or not all(name in row for name in columns):
        return []
    same = reduce(and_, (models.column(declared.name, name) == row[name] for name in columns))
    owner = models.column(declared.name, owners[0])
    found = models[declared.name].select(owner).where(same).scalar()
    return [] if found is None else [f"owned by user {found}"]


def _exists(models: Models, name: str, key: object) -> bool:
    return models[name].select().where(models.key(name) == key).exists()
