"""`who_can_open` and `when_can`: the rules read the other way round.

Both go by the rules alone, as they are now: modes of doors, a second factor, anti-passback, several
persons and interlocks may still stand in the way, and nothing here says that somebody passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from gateway.access.decision import Decision, decide
from gateway.access.person import Person
from gateway.access.policy import Portal
from gateway.access.week import DAY_S, Interval, Stretch, passes, unlocked, week_of
from gateway.clock import Moment
from gateway.commands.answers import Rows
from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.explain import DeviceSeconds, RowId, sources_of
from gateway.commands.requests import RequestModel, flag
from gateway.errors import InvalidRequest, NotFound
from gateway.explain.reports import day_report
from gateway.explain.sources import Facts

_MOST_KNOWN = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MayPass = tuple[bool, bool]
"""Whether somebody may pass in the week, and at the moment."""


class WhoCanOpenRequest(RequestModel):
    """`who_can_open`: the people of a portal, or of a door behind any portal."""

    portal_id: RowId | None = None
    door: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    time: DeviceSeconds | None = None
    """A moment of the week that counts, in device time; now without it."""
    now: Annotated[bool, BeforeValidator(flag)] = False
    """Only those who may pass at that very moment."""
    after: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """The last user id of the page before."""
    limit: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None


class WhenCanRequest(RequestModel):
    """`when_can`: the week of one person."""

    user_id: RowId
    portal_id: RowId | None = None
    """Every portal without it."""
    time: DeviceSeconds | None = None
    """A moment of the week, in device time; now without it."""


class PersonMay(TypedDict):
    """Somebody who may pass."""

    user_id: int
    name: str
    now: bool


class PeopleAllowed(TypedDict):
    """Answer to `who_can_open`."""

    people: list[PersonMay]


IntervalShown = TypedDict("IntervalShown", {"begin": int, "end": int, "from": str, "to": str})
"""Both ends count; `from` and `to` on the wall clock."""


class WeekDay(TypedDict):
    """A date, and what kind of day it is."""

    date: str
    kinds: list[str]
    holidays: list[str]


class PortalWeek(TypedDict):
    """When somebody may pass one portal."""

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
    """The people whom the rules let pass at some second of a week, by user id.

    `now` in a row tells whether they may at the moment that was asked about.
    """
    return Rows("people", rows_of_people(Facts(sources_of(call.context)), call.request))


def rows_of_people(facts: Facts, request: WhoCanOpenRequest) -> Iterator[Mapping[str, object]]:
    """The rows of the answer. Raises InvalidRequest, NotFound or StorageError."""
    portals = _portals(facts, request)
    moment = facts.moment(request.time)
    may = _Passing(facts, portals, request.door, moment)
    found = (
        {"user_id": member.person.id, "name": member.name, "now": now}
        for member in facts.people_index.all(request.after)
        for ever, now in [may(member.person)]
        if now or (ever and not request.now)
    )
    return islice(found, request.limit)


def _portals(facts: Facts, request: WhoCanOpenRequest) -> list[Portal]:
    if (request.portal_id is None) == (request.door is None):
        raise InvalidRequest("One of portal_id, door is needed")
    if request.door is not None:
        if all(request.door != door.id for door in facts.site.doors()):
            raise NotFound(f"There is no door {request.door}")
        return sorted(facts.policy.portals.values(), key=lambda portal: portal.id)
    return [_portal(facts, request.portal_id or 0)]


def _portal(facts: Facts, portal_id: int) -> Portal:
    portal = facts.policy.portals.get(portal_id)
    if portal is None:
        raise NotFound(f"There is no portal {portal_id}")
    return portal


class _Passing:
    """Judges people, those of the same departments and own rules once."""

    def __init__(
        self, facts: Facts, portals: Sequence[Portal], door: int | None, moment: Moment
    ) -> None:
        self._facts = facts
        self._portals = portals
        self._door = door
        self._moment = moment
        self._week = week_of(facts.device_time, _day(moment))
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], MayPass] = {}

    def __call__(self, person: Person) -> MayPass:
        if person.dated:
            return self._may_pass(person)
        ties = person.group_ids, person.own_rule_ids
        known = self._known.get(ties)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[ties] = self._may_pass(person)
        return known

    def _may_pass(self, person: Person) -> MayPass:
        policy = self._facts.policy
        now = any(
            self._counts(decide(policy, person, portal.id, self._moment))
            for portal in self._portals
        )
        # The first interval is enough, and the rest of the week is not looked at.
        ever = now or any(
            next(passes(policy, person, portal, self._week, self._counts), None) is not None
            for portal in self._portals
        )
        return ever, now

    def _counts(self, decision: Decision) -> bool:
        if not decision.allowed or self._door is None:
            return decision.allowed
        return self._door in self._facts.topology.doors_of(decision.actions)


def when_can(call: Call[WhenCanRequest]) -> Annotated[Mapping[str, object], Week]:
    """The week of a person at each portal, in intervals whose ends count.

    `unlocked` are the intervals in which an unlock schedule lets everyone pass there.
    """
    return week(Facts(sources_of(call.context)), call.request)


def week(facts: Facts, request: WhenCanRequest) -> dict[str, Any]:
    """The answer to `request`. Raises NotFound or StorageError."""
    member = facts.people_index.one(request.user_id)
    if member is None:
        raise NotFound(f"There is no user {request.user_id}")
    if request.portal_id is None:
        portals = sorted(facts.policy.portals.values(), key=lambda portal: portal.id)
    else:
        portals = [_portal(facts, request.portal_id)]
    over = week_of(facts.device_time, _day(facts.moment(request.time)))
    return {
        "user_id": member.person.id,
        "name": member.name,
        "days": list(_days(facts, over)),
        "portals": [
            {
                "portal_id": portal.id,
                "name": portal.name,
                "passes": _told(passes(facts.policy, member.person, portal, over)),
                "unlocked": _told(unlocked(facts.policy, portal, over)),
            }
            for portal in portals
        ],
    }


def _told(found: Iterable[Interval]) -> list[dict[str, object]]:
    return [
        {
            "begin": interval.first.stamp,
            "end": interval.last.stamp,
            "from": _wall(interval.first),
            "to": _wall(interval.last),
        }
        for interval in found
    ]


def _days(facts: Facts, over: Iterable[Stretch]) -> Iterator[dict[str, object]]:
    """The dates of a week with the kinds of days that they are."""
    seen: set[int] = set()
    for stretch in over:
        ahead = stretch.local - stretch.stamp
        begin = stretch.local - stretch.local % DAY_S
        for local in range(begin, stretch.local + stretch.seconds, DAY_S):
            if local in seen:
                continue
            seen.add(local)
            day = day_report(facts.policy, Moment(local - ahead, local))
            yield {"date": _wall(Moment(0, local))[:10], **asdict(day)}


def _wall(moment: Moment) -> str:
    return f"{_EPOCH + timedelta(seconds=moment.local):%Y-%m-%dT%H:%M:%S}"


def _day(moment: Moment) -> date:
    return (_EPOCH + timedelta(seconds=moment.local)).date()


COMMANDS = (
    Command(who_can_open, errors=(NotFound,), example={"portal_id": 1, "limit": 100}),
    Command(when_can, errors=(NotFound,), example={"user_id": 1}),
)
