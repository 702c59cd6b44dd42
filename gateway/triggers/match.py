"""Whether a fact sets a trigger off, and if not, why."""

from __future__ import annotations

from collections.abc import Callable, Collection

from gateway.access.calendar import ScheduleInstant
from gateway.access.trace import TimeVerdict
from gateway.alarms.causes import DURESS_CAUSES
from gateway.triggers.values import Trigger, TriggerFact, TriggerVerdict
from gateway.triggers.words import IN_DOUBT, TriggerTime

GroupsOf = Callable[[int], Collection[int] | None]
"""The groups of a person; None if they cannot be read."""

_TIMES = {
    TimeVerdict.OUT_OF_TIME: TriggerVerdict.OUT_OF_TIME,
    TimeVerdict.NO_SCHEDULE: TriggerVerdict.NO_SCHEDULE,
    TimeVerdict.CLOCK_NOT_TRUSTED: TriggerVerdict.CLOCK_NOT_TRUSTED,
}


def judge(
    trigger: Trigger, fact: TriggerFact, instant: ScheduleInstant, groups_of: GroupsOf
) -> TriggerVerdict:
    """The verdict of the row alone; `begin` adds those of what went before."""
    if trigger.event is not fact.what:
        return TriggerVerdict.OTHER_EVENT
    if not trigger.enabled:
        return TriggerVerdict.DISABLED
    return _other(trigger, fact, groups_of) or _time(trigger, instant) or TriggerVerdict.BEGINS


def _other(trigger: Trigger, fact: TriggerFact, groups_of: GroupsOf) -> TriggerVerdict | None:
    """Which of the trigger's restrictions the fact does not meet."""
    restrictions = (
        (trigger.cause and trigger.cause != fact.cause, TriggerVerdict.OTHER_CAUSE),
        (not trigger.cause and fact.cause in DURESS_CAUSES, TriggerVerdict.SILENT_ALARM),
        (trigger.door_id and trigger.door_id not in fact.doors, TriggerVerdict.OTHER_DOOR),
        (trigger.reader and trigger.reader != fact.reader, TriggerVerdict.OTHER_READER),
        (trigger.user_id and trigger.user_id not in fact.users, TriggerVerdict.OTHER_PERSON),
    )
    found = next((verdict for unmet, verdict in restrictions if unmet), None)
    if found or not trigger.group_id:
        return found
    known = [groups_of(user) for user in fact.users]
    if any(groups and trigger.group_id in groups for groups in known):
        return None
    return TriggerVerdict.PERSON_NOT_READ if None in known else TriggerVerdict.OTHER_GROUP


def _time(trigger: Trigger, instant: ScheduleInstant) -> TriggerVerdict | None:
    if trigger.when is None or isinstance(trigger.event, TriggerTime):
        return None
    verdict = trigger.when.at(instant)
    if verdict is TimeVerdict.CLOCK_NOT_TRUSTED and trigger.action in IN_DOUBT:
        return None
    return _TIMES.get(verdict)
