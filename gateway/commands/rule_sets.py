"""Access rules and schedules as people edit them: with all that is tied to them, in one step.

The commands are ours. A client that writes the rows one by one leaves a rule half-tied in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.explain import RowId
from gateway.commands.requests import RequestModel
from gateway.errors import NotFound, TooBusy
from gateway.objects.fields import invalid_value
from gateway.objects.schedules import HOLIDAY_GROUPS, SECONDS_OF_DAY, WEEKDAYS
from gateway.store.objects.store import Store

MOST_TIES = 1_000
"""Groups, portals or schedules of one rule."""
MOST_SPANS = 200
"""Spans of one schedule; a week painted in half hours that alternate needs 168."""

Name = Annotated[str, Field(min_length=1, max_length=100)]
Ties = Annotated[list[RowId], Field(max_length=MOST_TIES)]


class AccessRuleRequest(RequestModel):
    """`set_access_rule`: the rule as it shall be."""

    id: RowId | None = None
    """None for a new rule."""
    name: Name
    type: Literal[0, 1]
    """0 blocks, 1 releases."""
    groups: Ties
    portals: Ties
    time_zones: Ties


class Span(RequestModel):
    """One span of a schedule."""

    start: Annotated[int, Field(ge=0, lt=SECONDS_OF_DAY)]
    """Seconds from midnight."""
    end: Annotated[int, Field(ge=0, le=SECONDS_OF_DAY)]
    """The last second; before `start` if the span goes over midnight."""
    days: Annotated[list[str], Field(min_length=1, max_length=10)]
    """`sun` to `sat`, and `hol1` to `hol3` for the three groups of holidays."""

    @model_validator(mode="after")
    def _known_days(self) -> Span:
        unknown = sorted(set(self.days) - {*WEEKDAYS, *HOLIDAY_GROUPS})
        if unknown:
            raise ValueError(f"days: there is no {unknown[0][:20]!r}")
        return self


class ScheduleRequest(RequestModel):
    """`set_schedule`: the schedule as it shall be."""

    id: RowId | None = None
    """None for a new schedule."""
    name: Name
    spans: Annotated[list[Span], Field(max_length=MOST_SPANS)]


class RowWritten(TypedDict):
    """Answer: the id of the rule or schedule."""

    id: int


def set_access_rule(call: Call[AccessRuleRequest]) -> RowWritten:
    """Add or change an access rule with its groups, portals and schedules, all or nothing.

    People who are tied to it by themselves, and areas, stay.
    """
    request, store = call.request, call.context.store
    with call.context.policy_applied(), store.transaction():
        row = {"name": request.name, "type": request.type}
        rule = _written(store, "access_rules", request.id, row, {"priority": 0})
        _tie(store, "group_access_rules", "access_rule_id", rule, "group_id", request.groups)
        _tie(store, "portal_access_rules", "access_rule_id", rule, "portal_id", request.portals)
        zones = request.time_zones
        _tie(store, "access_rule_time_zones", "access_rule_id", rule, "time_zone_id", zones)
    return {"id": rule}


def set_schedule(call: Call[ScheduleRequest]) -> RowWritten:
    """Add or change a schedule (`time_zones`) with all of its spans, all or nothing."""
    request, store = call.request, call.context.store
    with call.context.policy_applied(), store.transaction():
        schedule = _written(store, "time_zones", request.id, {"name": request.name}, {})
        store.destroy("time_spans", {"time_spans": {"time_zone_id": schedule}})
        if request.spans:
            store.insert("time_spans", [_span_row(schedule, span) for span in request.spans])
    return {"id": schedule}


def _span_row(schedule: int, span: Span) -> dict[str, int]:
    days = {day: int(day in span.days) for day in (*WEEKDAYS, *HOLIDAY_GROUPS)}
    return {"time_zone_id": schedule, "start": span.start, "end": span.end, **days}


def _written(
    store: Store,
    name: str,
    id_: int | None,
    row: Mapping[str, object],
    new: Mapping[str, object],
) -> int:
    """The id of the row that was added, with `new`, or changed. Raises NotFound."""
    if id_ is None:
        return store.insert(name, [{**row, **new}])[0]
    if not store.modify(name, row, {name: {"id": id_}}):
        raise NotFound(f"There is no row {id_} of {name}")
    return id_


def _tie(store: Store, name: str, own: str, id_: int, other: str, wanted: list[int]) -> None:
    """Let exactly `wanted` be tied to the row by the pairs of the object `name`."""
    if len(set(wanted)) != len(wanted):
        raise invalid_value(other, "is there twice")
    rows = store.load({"object": name, "fields": [other], "where": {name: {own: id_}}}).rows
    tied = {row[other] for row in rows}
    over = sorted(tied - set(wanted), key=str)
    if over:
        store.destroy(name, {name: {own: id_, other: over}})
    fresh = [it for it in wanted if it not in tied]
    if fresh:
        store.insert(name, [{own: id_, other: it} for it in fresh])


def _rule_detail(request: AccessRuleRequest) -> str:
    ties = f"groups {request.groups[:20]}, portals {request.portals[:20]}"
    kind = "releases" if request.type else "blocks"
    return f" {request.id or 'new'} {request.name!r}: {kind}, {ties}, {request.time_zones[:20]}"


def _schedule_detail(request: ScheduleRequest) -> str:
    return f" {request.id or 'new'} {request.name!r}: {len(request.spans)} spans"


_ERRORS = (NotFound, TooBusy)

COMMANDS = (
    Command(
        set_access_rule,
        audit=Audit(_rule_detail, refusals=True),
        example={
            "name": "Staff by day",
            "type": 1,
            "groups": [1],
            "portals": [1],
            "time_zones": [1],
        },
        answered={"id": 2},
        errors=_ERRORS,
    ),
    Command(
        set_schedule,
        audit=Audit(_schedule_detail, refusals=True),
        example={
            "name": "Office hours",
            "spans": [{"start": 28_800, "end": 64_799, "days": ["mon", "tue", "wed"]}],
        },
        answered={"id": 2},
        errors=_ERRORS,
    ),
)
