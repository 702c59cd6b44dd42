"""The threat level in force, and what each level does."""

from __future__ import annotations

from flask import Response

from gateway.access.factor_modes import FactorMode
from gateway.commands.rights import Right
from gateway.errors import ControllerUnavailable
from gateway.objects.threat import HIGHEST_LEVEL
from gateway.web import form_labels
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.tied_rows import TieTable, ticked, tie, tied_rows
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit

PATH = "/threat-levels"
_GROUPS = TieTable("threat_level_groups", "threat_level_id", "group_id")
FACTORS = {
    FactorMode.CARD_OR_PIN: noted("no more than otherwise"),
    FactorMode.CARD: noted("a card"),
    FactorMode.PIN: noted("a PIN"),
    FactorMode.CARD_AND_PIN: noted("a card and then the PIN"),
}
"""What everyone must show at least."""
_FLAGS = ("listed_groups_only", "stops_unlock_schedules", "stops_first_cards")


def threat_levels(visit: Visit) -> Response:
    """The level in force, the way to another, and what each level does."""
    try:
        now = visit.run("live_state")["threat"]
    except ControllerUnavailable:
        now = None
    rows = {row["level"]: row for row in visit.rows("threat_levels")}
    listed = tied_rows(visit, _GROUPS)
    groups = {level: listed.get(row["id"], set()) for level, row in rows.items()}
    return visit.page(
        "threat/levels.html",
        now=now,
        defined=rows,
        levels=[
            (
                level,
                rows.get(level, {"name": "", "factor_mode": 0, **dict.fromkeys(_FLAGS, 1)}),
                groups.get(level, set()),
            )
            for level in range(1, HIGHEST_LEVEL + 1)
        ],
        groups=visit.rows("groups", fields=["id", "name"], order=["name"]),
        factors=[(mode.value, _(words)) for mode, words in FACTORS.items()],
    )


def set_level(visit: Visit) -> Response:
    """Put a level in force; 0 is the ordinary one."""
    level = number_typed("level", visit.form.get("level", ""))
    asked: dict[str, object] = {"level": level}
    if level:
        asked["reason"] = visit.form.get("reason", "").strip()
        minutes = visit.form.get("minutes", "").strip()
        if minutes:
            asked["minutes"] = number_typed("minutes", minutes)
    visit.run("set_threat_level", **asked)
    return visit.to(PATH)


def define(visit: Visit, level: int) -> Response:
    """Store what a level does."""
    form = visit.form
    values: dict[str, object] = {name: int(name in form) for name in _FLAGS}
    values["name"] = form.get("name", "").strip()
    values["factor_mode"] = number_typed("factor_mode", form.get("factor_mode", "0"))
    known = visit.rows("threat_levels", where={"threat_levels": {"level": level}})
    wanted, listed = ticked(visit, "groups"), tied_rows(visit, _GROUPS)
    with visit.together():
        if known:
            id_ = known[0]["id"]
            where = {"threat_levels": {"id": id_}}
            visit.run("modify_objects", object="threat_levels", values=values, where=where)
        else:
            row = {"level": level, **values}
            [id_] = visit.run("create_objects", object="threat_levels", values=[row])["ids"]
        tie(visit, _GROUPS, id_, wanted, listed.get(id_, set()))
    return visit.to(PATH)


VIEWS = (
    View(PATH, threat_levels),
    View(PATH, set_level, method="POST", labels=form_labels.THREAT_LEVEL),
    View(
        f"{PATH}/<int:level>",
        define,
        needs=Right.ADMINISTRATOR,
        method="POST",
        labels=form_labels.THREAT_LEVEL_ROW,
    ),
)
