"""`recent_events` and `access_counts`: what happened, newest first, and how much of it.

Both commands are ours. Names are those of now; who was deleted since has none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, NotRequired

import peewee
from pydantic import Field
from typing_extensions import TypedDict

from gateway.access.log_events import AccessEvent
from gateway.clock import WireTime, from_unix_s
from gateway.commands.command import Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.explain import DeviceSeconds, RowId, explain_context
from gateway.commands.requests import RequestModel
from gateway.errors import InvalidRequest, NotFound
from gateway.explain.entry_words import line_of
from gateway.explain.event import Event, EventKind, LogOnly
from gateway.explain.events import event_of
from gateway.explain.names import SiteNames
from gateway.explain.people_index import fetch
from gateway.explain.site_view import SiteView
from gateway.objects.fields import TEXT_LIMIT
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import CommittedEntry, EntryKind, JournalReader
from gateway.triggers.words import Occurrence

MOST_EVENTS = 200
_SPAN = 2_000
"""Numbers of the journal that one read looks at, at most."""
_MOST_READ = 3_000
"""Entries, and some more, that one call makes into events."""
_MOST_PASSED = 50_000
"""Numbers that one call passes over."""
MOST_BUCKETS = 2_000


_KINDS: Mapping[EventKind, frozenset[EntryKind]] = {
    EventKind.GRANTED: frozenset({EntryKind.ACCESS}),
    EventKind.DENIED: frozenset({EntryKind.ACCESS}),
    EventKind.WAITING: frozenset({EntryKind.ACCESS}),
    EventKind.DOOR: frozenset(
        {
            EntryKind.ACCESS,
            EntryKind.ACCESS_EVENT,
            EntryKind.TURN,
            EntryKind.GAVE_UP,
            EntryKind.NO_ENTRY,
            EntryKind.PRE_ALARM,
            EntryKind.INTERLOCK,
            EntryKind.GESTURE,
        }
    ),
    EventKind.ALARM: frozenset(
        {
            EntryKind.ALARM,
            EntryKind.FIRE,
            EntryKind.ARMING,
            EntryKind.ENTRY,
            EntryKind.SILENCED,
            EntryKind.OCCUPANCY,
        }
    ),
    EventKind.MODE: frozenset(
        {
            EntryKind.MODE,
            EntryKind.ON_START,
            EntryKind.SCHEDULE,
            EntryKind.FIRST_CARD,
            EntryKind.PASSAGE,
            EntryKind.THREAT_LEVEL,
        }
    ),
    EventKind.TRIGGER: frozenset({EntryKind.TRIGGER, EntryKind.OUTPUT}),
    EventKind.SYSTEM: frozenset(
        {
            EntryKind.STARTED,
            EntryKind.STOPPED,
            EntryKind.ENDED_UNCLEANLY,
            EntryKind.BAD_FRAME,
            EntryKind.REPLAY,
            EntryKind.DEVICE,
            EntryKind.FAULT,
            EntryKind.CLOCK,
            EntryKind.KEYPAD,
            EntryKind.READER_SLOWED,
            EntryKind.READER_DISABLED,
            EntryKind.ONLINE,
        }
    ),
}
"""The entries that events of each kind come from."""


_ACCESSES: Mapping[EventKind, frozenset[AccessEvent]] = {
    EventKind.GRANTED: frozenset({AccessEvent.GRANTED}),
    EventKind.WAITING: frozenset({AccessEvent.PENDING_IDENTIFICATION, AccessEvent.PENDING_ACCESS}),
    EventKind.DOOR: frozenset(
        {AccessEvent.OPENED_UNIDENTIFIED, AccessEvent.BUTTON, AccessEvent.WEB_INTERFACE}
    ),
}
"""The events of the accesses of each kind; all others are denied ones."""


def _access_events(kinds: Collection[EventKind]) -> frozenset[int]:
    """The events of accesses that can be of `kinds`."""
    found = frozenset().union(*(_ACCESSES.get(kind, ()) for kind in kinds))
    if EventKind.DENIED in kinds:
        found |= frozenset(AccessEvent).difference(*_ACCESSES.values())
    return frozenset(map(int, found))


class EventsRequest(RequestModel):
    """`recent_events`: every given filter has to match."""

    before: RowId | None = None
    """The number below which to look; by default the newest are given."""
    after: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """The number above which to look."""
    limit: Annotated[int, Field(ge=1, le=MOST_EVENTS)] = 50
    kinds: Annotated[list[Annotated[EventKind, Field(strict=False)]], Field(max_length=20)] = Field(
        default_factory=list
    )
    """By default all."""
    user_id: RowId | None = None
    door: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    reader: Annotated[str, Field(max_length=TEXT_LIMIT)] | None = None
    access_log_id: RowId | None = None
    since: DeviceSeconds | None = None
    """Device time, included."""
    until: DeviceSeconds | None = None
    """Device time, excluded."""
    text: Annotated[str, Field(max_length=200)] = ""
    """Every word has to be in a name or in the English line; case and accents do not count."""


class EventUser(TypedDict):
    """A person of an event; `name` is null for one who was deleted since."""

    id: int
    name: str | None


class EventShown(TypedDict):
    """One event. `values` fill in the sentence of `what`; those with the ending `_at` are seconds
    of the site's wall clock. `text` is the English line of the service log."""

    seq: int
    kind: EventKind
    what: Occurrence | LogOnly
    time: int
    local: int
    clock_trusted: bool
    priority: int
    text: str
    reason: NotRequired[str]
    access_log_id: NotRequired[int]
    users: list[EventUser]
    doors: list[int]
    reader: NotRequired[str]
    portal_id: NotRequired[int]
    values: dict[str, int | str]


