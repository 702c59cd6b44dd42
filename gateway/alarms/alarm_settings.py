"""Reads the settings of alarms from configuration, rows and site file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from gateway.alarms.causes import DURESS_CAUSES, AlarmCause
from gateway.alarms.door_alarms import DoorAlarmSettings
from gateway.alarms.zones import ZoneSettings
from gateway.errors import WordedText, worded
from gateway.settings import Level, SiteFile
from gateway.settings.configuration import Configuration, is_on

_PANIC_KEYS = {
    AlarmCause.PANIC_FINGER: "panic_finger_enabled",
    AlarmCause.PANIC_CARD: "panic_card_enabled",
    AlarmCause.PANIC_PIN: "panic_pin_enabled",
    AlarmCause.PANIC_PASSWORD: "panic_password_enabled",
}


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """Settings of siren and bell; both are off by default. Times are milliseconds."""

    siren_enabled: bool = False
    siren_ms: int = 0
    bell_enabled: bool = False
    bell_ms: int = 0


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """Settings of all alarms but those of inputs; by default only doors raise any."""

    doors: DoorAlarmSettings = field(default_factory=DoorAlarmSettings)
    tamper_enabled: bool = False
    duress_causes: frozenset[AlarmCause] = frozenset()
    """The kinds of duress that raise an alarm."""
    duress_delay_ms: int = 0
    sounds: SoundSettings = field(default_factory=SoundSettings)


class ZoneColumns(Protocol):
    """A row of `alarm_zones`, as far as it says how its input is configured."""

    @property
    def zone(self) -> int: ...

    @property
    def enabled(self) -> int: ...

    @property
    def active_level(self) -> int: ...

    @property
    def alarm_delay(self) -> int: ...


@dataclass(frozen=True, slots=True)
class AlarmInputs:
    """Settings of the inputs that raise alarms."""

    zones: Mapping[int, ZoneSettings]
    """By number."""
    case_tamper: ZoneSettings
    reader_tampers: Mapping[int, ZoneSettings]
    """By the reader's index."""


class ZoneOfSet(NamedTuple):
    """A row of `zone_set_zones`."""

    zone_set_id: int
    alarm_zone_id: int


def zone_of_set_problems(site: SiteFile, row: ZoneOfSet) -> Iterator[tuple[str, WordedText]]:
    """What is wrong with a row at this site: pairs of the field and the words."""
    there = [zone.number for zone in site.zone]
    if row.alarm_zone_id not in there:
        allowed = ", ".join(map(str, there)) or worded("none")
        yield (
            "alarm_zone_id",
            worded(
                "the site has no zone %(zone)s (it has: %(there)s)",
                zone=row.alarm_zone_id,
                there=allowed,
            ),
        )


def alarm_settings(configuration: Configuration, site: SiteFile) -> AlarmSettings:
    """The settings of all alarms of `site` but those of inputs."""

    def on(key: str) -> bool:
        return is_on(configuration, "alarm", key)

    def seconds(key: str) -> int:
        return int(configuration["alarm", key])

    return AlarmSettings(
        doors=DoorAlarmSettings(
            held_open_enabled=on("door_sensor_enabled"),
            held_open_delay_ms=seconds("door_sensor_delay") * 1000,
            after_closure_ms=seconds("door_sensor_alarm_timeout_after_closure") * 1000,
        ),
        tamper_enabled=on("device_violation_enabled"),
        duress_causes=frozenset(cause for cause in DURESS_CAUSES if on(_PANIC_KEYS[cause])),
        duress_delay_ms=seconds("panic_finger_delay") * 1000,
        sounds=SoundSettings(
            siren_enabled=on("siren_enabled"),
            siren_ms=site.siren.time_s * 1000 if site.siren else 0,
            bell_enabled=is_on(configuration, "general", "bell_enabled"),
            bell_ms=seconds("timed_alarm_timeout") * 1000,
        ),
    )


def alarm_inputs(
    configuration: Configuration, site: SiteFile, rows: Mapping[int, ZoneColumns]
) -> AlarmInputs:
    """The inputs of `site`. `rows` are those of `alarm_zones`; a zone without one is off."""
    delays_ms = {zone.number: zone.entry_delay_s * 1000 for zone in site.zone}
    zones = {
        number: ZoneSettings(AlarmCause(number), enabled=False, active_high=True)
        for number in delays_ms
    } | {
        number: ZoneSettings.of_row(
            row.zone,
            row.enabled,
            row.active_level,
            row.alarm_delay,
            entry_delay_ms=delays_ms.get(number, 0),
        )
        for number, row in rows.items()
    }

    watched = is_on(configuration, "alarm", "device_violation_enabled")

    def tamper(active_high: bool | None) -> ZoneSettings:  # noqa: FBT001 - a level
        return ZoneSettings(
            AlarmCause.TAMPER,
            enabled=watched and active_high is not None,
            active_high=bool(active_high),
        )

    case_high = None if site.tamper is None else site.tamper.idle is Level.LOW
    readers = {reader.index: tamper(reader.tamper_high) for reader in site.reader}
    return AlarmInputs(zones, tamper(case_high), readers)
