"""Rows that name something of the site file: refused where the site does not have it.

Only a row that is new or changed is refused. One that the site file has left behind stays, `gateway
doctor` names it, and it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gateway.access.gestures import GestureRow, gesture_problems
from gateway.alarms.alarm_settings import ZoneOfSet, zone_of_set_problems
from gateway.doors.door_settings import (
    DoorRow,
    GroupDoorRow,
    OperatorReaderRow,
    SecBoxRow,
    door_row_problems,
    elevator_row_problems,
    group_door_problems,
    operator_reader_problems,
    operator_row_problems,
    sec_box_row_problems,
)
from gateway.doors.elevator import ElevatorFloorRow
from gateway.doors.operator import OperatorRow
from gateway.errors import InvalidRequest
from gateway.objects.fields import invalid_value
from gateway.settings import SiteFile
from gateway.store.objects.store import Store
from gateway.triggers.site_fit import trigger_problems
from gateway.triggers.values import TriggerRow
from gateway.triggers.words import MOST_TRIGGERS

Problems = Callable[[SiteFile, Any], Iterator[tuple[str, str]]]

CHECKS: Mapping[str, tuple[type[Any], Problems]] = {
    "door_settings": (DoorRow, door_row_problems),
    "door_group_doors": (GroupDoorRow, group_door_problems),
    "door_operators": (OperatorRow, operator_row_problems),
    "door_operator_readers": (OperatorReaderRow, operator_reader_problems),
    "elevator_floors": (ElevatorFloorRow, elevator_row_problems),
    "sec_boxs": (SecBoxRow, sec_box_row_problems),
    "triggers": (TriggerRow, trigger_problems),
    "zone_set_zones": (ZoneOfSet, zone_of_set_problems),
    "portal_gestures": (GestureRow, gesture_problems),
}
"""Object -> its rows, and what is wrong with one: pairs of the field and the words."""
MOST: Mapping[str, int] = {"triggers": MOST_TRIGGERS}
"""Object -> rows that a site may have."""


@contextmanager
def fits_site(site: SiteFile, store: Store, object_name: str) -> Iterator[None]:
    """Run a write of rows within a transaction. Raises InvalidRequest if a row cannot work here."""
    if object_name not in CHECKS:
        yield
        return
    before = set(site_problems(site, store, object_name))
    yield
    for field, why in site_problems(site, store, object_name):
        if (field, why) not in before:
            raise invalid_value(field, why)
    most = MOST.get(object_name)
    if most is not None and store.models[object_name].select().count() > most:
        raise InvalidRequest(f"{object_name}: a site has at most {most}")


def site_problems(site: SiteFile, store: Store, object_name: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the rows of an object at this site, within a transaction."""
    kind, problems = CHECKS[object_name]
    columns = [store.models.column(object_name, name) for name in kind._fields]
    # On the writing connection, which sees the rows of the transaction.
    rows: Any = store.models[object_name].select(*columns).tuples()
    for row in rows:
        yield from problems(site, kind(*row))
