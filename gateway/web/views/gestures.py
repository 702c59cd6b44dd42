"""Gestures at readers: second cards, third cards and keys of listed people."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import Response

from gateway.access.gestures import MOST_KEYS
from gateway.commands.rights import Right
from gateway.errors import InvalidRequest
from gateway.objects.gestures import KEYS, LONGEST_EXIT_S, ZONES
from gateway.web.languages import noted
from gateway.web.visit import View, Visit

_PAGE = "/settings/gestures"
GESTURES = {
    1: noted("A second card holds the door unlocked, or ends that"),
    2: noted("A third card arms the zones, or disarms them"),
    3: noted("Keys after a card arm the zones"),
}


def show(visit: Visit) -> Response:
    """All gestures, each as a form."""
    return _page(visit)


def save(visit: Visit, number: int) -> Response:
    """Store a gesture and its groups; number 0 is a new one."""
    form = visit.form
    try:
        gesture = _number("gesture", form.get("gesture", ""))
        row: dict[str, Any] = {
            "portal_id": _number("portal_id", form.get("portal_id", "")),
            "gesture": gesture,
            "zone_set_id": None,
            "keys": form.get("keys", "").strip() if gesture == KEYS else "",
            "exit_delay_s": _number("exit_delay_s", form.get("exit_delay_s", "") or "0"),
        }
        if gesture in (ZONES, KEYS):
            row["zone_set_id"] = _number("zone_set_id", form.get("zone_set_id", ""))
        groups = {_number("groups", text) for text in form.getlist("groups")}
        if number:
            where = {"portal_gestures": {"id": number}}
            visit.run("modify_objects", object="portal_gestures", values=row, where=where)
        else:
            made = visit.run("create_objects", object="portal_gestures", values=[row])
            number = made["ids"][0]
        _tie(visit, number, groups)
    except InvalidRequest as error:
        return _page(visit, refused=str(error))
    return visit.to(_PAGE)


def delete(visit: Visit, number: int) -> Response:
    """Delete a gesture."""
    where = {"portal_gestures": {"id": number}}
    visit.run("destroy_objects", object="portal_gestures", where=where)
    return visit.to(_PAGE)


def _tie(visit: Visit, number: int, groups: set[int]) -> None:
    own = {"portal_gesture_groups": {"portal_gesture_id": number}}
    before = {row["group_id"] for row in visit.rows("portal_gesture_groups", where=own)}
    for group in before - groups:
        tie = {"portal_gesture_groups": {"portal_gesture_id": number, "group_id": group}}
        visit.run("destroy_objects", object="portal_gesture_groups", where=tie)
    new = [{"portal_gesture_id": number, "group_id": it} for it in sorted(groups - before)]
    if new:
        visit.run("create_objects", object="portal_gesture_groups", values=new)


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InvalidRequest(f"{name}: must be a number (found {text[:20]!r})")
    return int(text)


def _page(visit: Visit, refused: str = "") -> Response:
    groups: dict[int, set[int]] = defaultdict(set)
    for tie in visit.rows("portal_gesture_groups"):
        groups[tie["portal_gesture_id"]].add(tie["group_id"])
    rows = visit.rows("portal_gestures", order=["portal_id", "gesture"])
    gestures = [{**row, "groups": groups[row["id"]]} for row in rows]
    new = {"id": 0, "portal_id": 0, "gesture": 1, "zone_set_id": None, "keys": ""}
    return visit.page(
        "settings/gestures.html",
        422 if refused else 200,
        gestures=[*gestures, {**new, "exit_delay_s": 0, "groups": set()}],
        words=GESTURES,
        portals=visit.rows("portals", order=["name"]),
        groups=visit.rows("groups", order=["name"]),
        sets=visit.rows("zone_sets", order=["name"]),
        most_keys=MOST_KEYS,
        longest_exit=LONGEST_EXIT_S,
        refused=refused,
    )


VIEWS = (
    View(_PAGE, show, Right.ADMINISTRATOR),
    View(f"{_PAGE}/<int:number>", save, Right.ADMINISTRATOR, "POST"),
    View(f"{_PAGE}/<int:number>/delete", delete, Right.ADMINISTRATOR, "POST"),
)
