"""The compiled rules with the names of their time zones, which explanations show."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.access.rows import TimeSpanRow
from gateway.access.slices import drain
from gateway.errors import StorageError
from gateway.explain.people_index import fetch
from gateway.explain.reports import named_zone
from gateway.explain.values import NamedZone
from gateway.objects.models import Models
from gateway.store.files.database import TrackedDatabase
from gateway.store.objects.schema import PolicyVersion
from gateway.store.policy.snapshot import Snapshot, SnapshotReader

_TRIES = 5


@dataclass(frozen=True, slots=True)
class NamedRules:
    """The rules of one policy version."""

    snapshot: Snapshot
    rule_zones: Mapping[int, tuple[NamedZone, ...]]
    """The time zones of each rule, including deleted ones."""


class RulesCache:
    """Compiles each policy version once. Thread-safe; the caller gives a readable database."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._newest: NamedRules | None = None

    def newest(self, database: TrackedDatabase, models: Models) -> NamedRules:
        """The rules as committed now. Raises StorageError."""
        with self._guard:
            for _ in range(_TRIES):
                version = _version(database)
                if self._newest is None or self._newest.snapshot.version != version:
                    snapshot = drain(SnapshotReader(database, models).compile())
                    self._newest = NamedRules(snapshot, _rule_zones(database, models))
                # Both were read after `version`, so they belong together while it is unchanged.
                if self._newest.snapshot.version == _version(database):
                    return self._newest
                self._newest = None
        raise StorageError("the rules change faster than they can be read")


def _version(database: TrackedDatabase) -> int:
    [[version]] = fetch(database.connection(), PolicyVersion.select(PolicyVersion.version))
    return int(version)


def _rule_zones(database: TrackedDatabase, models: Models) -> dict[int, tuple[NamedZone, ...]]:
    def rows(table: str, *columns: str) -> list[tuple[Any, ...]]:
        chosen = (models.column(table, name) for name in columns)
        return fetch(
            database.connection(), models[table].select(*chosen).order_by(models.key(table))
        )

    names: dict[int, str] = dict(rows("time_zones", "id", "name"))
    spans: dict[int, list[TimeSpanRow]] = {}
    for span in map(TimeSpanRow._make, rows("time_spans", *TimeSpanRow._fields)):
        spans.setdefault(span.time_zone_id, []).append(span)
    zones: dict[int, NamedZone] = {}
    found: dict[int, tuple[NamedZone, ...]] = {}
    for rule, zone in rows("access_rule_time_zones", "access_rule_id", "time_zone_id"):
        if zone not in zones:
            its_spans = spans.get(zone, []) if zone in names else []
            zones[zone] = named_zone(zone, names.get(zone), its_spans)
        found[rule] = (*found.get(rule, ()), zones[zone])
    return found
