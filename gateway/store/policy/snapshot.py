"""What the controller keeps in memory: the compiled rules and the settings of one instant."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

import peewee

from gateway.access.gestures import GestureRow
from gateway.access.policy import Policy, compile_policy
from gateway.access.rows import (
    ActionRow,
    EscortRuleRow,
    FactorModeRow,
    FirstCardRow,
    HolidayRow,
    LinkRow,
    OccupancyLimitsRow,
    PolicyRows,
    PortalRow,
    PortalRuleGroupRow,
    PortalRuleRow,
    RuleRow,
    ScheduledUnlockRow,
    ThreatLevelRow,
    TimeSpanRow,
    TimeZoneRow,
    ValidationRow,
)
from gateway.access.schedule import Condition, compile_zone, restricting
from gateway.access.slices import drain, sliced
from gateway.access.steps import Steps, Work
from gateway.alarms.sounders import TimedAlarm
from gateway.doors.door_settings import DoorRow, SecBoxRow
from gateway.doors.elevator import ElevatorFloorRow
from gateway.doors.operator import OperatorRow
from gateway.errors import UNUSABLE, GatewayError, StorageError, UnusableRules, kind_of
from gateway.objects.configuration import DOOR_MAX
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.factory import portal_of_readers
from gateway.objects.models import Models
from gateway.objects.modes import MODE_WORDS, has_mode_key, mode_key
from gateway.objects.schedules import WEEKDAYS
from gateway.settings.configuration import Configuration
from gateway.store.files.database import STORE_UNREADABLE, one_instant, sqlite_errors
from gateway.store.objects.configuration import read_configuration, refused_keys
from gateway.store.objects.mode_rows import ModeRow
from gateway.store.objects.schema import PolicyVersion
from gateway.triggers.compiling import compile_triggers
from gateway.triggers.values import Trigger, TriggerRow

Row = TypeVar("Row")

Made = Callable[[tuple[Any, ...]], Row]
"""Makes a row of its columns."""

_MODE_KEYS = frozenset(mode_key(door) for door in range(DOOR_MAX + 1))
_ROWS: Mapping[str, type[Any]] = {
    "portals": PortalRow,
    "access_rules": RuleRow,
    "time_zones": TimeZoneRow,
    "time_spans": TimeSpanRow,
    "holidays": HolidayRow,
    "actions": ActionRow,
    "portal_rules": PortalRuleRow,
    "portal_rule_groups": PortalRuleGroupRow,
    "scheduled_unlocks": ScheduledUnlockRow,
    "first_card_unlocks": FirstCardRow,
    "portal_factor_modes": FactorModeRow,
    "occupancy_limits": OccupancyLimitsRow,
    "escort_rules": EscortRuleRow,
    "validations": ValidationRow,
    "threat_levels": ThreatLevelRow,
}
"""Table -> its rows, for PolicyRows."""
_LINKS: Mapping[str, tuple[str, str]] = {
    "portal_access_rules": ("portal_id", "access_rule_id"),
    "area_access_rules": ("area_id", "access_rule_id"),
    "group_access_rules": ("group_id", "access_rule_id"),
    "access_rule_time_zones": ("access_rule_id", "time_zone_id"),
    "access_rule_validations": ("access_rule_id", "validation_id"),
    "user_identification_rules": ("user_id", "identification_rule_id"),
    "group_identification_rules": ("group_id", "identification_rule_id"),
    "portal_actions": ("portal_id", "action_id"),
    "access_rule_actions": ("access_rule_id", "action_id"),
    "portal_portal_rules": ("portal_id", "portal_rule_id"),
    "portal_rule_time_zones": ("portal_rule_id", "time_zone_id"),
    "portal_rule_actions": ("portal_rule_id", "action_id"),
    "portal_rule_users": ("portal_rule_id", "user_id"),
    "portal_rule_validations": ("portal_rule_id", "validation_id"),
    "scheduled_unlock_access_rules": ("scheduled_unlock_id", "access_rule_id"),
    "first_card_unlock_groups": ("first_card_unlock_id", "group_id"),
    "threat_level_groups": ("threat_level_id", "group_id"),
}
"""Table -> its columns, likewise."""


class ZoneRow(NamedTuple):
    """A row of `alarm_zones`."""

    zone: int
    enabled: int
    active_level: int
    alarm_delay: int
    chime: int = 0


class ZoneSetRow(NamedTuple):
    """A row of `zone_sets`."""

    id: int
    name: str
    open_zones: int


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
    """What the policy was compiled from; None without any."""
    sec_boxes: Mapping[int, SecBoxRow] = field(default_factory=dict)
    door_rows: Mapping[int, DoorRow] = field(default_factory=dict)
    """By door: `door_settings`."""
    door_groups: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Group -> its doors, in order."""
    triggers: tuple[Trigger, ...] = ()
    operators: Mapping[int, OperatorRow] = field(default_factory=dict)
    """By door: `door_operators`."""
    operator_readers: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Door -> the indices of the readers that its operator is for."""
    zone_sets: Mapping[int, ZoneSetRow] = field(default_factory=dict)
    """By id."""
    zones_of_sets: tuple[tuple[int, int], ...] = ()
    """Zone set and zone: `zone_set_zones`."""
    gestures: tuple[GestureRow, ...] = ()
    """`portal_gestures`."""
    gesture_groups: tuple[tuple[int, int], ...] = ()
    """Gesture and group."""
    gesture_users: tuple[tuple[int, int], ...] = ()
    """Gesture and person."""
    floors: tuple[ElevatorFloorRow, ...] = ()
    """Of all lifts."""


class Tables(Protocol):
    """Where the rows of tables come from, within the caller's read transaction."""

    def begin(self, version: int) -> Work[None]:
        """See which tables changed. Raises UnusableRules, StorageError."""
        ...

    def begin_settings(self) -> Work[None]:
        """As `begin`, when no rules are read. Raises StorageError."""
        ...

    def mark(self, table: str) -> object:
        """The same object as before the latest `begin` if the table did not change since."""
        ...

    def rows(self, table: str, columns: tuple[str, ...], made: Made[Row]) -> Work[tuple[Row, ...]]:
        """The rows in the order in which they were made; the same object while they are equal.
        Raises StorageError, sqlite3.Error."""
        ...


