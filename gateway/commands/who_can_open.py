"""`who_can_open` and `when_can`: the people of a portal, and the week of a person.

Both evaluate the present rules alone. Door modes, a second factor, anti-passback, rules for several
persons and interlocks may still refuse an access.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from itertools import islice
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from gateway.access.decision import Decision, decide
from gateway.access.person import Person
from gateway.access.policy import Portal
from gateway.access.week import DAY_S, Interval, Stretch, passes, unlocked, week_of
from gateway.clock import Moment, from_unix_s
from gateway.commands.answers import Rows
from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.explain import DeviceSeconds, RowId, explain_context
from gateway.commands.requests import Flag, RequestModel
from gateway.errors import InvalidRequest, NotFound
from gateway.explain.reports import day_report
from gateway.explain.site_view import SiteView

_MOST_KNOWN = 10_000

MayPass = tuple[bool, bool]
"""Whether a person may pass within the week, and at the moment."""


class WhoCanOpenRequest(RequestModel):
    """`who_can_open`: the people of a portal, or of a door through any portal."""

    portal_id: RowId | None = None
    door: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    time: DeviceSeconds | None = None
    """A moment of the week, in device time; by default now."""
    now: Flag = False
    """Only people who may pass at that moment."""
    after: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """The last user id of the previous page."""
    limit: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None


class WhenCanRequest(RequestModel):
    """`when_can`: the week of one person."""

    user_id: RowId
    portal_id: RowId | None = None
    """By default all portals."""
    time: DeviceSeconds | None = None
    """A moment of the week, in device time; by default now."""


class PersonMay(TypedDict):
    """A person who may pass."""

    user_id: int
    name: str
    now: bool


class PeopleAllowed(TypedDict):
    """Answer to `who_can_open`."""

    people: list[PersonMay]


IntervalShown = TypedDict("IntervalShown", {"begin": int, "end": int, "from": str, "to": str})
"""Both ends are included; `from` and `to` are times of the wall clock."""


class WeekDay(TypedDict):
    """A date and its kinds of day."""

    date: str
    kinds: list[str]
    holidays: list[str]


class PortalWeek(TypedDict):
    """When a person may pass one portal."""

    portal_id: int
    name: str
    passes: list[IntervalShown]
    unlocked: list[IntervalShown]


class Week(TypedDict):
    """Answer to `when_can`."""

    user_id: int
    name: str
    days: list[WeekDay]
    portals: list[PortalWeek]


def who_can_open(call: Call[WhoCanOpenRequest]) -> Annotated[Rows, PeopleAllowed]:
    """The people whom the rules admit at some second of a week, by user id.

    `now` in a row says whether they may pass at the given moment.
    """
    return Rows("people", rows_of_people(SiteView(explain_context(call.context)), call.request))


def rows_of_people(view: SiteView, request: WhoCanOpenRequest) -> Iterator[Mapping[str, object]]:
    """The rows of the answer. Raises InvalidRequest, NotFound or StorageError."""
    portals = _portals(view, request)
    moment = view.moment(request.time)
    may = _Passing(view, portals, request.door, moment)
    found = (
        {"user_id": member.person.id, "name": member.name, "now": now}
        for member in view.people_index.all(request.after)
        for ever, now in [may(member.person)]
        if now or (ever and not request.now)
    )
    return islice(found, request.limit)


def _portals(view: SiteView, request: WhoCanOpenRequest) -> list[Portal]:
    if (request.portal_id is None) == (request.door is None):
        raise InvalidRequest("One of portal_id, door is needed")
    if request.door is not None:
        if all(request.door != door.id for door in view.site.doors()):
            raise NotFound(f"There is no door {request.door}")
        return sorted(view.policy.portals.values(), key=lambda portal: portal.id)
    return [_portal(view, request.portal_id or 0)]


def _portal(view: SiteView, portal_id: int) -> Portal:
    portal = view.policy.portals.get(portal_id)
    if portal is None:
        raise NotFound(f"There is no portal {portal_id}")
    return portal


class _Passing:
    """Evaluates people, once for all with the same groups and own rules."""

    def __init__(
        self, view: SiteView, portals: Sequence[Portal], door: int | None, moment: Moment
    ) -> None:
        self._view = view
        self._portals = portals
        self._door = door
        self._moment = moment
        self._week = week_of(view.device_time, _day(moment))
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], MayPass] = {}

    def __call__(self, person: Person) -> MayPass:
        if person.dated or person.ending:
            return self._may_pass(person)
        ties = person.group_ids, person.own_rule_ids
        known = self._known.get(ties)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[ties] = self._may_pass(person)
        return known

    def _may_pass(self, person: Person) -> MayPass:
        policy = self._view.policy
        now = any(
            self._counts(decide(policy, person, portal.id, self._moment))
            for portal in self._portals
        )
        # The first interval suffices; the rest of the week is not evaluated.
        ever = now or any(
            next(passes(policy, person, portal, self._week, self._counts), None) is not None
            for portal in self._portals
        )
        return ever, now

    def _counts(self, decision: Decision) -> bool:
        if not decision.allowed or self._door is None:
            return decision.allowed
        return self._door in self._view.topology.doors_of(decision.actions)


def when_can(call: Call[WhenCanRequest]) -> Annotated[Mapping[str, object], Week]:
    """The week of a person at each portal, in intervals that include both ends.

    `unlocked` are the intervals in which an unlock schedule admits everyone.
    """
    return week(SiteView(explain_context(call.context)), call.request)


def week(view: SiteView, request: WhenCanRequest) -> dict[str, Any]:
    """The answer to `request`. Raises NotFound or StorageError."""
    member = view.people_index.one(request.user_id)
    if member is None:
        raise NotFound(f"There is no user {request.user_id}")
    if request.portal_id is None:
        portals = sorted(view.policy.portals.values(), key=lambda portal: portal.id)
    else:
        portals = [_portal(view, request.portal_id)]
    over = week_of(view.device_time, _day(view.moment(request.time)))
    return {
        "user_id": member.person.id,
        "name": member.name,
        "days": list(_days(view, over)),
        "portals": [
            {
                "portal_id": portal.id,
                "name": portal.name,
                "passes": _intervals(passes(view.policy, member.person, portal, over)),
                "unlocked": _intervals(unlocked(view.policy, portal, over)),
            }
            for portal in portals
        ],
    }


def _intervals(found: Iterable[Interval]) -> list[dict[str, object]]:
    return [
        {
            "begin": interval.first.stamp,
            "end": interval.last.stamp,
            "from": _wall(interval.first),
            "to": _wall(interval.last),
        }
        for interval in found
    ]


def _days(view: SiteView, over: Iterable[Stretch]) -> Iterator[dict[str, object]]:
    """The dates of a week with their kinds of day."""
    seen: set[int] = set()
    for stretch in over:
        ahead = stretch.local - stretch.stamp
        begin = stretch.local - stretch.local % DAY_S
        for local in range(begin, stretch.local + stretch.seconds, DAY_S):
            if local in seen:
                continue
            seen.add(local)
            day = day_report(view.policy, Moment(local - ahead, local))
            yield {"date": _wall(Moment(0, local))[:10], **asdict(day)}


def _wall(moment: Moment) -> str:
    return f"{from_unix_s(moment.local):%Y-%m-%dT%H:%M:%S}"


def _day(moment: Moment) -> date:
    return from_unix_s(moment.local).date()


COMMANDS = (
    Command(who_can_open, errors=(NotFound,), example={"portal_id": 1, "limit": 100}),
    Command(when_can, errors=(NotFound,), example={"user_id": 1}),
)
