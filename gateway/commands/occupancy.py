"""Who is inside: the people in each area by entry and exit, for daily use and for a muster.

Read from the controller's journal, so that the list is there while the controller is away. Logins
of other devices, which may not see people, get the counts alone. The commands are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Right, may
from gateway.errors import ControllerUnavailable, NotFound, StorageError, TooBusy
from gateway.link.messages import EmptyArea
from gateway.objects.modes import LONGEST_REASON
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal.passages import PassageEntered, PassageReader

MOST_PEOPLE = 10_000
_AT_ONCE = 500
"""Ids in one search for names."""

AreaId = Annotated[int, Field(ge=0, lt=1 << 63)]


class OccupancyRequest(RequestModel):
    """`occupancy`: of one area, or of all."""

    area_id: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    limit: Annotated[int, Field(ge=0, le=MOST_PEOPLE)] = MOST_PEOPLE
    """Most people listed in all, those who entered last; the counts are of everyone."""


class EmptyAreaRequest(RequestModel):
    """`empty_area`; area 0 is every one."""

    area_id: AreaId
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""


class Inside(TypedDict):
    """A person in an area."""

    user_id: int
    name: str
    """Empty while it cannot be read."""
    since: int
    """Device time."""
    since_utc: int
    """The same in Unix seconds."""
    portal_id: int
    """The portal by which they entered; 0 if unknown."""


class AreaOccupancy(TypedDict):
    """An area and who is in it. `maximum` and `minimum` are 0 for no limit."""

    area_id: int
    name: str
    inside: int
    maximum: int
    minimum: int
    people: list[Inside]


class Forgotten(TypedDict):
    """A person whose position was forgotten, with the last area that was known."""

    user_id: int
    name: str
    area_id: int
    since: int
    """Device time."""
    since_utc: int
    """The same in Unix seconds."""


class OccupancyAnswer(TypedDict):
    """Answer to `occupancy`. Who may not see people gets the counts, and no people."""

    time: int
    areas: list[AreaOccupancy]
    unknown: list[Forgotten]


def occupancy(call: Call[OccupancyRequest]) -> OccupancyAnswer:
    """The people in each area, since when, and those whose position was forgotten: after an
    emergency, at midnight, or because somebody said so.

    A person counts as inside from the opening of the door that they were let in by. People who
    leave by an exit button, or through a door that is held open, are still counted.
    """
    context, request = call.context, call.request
    sees_people = may(call.caller, Right.ANY_SESSION)
    known: list[PassageEntered] = []
    forgotten: list[PassageEntered] = []
    counts: dict[int, int] = {}
    if (context.data / JOURNAL_FILE).exists():
        with closing(PassageReader(context.data / JOURNAL_FILE)) as reader:
            counts = reader.counts()
            if sees_people:
                known, forgotten = reader.everybody(request.limit)
    areas = _areas(context, counts, request.area_id)
    if request.area_id is not None:
        if request.area_id not in areas:
            raise NotFound(f"there is no area {request.area_id}")
        areas = {request.area_id: areas[request.area_id]}
    names = _names(context, {it.user_id for it in (*known, *forgotten)})
    for passage in known:
        if passage.area_id in areas:
            areas[passage.area_id]["people"].append(
                {
                    "user_id": passage.user_id,
                    "name": names.get(passage.user_id, ""),
                    "since": _stamp(context, passage.utc_s),
                    "since_utc": passage.utc_s,
                    "portal_id": passage.portal_id,
                }
            )
    return {
        "time": context.device_time.stamp(context.clock.utc()),
        "areas": list(areas.values()),
        "unknown": [
            {
                "user_id": it.user_id,
                "name": names.get(it.user_id, ""),
                "area_id": it.area_id,
                "since": _stamp(context, it.utc_s),
                "since_utc": it.utc_s,
            }
            for it in forgotten
            if request.area_id in (None, it.area_id)
        ],
    }


def _areas(
    context: CommandContext, counts: dict[int, int], asked: int | None
) -> dict[int, AreaOccupancy]:
    """Every area, and what people are in whatever became of it; without names and limits while the
    database cannot be read: a muster must not depend on it."""
    named: dict[int, str] = {}
    limits: dict[int, tuple[int, int]] = {}
    try:
        for row in context.store.load({"object": "areas"}).rows:
            named[_whole(row, "id")] = str(row["name"])
        for row in context.store.load({"object": "occupancy_limits"}).rows:
            limits[_whole(row, "area_id")] = _whole(row, "maximum"), _whole(row, "minimum")
    except StorageError:
        named = dict.fromkeys([asked] if asked else [], "")
    return {
        area: {
            "area_id": area,
            "name": named.get(area, ""),
            "inside": counts.get(area, 0),
            "maximum": limits.get(area, (0, 0))[0],
            "minimum": limits.get(area, (0, 0))[1],
            "people": [],
        }
        for area in sorted(named.keys() | counts.keys())
    }


def _names(context: CommandContext, ids: Iterable[int]) -> dict[int, str]:
    wanted, found = sorted(ids), dict[int, str]()
    try:
        for first in range(0, len(wanted), _AT_ONCE):
            where = {"users": {"id": wanted[first : first + _AT_ONCE]}}
            search = {"object": "users", "fields": ["id", "name"], "where": where}
            rows = context.store.load(search).rows
            found |= {_whole(row, "id"): str(row["name"]) for row in rows}
    except StorageError:
        pass
    return found


def _whole(row: Mapping[str, Any], name: str) -> int:
    return int(row[name])


def _stamp(context: CommandContext, utc_s: int) -> int:
    return context.device_time.stamp(datetime.fromtimestamp(utc_s, UTC))


def empty_area(call: Call[EmptyAreaRequest]) -> Done:
    """Have nobody count as inside an area, or any area with 0: at the next passage of each person
    their position is known again."""
    request = call.request
    if request.area_id and not call.context.has_row("areas", request.area_id):
        raise NotFound(f"there is no area {request.area_id}")
    call.count_entries()
    login = call.caller.login or ""
    call.context.controller.ask(
        EmptyArea(area_id=request.area_id, login=login, reason=request.reason)
    )
    return DONE


def _audit_detail(request: EmptyAreaRequest) -> str:
    where = f"area {request.area_id}" if request.area_id else "every area"
    return f": {where}, {request.reason!r}"


COMMANDS = (
    Command(occupancy, needs=Right.DOOR_STATE, errors=(NotFound,), example={}),
    Command(
        empty_area,
        errors=(NotFound, ControllerUnavailable, TooBusy),
        audit=Audit(_audit_detail),
        example={"area_id": 0, "reason": "everybody is out, seen by the guard"},
    ),
)
