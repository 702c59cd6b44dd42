"""What the controller keeps in memory: the compiled rules and the settings of one instant."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

import peewee

from gateway.access.policy import Policy, compile_policy
from gateway.access.rows import (
    ActionRow,
    FirstCardRow,
    HolidayRow,
    LinkRow,
    PolicyRows,
    PortalRow,
    PortalRuleGroupRow,
    PortalRuleRow,
    RuleRow,
    ScheduledUnlockRow,
    TimeSpanRow,
    TimeZoneRow,
)
from gateway.access.schedule import Condition, compile_zone, restricting
from gateway.access.slices import drain, sliced
from gateway.alarms.sounders import TimedAlarm
from gateway.doors.door_settings import SecBoxRow
from gateway.errors import UNUSABLE, GatewayError, UnusableRules, kind_of
from gateway.objects.configuration import DOOR_MAX
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.factory import portal_of_readers
from gateway.objects.models import Models
from gateway.objects.modes import mode_key
from gateway.objects.schedules import WEEKDAYS
from gateway.settings.configuration import Configuration
from gateway.store.files.database import STORE_UNREADABLE, one_instant, sqlite_errors
from gateway.store.objects.configuration import read_configuration, refused_keys
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.objects.schema import PolicyVersion

Row = TypeVar("Row")

Prove = Callable[[sqlite3.Connection, int], Iterator[None]]
"""Raises, step by step, unless the file holds all the rules of a version."""

_MODE_KEYS = frozenset(mode_key(door) for door in range(DOOR_MAX + 1))


class ZoneRow(NamedTuple):
    """A row of `alarm_zones`."""

    zone: int
    enabled: int
    active_level: int
    alarm_delay: int


class WiegandModeRow(NamedTuple):
    """A row of `wiegand_modes`."""

    name: str
    size: int
    format: str
    parities: str
    parities_calculation_order: str
    inverted_facility: int
    inverted_card: int


class _Script(NamedTuple):
    id: int
    script: str


class _ScriptParameter(NamedTuple):
    id: int
    script_id: int
    type: int


class _PortalScriptParameter(NamedTuple):
    script_parameter_id: int
    script_instance_id: int
    sequence: int
    value: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rules and settings of one policy version; it replaces the one before as a whole."""

    version: int
    policy: Policy
    portal_of_reader: Mapping[int, int]
    """Reader index -> portal id."""
    configuration: Configuration
    zones: Mapping[int, ZoneRow]
    modes: Mapping[int, ModeRow]
    """By door, 0 for the device: what is known of the exception mode that the configuration names.
    Nothing for a mode that was set without a word."""
    zone_schedules: Mapping[int, Condition]
    """Alarm zone -> when it is armed; one without a schedule is not in it, and always is."""
    bells: tuple[TimedAlarm, ...]
    wiegand_modes: tuple[WiegandModeRow, ...] = ()
    """Card formats of the site's own."""
    rows: PolicyRows | None = None
    """What the policy was compiled from, where the reader was told to keep it."""
    sec_boxes: Mapping[int, SecBoxRow] = field(default_factory=dict)


class _Kept(Generic[Row]):
    """The rows of a table, which stay when they were read."""

    def __init__(self, source: Iterable[Row]) -> None:
        self._source = iter(source)
        self._read: list[Row] = []

    def __iter__(self) -> Iterator[Row]:
        for row in self._source:
            self._read.append(row)
            yield row

    def all(self) -> tuple[Row, ...]:
        return (*self._read, *self._source)


