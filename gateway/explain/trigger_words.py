"""Triggers in English words, for logs and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.explain.names import SiteNames
from gateway.triggers.values import Trigger, TriggerVerdict
from gateway.triggers.words import OF_DOORS, OF_MODES, OF_OUTPUTS, OF_ZONES

VERDICTS: Mapping[TriggerVerdict, str] = MappingProxyType(
    {
        TriggerVerdict.BEGINS: "it begins",
        TriggerVerdict.DISABLED: "it is switched off",
        TriggerVerdict.OTHER_EVENT: "another event sets it off",
        TriggerVerdict.OTHER_TIME: "its time does not come then",
        TriggerVerdict.OTHER_CAUSE: "another kind of alarm sets it off",
        TriggerVerdict.SILENT_ALARM: "an alarm under duress is silent: only a trigger with this "
        "cause tells of it",
        TriggerVerdict.OTHER_DOOR: "it is for another door",
        TriggerVerdict.OTHER_READER: "it is for another reader",
        TriggerVerdict.OTHER_PERSON: "it is for another person",
        TriggerVerdict.OTHER_GROUP: "nobody of its group is there",
        TriggerVerdict.PERSON_NOT_READ: "the groups of the person cannot be read",
        TriggerVerdict.OUT_OF_TIME: "it is outside its time zone",
        TriggerVerdict.NO_SCHEDULE: "its time zone is empty",
        TriggerVerdict.CLOCK_NOT_TRUSTED: "the clock is not trusted, and its action is none that "
        "is done in doubt",
        TriggerVerdict.WAITS_ALREADY: "its delay runs already",
        TriggerVerdict.LOOP: "it is set off by what it does itself",
        TriggerVerdict.TOO_OFTEN: "it was set off too often in a minute, and pauses",
        TriggerVerdict.MISSED: "its time passed while the device was off or its clock not trusted",
        TriggerVerdict.REFUSED: "its action was refused",
        TriggerVerdict.LATE: "its action would have come too late",
        TriggerVerdict.CANCELLED: "it was cancelled",
    }
)


def action_words(trigger: Trigger, names: SiteNames) -> str:
    """What a trigger does."""
    word = trigger.action.value.replace("_", " ")
    more = ""
    if trigger.action in OF_OUTPUTS:
        more = f" {names.output(trigger.output)}"
    elif trigger.action in OF_DOORS:
        door = trigger.target_door_id
        more = f" {names.door(door)}" if door else " the door of the event"
    elif trigger.action in OF_MODES:
        more = f" {names.door(trigger.target_door_id)}" if trigger.target_door_id else " all doors"
    elif trigger.action in OF_ZONES:
        more = f" zone {trigger.alarm_zone}" if trigger.alarm_zone else " all zones"
    time = f" for {trigger.duration_ms / 1000:g} s" if trigger.duration_ms else ""
    return f"{word}{more}{time}"


def verdict_words(trigger: Trigger, verdict: TriggerVerdict, names: SiteNames) -> str:
    """Whether a trigger would be set off, with which delay, and if not, why."""
    if verdict is not TriggerVerdict.BEGINS:
        return f"no: {VERDICTS[verdict]}"
    wait = f" after {trigger.delay_ms / 1000:g} s" if trigger.delay_ms else ""
    unless = f", unless {trigger.cancel.value.replace('_', ' ')}" if trigger.cancel else ""
    message = f"; tells {trigger.message!r}" if trigger.message else ""
    return f"yes: {action_words(trigger, names)}{wait}{unless}{message}"