class EventPage(TypedDict):
    """Answer to `recent_events`. `before` asks for the next page; at the end there is none. A page
    may be short, or empty, and not the last: one call does not search without bound."""

    events: list[EventShown]
    last: int
    before: NotRequired[int]


def recent_events(call: Call[EventsRequest]) -> Annotated[Mapping[str, object], EventPage]:
    """The events of the journal, newest first, each with the facts of its sentence.

    `last` is the number of the newest entry. No event has a PIN or the text of a code.
    """
    request = call.request
    path = call.context.data / JOURNAL_FILE
    if not path.exists():  # before the controller's first start
        return {"events": [], "last": 0}
    view = SiteView(explain_context(call.context))
    with closing(JournalReader(path)) as journal:
        return _Search(view, journal, request).page()


@dataclass(frozen=True, slots=True)
class _Match:
    """An event that passes, with its entry and its English line."""

    entry: CommittedEntry
    event: Event
    priority: int
    text: str


class _Search:
    """One search of the journal."""

    def __init__(self, view: SiteView, journal: JournalReader, request: EventsRequest) -> None:
        self._view = view
        self._journal = journal
        self._request = request
        self._people: dict[int, str] = {}
        self._words = _plain(request.text).split()
        kinds = request.kinds or list(EventKind)
        self._kinds = frozenset().union(*(_KINDS[kind] for kind in kinds))
        self._events = _access_events(kinds) if request.kinds else frozenset()
        mentioned = request.user_id or request.access_log_id
        self._mentioned = str(mentioned) if mentioned else ""

    @cached_property
    def _names(self) -> SiteNames:
        known = self._view.names

        def lookup(table: str, id_: int) -> str:
            return self._people.get(id_, "") if table == "users" else known.bare(table, id_)

        return SiteNames(self._view.site, self._view.device_time, lookup)

    @cached_property
    def _doors(self) -> Mapping[int, tuple[int, ...]]:
        topology = self._view.topology
        portals = self._view.policy.portals.values()
        return {portal.id: tuple(topology.doors_of(portal.actions)) for portal in portals}

    def page(self) -> dict[str, object]:
        """The answer. Raises StorageError."""
        request, last = self._request, self._journal.last_seq()
        top = min(request.before or last + 1, last + 1)
        if request.until is not None:
            top = min(top, self._journal.seq_at(self._utc(request.until)))
        floor = request.after
        if request.since is not None:
            floor = max(floor, self._journal.seq_at(self._utc(request.since)) - 1)
        found: list[_Match] = []
        seq, read, lowest = top, 0, max(floor, top - 1 - _MOST_PASSED)
        span = 2 * request.limit
        while seq - 1 > lowest and read < _MOST_READ and len(found) <= request.limit:
            span = min(span, seq - 1 - lowest)
            entries = self._journal.before(seq, span, self._kinds, self._events, self._mentioned)
            found += self._matching(entries)
            read += len(entries)
            seq -= span
            span = min(2 * span, _SPAN)
        answer: dict[str, object] = {
            "events": [self._shown(one) for one in found[: request.limit]],
            "last": last,
        }
        if len(found) > request.limit:
            answer["before"] = found[request.limit - 1].entry.seq
        elif seq - 1 > floor:
            answer["before"] = seq
        return answer

    def _utc(self, stamp: int) -> datetime:
        """The instant at which a time column holds `stamp`; the first one of two."""
        at = from_unix_s(stamp)
        if self._view.site.site.wire_time is WireTime.UTC:
            return at
        # An hour that the clocks skip has no instant: then that of an hour later.
        later = at + timedelta(hours=1)
        instants = self._view.device_time.instants
        return next(iter((*instants(at), *instants(later), at)))

    def _matching(self, entries: Sequence[CommittedEntry]) -> Iterator[_Match]:
        # The names of all at once: a query for each would take longer than all else.
        self._learn(_users_of(entries))
        for entry in entries:
            try:
                found = self._match(entry)
            except (LookupError, TypeError, ValueError):
                continue  # a reason of a newer version, or facts that are damaged
            if found is not None:
                yield found

    def _learn(self, ids: Collection[int]) -> None:
        unknown = [id_ for id_ in ids if id_ not in self._people]
        self._people.update(self._view.people_index.person_names(unknown))

    def _match(self, entry: CommittedEntry) -> _Match | None:
        """The event of an entry, if it passes every filter. The line is made last: it takes the
        longest."""
        event = event_of(entry, self._names, self._doors)
        if event is None or not self._passes(event):
            return None
        line = line_of(
            entry.kind, entry.body, entry.utc, self._names, clock_trusted=entry.clock_trusted
        )
        if line is None:
            return None
        if self._words:
            text = _plain("\n".join([line.text, *map(str, event.values.values())]))
            if not all(word in text for word in self._words):
                return None
        return _Match(entry, event, int(line.priority), line.text)

    def _passes(self, event: Event) -> bool:
        wanted = self._request
        return all(
            (
                not wanted.kinds or event.kind in wanted.kinds,
                wanted.user_id is None or wanted.user_id in event.users,
                wanted.door is None or wanted.door in event.doors,
                wanted.reader in (None, event.reader),
                wanted.access_log_id in (None, event.access_log_id),
            )
        )

    def _shown(self, found: _Match) -> dict[str, object]:
        entry, event = found.entry, found.event
        shown: dict[str, object] = {
            "seq": entry.seq,
            "kind": event.kind,
            "what": event.what,
            "time": self._view.device_time.stamp(entry.utc),
            "local": self._view.device_time.local(entry.utc),
            "clock_trusted": entry.clock_trusted,
            "priority": found.priority,
            "text": found.text,
            "users": [{"id": id_, "name": self._people.get(id_)} for id_ in event.users],
            "doors": list(event.doors),
            "values": dict(event.values),
        }
        for name in ("reason", "access_log_id", "reader", "portal_id"):
            value = getattr(event, name)
            if value:
                shown[name] = value
        return shown


