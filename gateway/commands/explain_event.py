"""`explain_event`: which triggers an event would set off, and which not and why."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, NotRequired

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from gateway.access.schedule import Condition
from gateway.clock import Moment
from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.explain import DeviceSeconds, RowId, explain_context
from gateway.commands.requests import RequestModel
from gateway.errors import NotFound
from gateway.explain.site_view import SiteView
from gateway.explain.trigger_words import verdict_words
from gateway.objects.fields import TEXT_LIMIT
from gateway.triggers.machine import guard
from gateway.triggers.match import judge
from gateway.triggers.times import ClockLook, next_of_day, times_come
from gateway.triggers.values import Trigger, TriggerFact, TriggersState, TriggerVerdict
from gateway.triggers.words import TRIGGER_EVENTS, TriggerEvent, TriggerTime

_MINUTE_S = 60


def _trigger_event(value: object) -> TriggerEvent:
    known = TRIGGER_EVENTS.get(value) if isinstance(value, str) else None
    if known is None:
        words = ", ".join(map(repr, TRIGGER_EVENTS))
        raise PydanticCustomError("enum", "Input should be one of {words}", {"words": words})
    return known


class ExplainEventRequest(RequestModel):
    """`explain_event`: what would happen."""

    event: Annotated[TriggerEvent, BeforeValidator(_trigger_event)]
    door: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    """By default the doors of the reader's portal, if a reader is given."""
    reader: Annotated[str, Field(max_length=TEXT_LIMIT)] | None = None
    user_id: RowId | None = None
    cause: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Of an alarm."""
    time: DeviceSeconds | None = None
    """Device time; by default now. An event by time comes within the minute before it."""


class TriggerExplained(TypedDict):
    """One trigger. `verdict` is `begins` or why it does not; `next` is when an event by the time of
    day comes next, in seconds of the site's wall clock."""

    id: int
    name: str
    event: TriggerEvent
    action: str
    verdict: str
    delay_ms: int
    text: str
    next: NotRequired[int]


class EventExplained(TypedDict):
    """Answer to `explain_event`: all triggers, those that begin first."""

    event: TriggerEvent
    time: int
    triggers: list[TriggerExplained]


def explain_event(call: Call[ExplainEventRequest]) -> EventExplained:
    """Which triggers an event would set off, with which delay, and which not and why.

    Nothing happens. What the loop guard and running delays would do is not known here.
    """
    return explained_event(SiteView(explain_context(call.context)), call.request)


def explained_event(view: SiteView, request: ExplainEventRequest) -> EventExplained:
    """The answer to `request`. Raises InvalidRequest, NotFound or StorageError."""
    moment = view.moment(request.time)
    fact = _fact(view, request)
    shown = [_explained(view, trigger, fact, moment) for trigger in view.rules.snapshot.triggers]
    shown.sort(key=lambda it: it["verdict"] != TriggerVerdict.BEGINS)
    return {"event": request.event, "time": moment.stamp, "triggers": shown}


def _fact(view: SiteView, request: ExplainEventRequest) -> TriggerFact:
    doors: tuple[int, ...] = (request.door,) if request.door else ()
    known = {door.id for door in view.site.doors()}
    if request.door and request.door not in known:
        raise NotFound(f"there is no door {request.door}")
    if request.reader is not None and not doors:
        portal = view.policy.portals.get(view.portal_of_reader(request.reader))
        doors = tuple(view.topology.doors_of(portal.actions)) if portal else ()
    users = (request.user_id,) if request.user_id else ()
    return TriggerFact(request.event, doors, users, request.reader or "", request.cause)


def _explained(
    view: SiteView, trigger: Trigger, fact: TriggerFact, moment: Moment
) -> TriggerExplained:
    def groups_of(user: int) -> Collection[int] | None:
        member = view.people_index.one(user)
        if member is None:
            raise NotFound(f"There is no user {user}")
        return member.person.group_ids

    calendar = view.policy.calendar
    verdict = judge(trigger, fact, calendar.instant(moment), groups_of)
    if verdict is TriggerVerdict.BEGINS:
        verdict = guard(TriggersState(), trigger, fact, 0)
    if verdict is TriggerVerdict.BEGINS and isinstance(trigger.event, TriggerTime):
        verdict = _timed(view, trigger, moment)
    answer: TriggerExplained = {
        "id": trigger.id,
        "name": trigger.name,
        "event": trigger.event,
        "action": trigger.action.value,
        "verdict": verdict.value,
        "delay_ms": trigger.delay_ms,
        "text": verdict_words(trigger, verdict, view.names),
    }
    if trigger.event is TriggerTime.TIME_OF_DAY and trigger.enabled:
        following = next_of_day(trigger, moment, calendar)
        if following is not None:
            answer["next"] = following
    return answer


def _timed(view: SiteView, trigger: Trigger, moment: Moment) -> TriggerVerdict:
    when: Condition | None = trigger.when
    if when is not None and not when.zones:
        return TriggerVerdict.NO_SCHEDULE
    if not moment.trusted:
        return TriggerVerdict.CLOCK_NOT_TRUSTED
    before = Moment(moment.stamp - _MINUTE_S, moment.local - _MINUTE_S)
    looks = ClockLook(moment.local - _MINUTE_S, before), ClockLook(moment.local, moment)
    come = times_come([trigger], *looks, view.policy.calendar)
    return TriggerVerdict.BEGINS if come else TriggerVerdict.OTHER_TIME


COMMANDS = (
    Command(
        explain_event,
        errors=(NotFound,),
        example={"event": "alarm", "door": 1, "cause": 7, "time": 1_795_419_000},
    ),
)
