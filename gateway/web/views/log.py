"""The log: what happened in sentences, why, how much of it, and what clients changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from gateway.access.reasons import Reason
from gateway.api.controlid.outgoing import respond
from gateway.commands.answers import TextStream
from gateway.commands.events import MOST_EVENTS
from gateway.commands.rights import Right, may
from gateway.errors import InvalidRequest, NotFound, worded
from gateway.explain.cures import CureAction
from gateway.explain.time_words import stamp_words
from gateway.objects.fields import invalid_value
from gateway.web import form_labels
from gateway.web.event_words import KINDS, EventRow, by_day, event_row, why_words
from gateway.web.languages import gettext as _
from gateway.web.languages import noted, speaking
from gateway.web.log_filter import LogFilter
from gateway.web.views.doors import act
from gateway.web.visit import View, Visit
from gateway.web.why_words import ShownCure, shown_cures, shown_gates

SHOWN = 100
"""Events on one page. An open page shows no more, however long it is open."""
_LATEST = 8
_ENTRIES = 100
"""Changes and entries of the audit log on one page."""
_HOURS = 24
_WEEK = 7
_LEVELS = 5
"""Shades of the heat map, beside that of none."""
_STEP_S = 1_800
_MOST_EXPORTED = 20_000
_FORMULAS = frozenset("=+-@\t\r")


def log(visit: Visit) -> Response:
    """The events, newest first, with their filters."""
    wanted = LogFilter.of_query(visit.query)
    return visit.page("log/log.html", **_shown(visit, wanted))


def rows(visit: Visit) -> Response:
    """The events alone, for a page that is open."""
    return visit.page("log/_rows.html", **_shown(visit, LogFilter.of_query(visit.query)))


def latest(visit: Visit) -> Response:
    """The newest events that pass the filter, for a page about something else."""
    wanted = LogFilter.of_query(visit.query)
    answer = visit.run("recent_events", limit=_LATEST, **wanted.members(visit.context.device_time))
    return visit.page("log/_latest.html", rows=event_rows(answer), wanted=wanted)


def _shown(visit: Visit, wanted: LogFilter) -> dict[str, Any]:
    answer = visit.run("recent_events", limit=SHOWN, **wanted.members(visit.context.device_time))
    site = visit.context.site
    return {
        "days": by_day(event_rows(answer)),
        "older": answer.get("before", 0),
        "wanted": wanted,
        "chips": _chips(visit, wanted),
        "kinds": [(kind, _(words)) for kind, words in KINDS.items()],
        "doors": [(door.id, door.shown) for door in site.doors()],
        "readers": [(reader.name, site.shown(reader.name)) for reader in site.reader],
        "places": _places(visit),
        "path": "/log",
    }


def event_rows(answer: Mapping[str, Any]) -> list[EventRow]:
    """The events of an answer to `recent_events`."""
    return [event_row(event) for event in answer["events"]]


def _places(visit: Visit) -> list[tuple[str, str]]:
    """The parts of the log that the caller may see, as address and name."""
    places = [
        ("/log", _("Events")),
        ("/log/day", _("Day and week")),
        ("/log/changes", _("Changes")),
    ]
    return [*places, ("/log/audit", _("Audit"))] if may(visit.caller, Right.OWNER) else places


def _chips(visit: Visit, wanted: LogFilter) -> list[tuple[str, str]]:
    """Each filter in force, in words, with the address of the log without it."""
    site = visit.context.site
    chips = [(_(KINDS[kind]), wanted.toggled(kind)) for kind in wanted.kinds]
    if wanted.text:
        chips.append((_("Text: %(text)s", text=wanted.text), wanted.address(text="")))
    if wanted.door:
        names = {door.id: door.shown for door in site.doors()}
        name = names.get(wanted.door, str(wanted.door))
        chips.append((_("Door: %(name)s", name=name), wanted.address(door=0)))
    if wanted.reader:
        name = site.shown(wanted.reader)
        chips.append((_("Reader: %(name)s", name=name), wanted.address(reader="")))
    if wanted.user:
        name = _names(visit, "users", [wanted.user]).get(wanted.user) or str(wanted.user)
        chips.append((_("Person: %(name)s", name=name), wanted.address(user=0)))
    if wanted.first_day:
        chips.append((_("From %(day)s", day=wanted.first_day), wanted.address(first_day=None)))
    if wanted.last_day:
        chips.append((_("To %(day)s", day=wanted.last_day), wanted.address(last_day=None)))
    return chips


def _names(visit: Visit, table: str, ids: Sequence[int]) -> dict[int, str]:
    """Names by id of those rows that exist."""
    found = visit.rows(table, fields=["id", "name"], where={table: {"id": list(ids)}})
    return {int(row["id"]): str(row["name"]) for row in found}


def event(visit: Visit, seq: int) -> Response:
    """One event with its details; an access as the chain of gates that decided it."""
    answer = visit.run("recent_events", before=seq + 1, after=seq - 1, limit=1)
    found = event_rows(answer)
    if not found:
        raise NotFound(f"the log has no event {seq}")
    row = found[0]
    explanation = _explained(visit, row) if row.is_access else None
    return _event(visit, row, explanation, said="")


def _explained(visit: Visit, row: EventRow) -> Mapping[str, Any]:
    return visit.run("explain", access_log_id=row.access_log_id)


def _event(
    visit: Visit, row: EventRow, explanation: Mapping[str, Any] | None, said: str
) -> Response:
    cures: list[ShownCure] = []
    groups: dict[int, str] = {}
    now, allowed_now = "", False
    if explanation is not None:
        cures = [_reachable(cure) for cure in shown_cures(explanation)]
        for cure in cures:
            groups |= _names(visit, "groups", cure.target.get("group_ids", []))
        if "rules_now" in explanation:
            now = why_words(explanation["rules_now"], {}, 0)
            allowed_now = explanation["rules_now"] == Reason.GRANTED
    template = "log/_event_details.html" if visit.in_part else "log/event.html"
    return visit.page(
        template,
        row=row,
        answer=explanation,
        numbers=list(_numbers(row, explanation)),
        gates=shown_gates(explanation) if explanation else [],
        cures=cures,
        groups=groups,
        now=now,
        allowed_now=allowed_now,
        opens_next=_opens_next(visit, explanation),
        today=f"{visit.local_now:%Y-%m-%d}",
        said=said,
        places=_places(visit),
        path="/log",
    )


def _numbers(row: EventRow, explanation: Mapping[str, Any] | None) -> Iterator[tuple[str, object]]:
    """The names and numbers that the API has for an event."""
    yield "seq", row.seq
    if row.access_log_id:
        yield "access_log_id", row.access_log_id
    if explanation is not None:
        for name in ("reason", "event", "user_id", "portal_id"):
            yield name, explanation[name]
        for rule in explanation["rules"]:
            yield f"access_rule {rule['id']}", rule["why"]


def _opens_next(visit: Visit, explanation: Mapping[str, Any] | None) -> str:
    """When the rules let the person pass next, on the site's wall clock; empty for never."""
    if explanation is None or "opens_next" not in explanation:
        return ""
    return stamp_words(visit.context.device_time.local_of(explanation["opens_next"]))