def _users_of(entries: Sequence[CommittedEntry]) -> set[int]:
    found: set[int] = set()
    for entry in entries:
        body = entry.body
        row = body.get("row") or {}
        found.update((row.get("user_id") or 0, body.get("user_id") or 0))
        found.update(body.get("company", ()), body.get("users", ()))
    return found - {0}


def _plain(text: str) -> str:
    """Without case and accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


class CountsRequest(RequestModel):
    """`access_counts`: accesses from `since` up to `until`, in buckets of `step` seconds."""

    since: DeviceSeconds
    until: DeviceSeconds
    step: Annotated[int, Field(ge=60, le=86_400)] = 3_600
    door: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    """Only accesses at portals that open it now."""


class AccessCount(TypedDict):
    """One bucket that is not empty; `time` is its begin in device time."""

    time: int
    granted: int
    denied: int


class AccessCounts(TypedDict):
    """Answer to `access_counts`."""

    counts: list[AccessCount]


_GRANTED = (AccessEvent.GRANTED, AccessEvent.GAVE_UP)
_DENIED = (
    AccessEvent.INVALID_DEVICE,
    AccessEvent.INVALID_RULE_PARAMETERS,
    AccessEvent.NOT_IDENTIFIED,
    AccessEvent.IDENTIFICATION_TIMEOUT,
    AccessEvent.DENIED,
    AccessEvent.NO_ANSWER,
)


def access_counts(call: Call[CountsRequest]) -> Annotated[Mapping[str, object], AccessCounts]:
    """How many accesses were granted and denied over a time, from the table of accesses."""
    request, context = call.request, call.context
    if not request.since < request.until:
        raise InvalidRequest("Invalid member 'until' (it must be after 'since')")
    if request.until - request.since > request.step * MOST_BUCKETS:
        raise InvalidRequest(f"Invalid member 'step' (more than {MOST_BUCKETS} buckets)")
    portals = None if request.door is None else _portals_of(context, request.door)
    context.refresh_logs()
    return {"counts": _counted(context, request, portals)}


def _portals_of(context: CommandContext, door: int) -> list[int]:
    view = SiteView(explain_context(context))
    if all(door != it.id for it in view.site.doors()):
        raise NotFound(f"There is no door {door}")
    return [portal.id for portal in view.topology.portals_of_door(door)]


def _counted(
    context: CommandContext, request: CountsRequest, portals: list[int] | None
) -> list[dict[str, int]]:
    models = context.store.models
    column = models.column
    time, event = column("access_logs", "time"), column("access_logs", "event")

    def number_of(events: Collection[int]) -> Any:
        return peewee.fn.SUM(peewee.Case(None, [(event.in_([int(it) for it in events]), 1)], 0))

    bucket = (time - request.since) / request.step
    query = models["access_logs"].select(bucket, number_of(_GRANTED), number_of(_DENIED))
    query = query.where(time >= request.since, time < request.until)
    if portals is not None:
        query = query.where(column("access_logs", "portal_id").in_(portals))
    query = query.group_by(bucket).order_by(bucket)
    rows = fetch(context.store.reader().connection(), query)
    return [
        {"time": request.since + int(number) * request.step, "granted": granted, "denied": denied}
        for number, granted, denied in rows
        if granted or denied
    ]


COMMANDS = (
    Command(recent_events, example={"kinds": ["denied"], "limit": 20}),
    Command(
        access_counts,
        errors=(NotFound,),
        example={"since": 1_795_392_000, "until": 1_795_478_400, "step": 3_600},
    ),
)
