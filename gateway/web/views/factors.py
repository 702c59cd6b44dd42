"""What each portal asks for, by time: rows of `portal_factor_modes`."""

from __future__ import annotations

from flask import Response

from gateway.access.factor_modes import FactorMode
from gateway.web import form_labels
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit

_OBJECT = "portal_factor_modes"
_MEMBERS = ("portal_id", "time_zone_id", "mode")
MODES = {
    FactorMode.CARD: noted("Card only"),
    FactorMode.PIN: noted("PIN only"),
    FactorMode.CARD_OR_PIN: noted("Card or PIN"),
    FactorMode.CARD_AND_PIN: noted("Card, then PIN"),
}


def factors(visit: Visit) -> Response:
    """The rows, and a form for one more."""
    portals, zones = (
        {row["id"]: row["name"] for row in visit.rows(name, fields=["id", "name"], order=["name"])}
        for name in ("portals", "time_zones")
    )
    words = {int(mode): _(text) for mode, text in MODES.items()}
    rows = [
        {
            "id": row["id"],
            "portal": portals.get(row["portal_id"], ""),
            "zone": zones.get(row["time_zone_id"], ""),
            "mode": words[row["mode"]],
        }
        for row in visit.rows(_OBJECT, order=["portal_id"])
    ]
    both = visit.run("get_configuration", identifier=["multi_factor_authentication"])
    default = FactorMode.CARD_OR_PIN
    if both["identifier"]["multi_factor_authentication"] == "1":
        default = FactorMode.CARD_AND_PIN
    return visit.page(
        "rules/factors.html",
        rows=rows,
        portals=portals,
        zones=zones,
        modes=words,
        default=words[default],
    )


def add(visit: Visit) -> Response:
    """Add a row."""
    row = {name: number_typed(name, visit.form.get(name, "")) for name in _MEMBERS}
    visit.run("create_objects", object=_OBJECT, values=[row])
    return visit.to("/rules/factors")


def delete(visit: Visit, number: int) -> Response:
    """Delete a row."""
    visit.run("destroy_objects", object=_OBJECT, where={_OBJECT: {"id": number}})
    return visit.to("/rules/factors")


VIEWS = (
    View("/rules/factors", factors),
    View("/rules/factors", add, method="POST", labels=form_labels.FACTOR_MODE),
    View("/rules/factors/<int:number>/delete", delete, method="POST"),
)