def _reachable(cure: ShownCure) -> ShownCure:
    """The cure without its address where this page has no such place."""
    adapter = current_app.create_url_adapter(request)
    path = cure.place.partition("?")[0]
    if not path or adapter is None:
        return cure
    try:
        adapter.match(path, method="GET")
    except (HTTPException, RequestRedirect):
        return replace(cure, place="")
    return cure


def cure(visit: Visit, seq: int) -> Response:
    """Carry out a cure of an access that can be done at once, and show what became of it."""
    answer = visit.run("recent_events", before=seq + 1, after=seq - 1, limit=1)
    found = [row for row in event_rows(answer) if row.is_access]
    if not found:
        raise NotFound(f"the log has no access {seq}")
    row = found[0]
    explanation = _explained(visit, row)
    action = visit.form.get("action", "")
    offered = {str(it["action"]): it["target"] for it in explanation["cures"]}
    if action not in offered:
        raise InvalidRequest(f"action: {action[:40]!r} does not cure this")
    said = _carry_out(visit, CureAction(action), offered[action], explanation["reason"])
    return _event(visit, row, _explained(visit, row), said)


def _carry_out(visit: Visit, action: CureAction, target: Mapping[str, Any], reason: str) -> str:
    """What was done, in words."""
    match action:
        case CureAction.OPEN_ONCE:
            act(visit, target["door"])
            return _("The door was told to open.")
        case CureAction.CHANGE_VALIDITY:
            values = _validity(visit, reason)
            where = {"users": {"id": target["user_id"]}}
            visit.run("modify_objects", object="users", values=values, where=where)
            return _("The validity was changed.")
        case CureAction.ADD_TO_GROUP:
            group = visit.form.get("group", "")
            if group not in map(str, target["group_ids"]):
                raise InvalidRequest(f"group: {group[:20]!r} does not cure this")
            tie = {"user_id": target["user_id"], "group_id": int(group)}
            visit.run("create_objects", object="user_groups", values=[tie])
            return _("The person was added to the group.")
        case CureAction.FORGIVE_PASSBACK:
            visit.run("forgive_antipassback", user_id=target["user_id"])
            return _("The next passage counts again.")
        case CureAction.END_LOCK_DOWN:
            visit.run("set_exception_mode", door=target["door"], mode="none")
            return _("The lock-down is over.")
    raise InvalidRequest(f"action: {action} cannot be done here")


