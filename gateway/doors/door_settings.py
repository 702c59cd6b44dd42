"""Reads the settings of doors, interlock and turnstile from configuration, rows and site file.

Door N of the site file is N in the API's `relayN_*`, `door_sensorN_*` and `buttonholeN_*`. A door
on a module has a row of `sec_boxs` instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from gateway.doors.elevator import ElevatorFloorRow, ElevatorSettings
from gateway.doors.interlock import Partners, symmetric
from gateway.doors.operator import OperatorRow, OperatorSettings
from gateway.doors.turnstile_values import OperationMode, TurnstileSettings
from gateway.doors.values import DoorSettings
from gateway.errors import WordedText, worded
from gateway.settings import Door, Egress, RexMode, SecBox, Side, SiteFile
from gateway.settings.configuration import Configuration, is_on
from gateway.settings.wires import SwitchState

NORMALLY_CLOSED_BUTTON, NO_BUTTON = 1, 2
"""`sec_boxs.rex_mode`; any other number is a button that closes its contact. The API has the column
and does not say what it means: these numbers are ours."""


REX_MODES: Mapping[int, RexMode] = MappingProxyType(
    {1: RexMode.UNLOCK, 2: RexMode.UNLOCK_WHILE_PRESSED, 3: RexMode.SHUNT}
)
"""`door_settings.rex_mode`; any other number leaves the site file's."""


class DoorRow(NamedTuple):
    """A row of `door_settings`, which has the times; -1 is that of all doors."""

    door_id: int
    held_open_s: int = -1
    pre_alarm_s: int = -1
    extended_dwell_ms: int = 0
    extended_held_open_s: int = 0
    forced_debounce_ms: int = -1
    rex_mode: int = 0
    relock_at_close: int = 0
    chime: int = 0


class GroupDoorRow(NamedTuple):
    """A row of `door_group_doors`."""

    door_group_id: int
    door_id: int


class OperatorReaderRow(NamedTuple):
    """A row of `door_operator_readers`."""

    door_id: int
    reader: int
    """The index of a reader."""


class SecBoxRow(NamedTuple):
    """A row of `sec_boxs`, with what `init` gives it."""

    id: int
    enabled: int = 1
    relay_timeout: int = 3_000
    """Milliseconds."""
    door_sensor_enabled: int = 1
    door_sensor_idle: int = 1
    """1: the contact is open while the door is closed; 0: it is closed."""
    auto_close_enabled: int = 1
    rex_mode: int = 0
    interlock: str = ""
    """Doors, as in `doorN_interlock`."""


@dataclass(frozen=True, slots=True)
class ConfiguredDoor:
    """The settings of one door's state machine and contacts.

    At a module an open contact counts as high.
    """

    settings: DoorSettings
    sensor_idle_high: bool
    """The level of the sensor's pin while the door is closed."""
    rex_idle_high: bool
    """The level of the exit button's pin while nobody presses it."""


def configured_doors(
    configuration: Configuration,
    site: SiteFile,
    rows: Mapping[int, SecBoxRow],
    own: Mapping[int, DoorRow] = MappingProxyType({}),
) -> dict[int, ConfiguredDoor]:
    """The doors of `site` by number; `rows` are those of `sec_boxs`, `own` of `door_settings`."""
    return {
        door.id: _configured(configuration, door, rows, own.get(door.id, DoorRow(door.id)))
        for door in site.doors()
    }


def _configured(
    configuration: Configuration,
    door: Door | SecBox,
    rows: Mapping[int, SecBoxRow],
    own: DoorRow,
) -> ConfiguredDoor:
    if isinstance(door, SecBox):
        row = rows.get(door.id, SecBoxRow(door.id))
        return ConfiguredDoor(
            _with_row(configuration, door, _sec_box(door, row), own),
            sensor_idle_high=bool(row.door_sensor_idle),
            rex_idle_high=row.rex_mode != NORMALLY_CLOSED_BUTTON,
        )
    return ConfiguredDoor(
        _with_row(configuration, door, _board_door(configuration, door), own),
        sensor_idle_high=is_on(configuration, "general", f"door_sensor{door.id}_idle"),
        rex_idle_high=is_on(configuration, "general", f"buttonhole{door.id}_idle"),
    )


