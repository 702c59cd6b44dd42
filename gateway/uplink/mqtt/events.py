"""Events: what happened, from entries of the journal, in words that Home Assistant knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.access.log_events import AccessEvent, OpeningCause
from gateway.alarms.causes import DURESS_CAUSES, ZONE_CAUSES, AlarmCause
from gateway.clock import unix_s
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.triggers.words import MessageDestination

KINDS = (
    EntryKind.ACCESS,
    EntryKind.ACCESS_EVENT,
    EntryKind.ALARM,
    EntryKind.FIRE,
    EntryKind.GAVE_UP,
    EntryKind.KEYPAD,
    EntryKind.MODE,
    EntryKind.NO_ENTRY,
    EntryKind.PRE_ALARM,
    EntryKind.STARTED,
    EntryKind.THREAT_LEVEL,
    EntryKind.TRIGGER,
    EntryKind.TURN,
)
DOOR_EVENTS = (
    "granted",
    "denied",
    "unknown",
    "waiting",
    "exit_button",
    "opened_by_command",
    "no_entry",
    "door_opened",
    "door_closed",
    "pre_alarm",
    "held_open",
    "held_open_over",
    "forced_open",
    "forced_open_over",
    "lock_welded",
    "lock_welded_over",
    "mode",
    "message",
)
"""Types of a door's events. Home Assistant drops others: add at the end, remove none."""
DEVICE_EVENTS = (
    "granted",
    "denied",
    "unknown",
    "waiting",
    "exit_button",
    "opened_by_command",
    "no_entry",
    "started",
    "turned",
    "turn_forced",
    "gave_up",
    "zone_alarm",
    "zone_alarm_over",
    "zone_no_presence",
    "zone_no_presence_over",
    "zone_open",
    "zone_open_over",
    "tamper",
    "tamper_over",
    "duress",
    "duress_over",
    "fire",
    "fire_over",
    "keypad_locked",
    "keypad_freed",
    "message",
    "threat_level",
)
"""As DOOR_EVENTS, for what belongs to no door of the site."""

_ALARMS = {
    **dict.fromkeys(ZONE_CAUSES, "zone_alarm"),
    **dict.fromkeys(DURESS_CAUSES, "duress"),
    AlarmCause.DOOR_OPEN: "held_open",
    AlarmCause.FORCED_DOOR: "forced_open",
    AlarmCause.TAMPER: "tamper",
    AlarmCause.ZONE_NO_PRESENCE: "zone_no_presence",
    AlarmCause.ZONE_OPEN: "zone_open",
    AlarmCause.LOCK_WELDED: "lock_welded",
}
_ACCESSES = {
    AccessEvent.GRANTED: "granted",
    AccessEvent.NOT_IDENTIFIED: "unknown",
    AccessEvent.PENDING_IDENTIFICATION: "waiting",
    AccessEvent.PENDING_ACCESS: "waiting",
}
"""All others are `denied`."""
_CAUSES = {
    OpeningCause.BUTTON.value: "exit_button",
    OpeningCause.OPENED_BY_CLIENT.value: "opened_by_command",
}

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SiteEvent:
    """One event; `door` 0 for one of the device."""

    type: str
    door: int = 0
    attributes: Body = field(default_factory=dict)