def _validity(visit: Visit, reason: str) -> dict[str, int]:
    """The new begin or end of a person."""
    device_time = visit.context.device_time
    if reason == "not_yet_valid":
        return {"begin_time": device_time.stamp(visit.context.clock.utc())}
    text = visit.form.get("until", "")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise invalid_value("until", worded("it must be a date")) from None
    return {"end_time": device_time.midnight(day + timedelta(days=1)) - 1}


def day(visit: Visit) -> Response:
    """How many accesses there were over one day, and in each hour of the week before."""
    wanted = LogFilter.of_query(visit.query)
    shown = wanted.first_day or visit.local_now.date()
    midnight = visit.context.device_time.midnight
    since, until = midnight(shown), midnight(shown + timedelta(days=1))
    where: dict[str, object] = {"door": wanted.door} if wanted.door else {}
    halves = visit.run("access_counts", since=since, until=until, step=_STEP_S, **where)
    first = shown - timedelta(days=_WEEK - 1)
    hours = visit.run("access_counts", since=midnight(first), until=until, step=3_600, **where)
    days = [first + timedelta(days=number) for number in range(_WEEK)]
    counts = halves["counts"]
    return visit.page(
        "log/day.html",
        day=shown,
        before=shown - timedelta(days=1),
        after=shown + timedelta(days=1),
        wanted=wanted,
        series=_series(counts, since, until),
        granted=sum(it["granted"] for it in counts),
        denied=sum(it["denied"] for it in counts),
        heat=_heat(days, [midnight(it) for it in days], hours["counts"]),
        hours=range(_HOURS),
        doors=[(door.id, door.shown) for door in visit.context.site.doors()],
        places=_places(visit),
        path="/log/day",
    )


def _series(counts: Sequence[Mapping[str, int]], since: int, until: int) -> dict[str, list[int]]:
    """For the time-line: seconds of the day, and the numbers of each half hour."""
    known = {it["time"]: it for it in counts}
    times = range(since, until, _STEP_S)
    return {
        "seconds": [time - since for time in times],
        **{
            name: [known[time][name] if time in known else 0 for time in times]
            for name in ("granted", "denied")
        },
    }


