"""Access decided elsewhere: a server tells the device who passed, or may pass now."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.commands.answers import DONE, Answer
from gateway.commands.command import Audit, Command
from gateway.commands.context import CommandContext
from gateway.commands.doors import checked_openings
from gateway.commands.requests import ActionItem, RequestModel
from gateway.commands.rights import Caller
from gateway.errors import ControllerUnavailable, InvalidRequest, NotFound
from gateway.link.messages import Authorize, Opening, RowId
from gateway.store.audit import AuditType

_EVENTS: dict[int, Literal[3, 6, 7]] = {3: 3, 6: 6, 7: 7}
"""Not identified, denied, granted. Factors still to come (4) are asked at the reader only."""


class AuthorizationRequest(RequestModel):
    """`remote_user_authorization`. What only a screen would show (name, image) is not looked at."""

    event: int
    user_id: RowId = 0
    portal_id: RowId = 0
    actions: list[ActionItem] = Field(default_factory=list)


def remote_user_authorization(
    context: CommandContext, caller: Caller, request: AuthorizationRequest
) -> Answer:
    """Log the access under the event given and, for a grant, carry out its actions."""
    del caller
    event = _EVENTS.get(request.event)
    if event is None:
        raise InvalidRequest(f"event is one of {', '.join(map(str, _EVENTS))}")
    openings = checked_openings(context.site, request.actions)
    try:
        context.controller.authorize(
            Authorize(
                event=event,
                user_id=request.user_id,
                portal_id=request.portal_id,
                openings=tuple(
                    Opening(door=opening.door, timeout_ms=opening.timeout_ms)
                    for opening in openings
                ),
            )
        )
    finally:
        context.refresh_logs()
    return DONE


def _told(request: AuthorizationRequest) -> str:
    return f": event {request.event}, user {request.user_id}, portal {request.portal_id}"


COMMANDS = (
    Command(
        "remote_user_authorization",
        AuthorizationRequest,
        remote_user_authorization,
        errors=(ControllerUnavailable, NotFound),
        audit=Audit(AuditType.ONLINE, _told, refusals=True),
    ),
)
