"""Anti-passback: where somebody is by the record, and forgetting it.

Commands of our own: the vendor's API has none for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import RequestModel, flag
from gateway.errors import ControllerUnavailable, InvalidRequest, NotFound
from gateway.link.messages import AskPosition, Forgive, Position
from gateway.objects.people import USER_ID_MAX
from gateway.store.tables.audit import AuditType

UserId = Annotated[int, Field(ge=1, le=USER_ID_MAX)]


class ForgiveRequest(RequestModel):
    """`forgive_antipassback`: a person, or all of them."""

    user_id: UserId | None = None
    all: Annotated[bool, BeforeValidator(flag)] = False


class PositionRequest(RequestModel):
    """`antipassback_state`."""

    user_id: UserId


class PositionAnswer(TypedDict):
    """Answer to `antipassback_state`."""

    user_id: int
    area_id: int
    since: int


def forgive_antipassback(call: Call[ForgiveRequest]) -> Done:
    """Forget where a person is, or everyone: their next passage is allowed, and sets it anew."""
    request = call.request
    if request.all is (request.user_id is not None):
        raise InvalidRequest("either user_id or all: true is needed")
    if request.user_id is not None:
        _check_known(call.context, request.user_id)
    call.context.controller.ask(Forgive(user_id=request.user_id))
    return DONE


def antipassback_state(call: Call[PositionRequest]) -> PositionAnswer:
    """The area that a person is in by the record, and since when; both 0 when none is known."""
    position = Position.model_validate(
        call.context.controller.ask(AskPosition(user_id=call.request.user_id))
    )
    _check_known(call.context, call.request.user_id)
    since = 0
    if position.area_id:
        since = call.context.device_time.stamp(datetime.fromtimestamp(position.since_utc_s, UTC))
    return {"user_id": call.request.user_id, "area_id": position.area_id, "since": since}


def _check_known(context: CommandContext, user_id: int) -> None:
    where = {"users": {"id": user_id}}
    if not list(context.store.load({"object": "users", "fields": ["id"], "where": where}).rows):
        raise NotFound(f"there is no user {user_id}")


def _asked(request: ForgiveRequest) -> str:
    return " of everyone" if request.all else f" of user {request.user_id}"


_ERRORS = (NotFound, ControllerUnavailable)

COMMANDS = (
    Command(
        forgive_antipassback,
        errors=_ERRORS,
        audit=Audit(AuditType.API, _asked),
        example={"all": True},
    ),
    Command(antipassback_state, errors=_ERRORS, example={"user_id": 1}),
)
