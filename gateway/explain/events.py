"""Makes an event of a journal entry: what happened, to whom, where, and the values of a sentence.

`entry_words` is its English line; here nothing is worded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from gateway.access.facts import NOTHING
from gateway.access.log_events import AccessEvent, OpeningCause
from gateway.access.reasons import Reason
from gateway.access.trace import RuleOutcome
from gateway.alarms.causes import AlarmCause
from gateway.explain.entry_words import Body, credential_of
from gateway.explain.event import Event, EventKind, LogOnly
from gateway.explain.names import SiteNames
from gateway.explain.reason_table import REASONS
from gateway.explain.reason_words import facts_of
from gateway.explain.stages import StageVerdict
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.triggers.words import Occurrence

SCHEDULED = "schedule"
"""Why an area was emptied at its time of day."""
DoorsOfPortals = Mapping[int, Sequence[int]]
_Made = Callable[[Body, SiteNames], Event | None]


def event_of(entry: CommittedEntry, names: SiteNames, doors: DoorsOfPortals) -> Event | None:
    """The event of an entry; None for one that only the controller itself needs.

    `doors` are the doors that each portal opens. Raises ValueError for a reason that this version
    does not know.
    """
    if entry.kind is EntryKind.ACCESS:
        return _access(entry.body, names, doors)
    return _EVENTS[entry.kind](entry.body, names)


def _access(body: Body, names: SiteNames, doors_of: DoorsOfPortals) -> Event:
    row, facts, word = body["row"], facts_of(body), str(body["reason"])
    portal, reader = row["portal_id"], str(facts.get("reader", ""))
    doors = tuple(facts.get("doors", ())) or tuple(doors_of.get(portal, ()))
    values: dict[str, int | str] = {}
    if word in tuple(OpeningCause):
        kind, what = _opening(OpeningCause(word), row)
        doors = (facts["door"],) if facts.get("door") else doors
        if facts.get("by"):
            values["by"] = str(facts["by"])
    else:
        reason = Reason(word)
        kind, what = _verdict(reason)
        values = {**reason_values(reason, facts, body["trace"], names)}
        how, shown = credential_of(row)
        values |= {"credential": how, **({"shown": shown} if shown else {})}
    where = _where(doors, reader, portal, names)
    if facts.get("turnstile"):
        where = names.turnstile
    if where:
        values["where"] = where
    users = [row["user_id"], *body.get("company", ())]
    return Event(
        kind,
        what,
        MappingProxyType(values),
        users=tuple(dict.fromkeys(user for user in users if user)),
        doors=doors,
        reader=reader,
        portal_id=portal,
        access_log_id=row["id"],
        reason="" if word in tuple(OpeningCause) else word,
    )


def _opening(why: OpeningCause, row: Body) -> tuple[EventKind, Occurrence]:
    match why:
        case OpeningCause.BUTTON:
            return EventKind.DOOR, Occurrence.EXIT_BUTTON
        case OpeningCause.OPENED_BY_CLIENT:
            by_page = row["event"] == AccessEvent.WEB_INTERFACE
            what = Occurrence.OPENED_FROM_PAGE if by_page else Occurrence.OPENED_BY_CLIENT
            return EventKind.DOOR, what
        case OpeningCause.DECIDED_BY_SERVER if row["event"] == AccessEvent.GRANTED:
            return EventKind.GRANTED, Occurrence.SERVER_GRANTED
    return EventKind.DENIED, Occurrence.SERVER_DENIED


def _verdict(reason: Reason) -> tuple[EventKind, Occurrence]:
    match REASONS[reason].verdict:
        case StageVerdict.FREES:
            return EventKind.GRANTED, Occurrence.FREE_PASSAGE
        case StageVerdict.WAITS:
            return EventKind.WAITING, Occurrence.WAITING
        case StageVerdict.PASSES:
            return EventKind.GRANTED, Occurrence.GRANTED
    return EventKind.DENIED, Occurrence.DENIED


def _where(doors: Sequence[int], reader: str, portal: int, names: SiteNames) -> str:
    """The door if it is one, else the reader or the portal; empty if nothing is known."""
    if len(doors) == 1:
        return names.door(doors[0])
    return names.device(reader) if reader else names.bare("portals", portal)


_RULES: Mapping[Reason, tuple[RuleOutcome, ...]] = MappingProxyType(
    {
        Reason.OUT_OF_TIME: (RuleOutcome.OUT_OF_TIME, RuleOutcome.NO_SCHEDULE),
        Reason.BLOCKED: (RuleOutcome.BLOCKS,),
        Reason.UNKNOWN_CONDITION: (RuleOutcome.UNKNOWN_CONDITION,),
        Reason.CONDITION_NOT_MET: (RuleOutcome.CONDITION_NOT_MET,),
        Reason.CLOCK_NOT_TRUSTED: (RuleOutcome.CLOCK_NOT_TRUSTED,),
        Reason.GRANTED: (RuleOutcome.RELEASES,),
    }
)
"""The outcomes of the rules that a reason names."""


def reason_values(
    reason: Reason, facts: Body, trace: Sequence[Body], names: SiteNames
) -> dict[str, int | str]:
    """The values of the words for a reason; what was not recorded is left out."""
    named = [step["name"] for step in trace if step["why"] in _RULES.get(reason, ())]
    found: dict[str, Any] = {"rules": ", ".join(dict.fromkeys(named))}
    if "passback" in facts:
        found |= _passback(facts["passback"], names)
    if "lock_down" in facts and reason is Reason.LOCK_DOWN:
        found |= _lock_down(facts["lock_down"], names)
    if "interlock" in facts:
        known = facts["interlock"]
        found["other_door"] = names.door(known["by"]) if known["by"] else known.get("peer", "")
    if "keypad" in facts:
        found["until_at"] = names.wall(facts["keypad"]["until_s"])
    if "persons" in facts:
        found |= _persons(facts["persons"], names)
    found |= _places(facts, names)
    for limit in ("from", "until"):
        if limit in facts.get("valid", NOTHING):
            found[f"{limit}_at"] = names.wall_of_stamp(facts["valid"][limit])
    for part in ("door_unreachable", "internal_error", "server"):
        known = facts.get(part, NOTHING)
        found["detail"] = (
            found.get("detail")
            or known.get("message")
            or known.get("why")
            or known.get("error")
            or ""
        )
    return {name: value for name, value in found.items() if value != ""}


def _passback(known: Body, names: SiteNames) -> dict[str, int | str]:
    found: dict[str, int | str] = {}
    if "entered_s" in known:
        found["entered_at"] = names.wall(known["entered_s"])
    if "area_id" in known:
        found["area"] = names.bare("areas", known["area_id"]) or str(known["area_id"])
        found["since_at"] = names.wall(known["since_s"])
    if "again_s" in known:
        found["again_at"] = names.wall(known["again_s"])
    return found


def _places(facts: Body, names: SiteNames) -> dict[str, int | str]:
    """Of a threat level, of an area that is full, and of hosts who are missing."""
    found: dict[str, int | str] = {}
    if Reason.THREAT_LEVEL in facts:
        known = facts[Reason.THREAT_LEVEL]
        found |= {"level": str(known["level"]), "name": known["name"]}
    if "occupancy" in facts:
        known = facts["occupancy"]
        area = names.bare("areas", known["area_id"]) or str(known["area_id"])
        found |= {"area": area, "inside": known["inside"], "maximum": known["maximum"]}
    if "escort" in facts:
        hosts = (names.bare("groups", it["group"]) for it in facts["escort"]["rules"])
        found["hosts"] = ", ".join(dict.fromkeys(filter(None, hosts)))
    return found


def _lock_down(known: Body, names: SiteNames) -> dict[str, int | str]:
    found: dict[str, int | str] = {"by": known.get("login", ""), "because": known.get("reason", "")}
    for limit in ("since", "until"):
        if limit in known:
            found[f"{limit}_at"] = names.wall_of_stamp(known[limit])
    return found


def _persons(known: Body, names: SiteNames) -> dict[str, int | str]:
    missing = [
        ", ".join(
            f"{count} x {names.bare('groups', group) or group}" if group else f"+ {count}"
            for group, count in rule["missing"]
        )
        for rule in known["rules"]
    ]
    found: dict[str, int | str] = {"missing": " / ".join(filter(None, missing))}
    if "until_s" in known:
        found["until_at"] = names.wall(known["until_s"])
    return found


def _event(
    kind: EventKind,
    what: Occurrence | LogOnly,
    values: Mapping[str, int | str | None] = MappingProxyType({}),
    users: Sequence[int] = (),
    door: int = 0,
    reader: str = "",
    access_log_id: int = 0,
) -> Event:
    known = {name: value for name, value in values.items() if value not in (None, "")}
    return Event(
        kind,
        what,
        MappingProxyType(known),
        users=tuple(user for user in users if user),
        doors=(door,) if door else (),
        reader=reader,
        access_log_id=access_log_id,
    )


def _moved(body: Body, names: SiteNames) -> Event:
    row = body["row"]
    door = int(row["identification"])
    what = Occurrence.DOOR_OPENED if row["type"] == "OPEN" else Occurrence.DOOR_CLOSED
    return _event(EventKind.DOOR, what, {"where": names.door(door)}, door=door)


def _turn(body: Body, names: SiteNames) -> Event:
    what = Occurrence.TURNED if body["allowed"] else Occurrence.TURN_FORCED
    values = {"where": names.turnstile}
    return _event(EventKind.DOOR, what, values, access_log_id=body["access_log_id"])


def _gave_up(body: Body, names: SiteNames) -> Event:
    values = {"where": names.turnstile}
    return _event(EventKind.DOOR, Occurrence.GAVE_UP, values, access_log_id=body["access_log_id"])


def _no_entry(body: Body, names: SiteNames) -> Event:
    where = names.door(body["door"]) if body["door"] else names.turnstile
    values = {"where": where}
    return _event(EventKind.DOOR, Occurrence.NO_ENTRY, values, body["users"], body["door"])


def _alarm(body: Body, names: SiteNames) -> Event:
    row, part = body["row"], body.get("part", "")
    door = row["door_id"]
    values = {
        "cause": AlarmCause(row["cause"]).name.lower(),
        "where": names.door(door) if door else part,
        "part": part if door else "",
    }
    what = Occurrence.ALARM if row["event"] == 1 else Occurrence.ALARM_OVER
    return _event(
        EventKind.ALARM,
        what,
        values,
        [row["user_id"]],
        door,
        access_log_id=row.get("access_log_id", 0),
    )


def _fire(body: Body, _: SiteNames) -> Event:
    if not body["on"]:
        return _event(EventKind.ALARM, Occurrence.FIRE_OVER)
    clear = "since_utc" in body and body.get("input_active") is False
    return _event(EventKind.ALARM, Occurrence.FIRE_CLEAR if clear else Occurrence.FIRE)


def _arming(body: Body, _: SiteNames) -> Event:
    def listed(member: str) -> str:
        return ", ".join(map(str, body.get(member, ())))

    users = [body["user_id"]] if body.get("user_id") else []
    if body.get("refused"):
        values = {"zones": listed("refused")}
        return _event(EventKind.ALARM, Occurrence.ARMING_REFUSED, values, users)
    values = {"zones": listed("disarmed")}
    what = Occurrence.DISARMED if body["disarmed"] else Occurrence.ARMED
    if body.get("bypassed"):
        what = Occurrence.BYPASSED
        values |= {"bypassed": listed("bypassed")}
    return _event(EventKind.ALARM, what, values, users)


def _gesture(body: Body, names: SiteNames) -> Event:
    what = Occurrence.HOLD_BEGUN if body["held"] else Occurrence.HOLD_ENDED
    what = Occurrence.HOLD_REFUSED if body.get("why") else what
    values = {"where": names.device(body["reader"]), "detail": body.get("why")}
    return _event(EventKind.DOOR, what, values, [body["user_id"]], reader=body["reader"])


def _entry(body: Body, _: SiteNames) -> Event | None:
    if body["entry"] == "alarm":
        return None  # the entry of the alarm shows it
    values = {"zone": body["zone"], "seconds": body["left_ms"] // 1000}
    over = body["entry"] == "over"
    return _event(
        EventKind.ALARM, Occurrence.ENTRY_OVER if over else Occurrence.ENTRY_DELAY, values
    )


def _mode(body: Body, names: SiteNames) -> Event | None:
    if "timed" in body or "stored" in body:
        return None  # only the next start needs them
    door = body.get("ended") or body.get("unstored") or body.get("door") or 0
    values = {
        # Without a door it is the whole device.
        "where": names.door(door) if door else body.get("turnstile"),
        "mode": body["mode"],
        "by": body.get("login"),
        "because": body.get("reason"),
    }
    what = Occurrence.MODE
    if "ended" in body:
        what = Occurrence.MODE_OVER
    elif body["mode"] in ("normal", "none"):
        what = Occurrence.MODE_NORMAL
    return _event(EventKind.MODE, what, values, door=door)


def _on_start(body: Body, names: SiteNames) -> Event:
    door = body.get("door", 0)
    what = Occurrence.UNLOCKED_ON_START if body["unlocked"] else Occurrence.LOCKED_ON_START
    where = names.door(door) if door else body.get("turnstile")
    return _event(EventKind.MODE, what, {"where": where}, door=door)


_SCHEDULES = {
    "off": Occurrence.SCHEDULE_OFF,
    "holds": Occurrence.SCHEDULE_HOLDS,
    "ended": Occurrence.SCHEDULE_ENDED,
}


def _schedule(body: Body, names: SiteNames) -> Event:
    door = body["door"]
    values = {"where": names.door(door)}
    return _event(EventKind.MODE, _SCHEDULES[body["schedule"]], values, door=door)


def _first_card(body: Body, names: SiteNames) -> Event:
    what = Occurrence.FIRST_CARD if body["on"] else Occurrence.FIRST_CARD_OVER
    name = names.bare("first_card_unlocks", body["first_card"])
    return _event(EventKind.MODE, what, {"name": name or str(body["first_card"])})


def _passage(body: Body, names: SiteNames) -> Event | None:
    if "why" not in body:
        return None  # the entry of the door shows that somebody went through
    if "emptied" in body:
        area = body["emptied"]
        values = {
            "area": (names.bare("areas", area) or str(area)) if area else "",
            "by": body.get("login"),
            "because": body.get("reason"),
        }
        scheduled = body["why"] == SCHEDULED
        what = Occurrence.AREA_EMPTIED_ON_TIME if scheduled else Occurrence.AREA_EMPTIED
        return _event(EventKind.MODE, what, values)
    values = {"forgiven": body["why"]}
    return _event(EventKind.MODE, Occurrence.PASSBACK_FORGOTTEN, values, [body["user_id"] or 0])


def _threat_level(body: Body, _: SiteNames) -> Event | None:
    if body.get("again"):
        return None  # only the next start needs it
    values = {
        "level": str(body["level"] or body.get("was", 0)),
        "by": body.get("login"),
        "because": body.get("reason"),
    }
    what = Occurrence.THREAT_LEVEL
    if body.get("ended"):
        what = Occurrence.THREAT_OVER
    elif not body["level"]:
        what = Occurrence.THREAT_NORMAL
    return _event(EventKind.MODE, what, values)


def _occupancy(body: Body, names: SiteNames) -> Event:
    what = Occurrence.TOO_FEW_INSIDE if body["on"] else Occurrence.TOO_FEW_OVER
    area = names.bare("areas", body["area_id"]) or str(body["area_id"])
    values = {"area": area, "inside": str(body["inside"]), "minimum": str(body["minimum"])}
    return _event(EventKind.ALARM, what, values)


def _pre_alarm(body: Body, names: SiteNames) -> Event:
    what = Occurrence.PRE_ALARM if body["on"] else Occurrence.PRE_ALARM_OVER
    door = body["door"]
    return _event(EventKind.DOOR, what, {"where": names.door(door)}, door=door)


def _interlock(body: Body, names: SiteNames) -> Event:
    by = names.door(body["by"]) if body["by"] else body.get("peer", "")
    door = body["door"]
    values = {"where": names.door(door), "other_door": by}
    return _event(EventKind.DOOR, Occurrence.EXIT_REFUSED, values, door=door)


def _of_reader(what: Occurrence) -> _Made:
    def made(body: Body, names: SiteNames) -> Event:
        values = {"where": names.device(body["reader"]), "detail": body.get("why")}
        return _event(EventKind.SYSTEM, what, values, reader=body["reader"])

    return made


_HEALTH = {
    "online": Occurrence.DEVICE_ONLINE,
    "degraded": Occurrence.DEVICE_DEGRADED,
    "offline": Occurrence.DEVICE_OFFLINE,
}


def _device(body: Body, names: SiteNames) -> Event:
    health = body.get("health", "online" if body["online"] else "offline")
    device = body["device"]
    values = {"where": names.device(device), "detail": body["why"]}
    what = _HEALTH.get(health, Occurrence.DEVICE_DEGRADED)
    return _event(EventKind.SYSTEM, what, values, reader=device)


def _keypad(body: Body, names: SiteNames) -> Event:
    values = {"where": names.device(body["reader"]), "seconds": body["locked_ms"] // 1000}
    what = Occurrence.KEYPAD_LOCKED if body["locked_ms"] else Occurrence.KEYPAD_FREE
    return _event(EventKind.SYSTEM, what, values, reader=body["reader"])


def _reader_slowed(body: Body, names: SiteNames) -> Event:
    what = Occurrence.READER_SLOWED if body["slow"] else Occurrence.READER_FAST
    values = {"where": names.device(body["reader"]), "left_out": body.get("left_out", 0)}
    return _event(EventKind.SYSTEM, what, values, reader=body["reader"])


def _fault(body: Body, _: SiteNames) -> Event:
    what = Occurrence.FAULT_OVER if body["why"] is None else Occurrence.FAULT
    return _event(EventKind.SYSTEM, what, {"part": body["part"], "detail": body["why"]})


def _clock(body: Body, _: SiteNames) -> Event | None:
    if "trusted" not in body:
        return None
    what = Occurrence.CLOCK_TRUSTED if body["trusted"] else Occurrence.CLOCK_NOT_TRUSTED
    return _event(EventKind.SYSTEM, what, {"clock": body.get("why")})


_OPERATIONS = {
    "standalone": Occurrence.SERVER_STANDALONE,
    "online": Occurrence.SERVER_ONLINE,
    "contingency": Occurrence.SERVER_CONTINGENCY,
    "denial": Occurrence.SERVER_DENIAL,
}


def _online(body: Body, _: SiteNames) -> Event | None:
    what = _OPERATIONS.get(body["mode"])
    return _event(EventKind.SYSTEM, what, {"detail": body.get("why")}) if what else None


_STEPS = {
    "waits": LogOnly.TRIGGER_WAITS,
    "done": LogOnly.TRIGGER_DONE,
    "refused": LogOnly.TRIGGER_REFUSED,
    "cancelled": LogOnly.TRIGGER_CANCELLED,
    "late": LogOnly.TRIGGER_LATE,
}


def _trigger(body: Body, _: SiteNames) -> Event | None:
    if body["step"] == "waits" and not body.get("left_ms"):
        return None  # what becomes of it follows at once
    values = {
        "name": body["name"],
        "action": body["action"],
        "seconds": body.get("left_ms", 0) // 1000 or None,
        "message": body.get("message") if body["step"] == "done" else None,
        "detail": body.get("why"),
    }
    doors = tuple(body.get("target_doors", ())) or tuple(body.get("doors", ()))
    made = _event(
        EventKind.TRIGGER,
        _STEPS[body["step"]],
        values,
        body.get("users", ()),
        reader=body.get("reader", ""),
    )
    return replace(made, doors=doors)


def _output(body: Body, names: SiteNames) -> Event:
    what = LogOnly.OUTPUT_ON if body["on"] else LogOnly.OUTPUT_OFF
    values = {
        "where": names.output(body["output"]),
        "seconds": -(-body.get("for_ms", 0) // 1000) or None,
    }
    return _event(EventKind.TRIGGER, what, values)


def _plain(kind: EventKind, what: Occurrence | LogOnly) -> _Made:
    return lambda _body, _names: _event(kind, what)


def _none(_body: Body, _names: SiteNames) -> None:
    """Only the controller needs it."""


_EVENTS: Mapping[EntryKind, _Made] = MappingProxyType(
    {
        EntryKind.STARTED: _plain(EventKind.SYSTEM, Occurrence.STARTED),
        EntryKind.STOPPED: _plain(EventKind.SYSTEM, LogOnly.STOPPED),
        EntryKind.ENDED_UNCLEANLY: _plain(EventKind.SYSTEM, Occurrence.ENDED_UNCLEANLY),
        EntryKind.ACCESS_EVENT: _moved,
        EntryKind.TURN: _turn,
        EntryKind.GAVE_UP: _gave_up,
        EntryKind.ALARM: _alarm,
        EntryKind.BAD_FRAME: _of_reader(Occurrence.UNREADABLE),
        EntryKind.REPLAY: _of_reader(Occurrence.REPLAY),
        EntryKind.DEVICE: _device,
        EntryKind.FAULT: _fault,
        EntryKind.FIRE: _fire,
        EntryKind.MODE: _mode,
        EntryKind.ON_START: _on_start,
        EntryKind.CLOCK: _clock,
        EntryKind.THREAT_LEVEL: _threat_level,
        EntryKind.OCCUPANCY: _occupancy,
        EntryKind.PASSAGE: _passage,
        EntryKind.NO_ENTRY: _no_entry,
        EntryKind.KEYPAD: _keypad,
        EntryKind.SCHEDULE: _schedule,
        EntryKind.FIRST_CARD: _first_card,
        EntryKind.PRE_ALARM: _pre_alarm,
        EntryKind.INTERLOCK: _interlock,
        EntryKind.CODE_USED: _none,
        EntryKind.CARD_SPENT: _none,
        EntryKind.CREDENTIAL_USED: _none,
        EntryKind.DURESS: _none,
        EntryKind.ARMING: _arming,
        EntryKind.GESTURE: _gesture,
        EntryKind.ENTRY: _entry,
        EntryKind.SILENCED: _plain(EventKind.ALARM, Occurrence.SILENCED),
        EntryKind.READER_SLOWED: _reader_slowed,
        EntryKind.READER_DISABLED: _of_reader(Occurrence.READER_DISABLED),
        EntryKind.ONLINE: _online,
        EntryKind.TRIGGER: _trigger,
        EntryKind.OUTPUT: _output,
    }
)
"""Every kind but ACCESS."""
