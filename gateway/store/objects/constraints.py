"""Explains why the database refuses a row or a deletion.

SQLite names the columns of a uniqueness rule and nothing of a broken reference. Clients look for
its wording; technicians need the row and the owner of the value. PINs are secret, so the refusal
of a PIN never names the person who has it.

A blocking rule that loses its last time zone blocks always. If it lost one of several, it would
block only during the others, so the store refuses to delete that zone until somebody has untied it
from the rule. Deleting all zones of a rule at once is allowed.

A releasing rule that lost a condition would release for more people, so a condition that is tied to
a rule is not deleted.
"""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any

import peewee

from gateway.access.policy import BLOCK
from gateway.errors import ConstraintViolation, SecretTaken, worded
from gateway.objects.declaration import ObjectType
from gateway.objects.models import Models
from gateway.store.objects.rows import Row

TAKEN = worded("there is one like it already")
TIME_ZONES = "time_zones"
VALIDATIONS = "validations"


def explain_row(
    models: Models,
    declared: ObjectType,
    row: Row,
    error: peewee.IntegrityError,
    number: int | None,
) -> ConstraintViolation:
    """The refusal of `row`, the `number`-th of its request; None for a request with one change."""
    text = str(error)
    place = [] if number is None else [f"row {number}"]
    if text.startswith("UNIQUE"):
        columns = [part.rsplit(".", 1)[-1] for part in text.partition(": ")[2].split(", ")]
        if any(declared.has(name) and declared.field(name).secret for name in columns):
            said = _with(text, ", ".join(place))
            return SecretTaken(said, members=tuple(columns), why=TAKEN)
        owner = _owner(models, declared, row, columns)
        return _violation(text, ", ".join([*place, *owner]), tuple(columns), TAKEN)
    if text.startswith("FOREIGN KEY"):
        for ref in declared.refs:
            value = row.get(ref.name)
            if ref.enforced and isinstance(value, int) and not _exists(models, ref.target, value):
                missing = ": ".join([*place, f"{value} is not a row of {ref.target}"])
                said = f"{text}: {declared.name}.{ref.name}"
                return _violation(said, missing, (ref.name,), worded("it is not there any more"))
    return _violation(text, ", ".join(place))


def explain_deletion(
    models: Models, declared: ObjectType, error: peewee.IntegrityError
) -> ConstraintViolation:
    """The refusal to delete rows to which other rows refer."""
    referring = ", ".join(
        f"{other.name}.{ref.name}"
        for other, ref in models.registry.references_to(declared.name)
        if ref.on_delete == "RESTRICT"
    )
    details = f"{referring} may refer to {declared.name} that are in use"
    return _violation(str(error), details, why=worded("something else still needs it"))


def keep_blocks(models: Models, chosen: peewee.Expression) -> None:
    """Check that no blocking rule would lose some of its time zones and keep others.

    `chosen` selects the rows of `time_zones` to delete; call it in the transaction that deletes
    them. Raises ConstraintViolation, which names rule and time zone.
    """
    zone, rule = models.key(TIME_ZONES), models.key("access_rules")
    tied_zone: peewee.Field[Any] = models.column("access_rule_time_zones", "time_zone_id")
    tied_rule: peewee.Field[Any] = models.column("access_rule_time_zones", "access_rule_id")
    links, rules = models["access_rule_time_zones"], models["access_rules"]
    going = models[TIME_ZONES].select(zone).where(chosen)
    staying = links.select(tied_rule).where(tied_zone.not_in(going))
    lifted = (
        links.select(tied_rule, tied_zone)
        .join(rules, on=(rule == tied_rule))
        .where(models.column("access_rules", "type") == BLOCK)
        .where(tied_zone.in_(going) & tied_rule.in_(staying))
        .order_by(tied_rule, tied_zone)
        .tuples()
        .first()
    )
    if lifted is not None:
        raise ConstraintViolation(
            f"blocking rule {lifted[0]} would lose time zone {lifted[1]} and keep others: "
            "untie them in access_rule_time_zones first",
            why=worded("a rule that blocks needs it: take it from the rule first"),
        )


def keep_conditions(models: Models, chosen: peewee.Expression | None) -> None:
    """Check that no access rule and no portal rule would lose a condition.

    `chosen` selects the rows of `validations` to delete, None for all; call it in the transaction
    that deletes them. Raises ConstraintViolation, which names rule and condition.
    """
    going = models[VALIDATIONS].select(models.key(VALIDATIONS))
    if chosen is not None:
        going = going.where(chosen)
    for rules in ("access_rules", "portal_rules"):
        link = f"{rules[:-1]}_validations"
        rule: peewee.Field[Any] = models.column(link, f"{rules[:-1]}_id")
        condition: peewee.Field[Any] = models.column(link, "validation_id")
        tied = models[link].select(rule, condition).where(condition.in_(going))
        lost = tied.order_by(rule, condition).tuples().first()
        if lost is not None:
            raise ConstraintViolation(
                f"row {lost[0]} of {rules} would lose the condition {lost[1]}: untie them in"
                f" {link}.validation_id first"
            )


def _violation(
    text: str, details: str, members: tuple[str, ...] = (), why: str = ""
) -> ConstraintViolation:
    return ConstraintViolation(_with(text, details), members=members, why=why)


def _with(text: str, details: str) -> str:
    return f"{text} ({details})" if details else text


def _owner(models: Models, declared: ObjectType, row: Row, columns: list[str]) -> list[str]:
    owners = [ref.name for ref in declared.refs if ref.target == "users"]
    if not owners or not all(name in row for name in columns):
        return []
    same = reduce(and_, (models.column(declared.name, name) == row[name] for name in columns))
    owner = models.column(declared.name, owners[0])
    found = models[declared.name].select(owner).where(same).scalar()
    return [] if found is None else [f"owned by user {found}"]


def _exists(models: Models, name: str, key: object) -> bool:
    return models[name].select().where(models.key(name) == key).exists()
