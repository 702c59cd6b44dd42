"""Sets of alarm zones that are armed together, and zones and doors that chime."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import InvalidRequest
from gateway.web.visit import View, Visit

_PAGE = "/settings/zone-sets"


def show(visit: Visit) -> Response:
    """All sets, each as a form."""
    return _page(visit)


def save(visit: Visit, number: int) -> Response:
    """Store a set and its zones; number 0 is a new one."""
    form = visit.form
    row: dict[str, Any] = {
        "name": form.get("name", "").strip(),
        "open_zones": 2 if form.get("open_zones") == "2" else 1,
    }
    zones = {int(it) for it in form.getlist("zones") if it in {"1", "2", "3", "4", "5"}}
    try:
        if number:
            where = {"zone_sets": {"id": number}}
            visit.run("modify_objects", object="zone_sets", values=row, where=where)
        else:
            number = visit.run("create_objects", object="zone_sets", values=[row])["ids"][0]
        _tie(visit, number, zones)
    except InvalidRequest as error:
        return _page(visit, refused=str(error))
    return visit.to(_PAGE)


def delete(visit: Visit, number: int) -> Response:
    """Delete a set; its zones stay."""
    visit.run("destroy_objects", object="zone_sets", where={"zone_sets": {"id": number}})
    return visit.to(_PAGE)


def chime(visit: Visit) -> Response:
    """Store which zones chime."""
    ticked = set(visit.form.getlist("zones"))
    for row in visit.rows("alarm_zones"):
        where = {"alarm_zones": {"zone": row["zone"]}}
        values = {"chime": int(str(row["zone"]) in ticked)}
        visit.run("modify_objects", object="alarm_zones", values=values, where=where)
    return visit.to(_PAGE)


def _tie(visit: Visit, number: int, zones: set[int]) -> None:
    before = {
        row["alarm_zone_id"]
        for row in visit.rows("zone_set_zones", where={"zone_set_zones": {"zone_set_id": number}})
    }
    for zone in before - zones:
        tie = {"zone_set_zones": {"zone_set_id": number, "alarm_zone_id": zone}}
        visit.run("destroy_objects", object="zone_set_zones", where=tie)
    new = [{"zone_set_id": number, "alarm_zone_id": zone} for zone in sorted(zones - before)]
    if new:
        visit.run("create_objects", object="zone_set_zones", values=new)


def _page(visit: Visit, refused: str = "") -> Response:
    zones: dict[int, set[int]] = defaultdict(set)
    for tie in visit.rows("zone_set_zones"):
        zones[tie["zone_set_id"]].add(tie["alarm_zone_id"])
    sets = [{**row, "zones": zones[row["id"]]} for row in visit.rows("zone_sets", order=["name"])]
    new = {"id": 0, "name": "", "open_zones": 1, "zones": set()}
    chimes = visit.rows("alarm_zones", fields=["zone", "chime"], order=["zone"])
    shown = {zone.number: zone.shown for zone in visit.context.site.zone}
    return visit.page(
        "settings/zone_sets.html",
        422 if refused else 200,
        sets=[*sets, new],
        chimes=[(row["zone"], row["chime"]) for row in chimes if row["zone"] in shown],
        shown=shown,
        refused=refused,
    )


VIEWS = (
    View(_PAGE, show, Right.ADMINISTRATOR),
    View(f"{_PAGE}/<int:number>", save, Right.ADMINISTRATOR, "POST"),
    View(f"{_PAGE}/<int:number>/delete", delete, Right.ADMINISTRATOR, "POST"),
    View(f"{_PAGE}/chime", chime, Right.ADMINISTRATOR, "POST"),
)
