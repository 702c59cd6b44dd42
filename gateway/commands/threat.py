"""The threat level of the site: who set it, why, and until when.

An operator may raise the level. Lowering or ending it needs an administrator, and so does giving an
end to what replaces a level. What each level does
is in `threat_levels`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right, check_right
from gateway.errors import ControllerUnavailable, InvalidRequest, NotPermitted, TooBusy, worded
from gateway.link.messages import LONGEST_LEVEL_MIN, SetThreatLevel
from gateway.objects.fields import invalid_value
from gateway.objects.modes import LONGEST_REASON
from gateway.objects.threat import HIGHEST_LEVEL


class ThreatLevelRequest(RequestModel):
    """`set_threat_level`; level 0 is the ordinary one."""

    level: Annotated[int, Field(ge=0, le=HIGHEST_LEVEL)]
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    """Required for a level above 0."""
    minutes: Annotated[int, Field(ge=1, le=LONGEST_LEVEL_MIN)] | None = None
    """Time after which the level ends; None for never."""


class ThreatLevelAnswer(TypedDict):
    """Answer to `get_threat_level`."""

    level: int
    name: str
    login: str
    reason: str
    since: int
    until: int


def set_threat_level(call: Call[ThreatLevelRequest]) -> Done:
    """Put a threat level in force: the next swipe obeys it, and unlock schedules that it stops
    lock at once. Exit buttons always work."""
    context, request = call.context, call.request
    if request.level and not request.reason:
        raise invalid_value("reason", worded("a threat level requires a reason"))
    if request.minutes and not request.level:
        raise InvalidRequest("minutes: only a level above 0 can end by itself")
    known = context.controller.status().threat
    # After the time of a level comes level 0, not the one before it.
    lowers = request.level <= known.level or request.minutes
    if known.level and lowers:
        check_right(call.caller, Right.ADMINISTRATOR)
    if request.level and not _is_defined(call):
        raise InvalidRequest(
            f"level: the site has no threat level {request.level}; define it first with "
            "create_objects, threat_levels"
        )
    call.count_entries()
    context.controller.ask(
        SetThreatLevel(
            level=request.level,
            minutes=request.minutes,
            login=call.caller.login or "",
            reason=request.reason,
        )
    )
    return DONE


def _is_defined(call: Call[ThreatLevelRequest]) -> bool:
    search = {
        "object": "threat_levels",
        "fields": ["id"],
        "where": {"threat_levels": {"level": call.request.level}},
    }
    return bool(list(call.context.store.load(search).rows))


def get_threat_level(call: Call[NoMembers]) -> ThreatLevelAnswer:
    """The threat level in force: its name, who set it, why and until when; time 0 is none."""
    threat = call.context.controller.status().threat
    return {
        "level": threat.level,
        "name": threat.name,
        "login": threat.login,
        "reason": threat.reason,
        "since": _stamp(call, threat.since_utc),
        "until": _stamp(call, threat.until_utc),
    }


def _stamp(call: Call[NoMembers], utc_s: int) -> int:
    return call.context.device_time.stamp(datetime.fromtimestamp(utc_s, UTC)) if utc_s else 0


def _audit_detail(request: ThreatLevelRequest) -> str:
    until = f" for {request.minutes} minutes" if request.minutes else ""
    return f": {request.level}{until}, {request.reason!r}"


COMMANDS = (
    Command(
        set_threat_level,
        errors=(ControllerUnavailable, NotPermitted, TooBusy),
        audit=Audit(_audit_detail, refusals=True),
        example={"level": 2, "reason": "intruder in the yard", "minutes": 30},
    ),
    Command(get_threat_level, errors=(ControllerUnavailable,)),
)
