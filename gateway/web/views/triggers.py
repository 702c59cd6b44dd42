"""Triggers: what each does and did last, the form of one, and what an event would set off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response

from gateway.alarms.causes import AlarmCause
from gateway.commands.rights import Right
from gateway.errors import ControllerUnavailable, NotFound, worded
from gateway.link.messages import TriggerStatus
from gateway.objects.catalogue import REGISTRY
from gateway.objects.fields import Flag, Int, Ref, invalid_value
from gateway.objects.schedules import HOLIDAY_GROUPS, WEEKDAYS
from gateway.objects.triggers import LONGEST_DELAY_MS, LONGEST_MESSAGE
from gateway.triggers.values import TriggerVerdict
from gateway.triggers.words import TRIGGER_EVENTS, TriggerAction, TriggerTime
from gateway.web import form_labels
from gateway.web.door_state import CAUSES
from gateway.web.languages import gettext as _
from gateway.web.trigger_words import (
    ACTION_WORDS,
    DESTINATION_WORDS,
    EVENT_WORDS,
    VERDICT_WORDS,
)
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit
from gateway.web.weeks import DAY_WORDS
from gateway.web.zone_names import zone_name

_OBJECT = "triggers"
_SECONDS = ("delay_ms", "duration_ms")
_ASKED = ("event", "door", "reader", "cause", "user_id", "at")
"""What the trial of an event asks for."""
_DAYS = (*WEEKDAYS, *HOLIDAY_GROUPS)


def triggers(visit: Visit) -> Response:
    """Each trigger in a sentence, with what became of it, and the trial of an event."""
    known = _statuses(visit)
    names = _names(visit)
    shown = [
        {
            "id": row["id"],
            "name": row["name"],
            "enabled": row["enabled"],
            "event": _event_words(row),
            "action": _(ACTION_WORDS[TriggerAction(row["action"])]),
            "where": _where(row, names),
            "delay_s": row["delay_ms"] / 1000,
            "message": row["message"],
            **_told(visit, known.get(row["id"], _UNKNOWN)),
        }
        for row in visit.rows(_OBJECT)
    ]
    return visit.page(
        "triggers/triggers.html",
        triggers=shown,
        controller_away=known is _AWAY,
        trial=_trial(visit),
        asked={name: visit.query.get(name, "") for name in _ASKED},
        **_choices(visit),
    )


_UNKNOWN = TriggerStatus(id=0)
_AWAY: Mapping[int, TriggerStatus] = {0: _UNKNOWN}


def _statuses(visit: Visit) -> Mapping[int, TriggerStatus]:
    try:
        return {it.id: it for it in visit.context.controller.status().triggers}
    except ControllerUnavailable:
        return _AWAY


def _told(visit: Visit, status: TriggerStatus) -> dict[str, object]:
    """When a trigger did its action last, and why it did not since."""
    why = ""
    if status.verdict in tuple(TriggerVerdict):
        why = _(VERDICT_WORDS[TriggerVerdict(status.verdict)])
    return {
        "done": visit.local(status.done_utc) if status.done_utc else None,
        "waits_s": None if status.waits_ms is None else status.waits_ms // 1000,
        "paused": status.paused,
        "why": why,
        "detail": status.why if status.verdict == TriggerVerdict.REFUSED else "",
        "why_at": visit.local(status.verdict_utc) if status.verdict_utc else None,
    }


def _event_words(row: Mapping[str, Any]) -> str:
    words = _(EVENT_WORDS[TRIGGER_EVENTS[row["event"]]])
    if row["event"] == TriggerTime.TIME_OF_DAY:
        return f"{words}: {_clock(row['start'])}"
    if row["cause"] in tuple(AlarmCause) and row["cause"]:
        return f"{words}: {_(CAUSES[AlarmCause(row['cause'])])}"
    return words


def _where(row: Mapping[str, Any], names: Mapping[str, Mapping[Any, str]]) -> str:
    """What the event is restricted to."""
    found = [
        names["doors"].get(row["door_id"]) if row["door_id"] else None,
        names["readers"].get(row["reader"]) if row["reader"] else None,
        names["groups"].get(row["group_id"]) if row["group_id"] else None,
        names["time_zones"].get(row["time_zone_id"]) if row["time_zone_id"] else None,
        _("person %(id)s", id=row["user_id"]) if row["user_id"] else None,
    ]
    return ", ".join(name for name in found if name)


def _names(visit: Visit) -> dict[str, dict[Any, str]]:
    site = visit.context.site
    return {
        "doors": {door.id: door.shown for door in site.doors()},
        "readers": {it.name: it.shown for it in (*site.reader, *site.sec_box)},
        "groups": {row["id"]: row["name"] for row in visit.rows("groups")},
        "time_zones": {row["id"]: row["name"] for row in visit.rows("time_zones")},
    }


def _choices(visit: Visit) -> dict[str, Any]:
    """What the selections of a form offer: pairs of value and words."""
    site, names = visit.context.site, _names(visit)
    causes = [(int(cause), _(CAUSES[cause])) for cause in AlarmCause if cause]
    return {
        "events": [(word.value, _(said)) for word, said in EVENT_WORDS.items()],
        "actions": [(word.value, _(said)) for word, said in ACTION_WORDS.items()],
        "destinations": [(word.value, _(said)) for word, said in DESTINATION_WORDS.items()],
        "causes": causes,
        "doors": list(names["doors"].items()),
        "readers": list(names["readers"].items()),
        "groups": list(names["groups"].items()),
        "time_zones": list(names["time_zones"].items()),
        "outputs": [(output.name, output.shown) for output in site.output],
        "zones": [(zone.number, zone_name(zone)) for zone in site.zone],
    }


def _trial(visit: Visit) -> list[dict[str, object]] | None:
    """What the event of the form would set off; None if nothing was asked."""
    query = visit.query
    if not query.get("event"):
        return None
    asked: dict[str, object] = {"event": query["event"]}
    for name in ("door", "user_id", "cause"):
        if query.get(name):
            asked[name] = number_typed(name, query[name])
    if query.get("reader"):
        asked["reader"] = query["reader"]
    if query.get("at"):
        asked["time"] = _device_time(visit, query["at"])
    answer = visit.run("explain_event", **asked)
    return [
        {
            "name": it["name"],
            "begins": it["verdict"] == TriggerVerdict.BEGINS,
            "words": _(VERDICT_WORDS[TriggerVerdict(it["verdict"])]),
            "action": _(ACTION_WORDS[TriggerAction(it["action"])]),
            "delay_s": it["delay_ms"] / 1000,
        }
        for it in answer["triggers"]
        if it["verdict"] != TriggerVerdict.OTHER_EVENT
    ]


def trigger(visit: Visit, number: int) -> Response:
    """The form of a trigger; number 0 is a new one."""
    if not number:
        declared = REGISTRY[_OBJECT].fields
        new: dict[str, Any] = {it.name: it.default or 0 for it in declared}
        texts = ("name", "reader", "output", "message", "cancel_event")
        new |= dict.fromkeys(texts, "")
        return _form(visit, 0, {**new, "event": "alarm", "action": "siren", "destination": "mqtt"})
    found = visit.rows(_OBJECT, where={_OBJECT: {"id": number}})
    if not found:
        raise NotFound(_("It is not there any more."))
    return _form(visit, number, found[0])


def _form(visit: Visit, number: int, row: Mapping[str, Any]) -> Response:
    return visit.page(
        "triggers/trigger.html",
        number=number,
        row=row,
        start=_clock(row["start"]),
        days=[(day, _(DAY_WORDS[day])) for day in _DAYS],
        longest_s=LONGEST_DELAY_MS // 1000,
        longest_message=LONGEST_MESSAGE,
        **_choices(visit),
    )


def save_trigger(visit: Visit, number: int) -> Response:
    """Store a trigger."""
    row = _typed(visit)
    if number:
        where = {_OBJECT: {"id": number}}
        visit.run("modify_objects", object=_OBJECT, values=row, where=where)
    else:
        visit.run("create_objects", object=_OBJECT, values=[row])
    return visit.to("/triggers")


def _typed(visit: Visit) -> dict[str, Any]:
    """The row that was typed; a selection that is left out is 0 or empty."""
    form, row = visit.form, dict[str, Any]()
    for field in REGISTRY[_OBJECT].fields:
        text = form.get(field.name, "").strip()
        if field.name == "id":
            continue
        if field.name == "start":
            row["start"] = _seconds_of_day(text)
        elif isinstance(field, Flag):
            row[field.name] = int(text == "1")
        elif field.name in _SECONDS:
            row[field.name] = _milliseconds(field.name, text)
        elif isinstance(field, Int | Ref):
            row[field.name] = number_typed(field.name, text) if text else 0
        else:
            row[field.name] = text
    return row


def delete_trigger(visit: Visit, number: int) -> Response:
    """Delete a trigger; what it has begun is not done."""
    visit.run("destroy_objects", object=_OBJECT, where={_OBJECT: {"id": number}})
    return visit.to("/triggers")


def _milliseconds(name: str, text: str) -> int:
    whole, _point, part = (text or "0").replace(",", ".").partition(".")
    return number_typed(name, whole) * 1000 + number_typed(name, (part or "0")[:3].ljust(3, "0"))


def _seconds_of_day(text: str) -> int:
    parts = (text or "00:00").split(":")
    try:
        hour, minute, *second = (int(part) for part in parts)
    except ValueError:
        raise invalid_value("start", worded("it must be a time of day")) from None
    return hour * 3_600 + minute * 60 + sum(second[:1])


def _clock(second: int) -> str:
    hour, rest = divmod(second, 3_600)
    shown = f"{hour:02}:{rest // 60:02}"
    return f"{shown}:{rest % 60:02}" if rest % 60 else shown


def _device_time(visit: Visit, text: str) -> int:
    try:
        at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise invalid_value("at", worded("it must be a date and a time")) from None
    midnight = visit.context.device_time.midnight(at.date())
    return midnight + at.hour * 3_600 + at.minute * 60 + at.second


VIEWS = (
    View("/triggers", triggers, Right.ADMINISTRATOR),
    View("/triggers/<int:number>", trigger, Right.ADMINISTRATOR),
    View(
        "/triggers/<int:number>",
        save_trigger,
        Right.ADMINISTRATOR,
        "POST",
        labels=form_labels.TRIGGER,
    ),
    View("/triggers/<int:number>/delete", delete_trigger, Right.ADMINISTRATOR, "POST"),
)