def _heat(
    days: Sequence[date], midnights: Sequence[int], counts: Sequence[Mapping[str, int]]
) -> list[tuple[date, list[tuple[int, int, int]]]]:
    """For each day the numbers let in and refused in each hour, and the shade of both."""
    known = {it["time"]: (it["granted"], it["denied"]) for it in counts}
    most = max((sum(both) for both in known.values()), default=0)

    def cell(time: int) -> tuple[int, int, int]:
        granted, denied = known.get(time, (0, 0))
        # Rounded up: one access in an hour is not none.
        return granted, denied, -(-(granted + denied) * _LEVELS // most) if most else 0

    return [
        (day_, [cell(begin + hour * 3_600) for hour in range(_HOURS)])
        for day_, begin in zip(days, midnights, strict=True)
    ]


_CHANGES = {"insert": noted("added"), "update": noted("changed"), "delete": noted("deleted")}


def changes(visit: Visit) -> Response:
    """Which rows were changed, newest first."""
    found, older = _entries(visit, "change_logs")
    local_of = visit.context.device_time.local_of
    shown = [
        {
            **row,
            "time": stamp_words(local_of(row["timestamp"])),
            "change": _(_CHANGES.get(row["operation_type"], row["operation_type"])),
        }
        for row in found
    ]
    return visit.page(
        "log/changes.html", rows=shown, older=older, places=_places(visit), path="/log/changes"
    )


def audit(visit: Visit) -> Response:
    """Who changed, exported or opened what, newest first."""
    found, older = _entries(visit, "audit_logs")
    return visit.page(
        "log/audit.html", rows=found, older=older, places=_places(visit), path="/log/audit"
    )


def _entries(visit: Visit, table: str) -> tuple[list[Mapping[str, Any]], int]:
    """The newest entries of a table, and the id below which there are more, 0 for none."""
    before = LogFilter.of_query(visit.query).before
    where = {table: {"id": {"<": before}}} if before else {}
    search = {
        "order": ["id descending"],
        "limit": _ENTRIES + 1,
        "where": where,
    }
    found = visit.rows(table, **search)
    return found[:_ENTRIES], found[_ENTRIES - 1]["id"] if len(found) > _ENTRIES else 0


def export(visit: Visit) -> Response:
    """The events that pass the filter as CSV, newest first."""
    wanted = LogFilter.of_query(visit.query).members(visit.context.device_time)
    heads = [_("Time"), _("Kind"), _("Who"), _("Event")]
    lines = _lines(visit, wanted, heads)
    return respond(TextStream(lines, file_name="log.csv", csv=True))


def _lines(visit: Visit, wanted: Mapping[str, object], heads: Sequence[str]) -> Iterator[str]:
    yield _line(heads)
    before = wanted.get("before")
    for _page in range(_MOST_EXPORTED // MOST_EVENTS):
        page = {**wanted, **({"before": before} if before else {}), "limit": MOST_EVENTS}
        # The server may ask for each piece in another context than the one that began.
        with speaking(visit.language):
            answer = visit.run("recent_events", **page)
            for row in event_rows(answer):
                who = ", ".join(person.name or str(person.id) for person in row.people)
                at = f"{row.at:%Y-%m-%d %H:%M:%S}"
                yield _line([at, _(KINDS[row.kind]), who, row.words])
        before = answer.get("before")
        if not before:
            return


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    # A spreadsheet takes a cell that begins so for a formula.
    csv.writer(text).writerow([f"'{it}" if it[:1] in _FORMULAS else it for it in cells])
    return text.getvalue()


def export_audit(visit: Visit) -> Response:
    """The audit log as text."""
    return visit.download("export_audit_logs")


VIEWS = (
    View("/log", log),
    View("/log/rows", rows),
    View("/log/latest", latest),
    View("/log/events/<int:seq>", event),
    View("/log/events/<int:seq>/cure", cure, method="POST", labels=form_labels.CURE),
    View("/log/day", day),
    View("/log/changes", changes),
    View("/log/audit", audit, Right.OWNER),
    View("/log/export", export),
    View("/log/audit/export", export_audit, Right.OWNER),
)
