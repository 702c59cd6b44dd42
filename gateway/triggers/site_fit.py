"""What is wrong with a trigger: fields that do not go together, and what the site cannot do.

Commands refuse such a row, and `gateway doctor` names it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.alarms.causes import DOOR_CAUSES, DURESS_CAUSES, ZONE_CAUSES, AlarmCause
from gateway.settings import SiteFile
from gateway.triggers.values import TriggerRow
from gateway.triggers.words import (
    OF_DOORS,
    OF_MODES,
    OF_OUTPUTS,
    OF_ZONES,
    Occurrence,
    TriggerAction,
    TriggerTime,
)

Problem = tuple[str, str]
"""The field, and the words."""

_OF_TURNSTILE = frozenset((Occurrence.TURNED, Occurrence.TURN_FORCED, Occurrence.GAVE_UP))
_OF_FIRE = frozenset((Occurrence.FIRE, Occurrence.FIRE_CLEAR, Occurrence.FIRE_OVER))
_OF_ZONES = frozenset(
    (
        Occurrence.ARMED,
        Occurrence.DISARMED,
        Occurrence.ENTRY_DELAY,
        Occurrence.ENTRY_OVER,
    )
)
_OF_SENSOR = frozenset((Occurrence.PRE_ALARM, Occurrence.PRE_ALARM_OVER, Occurrence.NO_ENTRY))


def trigger_problems(site: SiteFile, row: TriggerRow) -> Iterator[Problem]:
    """Yield what is wrong with a row at this site."""
    yield from _times(row)
    yield from _fields(row)
    yield from _names(site, row)
    yield from _impossible_events(site, row)
    yield from _action(site, row)


def _times(row: TriggerRow) -> Iterator[Problem]:
    """What an event by time needs, and what it cannot have."""
    if row.event in (TriggerTime.ZONE_BEGINS, TriggerTime.ZONE_ENDS) and not row.time_zone_id:
        yield "time_zone_id", "the time zone is missing whose begin or end is meant"
    days = (row.sun, row.mon, row.tue, row.wed, row.thu, row.fri, row.sat)
    if row.event == TriggerTime.TIME_OF_DAY:
        if not any((*days, row.hol1, row.hol2, row.hol3)):
            yield "mon", "a time of day needs at least one day"
        if row.time_zone_id:
            yield "time_zone_id", "days and start say when a time of day comes"
    if row.event in tuple(TriggerTime):
        for name in ("door_id", "reader", "user_id", "group_id"):
            if getattr(row, name):
                yield name, "an event by time has none"
        if row.action in OF_DOORS and not row.target_door_id:
            yield "target_door_id", f"the door to {row.action} is missing"
    if row.cancel_event in tuple(TriggerTime):
        yield "cancel_event", "a time cancels nothing"


def _fields(row: TriggerRow) -> Iterator[Problem]:
    """Fields that do not go together."""
    if row.cause and row.event not in (Occurrence.ALARM, Occurrence.ALARM_OVER):
        yield "cause", f"only an alarm has one, not {row.event}"
    if row.cancel_event and not row.delay_ms:
        yield "delay_ms", "a delay is missing, during which cancel_event can come"
    if row.action not in OF_OUTPUTS and row.output:
        yield "output", f"{row.action} switches none"
    if row.action == TriggerAction.PULSE and not row.duration_ms:
        yield "duration_ms", "the length of the pulse is missing"
    if row.action == TriggerAction.MESSAGE and not row.message:
        yield "message", "the text is missing"
    if row.action not in OF_DOORS | OF_MODES and row.target_door_id:
        yield "target_door_id", f"{row.action} is done to no door"
    if row.action == TriggerAction.SIREN and row.cause in DURESS_CAUSES:
        yield "action", "an alarm under duress is silent"


def _names(site: SiteFile, row: TriggerRow) -> Iterator[Problem]:
    doors = [door.id for door in site.doors()]
    if row.door_id and row.door_id not in doors:
        yield "door_id", f"there is no door {row.door_id}; this site has: {_listed(doors)}"
    if row.target_door_id and row.target_door_id not in doors:
        yield (
            "target_door_id",
            f"there is no door {row.target_door_id}; this site has: {_listed(doors)}",
        )
    devices = [device.name for device in (*site.reader, *site.sec_box)]
    if row.reader and row.reader not in devices:
        yield (
            "reader",
            f"there is no reader {row.reader[:40]!r}; this site has: {_listed(devices)}",
        )


def _impossible_events(site: SiteFile, row: TriggerRow) -> Iterator[Problem]:
    """Events that no wire of the site can bring about."""
    doors = [door for door in site.doors() if row.door_id in (0, door.id)]
    where = f"door {row.door_id}" if row.door_id else "no door"
    has = "has no" if row.door_id else "has a"
    event = row.event
    if event == Occurrence.EXIT_BUTTON and not any(door.rex for door in doors):
        yield "event", f"it cannot happen: {where} {has} exit button"
    sensed = row.cause in DOOR_CAUSES or event in _OF_SENSOR
    if sensed and not any(door.sensor for door in doors):
        yield "event", f"it cannot happen: {where} {has} door sensor"
    if event in _OF_TURNSTILE and site.turnstile is None:
        yield "event", "it cannot happen: this site has no turnstile"
    if event in _OF_FIRE and site.fire is None:
        yield "event", "it cannot happen: this site has no fire input"
    if event in _OF_ZONES and not site.zone:
        yield "event", "it cannot happen: this site has no alarm zone"
    zones = {ZONE_CAUSES[zone.number - 1] for zone in site.zone}
    if row.cause in ZONE_CAUSES and row.cause not in zones:
        yield "cause", f"it cannot happen: this site has no alarm zone {row.cause}"
    elif row.cause and row.cause not in tuple(AlarmCause):
        yield "cause", f"{row.cause} is no cause of an alarm"


def _action(site: SiteFile, row: TriggerRow) -> Iterator[Problem]:
    outputs = {output.name: output for output in site.output}
    if row.action in OF_OUTPUTS and row.output not in outputs:
        yield (
            "output",
            f"there is no output {row.output[:40]!r}; this site has: {_listed(list(outputs))}",
        )
    elif row.action == TriggerAction.PULSE:
        limit_s = outputs[row.output].limit_s
        if limit_s and row.duration_ms > limit_s * 1000:
            yield "duration_ms", f"output {row.output} is on for at most {limit_s} s"
    if row.action == TriggerAction.SIREN and site.siren is None:
        yield "action", "this site has no siren"
    zones = [zone.number for zone in site.zone]
    if row.action in OF_ZONES and not zones:
        yield "action", "this site has no alarm zone"
    elif row.alarm_zone and row.alarm_zone not in zones:
        yield (
            "alarm_zone",
            f"there is no zone {row.alarm_zone}; this site has: {_listed(zones)}",
        )
    if row.action in OF_DOORS and not site.doors():
        yield "action", "this site has no door"


def _listed(known: list[int] | list[str]) -> str:
    return ", ".join(map(str, known)) or "none"
