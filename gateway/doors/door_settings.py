"""Reads the settings of doors, interlock and turnstile from configuration, rows and site file.

Door N of the site file is N in the API's `relayN_*`, `door_sensorN_*` and `buttonholeN_*`. A door
on a module has a row of `sec_boxs` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from gateway.doors.interlock import Partners, symmetric
from gateway.doors.turnstile_values import OperationMode, TurnstileSettings
from gateway.doors.values import DoorSettings
from gateway.settings import Door, RexMode, SecBox, Side, SiteFile
from gateway.settings.configuration import Configuration, is_on

NORMALLY_CLOSED_BUTTON, NO_BUTTON = 1, 2
"""`sec_boxs.rex_mode`; any other number is a button that closes its contact. The API has the column
and does not say what it means: these numbers are ours."""


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
    configuration: Configuration, site: SiteFile, rows: Mapping[int, SecBoxRow]
) -> dict[int, ConfiguredDoor]:
    """The doors of `site` by number; `rows` are those of `sec_boxs`."""
    return {door.id: _configured(configuration, door, rows) for door in site.doors()}


def _configured(
    configuration: Configuration, door: Door | SecBox, rows: Mapping[int, SecBoxRow]
) -> ConfiguredDoor:
    if isinstance(door, SecBox):
        row = rows.get(door.id, SecBoxRow(door.id))
        return ConfiguredDoor(
            _with_times(configuration, door, _sec_box(door, row)),
            sensor_idle_high=bool(row.door_sensor_idle),
            rex_idle_high=row.rex_mode != NORMALLY_CLOSED_BUTTON,
        )
    return ConfiguredDoor(
        _with_times(configuration, door, _board_door(configuration, door)),
        sensor_idle_high=is_on(configuration, "general", f"door_sensor{door.id}_idle"),
        rex_idle_high=is_on(configuration, "general", f"buttonhole{door.id}_idle"),
    )


def _with_times(
    configuration: Configuration, door: Door | SecBox, own: DoorSettings
) -> DoorSettings:
    """`own` with what the API configures for all doors at once."""
    return replace(
        own,
        held_open_enabled=is_on(configuration, "alarm", "door_sensor_enabled"),
        held_open_delay_ms=int(configuration["alarm", "door_sensor_delay"]) * 1000,
        pre_alarm_ms=door.pre_alarm_s * 1000,
        forced_open_enabled=is_on(configuration, "alarm", "forced_access_enabled"),
        forced_open_debounce_ms=int(configuration["alarm", "forced_access_debounce"]),
        output_limit_ms=door.output_limit_s * 1000,
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
        rex_mode=door.rex.mode if door.rex else RexMode.UNLOCK,
    )


def _sec_box(box: SecBox, row: SecBoxRow) -> DoorSettings:
    return DoorSettings(
        relay_enabled=bool(row.enabled),
        dwell_ms=max(1, row.relay_timeout),
        auto_close=bool(row.auto_close_enabled),
        sensor_enabled=box.sensor is not None and bool(row.door_sensor_enabled),
        rex_enabled=box.rex is not None and row.rex_mode != NO_BUTTON,
        rex_mode=box.rex.mode if box.rex else RexMode.UNLOCK,
    )


def interlock_partners(configuration: Configuration, site: SiteFile) -> Partners:
    """By door of `site`, the doors that must be free before it may open."""
    return symmetric(
        {
            door.id: [int(other) for other in listed.split(",")] if listed else []
            for door in site.door
            for listed in (configuration["general", f"door{door.id}_interlock"],)
        }
    )


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
