"""Doors, their interlock, the sounding alarm and the buzzer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, NotRequired

from pydantic import AliasChoices, Field
from typing_extensions import TypedDict

from gateway.access.actions import SecBoxes, parse_parameters
from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import (
    ActionItem,
    ActionsRequest,
    AlarmRequest,
    Flag,
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
    Buzz,
    OpenDoor,
    OpenTogether,
    ReleaseTurnstile,
    Silence,
)
from gateway.settings import SiteFile

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


class NetworkInterlockRequest(RequestModel):
    """`set_network_interlock`: all three members are required."""

    interlock_enabled: Flag
    api_bypass_enabled: Flag
    # The vendor's collection of requests has the second name.
    rex_bypass_enabled: Annotated[
        Flag, Field(validation_alias=AliasChoices("rex_bypass_enabled", "button_bypass_enabled"))
    ]


def execute_actions(call: Call[ActionsRequest]) -> Done:
    """Open, hold open or close doors, let one person through the turnstile.

    All actions are carried out or none: doors that exclude each other by an interlock are refused
    together. A login that sends openings much faster than persons pass is refused for a while.
    """
    by = call.caller.login or ""
    checked = checked_openings(call.context.site, call.request.actions)
    openings = [opening.model_copy(update={"by": by}) for opening in checked]
    # A close is never refused.
    call.count_entries(sum(not _closes(opening) for opening in openings))
    try:
        if openings:
            one = openings[0] if len(openings) == 1 else OpenTogether(openings=tuple(openings))
            call.context.controller.ask(one)
    finally:
        call.context.refresh_logs()
    return DONE


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


def set_network_interlock(call: Call[NetworkInterlockRequest]) -> Done:
    """Disable the interlock with doors of other devices, which this device does not have.

    Enabling it is refused: this device asks no other device, so two doors could be open at once.
    """
    if call.request.interlock_enabled:
        raise NotSupportedHere(
            "set_network_interlock: this device does not ask the doors of other devices;"
            " an interlock of its own doors is set with general.doorN_interlock"
        )
    return DONE


def checked_openings(
    site: SiteFile, actions: list[ActionItem]
) -> list[OpenDoor | ReleaseTurnstile]:
    """The openings that `actions` request. Raises InvalidRequest for the first invalid action."""
    if len(actions) > MOST_ACTIONS:
        raise InvalidRequest(f"at most {MOST_ACTIONS} actions at a time")
    return [_opening(site, item) for item in actions]


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
    Command(
        set_network_interlock,
        Right.ADMINISTRATOR,
        errors=(NotSupportedHere,),
        example={
            "interlock_enabled": False,
            "api_bypass_enabled": False,
            "rex_bypass_enabled": True,
        },
    ),
)
