"""Anti-passback: read or forgive the recorded position of a person.

These commands are ours: the vendor's API has none for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import Flag, RequestModel
from gateway.errors import ControllerUnavailable, InvalidRequest, NotFound, TooBusy
from gateway.link.messages import AskPosition, Forgive, Position
from gateway.objects.people import USER_ID_MAX

UserId = Annotated[int, Field(ge=1, le=USER_ID_MAX)]


class ForgiveRequest(RequestModel):
    """`forgive_antipassback`: one person, or everyone."""

    user_id: UserId | None = None
    all: Flag = False


class PositionRequest(RequestModel):
    """`antipassback_state`."""

    user_id: UserId


class PositionAnswer(TypedDict):
    """Answer to `antipassback_state`."""

    user_id: int
    area_id: int
    since: int


def forgive_antipassback(call: Call[ForgiveRequest]) -> Done:
    """Forgive one person or everyone: their next passage is allowed and sets the position again."""
    request = call.request
    if request.all is (request.user_id is not None):
        raise InvalidRequest("either user_id or all: true is needed")
    if request.user_id is not None:
        call.context.require_user(request.user_id)
    call.count_entries()
    call.context.controller.ask(Forgive(user_id=request.user_id))
    return DONE


def antipassback_state(call: Call[PositionRequest]) -> PositionAnswer:
    """The recorded area of a person, and since when; both 0 without a record."""
    position = Position.model_validate(
        call.context.controller.ask(AskPosition(user_id=call.request.user_id))
    )
    call.context.require_user(call.request.user_id)
    since = 0
    if position.area_id:
        since = call.context.device_time.stamp(datetime.fromtimestamp(position.since_utc_s, UTC))
    return {"user_id": call.request.user_id, "area_id": position.area_id, "since": since}


def _audit_detail(request: ForgiveRequest) -> str:
    return " of everyone" if request.all else f" of user {request.user_id}"


_ERRORS = (NotFound, ControllerUnavailable)

COMMANDS = (
    Command(
        forgive_antipassback,
        errors=(*_ERRORS, TooBusy),
        audit=Audit(_audit_detail),
        example={"all": True},
    ),
    Command(antipassback_state, errors=_ERRORS, example={"user_id": 1}),
)
