"""The times of one person, as a rule and a time zone for that person alone.

Both rows are named `minop:<user id>`, and this module finds them by that name: it survives backup,
restore and export, and tells a technician whose they are. A row that somebody renames is no longer
managed here. The rows keep their ids when the times change, so that old logs still name the rule.

The rule releases, so it replaces what the person's departments release at the same portals ("a
person's own schedule wins"): outside the times the person is refused there. It is tied to the
portals that the departments release to the person when it is written, or to portal 1 if there are
none; later changes of departments do not affect it. Other releasing rules that somebody tied to
the person remain in force.
"""

from __future__ import annotations

from typing import Any

from gateway.objects.factory import RELEASE
from gateway.store.objects.store import Store
from gateway.store.query.compile import members

FIRST_PORTAL = 1
"""The portal of a person without a department: the factory's."""


def set_access_time(store: Store, user_id: int, span: dict[str, object]) -> None:
    """Let the existing user pass within `span`, instead of the times set before.

    `span` holds the fields of a `time_spans` row without its zone. Needs a transaction.
    """
    name = _name(user_id)
    portals = portals_of_departments(store, user_id) or [FIRST_PORTAL]
    zone = _only(store, "time_zones", {"name": name})
    rule = _only(store, "access_rules", {"name": name, "type": RELEASE, "priority": 0})
    rewritten: dict[str, list[dict[str, object]]] = {
        "access_rule_time_zones": [{"time_zone_id": zone}],
        "portal_access_rules": [{"portal_id": portal} for portal in portals],
        "user_access_rules": [{"user_id": user_id}],
    }
    for table, rows in rewritten.items():
        store.destroy(table, {table: {"access_rule_id": rule}})
        store.insert(table, [{"access_rule_id": rule, **row} for row in rows])
    store.destroy("time_spans", {"time_spans": {"time_zone_id": zone}})
    store.insert("time_spans", [{"time_zone_id": zone, **span}])


def drop_access_time(store: Store, user_id: int) -> None:
    """Delete the user's own rule and zone, if there are any. Needs a transaction.

    A zone that another rule uses too stays.
    """
    name = _name(user_id)
    store.destroy("access_rules", {"access_rules": {"name": name}})
    named = store.model("time_zones").select(store.models.key("time_zones"))
    query: Any = named.where(store.models.column("time_zones", "name") == name).tuples()
    zones = [int(zone) for (zone,) in query]
    relied_on = _column(store, "access_rule_time_zones", "time_zone_id", "time_zone_id", zones)
    for zone in set(zones).difference(relied_on):
        store.destroy("time_zones", {"time_zones": {"id": zone}})


def portals_of_departments(store: Store, user_id: int) -> list[int]:
    """The portals that the person's departments release at any time, ascending.

    A rule without a time zone releases nothing.
    """
    groups = _column(store, "user_groups", "group_id", "user_id", [user_id])
    tied = _column(store, "group_access_rules", "access_rule_id", "group_id", groups)
    zoned = _column(store, "access_rule_time_zones", "access_rule_id", "access_rule_id", tied)
    rules = _column(store, "access_rules", "id", "id", zoned, type=RELEASE)
    portals = _column(store, "portal_access_rules", "portal_id", "access_rule_id", rules)
    areas = _column(store, "area_access_rules", "area_id", "access_rule_id", rules)
    entered = _column(store, "portals", "id", "area_to_id", areas)
    return sorted({*portals, *entered})


def _name(user_id: int) -> str:
    return f"minop:{user_id}"


def _only(store: Store, table: str, row: dict[str, object]) -> int:
    """The id of the row with the name of `row`, which is added or changed to `row`."""
    model, column = store.model(table), store.models.column
    of_name = model.select(column(table, "id")).where(column(table, "name") == row["name"])
    found = of_name.order_by(column(table, "id")).scalar()
    if found is None:
        return store.insert(table, [row])[0]
    store.modify(table, row, {table: {"id": found}})
    return int(found)


def _column(
    store: Store, table: str, requested: str, by: str, keys: list[int], **equal: int
) -> list[int]:
    """Values of `requested` in rows whose `by` is among `keys` and whose fields match `equal`."""
    column = store.models.column
    query = store.model(table).select(column(table, requested)).distinct()
    query = query.where(column(table, by).in_(members(keys)))
    for name, value in equal.items():
        query = query.where(column(table, name) == value)
    found: Any = query.tuples()
    return [int(value) for (value,) in found]
