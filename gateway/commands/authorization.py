"""Access decided by a server: the device logs it and opens the doors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.commands.answers import DONE, Done
from gateway.commands.clearance import Clearance
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.doors import DoorsOfGroup, checked_openings, groups_of
from gateway.commands.peer_interlock import cleared
from gateway.commands.requests import ActionItem, RequestModel
from gateway.commands.rights import Right
from gateway.errors import ControllerUnavailable, InvalidRequest, NotFound, NotPermitted
from gateway.link.messages import (
    CLOSE_MS,
    NO_LOG_TYPE,
    Authorize,
    OpenDoor,
    Opening,
    ReleaseTurnstile,
    RowId,
)
from gateway.settings import Side, SiteFile
from gateway.store.tables.audit import AuditType

_EVENTS: dict[int, Literal[3, 6, 7]] = {3: 3, 6: 6, 7: 7}
"""Not identified, denied, granted. Only a reader can ask for further factors (4)."""
_GRANTED = 7


class AuthorizationRequest(RequestModel):
    """`remote_user_authorization`. Members for a screen (name, image) are ignored."""

    event: int
    user_id: RowId = 0
    portal_id: RowId = 0
    actions: list[ActionItem] = Field(default_factory=list)
    log_type_id: Annotated[int, Field(ge=NO_LOG_TYPE, lt=1 << 63)] = NO_LOG_TYPE
    """The kind of punch, a row of `log_types`; 0 also means none."""


def remote_user_authorization(call: Call[AuthorizationRequest]) -> Done:
    """Log the access with the given event and, for a grant, carry out its actions."""
    request = call.request
    event = _EVENTS.get(request.event)
    if event is None:
        raise InvalidRequest(
            f"event must be one of {', '.join(map(str, _EVENTS))} (found {request.event})"
        )
    openings, turnstile = granted_openings(
        call.context.site, request.actions, groups_of(call.context.store)
    )
    log_type_id = _checked_log_type(call.context, request.log_type_id)
    unlocks = bool(turnstile) or any(opening.timeout_ms != CLOSE_MS for opening in openings)
    opens = event == _GRANTED and unlocks
    found = cleared(call.context) if opens else Clearance(free=True)
    if not found.free:
        raise NotPermitted(found.refusal)
    try:
        call.context.controller.ask(
            Authorize(
                event=event,
                user_id=request.user_id,
                portal_id=request.portal_id,
                openings=openings,
                turnstile=turnstile,
                log_type_id=log_type_id,
                by=call.caller.login or "",
            ),
            begun_within_s=found.within_s,
        )
    finally:
        call.context.refresh_logs()
    return DONE


def granted_openings(
    site: SiteFile, actions: list[ActionItem], groups: DoorsOfGroup = lambda _: ()
) -> tuple[tuple[Opening, ...], tuple[Side, ...]]:
    """What `actions` of a server's grant open: doors, and directions of the turnstile.

    Raises InvalidRequest for the first invalid action.
    """
    checked = checked_openings(site, actions, groups)
    sides = [opening.sides for opening in checked if isinstance(opening, ReleaseTurnstile)]
    doors = tuple(
        Opening(door=opening.door, timeout_ms=opening.timeout_ms)
        for opening in checked
        if isinstance(opening, OpenDoor)
    )
    return doors, tuple(sorted(frozenset().union(*sides)))


def _checked_log_type(context: CommandContext, log_type_id: int) -> int:
    """The kind of punch to log. Raises InvalidRequest for one without a row, which reports could
    not name."""
    if log_type_id in {NO_LOG_TYPE, 0}:
        return NO_LOG_TYPE
    if not context.has_row("log_types", log_type_id):
        raise InvalidRequest(f"log_type_id: there is no row {log_type_id} in log_types")
    return log_type_id


def _audit_detail(request: AuthorizationRequest) -> str:
    return f": event {request.event}, user {request.user_id}, portal {request.portal_id}"


COMMANDS = (
    Command(
        remote_user_authorization,
        # It enters accesses of anybody into the log, which callers below may not write.
        Right.ADMINISTRATOR,
        errors=(ControllerUnavailable, NotFound),
        audit=Audit(_audit_detail, kind=AuditType.ONLINE, refusals=True),
        example={
            "event": 7,
            "user_id": 1,
            "portal_id": 1,
            "actions": [{"action": "door", "parameters": "door=1"}],
        },
    ),
)
