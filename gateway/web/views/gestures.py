"""Gestures at readers: second cards, third cards and keys of listed people."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.access.gestures import MOST_KEYS
from gateway.commands.rights import Right
from gateway.errors import worded
from gateway.objects.fields import invalid_value
from gateway.objects.gestures import KEYS, LONGEST_EXIT_S, ZONES
from gateway.web import form_labels
from gateway.web.languages import noted
from gateway.web.people_boxes import people_boxes
from gateway.web.tied_rows import TieTable, ticked, tie, tied_rows
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit

_PAGE = "/settings/gestures"
_GROUPS = TieTable("portal_gesture_groups", "portal_gesture_id", "group_id")
_PEOPLE = TieTable("portal_gesture_users", "portal_gesture_id", "user_id")
GESTURES = {
    1: noted("A second card holds the door unlocked, or ends that"),
    2: noted("A third card arms the zones, or disarms them"),
    3: noted("Keys after a card arm the zones"),
}


def show(visit: Visit) -> Response:
    """All gestures, each as a form."""
    groups, people = tied_rows(visit, _GROUPS), tied_rows(visit, _PEOPLE)
    rows = visit.rows("portal_gestures", order=["portal_id", "gesture"])
    gestures = [
        {
            **row,
            "groups": groups.get(row["id"], set()),
            "people": people_boxes(visit, people.get(row["id"], ())),
        }
        for row in rows
    ]
    new = {"id": 0, "portal_id": 0, "gesture": 1, "zone_set_id": None, "keys": ""}
    return visit.page(
        "settings/gestures.html",
        gestures=[*gestures, {**new, "exit_delay_s": 0, "groups": set(), "people": []}],
        words=GESTURES,
        portals=visit.rows("portals", order=["name"]),
        groups=visit.rows("groups", order=["name"]),
        sets=visit.rows("zone_sets", order=["name"]),
        most_keys=MOST_KEYS,
        longest_exit=LONGEST_EXIT_S,
    )


def save(visit: Visit, number: int) -> Response:
    """Store a gesture with its groups and people; number 0 is a new one."""
    row, groups, people = _typed(visit), ticked(visit, "groups"), ticked(visit, "people")
    if not groups and not people:
        raise invalid_value("groups", worded("nobody could make it: tick a group or a person"))
    present = [tied_rows(visit, it).get(number, set()) for it in (_GROUPS, _PEOPLE)]
    with visit.together():
        if number:
            where = {"portal_gestures": {"id": number}}
            visit.run("modify_objects", object="portal_gestures", values=row, where=where)
        else:
            made = visit.run("create_objects", object="portal_gestures", values=[row])
            number = made["ids"][0]
        tie(visit, _GROUPS, number, groups, present[0])
        tie(visit, _PEOPLE, number, people, present[1])
    return visit.to(_PAGE)


def delete(visit: Visit, number: int) -> Response:
    """Delete a gesture."""
    where = {"portal_gestures": {"id": number}}
    visit.run("destroy_objects", object="portal_gestures", where=where)
    return visit.to(_PAGE)


def _typed(visit: Visit) -> dict[str, Any]:
    form = visit.form
    gesture = number_typed("gesture", form.get("gesture", ""))
    zone_set = form.get("zone_set_id", "")
    return {
        "portal_id": number_typed("portal_id", form.get("portal_id", "")),
        "gesture": gesture,
        "zone_set_id": number_typed("zone_set_id", zone_set)
        if zone_set and gesture in (ZONES, KEYS)
        else None,
        "keys": form.get("keys", "").strip() if gesture == KEYS else "",
        "exit_delay_s": number_typed("exit_delay_s", form.get("exit_delay_s", "") or "0"),
    }


VIEWS = (
    View(_PAGE, show, Right.ADMINISTRATOR),
    View(f"{_PAGE}/<int:number>", save, Right.ADMINISTRATOR, "POST", labels=form_labels.GESTURE),
    View(f"{_PAGE}/<int:number>/delete", delete, Right.ADMINISTRATOR, "POST"),
)
