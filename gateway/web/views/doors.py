"""The doors: what each is doing, and what one can do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from gateway.commands.answers import Answer
from gateway.errors import ControllerUnavailable, NotFound
from gateway.web import form_labels
from gateway.web.door_state import DEVICE, SiteState, site_state
from gateway.web.languages import gettext as _
from gateway.web.typed import number_typed
from gateway.web.visit import View, Visit

_WEB = 3
"""The reason of an opening that the page asked for (Access API, actions)."""
_CLOSE = -1
_HOLD = 0


def doors(visit: Visit) -> Response:
    """All doors, zones and faults."""
    return visit.page(
        "doors/doors.html", state=_state(visit), groups=_groups(visit), sets=_sets(visit)
    )


def parts(visit: Visit) -> Response:
    """The same without the frame, for a page that is open."""
    return visit.page(
        "doors/_doors.html", state=_state(visit), groups=_groups(visit), sets=_sets(visit)
    )


def banners(visit: Visit) -> Response:
    """Alarms and modes in force, which every page shows."""
    return visit.page("doors/_banners.html", state=_state(visit))


def open_door(visit: Visit, door: int) -> Response:
    """Open a door for its time."""
    act(visit, door)
    return parts(visit)


def hold_door(visit: Visit, door: int) -> Response:
    """Hold a door unlocked until somebody ends that."""
    act(visit, door, _HOLD)
    return parts(visit)


def lock_door(visit: Visit, door: int) -> Response:
    """End an opening or a hold now."""
    act(visit, door, _CLOSE)
    return parts(visit)


def set_mode(visit: Visit, door: int) -> Response:
    """Lock a door or the device down, declare an emergency, or end either."""
    return _set_mode(visit, {"door": door})


def _set_mode(visit: Visit, place: Mapping[str, object]) -> Response:
    form = visit.form
    wanted = form.get("mode", "")
    asked: dict[str, object] = {**place, "mode": wanted}
    if wanted != "none":
        asked["reason"] = form.get("reason", "").strip()
    minutes = form.get("minutes", "").strip()
    if minutes:
        asked["minutes"] = number_typed("minutes", minutes)
    visit.run("set_exception_mode", **asked)
    return parts(visit)


def silence(visit: Visit) -> Response:
    """Silence the sounding alarm."""
    visit.run("alarm_status", stop=True)
    return parts(visit)


def reset_fire(visit: Visit) -> Response:
    """Reset a fire whose input is normal again."""
    visit.run("fire_reset")
    return parts(visit)


def arm(visit: Visit, zone: int) -> Response:
    """Arm an alarm zone, after a time to leave it."""
    delay = visit.form.get("exit_delay_s", "0")
    visit.run("alarm_arm", zones=[zone], exit_delay_s=number_typed("exit_delay_s", delay))
    return parts(visit)


def disarm(visit: Visit, zone: int) -> Response:
    """Disarm an alarm zone and end its alarm."""
    visit.run("alarm_disarm", zones=[zone])
    return parts(visit)


def arm_set(visit: Visit, number: int) -> Response:
    """Arm the zones of a set, after a time to leave them."""
    delay = visit.form.get("exit_delay_s", "0")
    visit.run("alarm_arm", zone_set=number, exit_delay_s=number_typed("exit_delay_s", delay))
    return parts(visit)


def disarm_set(visit: Visit, number: int) -> Response:
    """Disarm the zones of a set and end their alarms."""
    visit.run("alarm_disarm", zone_set=number)
    return parts(visit)


def menu(visit: Visit, door: int) -> Response:
    """What can be done with a door beside opening it; door 0 is the device."""
    state = _state(visit)
    known = state.door(door) if state else None
    if door != DEVICE and known is None:
        if state:
            raise NotFound(f"door: there is no door {str(door)[:20]}")
        raise ControllerUnavailable(_("The state of this door is not known."))
    return visit.page("doors/_menu.html", door=known, number=door)


def _state(visit: Visit) -> SiteState | None:
    """None while the controller is away."""
    try:
        return site_state(visit.run("live_state"))
    except ControllerUnavailable:
        return None


def open_group(visit: Visit, group: int) -> Response:
    """Open every door of a group for its time, or none."""
    _act_on_group(visit, group)
    return parts(visit)


def hold_group(visit: Visit, group: int) -> Response:
    """Hold every door of a group unlocked until somebody ends that."""
    _act_on_group(visit, group, _HOLD)
    return parts(visit)


def lock_group(visit: Visit, group: int) -> Response:
    """End the openings and holds of a group now."""
    _act_on_group(visit, group, _CLOSE)
    return parts(visit)


def set_group_mode(visit: Visit, group: int) -> Response:
    """Set the doors of a group into a mode, or end theirs."""
    return _set_mode(visit, {"group": group})


def group_menu(visit: Visit, group: int) -> Response:
    """What can be done with a group beside opening it."""
    names = {row["id"]: row["name"] for row in _groups(visit)}
    if group not in names:
        raise NotFound(f"door_group: there is no group {str(group)[:20]}")
    return visit.page("doors/_group_menu.html", group=group, place=names[group])


def _act_on_group(visit: Visit, group: int, timeout_ms: int | None = None) -> None:
    parameters = f"id={group},reason={_WEB}"
    if timeout_ms is not None:
        parameters += f",timeout={timeout_ms}"
    visit.run("execute_actions", actions=[{"action": "door_group", "parameters": parameters}])


def _groups(visit: Visit) -> list[Mapping[str, Any]]:
    """The door groups, by name."""
    return visit.rows("door_groups", order=["name"])


def _sets(visit: Visit) -> list[Mapping[str, Any]]:
    """The named sets of zones."""
    return visit.rows("zone_sets", order=["name"]) if visit.context.site.zone else []


def act(visit: Visit, door: int, timeout_ms: int | None = None) -> Answer:
    """Open a door for its time, or for `timeout_ms`, as the page does."""
    boxes = {box.id for box in visit.context.site.sec_box}
    action, key = ("sec_box", "id") if door in boxes else ("door", "door")
    parameters = f"{key}={door},reason={_WEB}"
    if timeout_ms is not None:
        parameters += f",timeout={timeout_ms}"
    return visit.run("execute_actions", actions=[{"action": action, "parameters": parameters}])


VIEWS = (
    View("/", doors),
    View("/parts/doors", parts),
    View("/parts/banners", banners),
    View("/doors/<int:door>/menu", menu),
    View("/doors/<int:door>/open", open_door, method="POST"),
    View("/doors/<int:door>/hold", hold_door, method="POST"),
    View("/doors/<int:door>/lock", lock_door, method="POST"),
    View("/doors/<int:door>/mode", set_mode, method="POST", labels=form_labels.DOOR_MODE),
    View("/door-groups/<int:group>/menu", group_menu),
    View("/door-groups/<int:group>/open", open_group, method="POST"),
    View("/door-groups/<int:group>/hold", hold_group, method="POST"),
    View("/door-groups/<int:group>/lock", lock_group, method="POST"),
    View(
        "/door-groups/<int:group>/mode", set_group_mode, method="POST", labels=form_labels.DOOR_MODE
    ),
    View("/alarm/silence", silence, method="POST"),
    View("/alarm/fire/reset", reset_fire, method="POST"),
    View("/zones/<int:zone>/arm", arm, method="POST"),
    View("/zones/<int:zone>/disarm", disarm, method="POST"),
    View("/zone-sets/<int:number>/arm", arm_set, method="POST"),
    View("/zone-sets/<int:number>/disarm", disarm_set, method="POST"),
)
