"""Who may pass where and when: rules, schedules, holidays, and what follows from them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

from flask import Response

from gateway.commands.answers import Rows
from gateway.errors import NotFound, worded
from gateway.objects.fields import invalid_value
from gateway.objects.schedules import HOLIDAY_GROUPS
from gateway.web import form_labels
from gateway.web.languages import gettext as _
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit
from gateway.web.weeks import DAY_WORDS, DAYS, rows_of, spans_of

MOST_LISTED = 200
"""People of a door on one page."""
_TIES = (
    ("groups", "group_access_rules", "group_id", "groups"),
    ("portals", "portal_access_rules", "portal_id", "portals"),
    ("time_zones", "access_rule_time_zones", "time_zone_id", "time_zones"),
)
"""Member of `set_access_rule`, object of its pairs, their field, object at the other end."""
_LAST_HOUR_S = 86_399


def rules(visit: Visit) -> Response:
    """Each rule in a sentence; schedules and holidays."""
    ties = {member: _ties(visit, name, field) for member, name, field, _far in _TIES}
    names = {member: _names(visit, far) for member, _name, _field, far in _TIES}
    shown = [
        {
            "id": rule["id"],
            "name": rule["name"],
            "releases": bool(rule["type"]),
            **{
                member: [names[member].get(it, str(it)) for it in ties[member].get(rule["id"], ())]
                for member in ties
            },
        }
        for rule in visit.rows("access_rules", order=["name"])
    ]
    holidays = [
        {**row, "from": _day(row["start"]), "to": _day(row["end"])}
        for row in visit.rows("holidays", order=["start"])
    ]
    return visit.page(
        "rules/rules.html",
        rules=shown,
        schedules=visit.rows("time_zones", order=["name"]),
        holidays=holidays,
        groups=visit.rows("groups", order=["name"]),
        portals=visit.rows("portals", order=["name"]),
        holiday_groups=[(it, _(DAY_WORDS[it])) for it in HOLIDAY_GROUPS],
    )


def rule(visit: Visit, number: int) -> Response:
    """The form of a rule; number 0 is a new one."""
    found = _one(visit, "access_rules", number) if number else {"name": "", "type": 1}
    choices = [
        (
            member,
            visit.rows(far, fields=["id", "name"], order=["name"]),
            set(_ties(visit, name, field).get(number, ())),
        )
        for member, name, field, far in _TIES
    ]
    return visit.page("rules/rule.html", rule=found, number=number, choices=choices)


def save_rule(visit: Visit, number: int) -> Response:
    """Store it with all that is tied to it."""
    form = visit.form
    asked: dict[str, object] = {
        member: [number_typed(member, text) for text in form.getlist(member)]
        for member, *_far in _TIES
    }
    asked |= {"name": form.get("name", "").strip(), "type": int(form.get("type") != "0")}
    if number:
        asked["id"] = number
    visit.run("set_access_rule", **asked)
    return visit.to("/rules")


def delete_rule(visit: Visit, number: int) -> Response:
    """Delete a rule."""
    visit.run("destroy_objects", object="access_rules", where={"access_rules": {"id": number}})
    return visit.to("/rules")


def schedule(visit: Visit, number: int) -> Response:
    """The week painter; number 0 is a new schedule."""
    found = _one(visit, "time_zones", number) if number else {"name": ""}
    spans = visit.rows("time_spans", where={"time_spans": {"time_zone_id": number}})
    return visit.page(
        "rules/schedule.html",
        schedule=found,
        number=number,
        week=json.dumps(spans_of(spans)),
        days=[(day, _(DAY_WORDS[day])) for day in DAYS],
    )


def save_schedule(visit: Visit, number: int) -> Response:
    """Store what was painted."""
    asked: dict[str, object] = {"name": visit.form.get("name", "").strip()}
    asked["spans"] = rows_of(visit.form.get("week", ""))
    if number:
        asked["id"] = number
    visit.run("set_schedule", **asked)
    return visit.to("/rules")


def delete_schedule(visit: Visit, number: int) -> Response:
    """Delete a schedule; rules that had no other one admit nobody any more."""
    visit.run("destroy_objects", object="time_zones", where={"time_zones": {"id": number}})
    return visit.to("/rules")


def add_holiday(visit: Visit) -> Response:
    """Add a holiday, which repeats every year if that is ticked."""
    form = visit.form
    first = _midnight(visit, "from", form.get("from", ""))
    last = _midnight(visit, "to", form.get("to") or form.get("from", ""))
    row = {
        "name": form.get("name", "").strip(),
        "start": first,
        "end": last + _LAST_HOUR_S,
        "repeats": int("repeats" in form),
        **{it: int(it == form.get("group")) for it in HOLIDAY_GROUPS},
    }
    visit.run("create_objects", object="holidays", values=[row])
    return visit.to("/rules")


def delete_holiday(visit: Visit, number: int) -> Response:
    """Delete a holiday."""
    visit.run("destroy_objects", object="holidays", where={"holidays": {"id": number}})
    return visit.to("/rules")


def add_group(visit: Visit) -> Response:
    """Add a group of people."""
    row = {"name": visit.form.get("name", "").strip()}
    visit.run("create_objects", object="groups", values=[row])
    return visit.to("/rules")


def who(visit: Visit, portal: int) -> Response:
    """Who may pass a portal, and who of them now; a page to print."""
    after = number_typed("after", visit.query.get("after", "0"))
    found = _one(visit, "portals", portal)
    answer = visit.answer("who_can_open", portal_id=portal, after=after, limit=MOST_LISTED + 1)
    people = list(cast("Rows", answer).rows)
    more = people[MOST_LISTED - 1]["user_id"] if len(people) > MOST_LISTED else 0
    return visit.page("rules/who.html", portal=found, people=people[:MOST_LISTED], more=more)


def week(visit: Visit, user: int) -> Response:
    """Where a person may go this week, at each portal; a page to print."""
    answer = visit.run("when_can", user_id=user)
    dates = [day["date"] for day in answer["days"]]
    days = [
        " ".join((_weekday(day["date"]), day["date"][5:], *day["holidays"]))
        for day in answer["days"]
    ]
    portals = [
        (
            portal["name"],
            zip(
                days,
                _by_date(portal["passes"], dates),
                _by_date(portal["unlocked"], dates),
                strict=True,
            ),
        )
        for portal in answer["portals"]
    ]
    return visit.page("rules/week.html", person=answer, portals=portals)


def _weekday(day: str) -> str:
    return _(DAY_WORDS[DAYS[date.fromisoformat(day).weekday()]])


def _by_date(intervals: Iterable[Mapping[str, Any]], dates: list[str]) -> list[list[str]]:
    """The times of day of intervals, by date; one that goes over midnight is cut there."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for it in intervals:
        first, begin = it["from"][:10], it["from"][11:16]
        last, end = it["to"][:10], it["to"][11:16]
        for day in dates:
            if first <= day <= last:
                starts = begin if day == first else "00:00"
                ends = end if day == last and it["to"][11:] != "23:59:59" else "24:00"
                found[day].append(f"{starts}-{ends}")
    return [found[day] for day in dates]


