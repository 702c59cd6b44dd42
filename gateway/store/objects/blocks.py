"""Deleting a time zone must not lift a block.

A blocking rule that loses its last time zone blocks always: nothing is lifted. One of several time
zones is another matter: without it the rule would go on blocking at the hours of the others alone.
So that deletion is refused, until somebody has untied the zone from the rule knowingly. Deleting
all of a rule's zones at once is no such case.
"""

from __future__ import annotations

from typing import Any

import peewee

from gateway.access.policy import BLOCK
from gateway.errors import ConstraintViolation
from gateway.objects.models import Models

TIME_ZONES = "time_zones"


def keep_blocks(models: Models, chosen: peewee.Expression) -> None:
    """Check that no blocking rule would keep some of its time zones and lose others.

    `chosen` selects the rows of `time_zones` that are about to go; runs in the transaction that
    deletes them. Raises ConstraintViolation, naming rule and time zone.
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
            "untie them in access_rule_time_zones first"
        )
