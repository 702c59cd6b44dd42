"""What is wrong with a trigger: fields that do not go together, and what the site cannot do.

Commands refuse such a row, and `gateway doctor` names it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.alarms.causes import DOOR_CAUSES, DURESS_CAUSES, ZONE_CAUSES, AlarmCause
from gateway.errors import WordedText, worded
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

Problem = tuple[str, WordedText]
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
        yield "time_zone_id", worded("the time zone is missing whose begin or end is meant")
    days = (row.sun, row.mon, row.tue, row.wed, row.thu, row.fri, row.sat)
    if row.event == TriggerTime.TIME_OF_DAY:
        if not any((*days, row.hol1, row.hol2, row.hol3)):
            yield "mon", worded("a time of day needs at least one day")
        if row.time_zone_id:
            yield "time_zone_id", worded("days and start say when a time of day comes")
    if row.event in tuple(TriggerTime):
        for name in ("door_id", "reader", "user_id", "group_id"):
            if getattr(row, name):
                yield name, worded("an event by time has none")
        if row.action in OF_DOORS and not row.target_door_id:
            yield "target_door_id", worded("the door of the action is missing")
    if row.cancel_event in tuple(TriggerTime):
        yield "cancel_event", worded("a time cancels nothing")


def _fields(row: TriggerRow) -> Iterator[Problem]:
    """Fields that do not go together."""
    if row.cause and row.event not in (Occurrence.ALARM, Occurrence.ALARM_OVER):
        yield "cause", worded("only an alarm has one, no other event")
    if row.cancel_event and not row.delay_ms:
        yield "delay_ms", worded("the wait is missing, during which the other event can come")
    if row.action not in OF_OUTPUTS and row.output:
        yield "output", worded("this action switches none")
    if row.action == TriggerAction.PULSE and not row.duration_ms:
        yield "duration_ms", worded("the length of the pulse is missing")
    if row.action == TriggerAction.MESSAGE and not row.message:
        yield "message", worded("the text is missing")
    if row.action not in OF_DOORS | OF_MODES and row.target_door_id:
        yield "target_door_id", worded("this action is done to no door")
    if row.action == TriggerAction.SIREN and row.cause in DURESS_CAUSES:
        yield "action", worded("an alarm under duress is silent")


def _names(site: SiteFile, row: TriggerRow) -> Iterator[Problem]:
    doors = [door.id for door in site.doors()]
    if row.door_id and row.door_id not in doors:
        yield "door_id", _no_door(row.door_id, doors)
    if row.target_door_id and row.target_door_id not in doors:
        yield "target_door_id", _no_door(row.target_door_id, doors)
    devices = [device.name for device in (*site.reader, *site.sec_box)]
    if row.reader and row.reader not in devices:
        yield (
            "reader",
            worded(
                "there is no reader %(name)s; this site has: %(there)s",
                name=repr(row.reader[:40]),
                there=_listed(devices),
            ),
        )


def _impossible_events(site: SiteFile, row: TriggerRow) -> Iterator[Problem]:
    """Events that no wire of the site can bring about."""
    doors = [door for door in site.doors() if row.door_id in (0, door.id)]
    event = row.event
    if event == Occurrence.EXIT_BUTTON and not any(door.rex for door in doors):
        yield "event", _lacks(row, worded("exit button"))
    sensed = row.cause in DOOR_CAUSES or event in _OF_SENSOR
    if sensed and not any(door.sensor for door in doors):
        yield "event", _lacks(row, worded("door sensor"))
    if event in _OF_TURNSTILE and site.turnstile is None:
        yield "event", worded("it cannot happen: this site has no turnstile")
    if event in _OF_FIRE and site.fire is None:
        yield "event", worded("it cannot happen: this site has no fire input")
    if event in _OF_ZONES and not site.zone:
        yield "event", worded("it cannot happen: this site has no alarm zone")
    zones = {ZONE_CAUSES[zone.number - 1] for zone in site.zone}
    if row.cause in ZONE_CAUSES and row.cause not in zones:
        yield "cause", worded("it cannot happen: this site has no such alarm zone")
    elif row.cause and row.cause not in tuple(AlarmCause):
        yield "cause", worded("%(cause)s is no cause of an alarm", cause=row.cause)


def _action(site: SiteFile, row: TriggerRow) -> Iterator[Problem]:
    outputs = {output.name: output for output in site.output}
    if row.action in OF_OUTPUTS and row.output not in outputs:
        yield (
            "output",
            worded(
                "there is no output %(name)s; this site has: %(there)s",
                name=repr(row.output[:40]),
                there=_listed(list(outputs)),
            ),
        )
    elif row.action == TriggerAction.PULSE:
        limit_s = outputs[row.output].limit_s
        if limit_s and row.duration_ms > limit_s * 1000:
            yield (
                "duration_ms",
                worded(
                    "output %(output)s is on for at most %(limit)s s",
                    output=row.output,
                    limit=limit_s,
                ),
            )
    if row.action == TriggerAction.SIREN and site.siren is None:
        yield "action", worded("this site has no siren")
    zones = [zone.number for zone in site.zone]
    if row.action in OF_ZONES and not zones:
        yield "action", worded("this site has no alarm zone")
    elif row.alarm_zone and row.alarm_zone not in zones:
        yield (
            "alarm_zone",
            worded(
                "there is no zone %(number)s; this site has: %(there)s",
                number=row.alarm_zone,
                there=_listed(zones),
            ),
        )
    if row.action in OF_DOORS and not site.doors():
        yield "action", worded("this site has no door")


def _lacks(row: TriggerRow, what: WordedText) -> WordedText:
    """The door of the event, or every door, has no such input."""
    if row.door_id:
        return worded(
            "it cannot happen: door %(number)s has no %(what)s", number=row.door_id, what=what
        )
    return worded("it cannot happen: no door has a %(what)s", what=what)


def _no_door(number: int, known: list[int]) -> WordedText:
    return worded(
        "there is no door %(number)s; this site has: %(there)s",
        number=number,
        there=_listed(known),
    )


def _listed(known: list[int] | list[str]) -> str:
    return ", ".join(map(str, known)) or worded("none")