def _ties(visit: Visit, name: str, field: str) -> dict[int, list[int]]:
    """The ids at the other end of a rule's pairs, by rule."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for row in visit.rows(name, fields=["access_rule_id", field]):
        found[row["access_rule_id"]].append(row[field])
    return found


def _names(visit: Visit, name: str) -> dict[int, str]:
    return {row["id"]: row["name"] for row in visit.rows(name, fields=["id", "name"])}


def _one(visit: Visit, name: str, number: int) -> Mapping[str, Any]:
    found = visit.rows(name, where={name: {"id": number}})
    if not found:
        raise NotFound(_("It is not there any more."))
    return found[0]


def _day(stamp: int) -> str:
    return f"{datetime.fromtimestamp(stamp, UTC):%Y-%m-%d}"


def _midnight(visit: Visit, name: str, text: str) -> int:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise invalid_value(name, worded("it must be a date")) from None
    return visit.context.device_time.midnight(day)


VIEWS = (
    View("/rules", rules),
    View("/rules/<int:number>", rule),
    View("/rules/<int:number>", save_rule, method="POST", labels=form_labels.RULE),
    View("/rules/<int:number>/delete", delete_rule, method="POST"),
    View("/schedules/<int:number>", schedule),
    View("/schedules/<int:number>", save_schedule, method="POST", labels=form_labels.SCHEDULE),
    View("/schedules/<int:number>/delete", delete_schedule, method="POST"),
    View("/holidays", add_holiday, method="POST", labels=form_labels.HOLIDAY),
    View("/holidays/<int:number>/delete", delete_holiday, method="POST"),
    View("/groups", add_group, method="POST", labels=form_labels.GROUP),
    View("/portals/<int:portal>/who", who),
    View("/people/<int:user>/week", week),
)
