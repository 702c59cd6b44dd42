"""Sets of alarm zones that are armed together, and zones that chime."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.commands.provisioning import zone_row
from gateway.commands.rights import Right
from gateway.web import form_labels
from gateway.web.tied_rows import TieTable, ticked, tie, tied_rows
from gateway.web.visit import View, Visit
from gateway.web.zone_names import zone_name

_PAGE = "/settings/zone-sets"
_ZONES = TieTable("zone_set_zones", "zone_set_id", "alarm_zone_id")


def show(visit: Visit) -> Response:
    """All sets, each as a form."""
    zones = tied_rows(visit, _ZONES)
    sets = [
        {**row, "zones": zones.get(row["id"], set())}
        for row in visit.rows("zone_sets", order=["name"])
    ]
    new = {"id": 0, "name": "", "open_zones": 1, "zones": set()}
    chimes = {row["zone"]: row["chime"] for row in _alarm_zones(visit)}
    shown = {zone.number: zone_name(zone) for zone in visit.context.site.zone}
    return visit.page(
        "settings/zone_sets.html",
        sets=[*sets, new],
        chimes=[(number, chimes.get(number, 0)) for number in shown],
        shown=shown,
    )


def save(visit: Visit, number: int) -> Response:
    """Store a set and its zones; number 0 is a new one."""
    form = visit.form
    row: dict[str, Any] = {
        "name": form.get("name", "").strip(),
        "open_zones": 2 if form.get("open_zones") == "2" else 1,
    }
    zones, present = ticked(visit, "zones"), tied_rows(visit, _ZONES).get(number, set())
    with visit.together():
        if number:
            where = {"zone_sets": {"id": number}}
            visit.run("modify_objects", object="zone_sets", values=row, where=where)
        else:
            number = visit.run("create_objects", object="zone_sets", values=[row])["ids"][0]
        tie(visit, _ZONES, number, zones, present)
    return visit.to(_PAGE)


def delete(visit: Visit, number: int) -> Response:
    """Delete a set; its zones stay."""
    visit.run("destroy_objects", object="zone_sets", where={"zone_sets": {"id": number}})
    return visit.to(_PAGE)


def chime(visit: Visit) -> Response:
    """Store which zones chime."""
    wanted = ticked(visit, "zones")
    stored = {row["zone"]: row["chime"] for row in _alarm_zones(visit)}
    with visit.together():
        for zone in visit.context.site.zone:
            number, chimes = zone.number, int(zone.number in wanted)
            if number in stored:
                where = {"alarm_zones": {"zone": number}}
                values = {"chime": chimes}
                visit.run("modify_objects", object="alarm_zones", values=values, where=where)
            elif chimes:
                # A zone without a row is off, and stays so.
                row = {**zone_row(zone), "enabled": 0, "chime": chimes}
                visit.run("create_objects", object="alarm_zones", values=[row])
    return visit.to(_PAGE)


def _alarm_zones(visit: Visit) -> list[Any]:
    return visit.rows("alarm_zones", fields=["zone", "chime"])


VIEWS = (
    View(_PAGE, show, Right.ADMINISTRATOR),
    View(f"{_PAGE}/<int:number>", save, Right.ADMINISTRATOR, "POST", labels=form_labels.ZONE_SET),
    View(f"{_PAGE}/<int:number>/delete", delete, Right.ADMINISTRATOR, "POST"),
    View(f"{_PAGE}/chime", chime, Right.ADMINISTRATOR, "POST", labels=form_labels.CHIME),
)
