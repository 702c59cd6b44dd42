"""Doors, their interlock, the sounding alarm and the buzzer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from gateway.access.actions import DOOR_GROUP_ACTION, SecBoxes, parse_parameters
from gateway.commands.answers import DONE, Done
from gateway.commands.clearance import Clearance
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.peer_interlock import asks_peers, cleared
from gateway.commands.requests import (
    ActionItem,
    ActionsRequest,
    AlarmRequest,
    NoMembers,
    RequestModel,
)
from gateway.commands.rights import Right
from gateway.doors.turnstile_values import sides_named
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    InvalidRequest,
    NotSupportedHere,
    TooBusy,
)
from gateway.link.messages import (
    CLOSE_MS,
    LONGEST_BUZZ_MS,
    MOST_OPENINGS,
    Buzz,
    OpenDoor,
    OpenTogether,
    ReleaseTurnstile,
    Silence,
)
from gateway.objects.door_rows import DOOR_GROUP_DOORS
from gateway.settings import SiteFile
from gateway.store.objects.store import Store

LONGEST_TIMEOUT_MS = 600_000
MOST_ACTIONS = 32
HIGHEST_HZ = 20_000
"""The highest audible frequency; the documentation has no bounds."""

_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_SEC_BOX_ID = re.compile(r"[+-]?\d{1,20}(\.\d*)?([eE][+-]?\d{1,3})?", re.ASCII)
"""Any id: clients send the vendor's 65793 to every device, ids that another device reported, and
ids rounded to a double."""


class DoorOpen(TypedDict):
    """One door or SecBox."""

    id: int
    open: bool


class DoorsState(TypedDict):
    """Answer to `doors_state`; this device may have doors, SecBoxes or both."""

    sec_boxes: NotRequired[list[DoorOpen]]
    doors: NotRequired[list[DoorOpen]]


class ActionStatus(TypedDict):
    """What became of one action."""

    action: str
    status: Literal["allowed", "denied"]


class ActionsAnswer(TypedDict):
    """Answer to `execute_actions`; empty without a network interlock."""

    actions: NotRequired[list[ActionStatus]]


class AlarmShown(TypedDict):
    """Answer to `alarm_status`; empty for `stop`."""

    active: NotRequired[bool]
    cause: NotRequired[int]


class BuzzRequest(RequestModel):
    """`buzzer_buzz`: hertz, per cent, milliseconds (Access API, actions).

    The buzzer of a reader is on or off and has its own tone: the first two members are checked and
    ignored.
    """

    frequency: Annotated[int, Field(ge=1, le=HIGHEST_HZ)]
    duty_cycle: Annotated[int, Field(ge=1, le=50)]
    timeout: Annotated[int, Field(ge=1, le=LONGEST_BUZZ_MS)]


def execute_actions(call: Call[ActionsRequest]) -> ActionsAnswer:
    """Open, hold open or close doors, let one person through the turnstile.

    All actions are carried out or none: doors that exclude each other by an interlock are refused
    together. A login that sends openings much faster than persons pass is refused for a while.
    With a network interlock the answer says of each action whether it was `allowed`.
    """
    by = call.caller.login or ""
    checked = checked_openings(
        call.context.site, call.request.actions, groups_of(call.context.store)
    )
    openings = [opening.model_copy(update={"by": by}) for opening in checked]
    # A close is never refused.
    opened = sum(not _closes(opening) for opening in openings)
    call.count_entries(opened)
    asks = asks_peers(call.context)
    found = cleared(call.context) if opened else Clearance(free=True)
    if not found.free:
        return _statuses(call.request.actions, "denied")
    try:
        if openings:
            one = openings[0] if len(openings) == 1 else OpenTogether(openings=tuple(openings))
            call.context.controller.ask(one, begun_within_s=found.within_s)
    finally:
        call.context.refresh_logs()
    return _statuses(call.request.actions, "allowed") if asks else {}


def _statuses(actions: Sequence[ActionItem], status: Literal["allowed", "denied"]) -> ActionsAnswer:
    return {"actions": [{"action": item.action, "status": status} for item in actions]}


def doors_state(call: Call[NoMembers]) -> DoorsState:
    """Which doors are open, by the sensor if it is enabled, else by the relay."""
    boxes = {box.id for box in call.context.site.sec_box}
    doors: list[DoorOpen] = []
    fitted: list[DoorOpen] = []
    for door in call.context.controller.status().doors:
        (fitted if door.id in boxes else doors).append({"id": door.id, "open": door.open})
    answer: DoorsState = {"sec_boxes": fitted} if fitted else {}
    if doors or not fitted:
        answer["doors"] = doors
    return answer


def alarm_status(call: Call[AlarmRequest]) -> AlarmShown:
    """The alarm that sounds now; with `stop`, silence it."""
    if call.request.stop:
        call.context.controller.ask(Silence())
        call.context.refresh_logs()
        return {}
    status = call.context.controller.status()
    return {"active": status.alarm_active, "cause": status.alarm_cause}


def buzzer_buzz(call: Call[BuzzRequest]) -> Done:
    """Sound the buzzers of all readers; refused at a site without any.

    `general.beep_enabled` 0 silences what readers signal by themselves, not this command.
    """
    call.context.controller.ask(Buzz(for_ms=call.request.timeout))
    return DONE


DoorsOfGroup = Callable[[int], tuple[int, ...]]
"""The doors of a group; empty for a group that does not exist. Raises StorageError."""


def groups_of(store: Store) -> DoorsOfGroup:
    """Reads the doors of a group from the store."""

    def doors(group: int) -> tuple[int, ...]:
        name = DOOR_GROUP_DOORS.name
        search = {"object": name, "fields": ["door_id"], "where": {name: {"door_group_id": group}}}
        rows: list[Any] = list(store.load(search).rows)
        return tuple(sorted(row["door_id"] for row in rows))

    return doors


def doors_in_group(site: SiteFile, group: int, doors_of: DoorsOfGroup) -> tuple[int, ...]:
    """The doors of this site in a group. Raises InvalidRequest for a group without any."""
    known = {door.id for door in site.doors()}
    doors = tuple(door for door in doors_of(group) if door in known)
    if not doors:
        raise InvalidRequest(f"door_group: there is no group {group} with a door of this device")
    return doors


def checked_openings(
    site: SiteFile, actions: list[ActionItem], groups: DoorsOfGroup = lambda _: ()
) -> list[OpenDoor | ReleaseTurnstile]:
    """The openings that `actions` request. Raises InvalidRequest for the first invalid action."""
    if len(actions) > MOST_ACTIONS:
        raise InvalidRequest(f"at most {MOST_ACTIONS} actions at a time")
    openings = [opening for item in actions for opening in _openings(site, item, groups)]
    if len(openings) > MOST_OPENINGS:
        raise InvalidRequest(f"at most {MOST_OPENINGS} doors at a time")
    return openings


def _openings(
    site: SiteFile, item: ActionItem, groups: DoorsOfGroup
) -> list[OpenDoor | ReleaseTurnstile]:
    if item.action != DOOR_GROUP_ACTION:
        return [_opening(site, item)]
    given = parse_parameters(item.parameters or "")
    group = _integer(item.action, given, "id", 1, 10**18 - 1)
    if group is None:
        raise InvalidRequest("door_group: the parameter 'id' is missing")
    timeout_ms = _integer(item.action, given, "timeout", -1, LONGEST_TIMEOUT_MS)
    reason = _integer(item.action, given, "reason", 0, 3)
    return [
        OpenDoor(door=door, timeout_ms=timeout_ms, reason=reason)
        for door in doors_in_group(site, group, groups)
    ]


def _opening(site: SiteFile, item: ActionItem) -> OpenDoor | ReleaseTurnstile:
    given = parse_parameters(item.parameters or "")
    if item.action == "catra":
        return _turnstile_opening(site, given)
    if item.action == "open_collector":
        raise InvalidRequest("open_collector: this device has no card collector")
    if item.action == "door":
        door = _integer(item.action, given, "door", 1, 4)
        if door is None:
            raise InvalidRequest("door: the parameter 'door' is missing")
    elif item.action == "sec_box":
        box = given.get("id", "")
        if box and not _SEC_BOX_ID.fullmatch(box):
            raise InvalidRequest(f"sec_box: id must be a number (found {box!r})")
        fitted = SecBoxes(tuple(known.id for known in site.sec_box), site.site.sec_box_door)
        door = fitted.door(box)
        if not door:
            there = ", ".join(str(known) for known in fitted.fitted)
            raise InvalidRequest(f"sec_box: there is no SecBox {box!r} (there are: {there})")
    else:
        raise InvalidRequest(f"unknown action {item.action!r}")
    if door not in {known.id for known in site.doors()}:
        raise InvalidRequest(f"{item.action}: this device has no door {door}")
    return OpenDoor(
        door=door,
        timeout_ms=_integer(item.action, given, "timeout", -1, LONGEST_TIMEOUT_MS),
        reason=_integer(item.action, given, "reason", 0, 3),
    )


def _turnstile_opening(site: SiteFile, given: Mapping[str, str]) -> ReleaseTurnstile:
    if site.turnstile is None:
        raise InvalidRequest("catra: this device has no turnstile")
    sides = sides_named(given)
    if not sides:
        found = given.get("allow", "") or given.get("relay", "")
        raise InvalidRequest(
            f"catra: allow must be clockwise, anticlockwise or both (found {found!r})"
        )
    reason = _integer("catra", given, "reason", 0, 3)
    return ReleaseTurnstile(sides=tuple(sorted(sides)), reason=reason)


def _closes(opening: OpenDoor | ReleaseTurnstile) -> bool:
    return isinstance(opening, OpenDoor) and opening.timeout_ms == CLOSE_MS


def _integer(
    action: str, given: Mapping[str, str], key: str, lowest: int, highest: int
) -> int | None:
    """The parameter `key`, None if it is absent or empty."""
    text = given.get(key, "")
    if not text:
        return None
    if not _INTEGER.fullmatch(text) or not lowest <= int(text) <= highest:
        raise InvalidRequest(f"{action}: {key} must be {lowest} to {highest} (found {text!r})")
    return int(text)


def _audit_detail(request: ActionsRequest) -> str:
    named = "; ".join(f"{item.action} {item.parameters or ''}" for item in request.actions[:4])
    return f": {named[:400]}"


_AWAY = (ControllerUnavailable, DeviceUnavailable)

COMMANDS = (
    Command(
        execute_actions,
        Right.OPEN_DOORS,
        errors=(*_AWAY, TooBusy),
        audit=Audit(_audit_detail, refusals=True),
        example={"actions": [{"action": "door", "parameters": "door=1"}]},
    ),
    Command(
        doors_state,
        Right.DOOR_STATE,
        errors=_AWAY,
        answered={"doors": [{"id": 1, "open": False}]},
    ),
    Command(alarm_status, errors=_AWAY, example={"stop": True}),
    Command(
        buzzer_buzz,
        errors=(NotSupportedHere, ControllerUnavailable),
        example={"frequency": 4000, "duty_cycle": 50, "timeout": 250},
    ),
)
