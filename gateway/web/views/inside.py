"""Who is inside: live, to print, and as a file; limits of areas, and escorts."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import worded
from gateway.objects.fields import invalid_value
from gateway.objects.occupancy import LONGEST_ESCORT_S, MOST_PEOPLE
from gateway.web import form_labels
from gateway.web.languages import gettext as _
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit

PATH = "/inside"
_DAY_S = 86_400
_NO_LIMITS = {"maximum": 0, "minimum": 0, "empty_at": -1}


def inside(visit: Visit) -> Response:
    """Each area with the people in it; for technicians also its limits, and the escorts."""
    limits = {row["area_id"]: row for row in visit.rows("occupancy_limits")}
    names = {
        name: {row["id"]: row["name"] for row in visit.rows(name, order=["name"])}
        for name in ("areas", "portals", "groups")
    }
    return visit.page(
        "inside/inside.html",
        areas=names["areas"],
        portals=names["portals"],
        groups=names["groups"],
        found=_found(visit),
        limits={
            area: {**row, "time": _clock(row["empty_at"])}
            for area in names["areas"]
            for row in [limits.get(area, _NO_LIMITS)]
        },
        outside={row["area_id"] for row in visit.rows("outside_areas")},
        escorts=visit.rows("escort_rules", order=["id"]),
        most=MOST_PEOPLE,
        longest=LONGEST_ESCORT_S,
    )


def parts(visit: Visit) -> Response:
    """The lists without the frame, for a page that is open."""
    return visit.page("inside/_areas.html", found=_found(visit))


def muster(visit: Visit) -> Response:
    """Everybody on one sheet, with a box to tick; to be printed."""
    return visit.page("inside/muster.html", found=_found(visit))


def sheet(visit: Visit) -> Response:
    """The same as a table in a file."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["area_id", "area", "user_id", "name", "since", "position"])
    found = _found(visit)
    for area in found["areas"]:
        for who in area["people"]:
            since = f"{who['since']:%Y-%m-%d %H:%M:%S}"
            row = [area["area_id"], area["name"], who["user_id"], who["name"], since, "inside"]
            rows.writerow(map(_cell, row))
    for who in found["unknown"]:
        since = f"{who['since']:%Y-%m-%d %H:%M:%S}"
        row = [who["area_id"], who["area"], who["user_id"], who["name"], since, "unknown"]
        rows.writerow(map(_cell, row))
    answer = Response(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="inside.csv"'
    return answer


def _cell(value: object) -> str:
    """A value that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def empty(visit: Visit, area: int) -> Response:
    """Have nobody count as inside an area, or any (0)."""
    visit.run("empty_area", area_id=area, reason=visit.form.get("reason", "").strip())
    return visit.to(PATH)


def set_limits(visit: Visit, area: int) -> Response:
    """Store the limits of an area, none if all are empty, and whether it is outside."""
    form = visit.form
    wanted = {
        "area_id": area,
        "maximum": number_typed("maximum", form.get("maximum", "").strip() or "0"),
        "minimum": number_typed("minimum", form.get("minimum", "").strip() or "0"),
        "empty_at": _seconds(form.get("empty_at", "").strip()),
    }
    where = {"occupancy_limits": {"area_id": area}}
    known = visit.rows("occupancy_limits", where=where)
    values = {name: it for name, it in wanted.items() if name != "area_id"}
    with visit.together():
        if wanted["maximum"] or wanted["minimum"] or wanted["empty_at"] >= 0:
            if known:
                visit.run("modify_objects", object="occupancy_limits", values=values, where=where)
            else:
                visit.run("create_objects", object="occupancy_limits", values=[wanted])
        elif known:
            visit.run("destroy_objects", object="occupancy_limits", where=where)
        _set_outside(visit, area, outside="outside" in form)
    return visit.to(PATH)


def _set_outside(visit: Visit, area: int, *, outside: bool) -> None:
    """Store whether an area is not of the site."""
    where = {"outside_areas": {"area_id": area}}
    if outside == bool(visit.rows("outside_areas", where=where)):
        return
    if outside:
        visit.run("create_objects", object="outside_areas", values=[{"area_id": area}])
    else:
        visit.run("destroy_objects", object="outside_areas", where=where)


def add_escort(visit: Visit) -> Response:
    """Have one group pass a portal only with another."""
    form = visit.form
    names = ("portal_id", "visitor_group_id", "host_group_id", "within_s")
    row: dict[str, object] = {name: number_typed(name, form.get(name, "")) for name in names}
    row["name"] = form.get("name", "").strip()
    visit.run("create_objects", object="escort_rules", values=[row])
    return visit.to(PATH)


def delete_escort(visit: Visit, number: int) -> Response:
    """Delete an escort rule."""
    visit.run("destroy_objects", object="escort_rules", where={"escort_rules": {"id": number}})
    return visit.to(PATH)


def _found(visit: Visit) -> dict[str, Any]:
    """The answer to `occupancy`, with times as the page shows them."""
    answer = visit.run("occupancy")
    areas = {area["area_id"]: area["name"] for area in answer["areas"]}

    def shown(who: Mapping[str, Any]) -> dict[str, Any]:
        name = who["name"] or _("Person %(id)s", id=who["user_id"])
        return {**who, "name": name, "since": visit.local(who["since_utc"])}

    return {
        "time": visit.local_now,
        "total": sum(area["inside"] for area in answer["areas"]),
        "areas": [
            {
                **area,
                "name": area["name"] or _("Area %(id)s", id=area["area_id"]),
                "few": 0 < area["inside"] < area["minimum"],
                "full": area["maximum"] and area["inside"] >= area["maximum"],
                "people": [shown(who) for who in area["people"]],
            }
            for area in answer["areas"]
        ],
        "unknown": [
            {**shown(who), "area": areas.get(who["area_id"]) or _("Area %(id)s", id=who["area_id"])}
            for who in answer["unknown"]
        ],
    }


def _clock(second: int) -> str:
    return "" if second < 0 else f"{second // 3600:02}:{second // 60 % 60:02}"


def _seconds(text: str) -> int:
    """The second of the day of a time such as 22:30; -1 for none."""
    if not text:
        return -1
    hours, _colon, minutes = text.partition(":")
    found = number_typed("empty_at", hours) * 3600 + number_typed("empty_at", minutes[:2]) * 60
    if found >= _DAY_S:
        raise invalid_value("empty_at", worded("it must be a time of day"))
    return found


VIEWS = (
    View(PATH, inside),
    View("/parts/inside", parts),
    View(f"{PATH}/muster", muster),
    View(f"{PATH}/inside.csv", sheet),
    View(f"{PATH}/<int:area>/empty", empty, method="POST", labels=form_labels.EMPTY_AREA),
    View(
        f"{PATH}/<int:area>/limits",
        set_limits,
        needs=Right.ADMINISTRATOR,
        method="POST",
        labels=form_labels.AREA_LIMITS,
    ),
    View(
        f"{PATH}/escorts",
        add_escort,
        needs=Right.ADMINISTRATOR,
        method="POST",
        labels=form_labels.ESCORT,
    ),
    View(
        f"{PATH}/escorts/<int:number>/delete",
        delete_escort,
        needs=Right.ADMINISTRATOR,
        method="POST",
    ),
)