def _with_row(
    configuration: Configuration, door: Door | SecBox, settings: DoorSettings, own: DoorRow
) -> DoorSettings:
    """`settings` with those of the door's own row, else with what all doors have."""

    def chosen(value: int, of_all: str | int) -> int:
        return value if value >= 0 else int(of_all)

    held_s = chosen(own.held_open_s, configuration["alarm", "door_sensor_delay"])
    debounce_ms = chosen(own.forced_debounce_ms, configuration["alarm", "forced_access_debounce"])
    return replace(
        settings,
        extended_dwell_ms=max(0, own.extended_dwell_ms),
        relock_at_close=bool(own.relock_at_close),
        rex_mode=rex_mode(door, own),
        held_open_enabled=is_on(configuration, "alarm", "door_sensor_enabled"),
        held_open_delay_ms=held_s * 1000,
        extended_held_open_delay_ms=max(0, own.extended_held_open_s) * 1000,
        pre_alarm_ms=chosen(own.pre_alarm_s, door.pre_alarm_s) * 1000,
        forced_open_enabled=is_on(configuration, "alarm", "forced_access_enabled"),
        forced_open_debounce_ms=debounce_ms,
        output_limit_ms=door.output_limit_s * 1000,
    )


def rex_mode(door: Door | SecBox, row: DoorRow) -> RexMode:
    """What the exit button does. Where nothing else opens the door from inside, it unlocks."""
    in_file = door.rex.mode if door.rex else RexMode.UNLOCK
    wanted = REX_MODES.get(row.rex_mode, in_file)
    locks_in = wanted is RexMode.SHUNT and door.egress is Egress.SOFTWARE
    return in_file if locks_in else wanted


def no_door(site: SiteFile, number: int) -> WordedText | None:
    """Why a row cannot name this door; None if it can."""
    known = [door.id for door in site.doors()]
    if number in known:
        return None
    return worded(
        "there is no door %(number)s; this site has: %(there)s",
        number=number,
        there=", ".join(map(str, known)) or worded("none"),
    )


def group_door_problems(site: SiteFile, row: GroupDoorRow) -> Iterator[tuple[str, WordedText]]:
    """What of a row of `door_group_doors` cannot work at `site`: the field, and why."""
    if why := no_door(site, row.door_id):
        yield "door_id", why


def operator_settings(
    site: SiteFile, rows: Mapping[int, OperatorRow], readers: Mapping[int, tuple[int, ...]]
) -> dict[int, OperatorSettings]:
    """By door with an operator and a row; `readers` are the indices of those that it is for."""
    names = {reader.index: reader.name for reader in site.reader}
    return {
        door.id: OperatorSettings(
            delay_ms=max(0, row.delay_ms),
            dwell_ms=max(1, row.dwell_ms),
            by_button=bool(row.by_button),
            extended_people=bool(row.extended_people),
            readers=frozenset(names[it] for it in readers.get(door.id, ()) if it in names),
        )
        for door in site.door
        if door.operator and (row := rows.get(door.id))
    }


def operator_row_problems(site: SiteFile, row: OperatorRow) -> Iterator[tuple[str, WordedText]]:
    """What of a row of `door_operators` cannot work at `site`: the field, and why."""
    if why := no_operator(site, row.door_id):
        yield "door_id", why


def operator_reader_problems(
    site: SiteFile, row: OperatorReaderRow
) -> Iterator[tuple[str, WordedText]]:
    """What of a row of `door_operator_readers` cannot work at `site`: the field, and why."""
    if why := no_operator(site, row.door_id):
        yield "door_id", why
    known = [reader.index for reader in site.reader]
    if row.reader not in known:
        there = ", ".join(map(str, known)) or worded("none")
        yield (
            "reader",
            worded(
                "there is no reader with the index %(index)s; this site has: %(there)s",
                index=row.reader,
                there=there,
            ),
        )


def no_operator(site: SiteFile, number: int) -> WordedText | None:
    """Why a door cannot have a row of an operator; None if it can."""
    fitted = any(door.id == number and door.operator for door in site.door)
    missing = worded("the site file has no operator of door %(number)s", number=number)
    return no_door(site, number) or (None if fitted else missing)


def elevator_settings(
    site: SiteFile, rows: Iterable[ElevatorFloorRow]
) -> dict[int, ElevatorSettings]:
    """By lift of `site`; `rows` of `elevator_floors`."""
    times: dict[int, dict[int, int]] = {}
    for row in rows:
        times.setdefault(row.elevator_id, {})[row.floor] = max(1, row.selection_ms)
    return {
        lift.id: ElevatorSettings(
            frozenset(floor.number for floor in lift.floor),
            lift.on_fire is SwitchState.ON,
            times.get(lift.id, {}),
        )
        for lift in site.elevator
    }


def elevator_row_problems(
    site: SiteFile, row: ElevatorFloorRow
) -> Iterator[tuple[str, WordedText]]:
    """What of a row of `elevator_floors` cannot work at `site`: the field, and why."""
    lift = next((it for it in site.elevator if it.id == row.elevator_id), None)
    if lift is None:
        known = ", ".join(str(it.id) for it in site.elevator) or worded("none")
        yield (
            "elevator_id",
            worded(
                "there is no elevator %(number)s; this site has: %(there)s",
                number=row.elevator_id,
                there=known,
            ),
        )
    elif row.floor not in {floor.number for floor in lift.floor}:
        wired = ", ".join(str(floor.number) for floor in lift.floor)
        yield (
            "floor",
            worded(
                "%(lift)s has no relay for floor %(floor)s; it has: %(there)s",
                lift=lift.shown,
                floor=row.floor,
                there=wired,
            ),
        )


