"""What callers who see no secrets may write of them, and what they learn by it.

A PIN must be unique, so a caller who gives one to a person learns whether it is used. That is all:
the refusal names no row and no owner, a dry run cannot ask, and after some refusals the login has
to wait. Marks of duress are for administrators, and no write fails because of one that exists.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gateway.commands.context import Call
from gateway.errors import ConstraintViolation, NotPermitted
from gateway.objects.declaration import ObjectType
from gateway.store.objects.store import Store


def require_writable(call: Call[object], declared: ObjectType, names: Collection[str]) -> None:
    """Raise NotPermitted if the caller may not write one of the fields `names`."""
    if call.caller.sees_secrets:
        return
    for given in names:
        name = declared.aliases.get(given, given)
        if declared.has(name) and declared.field(name).duress:
            raise NotPermitted(f"{declared.name}.{name}: only administrators set marks of duress")


def check_new_rows(
    call: Call[object], declared: ObjectType, rows: Sequence[Mapping[str, object]]
) -> None:
    """Check rows that are added. Call it in the transaction that adds them.

    A mark of duress may be given with its default, as clients do that send whole rows. Raises
    NotPermitted or ConstraintViolation.
    """
    if call.caller.sees_secrets:
        return
    for row in rows:
        marked = [name for name, value in row.items() if not _is_default(declared, name, value)]
        require_writable(call, declared, marked)
    _check_unique(call, declared, _by_field(declared, rows), own=lambda _: ())


def check_rows(
    call: Call[object],
    declared: ObjectType,
    rows: Sequence[Mapping[str, object]],
    own: Callable[[Mapping[str, object]], Collection[object]],
) -> None:
    """Check rows that are written; `own` gives the keys of the rows that one of `rows` changes.

    Call it in the transaction of the write. Where a group of fields with a secret is unique, for
    this caller the rest of the group is: the secret does not decide. Raises NotPermitted while the
    login has to wait, or for a row that would send a stored secret elsewhere, ConstraintViolation.
    """
    if call.caller.sees_secrets:
        return
    named = _by_field(declared, rows)
    for field in declared.fields:
        moved = {it for row in named if field.name not in row for it in row} & {*field.sent_to}
        if moved:
            raise NotPermitted(
                f"{declared.name}.{min(moved)}: the stored {field.name} would be sent elsewhere; "
                f"give {field.name} as well, or ask an administrator"
            )
    _check_unique(call, declared, named, own)


def _by_field(
    declared: ObjectType, rows: Sequence[Mapping[str, object]]
) -> list[dict[str, object]]:
    return [{declared.aliases.get(it, it): value for it, value in row.items()} for row in rows]


def _check_unique(
    call: Call[object],
    declared: ObjectType,
    named: Sequence[Mapping[str, object]],
    own: Callable[[Mapping[str, object]], Collection[object]],
) -> None:
    given = {name for row in named for name in row}
    if any(field.secret and field.unique and field.name in given for field in declared.fields):
        now_ns = call.context.clock.monotonic_ns()
        call.context.secret_refusals.check(call.caller.login or "", now_ns)
    for group in declared.pairs_unique:
        seen = [name for name in group if not declared.field(name).secret]
        if len(seen) < len(group):
            _check_group(call.context.store, declared, seen, [(row, own(row)) for row in named])


def _check_group(
    store: Store,
    declared: ObjectType,
    names: Sequence[str],
    rows: Sequence[tuple[Mapping[str, object], Collection[object]]],
) -> None:
    model: Any = store.model(declared.name)
    key = store.models.key(declared.name)
    written: set[tuple[object, ...]] = set()
    for row, own in rows:
        if any(name not in row for name in names):
            continue
        values = tuple(declared.field(name).decode(row[name]) for name in names)
        query = model.select(key)
        for name, value in zip(names, values, strict=True):
            query = query.where(store.models.column(declared.name, name) == value)
        others = {number for (number,) in query.tuples()} - {*own}
        if others or len(own) > 1 or values in written:
            columns = ", ".join(f"{declared.name}.{name}" for name in names)
            raise ConstraintViolation(f"UNIQUE constraint failed: {columns}")
        written.add(values)


def _is_default(declared: ObjectType, given: str, value: object) -> bool:
    name = declared.aliases.get(given, given)
    if not declared.has(name):
        return True  # the store refuses it by name
    field = declared.field(name)
    return field.is_nothing(value) or (type(value), value) == (
        type(field.encode(field.default)),
        field.encode(field.default),
    )