class SnapshotReader:
    """Reads snapshots on a connection of its own, so that a slow read holds up no decision."""

    def __init__(
        self,
        database: peewee.SqliteDatabase,
        models: Models,
        *,
        keep_rows: bool = False,
        prove: Prove | None = None,
    ) -> None:
        """`keep_rows` leaves in each snapshot what its policy was compiled from; `prove` is asked
        before each compilation, in its transaction."""
        self._prove = prove
        self._keep_rows = keep_rows
        self._connection: sqlite3.Connection = database.connection()
        self._models = models
        self._selections: dict[tuple[str, tuple[str, ...]], str] = {}

    def compile(self) -> Generator[None, None, Snapshot]:
        """Read and compile in one read transaction, in steps of well below a millisecond.

        Raises StorageError when the store cannot be read, UnusableRules when what is stored there
        cannot be compiled.
        """
        with sqlite_errors(STORE_UNREADABLE), one_instant(self._connection):
            version = int(self._run(PolicyVersion.select(PolicyVersion.version)).fetchone()[0])
            if self._prove is not None:
                yield from self._prove(self._connection, version)
            try:
                return (yield from self._compile(version))
            except UNUSABLE as error:
                if isinstance(error, GatewayError):
                    raise
                raise UnusableRules(version, kind_of(error)) from None

    def settings(self) -> Snapshot:
        """The settings alone, without any rule: what doors need so that people can leave.

        Raises StorageError.
        """
        with sqlite_errors(STORE_UNREADABLE):
            configuration = read_configuration(self._run)
            boxes = self._sec_boxes()
        return replace(without_rules(), configuration=configuration, sec_boxes=boxes)

    def _sec_boxes(self) -> dict[int, SecBoxRow]:
        rows = self._rows("sec_boxs", SecBoxRow._make, SecBoxRow._fields)
        return {row.id: row for row in rows}

    def _compile(self, version: int) -> Generator[None, None, Snapshot]:
        for key in refused_keys(self._run):
            if key.key in _MODE_KEYS:
                # Its default would end an emergency.
                raise UnusableRules(version, f"{key.module}.{key.key} holds no mode that is known")
        configuration = read_configuration(self._run)
        yield
        readers = portal_of_readers(
            self._rows("scripts", _Script._make, _Script._fields),
            self._rows("script_parameters", _ScriptParameter._make, _ScriptParameter._fields),
            self._rows(
                "portal_script_parameters",
                _PortalScriptParameter._make,
                _PortalScriptParameter._fields,
            ),
        )
        zones = {row.zone: row for row in self._rows("alarm_zones", ZoneRow._make, ZoneRow._fields)}
        boxes = self._sec_boxes()
        yield
        schedules = yield from _alarm_schedules(
            self._links("alarm_zone_time_zones", "alarm_zone_id", "time_zone_id"),
            self._rows("time_spans", TimeSpanRow._make, TimeSpanRow._fields),
        )
        timed = self._select("timed_alarms", ("start", *WEEKDAYS))
        bells = tuple(TimedAlarm(row[0], tuple(map(bool, row[1:]))) for row in timed)
        yield
        formats = self._rows("wiegand_modes", WiegandModeRow._make, WiegandModeRow._fields)
        wiegand_modes = tuple(formats)
        modes = {
            row.door_id: row
            for row in self._rows("exception_modes", ModeRow._make, ModeRow._fields)
            if configuration["general", mode_key(row.door_id)] == row.mode
        }
        rows = self._policy_rows(version)
        if self._keep_rows:
            names = [field.name for field in fields(rows) if field.name != "version"]
            kept = {name: _Kept(getattr(rows, name)) for name in names}
            policy = yield from compile_policy(PolicyRows(version, **kept))
            rows = PolicyRows(version, **{name: table.all() for name, table in kept.items()})
        else:
            policy = yield from compile_policy(rows)
        return Snapshot(
            version=version,
            policy=policy,
            portal_of_reader=readers,
            configuration=configuration,
            zones=zones,
            modes=modes,
            zone_schedules=schedules,
            bells=bells,
            wiegand_modes=wiegand_modes,
            rows=rows if self._keep_rows else None,
            sec_boxes=boxes,
        )

    def _policy_rows(self, version: int) -> PolicyRows:
        return PolicyRows(
            version=version,
            portals=self._rows("portals", PortalRow._make, PortalRow._fields),
            access_rules=self._rows("access_rules", RuleRow._make, RuleRow._fields),
            portal_access_rules=self._links("portal_access_rules", "portal_id", "access_rule_id"),
            area_access_rules=self._links("area_access_rules", "area_id", "access_rule_id"),
            group_access_rules=self._links("group_access_rules", "group_id", "access_rule_id"),
            access_rule_time_zones=self._links(
                "access_rule_time_zones", "access_rule_id", "time_zone_id"
            ),
            access_rule_validations=self._links(
                "access_rule_validations", "access_rule_id", "validation_id"
            ),
            user_identification_rules=self._links(
                "user_identification_rules", "user_id", "identification_rule_id"
            ),
            group_identification_rules=self._links(
                "group_identification_rules", "group_id", "identification_rule_id"
            ),
            portal_actions=self._links("portal_actions", "portal_id", "action_id"),
            access_rule_actions=self._links("access_rule_actions", "access_rule_id", "action_id"),
            time_zones=self._rows("time_zones", TimeZoneRow._make, TimeZoneRow._fields),
            time_spans=self._rows("time_spans", TimeSpanRow._make, TimeSpanRow._fields),
            holidays=self._rows("holidays", HolidayRow._make, HolidayRow._fields),
            actions=self._rows("actions", ActionRow._make, ActionRow._fields),
            portal_rules=self._rows("portal_rules", PortalRuleRow._make, PortalRuleRow._fields),
            portal_portal_rules=self._links("portal_portal_rules", "portal_id", "portal_rule_id"),
            portal_rule_groups=self._rows(
                "portal_rule_groups", PortalRuleGroupRow._make, PortalRuleGroupRow._fields
            ),
            portal_rule_time_zones=self._links(
                "portal_rule_time_zones", "portal_rule_id", "time_zone_id"
            ),
            portal_rule_actions=self._links("portal_rule_actions", "portal_rule_id", "action_id"),
            portal_rule_users=self._links("portal_rule_users", "portal_rule_id", "user_id"),
            portal_rule_validations=self._links(
                "portal_rule_validations", "portal_rule_id", "validation_id"
            ),
            scheduled_unlocks=self._rows(
                "scheduled_unlocks", ScheduledUnlockRow._make, ScheduledUnlockRow._fields
            ),
            scheduled_unlock_access_rules=self._links(
                "scheduled_unlock_access_rules", "scheduled_unlock_id", "access_rule_id"
            ),
            first_card_unlocks=self._rows(
                "first_card_unlocks", FirstCardRow._make, FirstCardRow._fields
            ),
            first_card_unlock_groups=self._links(
                "first_card_unlock_groups", "first_card_unlock_id", "group_id"
            ),
            contingency_rules=(
                row[0] for row in self._select("contingency_card_access_rules", ("access_rule_id",))
            ),
            passback_areas=self._links("antipassback_areas", "area_id", "mode"),
        )

    def _links(self, table: str, left: str, right: str) -> Iterator[LinkRow]:
        return map(LinkRow._make, self._select(table, (left, right)))

    def _rows(
        self, table: str, make: Callable[[Iterable[Any]], Row], columns: tuple[str, ...]
    ) -> Iterator[Row]:
        return map(make, self._select(table, columns))

    def _select(self, table: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        """In the order in which the rows were made, which is that of their actions."""
        text = self._selections.get((table, columns))
        if text is None:
            # Composed once, at the first compilation: it takes longer than reading the rows.
            fields = (self._models.column(table, name) for name in columns)
            query = self._models[table].select(*fields).order_by(self._models.key(table))
            text, _no_values = query.sql()
            self._selections[table, columns] = text
        return self._connection.execute(text)

    def _run(self, query: peewee.Query) -> sqlite3.Cursor:
        text, parameters = query.sql()
        return self._connection.execute(text, parameters)


def without_rules() -> Snapshot:
    """No rule, and the settings of which nothing is stored: what doors have before anything can be
    read, so that people can leave."""
    none = {each.name: () for each in fields(PolicyRows) if each.name != "version"}
    policy = drain(compile_policy(PolicyRows(0, **none)))
    defaults = {(key.module, key.key): key.default for key in CONFIGURATION}
    return Snapshot(0, policy, {}, defaults, {}, {}, {}, ())


def _alarm_schedules(
    links: Iterable[LinkRow], spans: Iterable[TimeSpanRow]
) -> Generator[None, None, Mapping[int, Condition]]:
    """By alarm zone, when it is armed; the time is in proportion to the number of rows.

    A time zone that is empty or cannot be read disarms nothing, as it lifts no block.
    """
    requested: dict[int, list[int]] = {}
    for part in sliced(links):
        for alarm_zone, time_zone in part:
            requested.setdefault(alarm_zone, []).append(time_zone)
        yield
    if not requested:
        return MappingProxyType({})
    its_spans: dict[int, list[TimeSpanRow]] = {
        zone: [] for ids in requested.values() for zone in ids
    }
    for rows in sliced(spans):
        for row in rows:
            if row.time_zone_id in its_spans:
                its_spans[row.time_zone_id].append(row)
        yield
    compiled = {}
    for id_, found in its_spans.items():
        compiled[id_] = yield from compile_zone(found)
    return MappingProxyType(
        {zone: restricting([compiled[id_] for id_ in ids]) for zone, ids in requested.items()}
    )