_NEED_SENSOR = (
    "held_open_s",
    "pre_alarm_s",
    "forced_debounce_ms",
    "extended_held_open_s",
    "relock_at_close",
)


def door_row_problems(site: SiteFile, row: DoorRow) -> Iterator[tuple[str, WordedText]]:
    """What of a row of `door_settings` cannot work at `site`: the field, and why."""
    door = next((it for it in site.doors() if it.id == row.door_id), None)
    if door is None:
        if why := no_door(site, row.door_id):
            yield "door_id", why
        return
    what = worded("door %(number)s (%(name)s)", number=door.id, name=door.shown)
    if row.rex_mode and door.rex is None:
        yield "rex_mode", worded("%(door)s has no exit button", door=what)
    elif row.rex_mode and rex_mode(door, row) is not REX_MODES.get(row.rex_mode):
        yield (
            "rex_mode",
            worded(
                "shunt drives nothing, and nothing but its lock opens %(door)s from inside",
                door=what,
            ),
        )
    if door.sensor is None:
        for field in _NEED_SENSOR:
            if getattr(row, field) > 0:
                yield field, worded("%(door)s has no door sensor", door=what)
    limit_ms = door.output_limit_s * 1000
    if row.extended_dwell_ms > limit_ms:
        yield (
            "extended_dwell_ms",
            worded(
                "one opening of %(door)s unlocks for at most %(limit)s ms",
                door=what,
                limit=limit_ms,
            ),
        )


def _board_door(configuration: Configuration, door: Door) -> DoorSettings:
    def on(key: str) -> bool:
        return is_on(configuration, "general", key)

    return DoorSettings(
        relay_enabled=on(f"relay{door.id}_enabled"),
        dwell_ms=max(1, int(configuration["general", f"relay{door.id}_timeout"])),
        auto_close=on(f"relay{door.id}_auto_close"),
        sensor_enabled=door.sensor is not None and on(f"door_sensor{door.id}_enabled"),
        rex_enabled=door.rex is not None and on(f"buttonhole{door.id}_enabled"),
    )


def _sec_box(box: SecBox, row: SecBoxRow) -> DoorSettings:
    return DoorSettings(
        relay_enabled=bool(row.enabled),
        dwell_ms=max(1, row.relay_timeout),
        auto_close=bool(row.auto_close_enabled),
        sensor_enabled=box.sensor is not None and bool(row.door_sensor_enabled),
        rex_enabled=box.rex is not None and row.rex_mode != NO_BUTTON,
    )


def interlock_partners(
    configuration: Configuration,
    site: SiteFile,
    rows: Mapping[int, SecBoxRow] = MappingProxyType({}),
) -> Partners:
    """By door of `site`, the doors that must be free before it may open; `rows` of `sec_boxs`."""
    listed = {door.id: configuration["general", f"door{door.id}_interlock"] for door in site.door}
    listed |= {box.id: rows.get(box.id, SecBoxRow(box.id)).interlock for box in site.sec_box}
    return symmetric(
        {door: [int(it) for it in doors.split(",") if it] for door, doors in listed.items()}
    )


def sec_box_row_problems(site: SiteFile, row: SecBoxRow) -> Iterator[tuple[str, WordedText]]:
    """What of a row of `sec_boxs` cannot work at `site`: the field, and why."""
    known = {door.id for door in site.doors()}
    for door in (int(it) for it in row.interlock.split(",") if it):
        if door == row.id:
            yield "interlock", worded("door %(number)s cannot wait for itself", number=door)
        elif door not in known:
            yield "interlock", worded("this device has no door %(number)s", number=door)


@dataclass(frozen=True, slots=True)
class NetworkInterlock:
    """The interlock with the doors of other devices (Access API, network interlocking)."""

    enabled: bool = False
    api_bypass: bool = False
    """Openings by clients do not ask the other devices."""
    rex_bypass: bool = False
    """Nor does the exit button of a door that nothing but its relay opens from inside."""


def network_interlock(configuration: Configuration) -> NetworkInterlock:
    """What `set_network_interlock` has stored."""
    return NetworkInterlock(
        *(
            is_on(configuration, "network_interlock", key)
            for key in ("interlock_enabled", "api_bypass_enabled", "rex_bypass_enabled")
        )
    )


def turnstile_settings(configuration: Configuration) -> TurnstileSettings:
    """The settings of the turnstile's state machine."""
    return TurnstileSettings(
        timeout_ms=int(configuration["general", "catra_timeout"]),
        entrance=Side(configuration["catra", "gateway"]),
        operation=OperationMode(configuration["catra", "operation_mode"]),
    )