class EventTeller:
    """Turns entries into events of one site."""

    def __init__(
        self,
        doors: Collection[int],
        doors_of_portal: Callable[[int], Collection[int]],
        name_of: Callable[[int], str],
        *,
        persons: bool,
        cards: bool,
    ) -> None:
        """`doors` are those of the site, `doors_of_portal` those that a portal's actions open;
        `name_of` is the name of a person. Without `persons` and `cards` no event has them."""
        self._doors = frozenset(doors)
        self._doors_of_portal = doors_of_portal
        self._name_of = name_of
        self._persons = persons
        self._cards = cards

    def events(self, entry: CommittedEntry) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each event of `entry`: its door, 0 for the device, and its payload."""
        stamp = {
            "id": entry.seq,
            "time": unix_s(entry.utc),
            "clock_trusted": entry.clock_trusted,
        }
        for event in self._site_events(entry.kind, entry.body):
            door = event.door
            if door not in self._doors or event.type not in DOOR_EVENTS:
                door = 0
            about = {"door": event.door} if event.door and not door else {}
            if door or event.type in DEVICE_EVENTS:
                yield door, {"event_type": event.type, **stamp, **about, **event.attributes}

    def _site_events(self, kind: EntryKind, body: Body) -> Iterator[SiteEvent]:
        match kind:
            case EntryKind.ACCESS:
                yield from self._access(body)
            case EntryKind.ALARM:
                yield self._alarm(body)
            case EntryKind.MODE if "door" not in body:
                pass  # of the turnstile, or what is left of its time
            case EntryKind.PRE_ALARM if not body["on"]:
                pass
            case EntryKind.THREAT_LEVEL:
                yield from self._threat_level(body)
            case EntryKind.TRIGGER:
                yield from _message(body)
            case _:
                yield _OTHERS[kind](body)

    def _access(self, body: Body) -> Iterator[SiteEvent]:
        row, facts = body["row"], body.get("facts", {})
        word = _CAUSES.get(body["reason"]) or _ACCESSES.get(row["event"], "denied")
        about = {"reason": body["reason"], "portal": row["portal_id"]}
        if "reader" in facts:
            about["reader"] = facts["reader"]
        if self._persons and facts.get("by"):
            about["by"] = facts["by"]
        about |= self._person(row["user_id"])
        if self._cards and row.get("card_value"):
            about["card"] = row["card_value"]
        doors = facts.get("doors") or ([facts["door"]] if facts.get("door") else [])
        if not doors and not facts.get("turnstile"):
            doors = list(self._doors_of_portal(row["portal_id"]))
        for door in doors or [0]:
            yield SiteEvent(word, door, about)

    def _threat_level(self, body: Body) -> Iterator[SiteEvent]:
        if body.get("again"):  # at a start, with what is left of its time
            return
        by = {"by": body["login"]} if self._persons and body.get("login") else {}
        yield SiteEvent("threat_level", 0, {"level": body["level"], **by})

    def _alarm(self, body: Body) -> SiteEvent:
        row = body["row"]
        cause = AlarmCause(row["cause"])
        word = _ALARMS[cause] + ("" if row["event"] == 1 else "_over")
        about: dict[str, Any] = self._person(row["user_id"])
        if cause in ZONE_CAUSES:
            about["zone"] = ZONE_CAUSES.index(cause) + 1
        if body.get("part"):
            about["part"] = body["part"]
        return SiteEvent(word, row["door_id"], about)

    def _person(self, user_id: int) -> dict[str, Any]:
        if not user_id or not self._persons:
            return {}
        return {"person": user_id, "name": self._name_of(user_id)}


def _moved(body: Body) -> SiteEvent:
    row = body["row"]
    word = "door_opened" if row["type"] == "OPEN" else "door_closed"
    return SiteEvent(word, int(row["identification"]))


def _message(body: Body) -> Iterator[SiteEvent]:
    """The message of a trigger whose action was done."""
    if body["step"] == "done" and body.get("destination") in (
        MessageDestination.MQTT,
        MessageDestination.ALL,
    ):
        doors = body.get("target_doors") or body.get("doors") or [0]
        about = {"trigger": body["name"], "message": body["message"], "because": body["what"]}
        yield SiteEvent("message", doors[0], about)


def _turned(body: Body) -> SiteEvent:
    side = "left" if body["row"]["type"] == "TURN_LEFT" else "right"
    return SiteEvent("turned" if body["allowed"] else "turn_forced", 0, {"side": side})


def _keypad(body: Body) -> SiteEvent:
    word = "keypad_locked" if body["locked_ms"] else "keypad_freed"
    return SiteEvent(word, 0, {"reader": body["reader"]})


_OTHERS: Mapping[EntryKind, Callable[[Body], SiteEvent]] = {
    EntryKind.ACCESS_EVENT: _moved,
    EntryKind.FIRE: lambda body: SiteEvent("fire" if body["on"] else "fire_over"),
    EntryKind.GAVE_UP: lambda _: SiteEvent("gave_up"),
    EntryKind.KEYPAD: _keypad,
    EntryKind.MODE: lambda body: SiteEvent("mode", body["door"], {"mode": body["mode"]}),
    EntryKind.NO_ENTRY: lambda body: SiteEvent(
        "no_entry", body.get("door", 0), {"portal": body["portal_id"]}
    ),
    EntryKind.PRE_ALARM: lambda body: SiteEvent("pre_alarm", body["door"]),
    EntryKind.STARTED: lambda _: SiteEvent("started"),
    EntryKind.TURN: _turned,
}
