"""The threat level in force, and what each level does."""

from __future__ import annotations

from flask import Response

from gateway.access.factor_modes import FactorMode
from gateway.commands.rights import Right
from gateway.errors import ControllerUnavailable, InvalidRequest
from gateway.objects.threat import HIGHEST_LEVEL
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.visit import View, Visit

PATH = "/threat-levels"
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
    groups = {level: _listed(visit, row["id"]) for level, row in rows.items()}
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
    level = _number("level", visit.form.get("level", ""))
    asked: dict[str, object] = {"level": level}
    if level:
        asked["reason"] = visit.form.get("reason", "").strip()
        minutes = visit.form.get("minutes", "").strip()
        if minutes:
            asked["minutes"] = _number("minutes", minutes)
    visit.run("set_threat_level", **asked)
    return visit.to(PATH)


def define(visit: Visit, level: int) -> Response:
    """Store what a level does."""
    form = visit.form
    values: dict[str, object] = {name: int(name in form) for name in _FLAGS}
    values["name"] = form.get("name", "").strip()
    values["factor_mode"] = _number("factor_mode", form.get("factor_mode", "0"))
    known = visit.rows("threat_levels", where={"threat_levels": {"level": level}})
    if known:
        id_ = known[0]["id"]
        visit.run(
            "modify_objects",
            object="threat_levels",
            values=values,
            where={"threat_levels": {"id": id_}},
        )
    else:
        [id_] = visit.run(
            "create_objects", object="threat_levels", values=[{"level": level, **values}]
        )["ids"]
    wanted = {_number("groups", text) for text in form.getlist("groups")}
    listed = _listed(visit, id_)
    added = [{"threat_level_id": id_, "group_id": group} for group in sorted(wanted - listed)]
    if added:
        visit.run("create_objects", object="threat_level_groups", values=added)
    for group in sorted(listed - wanted):
        pair = {"threat_level_id": id_, "group_id": group}
        visit.run(
            "destroy_objects", object="threat_level_groups", where={"threat_level_groups": pair}
        )
    return visit.to(PATH)


def _listed(visit: Visit, id_: int) -> set[int]:
    where = {"threat_level_groups": {"threat_level_id": id_}}
    return {row["group_id"] for row in visit.rows("threat_level_groups", where=where)}


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise InvalidRequest(f"{name}: must be a number (found {text[:20]!r})")
    return int(text)


VIEWS = (
    View(PATH, threat_levels),
    View(PATH, set_level, method="POST"),
    View(f"{PATH}/<int:level>", define, needs=Right.ADMINISTRATOR, method="POST"),
)
