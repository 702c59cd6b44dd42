"""The counters and the last event of the turnstile.

The action `catra` of `execute_actions` releases it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from typing_extensions import TypedDict

from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.doors.turnstile_values import TurnState
from gateway.errors import ControllerUnavailable, NotSupportedHere
from gateway.link.messages import ResetTurnstile
from gateway.objects.equipment import TURNS
from gateway.store.journal.projection import TURN_COUNTS_ROW

_LACKING = "this device has no turnstile"


class TurnStateRequest(RequestModel):
    """`turnstile_event_state`: read or reset the last event."""

    event_action: Literal["turn_state", "reset_state"]


class TurnCounts(TypedDict):
    """Answer to `get_catra_info`."""

    left_turns: int
    right_turns: int
    entrance_turns: int
    exit_turns: int
    total_turns: int


class TurnstileEvent(TypedDict):
    """Answer to `turnstile_event_state`."""

    event_state: int


def get_catra_info(call: Call[NoMembers]) -> Annotated[Mapping[str, object], TurnCounts]:
    """The turns since the last reset: by side, by direction, and in total."""
    if call.context.site.turnstile is None:
        raise NotSupportedHere(_LACKING)
    call.context.refresh_logs()
    where = {"catra_infos": {"id": TURN_COUNTS_ROW}}
    rows = call.context.store.load({"object": "catra_infos", "where": where}).rows
    row = next(rows, {})  # none before the first turn
    counts = {name: _whole(row.get(name)) for name in TURNS}
    return {**counts, "total_turns": counts["left_turns"] + counts["right_turns"]}


def turnstile_event_state(call: Call[TurnStateRequest]) -> TurnstileEvent:
    """The last event of the turnstile, 0 to 5; after `reset_state` 0, waiting."""
    status = call.context.controller.status().turnstile
    if status is None:
        raise NotSupportedHere(_LACKING)
    if call.request.event_action == "reset_state":
        call.context.controller.ask(ResetTurnstile())
        return {"event_state": int(TurnState.WAITING)}
    return {"event_state": status.event_state}


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _audit_detail(request: TurnStateRequest) -> str:
    return f": {request.event_action}"


_ERRORS = (NotSupportedHere, ControllerUnavailable)

COMMANDS = (
    Command(get_catra_info, errors=(NotSupportedHere,)),
    Command(
        turnstile_event_state,
        errors=_ERRORS,
        audit=Audit(_audit_detail, throttled=True),
        example={"event_action": "turn_state"},
    ),
)