class StoreTables:
    """The tables of a store, each read whenever it is asked for."""

    def __init__(self, connection: sqlite3.Connection, models: Models) -> None:
        self._connection = connection
        self._models = models
        self._selections: dict[tuple[str, tuple[str, ...]], str] = {}

    def begin(self, version: int) -> Work[None]:  # noqa: ARG002 - as Tables has it
        yield from ()

    def begin_settings(self) -> Work[None]:
        yield from ()

    def mark(self, table: str) -> object:  # noqa: ARG002 - as Tables has it
        return object()

    def rows(self, table: str, columns: tuple[str, ...], made: Made[Row]) -> Work[tuple[Row, ...]]:
        text = self._selections.get((table, columns))
        if text is None:
            # Composed once, at the first compilation: it takes longer than reading the rows.
            fields = (self._models.column(table, name) for name in columns)
            query = self._models[table].select(*fields).order_by(self._models.key(table))
            text, _no_values = query.sql()
            self._selections[table, columns] = text
        found: list[Row] = []
        for part in sliced(self._connection.execute(text)):
            found += map(made, part)
            yield
        return tuple(found)


class SnapshotReader:
    """Reads snapshots on a connection of its own, so that a slow read holds up no decision."""

    def __init__(
        self, database: peewee.SqliteDatabase, models: Models, tables: Tables | None = None
    ) -> None:
        """`tables` reads on the connection of `database`."""
        self._connection: sqlite3.Connection = database.connection()
        self._tables = tables or StoreTables(self._connection, models)
        self._steps = Steps()
        """What was compiled last."""

    def compile(self) -> Work[Snapshot]:
        """Read and compile what changed since the last time, in one read transaction and in steps
        of well below a millisecond.

        Raises StorageError when the store cannot be read, UnusableRules when what is stored there
        cannot be compiled.
        """
        with sqlite_errors(STORE_UNREADABLE), one_instant(self._connection):
            version = int(self._run(PolicyVersion.select(PolicyVersion.version)).fetchone()[0])
            yield from self._tables.begin(version)
            try:
                return (yield from self._compile(version))
            except UNUSABLE as error:
                if isinstance(error, GatewayError):
                    raise
                raise UnusableRules(version, kind_of(error)) from None

    def settings(self, last_modes: Configuration = MappingProxyType({})) -> Snapshot:
        """The settings alone, without any rule: what doors need so that people can leave.

        The default of a mode that cannot be read would end an emergency: the modes of `last_modes`
        count then. Raises StorageError.
        """
        with sqlite_errors(STORE_UNREADABLE):
            drain(self._tables.begin_settings())
            configuration = dict(read_configuration(self._run))
            if any(key.key in _MODE_KEYS for key in refused_keys(self._run)):
                modes_kept = (key for key in last_modes if key[1] in _MODE_KEYS)
                configuration |= {key: last_modes[key] for key in modes_kept}
            boxes = drain(self._rows("sec_boxs", SecBoxRow))
            doors: tuple[DoorRow, ...] = ()
            with suppress(StorageError):  # a door whose row cannot be read has what all doors have
                doors = drain(self._rows("door_settings", DoorRow))
            modes: tuple[ModeRow, ...] = ()
            with suppress(StorageError):  # a mode whose end cannot be read has none
                modes = drain(self._rows("exception_modes", ModeRow))
        return replace(
            without_rules(),
            configuration=configuration,
            sec_boxes={row.id: row for row in boxes},
            door_rows={row.door_id: row for row in doors},
            modes=_known_modes(configuration, modes),
        )

    def _compile(self, version: int) -> Work[Snapshot]:
        configuration = yield from self._steps.run(
            "configuration",
            partial(self._configuration, version),
            self._tables.mark("configuration"),
        )
        readers = portal_of_readers(
            (yield from self._rows("scripts", _Script)),
            (yield from self._rows("script_parameters", _ScriptParameter)),
            (yield from self._rows("portal_script_parameters", _PortalScriptParameter)),
        )
        zones = yield from self._rows("alarm_zones", ZoneRow)
        boxes = yield from self._rows("sec_boxs", SecBoxRow)
        doors = yield from self._rows("door_settings", DoorRow)
        groups = yield from self._links("door_group_doors", "door_group_id", "door_id")
        operators = yield from self._rows("door_operators", OperatorRow)
        floors = yield from self._rows("elevator_floors", ElevatorFloorRow)
        its_readers = yield from self._links("door_operator_readers", "door_id", "reader")
        bells = yield from self._tables.rows("timed_alarms", ("start", *WEEKDAYS), _bell)
        formats = yield from self._rows("wiegand_modes", WiegandModeRow)
        zone_sets = yield from self._rows("zone_sets", ZoneSetRow)
        zone_links = yield from self._links("zone_set_zones", "zone_set_id", "alarm_zone_id")
        gestures = yield from self._rows("portal_gestures", GestureRow)
        of_groups = yield from self._links("portal_gesture_groups", "portal_gesture_id", "group_id")
        of_users = yield from self._links("portal_gesture_users", "portal_gesture_id", "user_id")
        modes = yield from self._rows("exception_modes", ModeRow)
        if any(row.mode not in MODE_WORDS for row in modes):
            # What stands for nothing would end an emergency.
            raise UnusableRules(version, "exception_modes holds no mode that is known")
        rows = yield from self._policy_rows(version)
        schedules = yield from self._steps.run(
            "alarm schedules",
            _alarm_schedules,
            (yield from self._links("alarm_zone_time_zones", "alarm_zone_id", "time_zone_id")),
            rows.time_spans,
        )
        triggers = yield from self._steps.run(
            "triggers",
            compile_triggers,
            (yield from self._rows("triggers", TriggerRow)),
            rows.time_spans,
        )
        policy = yield from compile_policy(rows, self._steps)
        return Snapshot(
            version=version,
            policy=policy,
            portal_of_reader=readers,
            configuration=configuration,
            zones={row.zone: row for row in zones},
            modes=_known_modes(configuration, modes),
            zone_schedules=schedules,
            bells=bells,
            wiegand_modes=formats,
            rows=rows,
            sec_boxes={row.id: row for row in boxes},
            door_rows={row.door_id: row for row in doors},
            door_groups=_grouped(groups),
            triggers=triggers,
            operators={row.door_id: row for row in operators},
            operator_readers=_grouped(its_readers),
            zone_sets={row.id: row for row in zone_sets},
            zones_of_sets=tuple((link.left, link.right) for link in zone_links),
            gestures=gestures,
            gesture_groups=tuple((link.left, link.right) for link in of_groups),
            gesture_users=tuple((link.left, link.right) for link in of_users),
            floors=floors,
        )

    def _configuration(self, version: int, _mark: object) -> Work[Configuration]:
        for key in refused_keys(self._run):
            if key.key in _MODE_KEYS:
                # Its default would end an emergency.
                raise UnusableRules(version, f"{key.module}.{key.key} holds no mode that is known")
        yield
        return read_configuration(self._run)

    def _policy_rows(self, version: int) -> Work[PolicyRows]:
        found: dict[str, Any] = {}
        for table, kind in _ROWS.items():
            found[table] = yield from self._rows(table, kind)
        for table, (left, right) in _LINKS.items():
            found[table] = yield from self._links(table, left, right)
        return PolicyRows(
            version=version,
            contingency_rules=(
                yield from self._tables.rows(
                    "contingency_card_access_rules", ("access_rule_id",), itemgetter(0)
                )
            ),
            outside_areas=(
                yield from self._tables.rows("outside_areas", ("area_id",), itemgetter(0))
            ),
            passback_areas=(yield from self._links("antipassback_areas", "area_id", "mode")),
            **found,
        )

    def _links(self, table: str, left: str, right: str) -> Work[tuple[LinkRow, ...]]:
        return (yield from self._tables.rows(table, (left, right), LinkRow._make))

    def _rows(self, table: str, kind: Any) -> Work[tuple[Any, ...]]:
        """As rows of the named tuple `kind`."""
        return (yield from self._tables.rows(table, kind._fields, kind._make))

    def _run(self, query: peewee.Query) -> sqlite3.Cursor:
        text, parameters = query.sql()
        return self._connection.execute(text, parameters)


def _grouped(links: Iterable[LinkRow]) -> Mapping[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for group, door in sorted(links):
        found.setdefault(group, []).append(door)
    return {group: tuple(doors) for group, doors in found.items()}


def _bell(row: tuple[Any, ...]) -> TimedAlarm:
    return TimedAlarm(row[0], tuple(map(bool, row[1:])))


def _known_modes(configuration: Configuration, rows: Iterable[ModeRow]) -> Mapping[int, ModeRow]:
    """By door, the rows of the modes that `configuration` names, and those that are the mode."""
    return {
        row.door_id: row
        for row in rows
        if not has_mode_key(row.door_id)
        or configuration.get(("general", mode_key(row.door_id))) == row.mode
    }


def without_rules(known: Mapping[tuple[str, str], str] = MappingProxyType({})) -> Snapshot:
    """No rule, and the default of each setting that is not among the `known`: what doors have
    before anything can be read, so that people can leave."""
    none = {each.name: () for each in fields(PolicyRows) if each.name != "version"}
    policy = drain(compile_policy(PolicyRows(0, **none)))
    defaults = {(key.module, key.key): key.default for key in CONFIGURATION}
    return Snapshot(0, policy, {}, defaults | dict(known), {}, {}, {}, ())


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
