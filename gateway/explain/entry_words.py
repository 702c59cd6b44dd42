"""One line for each journal entry, for the service log, the terminal and the simulator.

`GRANTED Ana at front (card)`, `DENIED Bruno at front: outside the hours of the access rules`,
`ALARM back: forced open`. Entries that only the controller itself needs have no line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import IntEnum
from functools import partial
from typing import Any

from gateway.access.log_events import AccessEvent, OpeningCause
from gateway.access.reasons import Reason
from gateway.alarms.causes import CAUSE_WORDS, AlarmCause
from gateway.credentials.card_number import format_card
from gateway.credentials.wiegand.readings import raw_readings
from gateway.explain.names import SiteNames
from gateway.explain.reason_table import OPENINGS, REASONS
from gateway.explain.reason_words import (
    Known,
    facts_of,
    reason_words,
    violation_words,
    withheld_words,
)
from gateway.explain.stages import StageVerdict
from gateway.explain.state_words import FIRE_RESET
from gateway.explain.time_words import stamp_words
from gateway.store.journal import EntryKind

Body = Mapping[str, Any]


class Priority(IntEnum):
    """The severity of a line, as a syslog level; `journalctl -p` filters by it."""

    CRITICAL = 2
    """Needs attention now: fire, intrusion, duress."""
    ERROR = 3
    """A part of the device does not work."""
    WARNING = 4
    """Something is wrong, or soon will be."""
    NOTICE = 5
    """Normal but significant: a denial, an opening by a client."""
    INFO = 6


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One entry in words."""

    priority: Priority
    text: str


_critical = partial(JournalLine, Priority.CRITICAL)
_error = partial(JournalLine, Priority.ERROR)
_warning = partial(JournalLine, Priority.WARNING)
_notice = partial(JournalLine, Priority.NOTICE)
_info = partial(JournalLine, Priority.INFO)


def line_of(
    kind: EntryKind, body: Body, utc: datetime, names: SiteNames, *, clock_trusted: bool = True
) -> JournalLine | None:
    """The line of an entry, None for an entry without one."""
    if kind is EntryKind.ACCESS:
        return _access(body, names.local(utc), names, clock_trusted=clock_trusted)
    return _LINES[kind](body, names)


def _access(body: Body, local: int, names: SiteNames, *, clock_trusted: bool) -> JournalLine:
    word = body["reason"]
    if word in tuple(OpeningCause):
        return opening_line(OpeningCause(word), body, names)
    known = Known.of_body(body, local, clock_trusted=clock_trusted)
    row, facts, reason = body["row"], known.facts, known.reason
    who, how = _who(row, names)
    reader = facts.get("reader")
    at = f"{who} at {names.device(reader) if reader else names.portal(row['portal_id'])}"
    words = reason_words(known, names)
    if reason.allowed:
        by = f": {words}" if words else ""
        return _granted(f"GRANTED {at} ({how}){by}", body, known, names)
    if reason is Reason.FREE_PASSAGE:
        return _info(f"FREE PASSAGE {at} ({how}): {words}")
    if REASONS[reason].verdict is StageVerdict.WAITS:
        return _info(f"WAITING {at}: {words}")
    if reason is Reason.UNKNOWN_CREDENTIAL and "card_value" in row:
        words = f"{words} ({card_words(row['card_value'])})"
    broken = reason.event is AccessEvent.INVALID_RULE_PARAMETERS
    return JournalLine(Priority.ERROR if broken else Priority.NOTICE, f"DENIED {at}: {words}")


def _granted(text: str, body: Body, known: Known, names: SiteNames) -> JournalLine:
    """A grant, with a warning where no door opens."""
    others = [names.person(id_) for id_ in body.get("company", ()) if id_ != body["row"]["user_id"]]
    if others:
        text = f"{text} together with {', '.join(others)}"
    if known.facts.get("extended"):
        text = f"{text}, with more time"
    for _, floors in sorted(known.facts.get("floors", {}).items()):
        which = "floor" if len(floors) == 1 else "floors"
        text = f"{text}, {which} {', '.join(map(str, floors)) or 'none'}"
    if known.facts.get("withheld"):
        text = f"{text}; {withheld_words(known.facts)}"
    if known.facts.get("operator"):
        leaves = ", ".join(f"'{names.door(door)}'" for door in known.facts["operator"])
        text = f"{text}, and the operator opens door {leaves}"
    opened = known.facts.get("doors")
    portal_opens = known.reason is Reason.GRANTED  # a server may name nothing to open
    other = known.facts.get("turnstile") or known.facts.get("floors")
    if portal_opens and opened == [] and not other:
        return _warning(f"{text}: the portal opens no door; tie an action to it")
    if known.facts.get("away"):
        shut = ", ".join(f"'{names.door(door)}'" for door in known.facts["away"])
        return _warning(f"{text}: door {shut} stays locked, its module is away")
    if body.get("passback_violation"):
        return _notice(f"{text}: {violation_words(known, names)}")
    return _info(text)


def _who(row: Body, names: SiteNames) -> tuple[str, str]:
    """The person of a row, and how they identified themselves."""
    how, shown = credential_of(row)
    if row["user_id"]:
        return names.person(row["user_id"]), how
    return f"unknown {how} {shown}".rstrip(), how


def credential_of(row: Body) -> tuple[str, str]:
    """The kind of credential that a row of access_logs has, and what may be shown of it."""
    if "card_value" in row:
        return "card", _two_halves(row["card_value"])
    if "qrcode_value" in row:
        return "code", ""  # its text may be anything, so it is not shown
    if "uhf_tag" in row:
        return "tag", str(row["uhf_tag"])[:40]
    return "PIN or password", ""


def _two_halves(value: int) -> str:
    return format_card(value).facility_number if value >> 32 else str(value)


def card_words(value: int) -> str:
    """The common readings of a card's number; one of them is printed on the card."""
    read = asdict(format_card(value))
    return "; ".join(f"{name.replace('_', ' ')} {shown}" for name, shown in read.items())


def _opening_words(why: OpeningCause, body: Body, names: SiteNames) -> str:
    facts, row = facts_of(body), body["row"]
    text = OPENINGS[why]
    if why is OpeningCause.OPENED_BY_CLIENT:
        if row["event"] == AccessEvent.WEB_INTERFACE:
            text = "opened from the page"
        return f"{text}, {_by(facts)}"
    if why is OpeningCause.DECIDED_BY_SERVER:
        doors = ", ".join(f"'{names.door(door)}'" for door in facts.get("doors", ()))
        return f"{text}, {_by(facts)}" + (f", which opened {doors}" if doors else "")
    return text


def _by(facts: Body) -> str:
    return f"by {facts['by']}" if facts.get("by") else "by whom is not recorded"


def opening_line(why: OpeningCause, body: Body, names: SiteNames) -> JournalLine:
    """The line of an access that this device did not decide."""
    row, facts = body["row"], facts_of(body)
    if why is OpeningCause.DECIDED_BY_SERVER:
        granted = row["event"] == AccessEvent.GRANTED
        who = names.person(row["user_id"]) if row["user_id"] else "nobody known"
        label = "GRANTED" if granted else "DENIED"
        text = f"{label} {who} at {names.portal(row['portal_id'])}"
        words = _opening_words(why, body, names)
        return JournalLine(Priority.INFO if granted else Priority.NOTICE, f"{text}: {words}")
    where = names.portal(row["portal_id"])
    if facts.get("turnstile"):
        where = names.turnstile
    elif facts.get("door"):
        where = names.door(facts["door"])
    if why is OpeningCause.BUTTON:
        return _info(f"EXIT {where}: {OPENINGS[why]}")
    return _notice(f"OPENED {where}: {_opening_words(why, body, names)}")


def _alarm(body: Body, names: SiteNames) -> JournalLine:
    row = body["row"]
    cause = AlarmCause(row["cause"])
    where = names.door(row["door_id"]) if row["door_id"] else body.get("part") or "device"
    words = CAUSE_WORDS[cause]
    if row["door_id"] and body.get("part"):
        words = f"{words} ({body['part']})"
    if row["user_id"]:
        words = f"{words}, {names.person(row['user_id'])}"
    if row["event"] != 1:
        return _notice(f"ALARM OVER {where}: {words}")
    warning = cause in (AlarmCause.DOOR_OPEN, AlarmCause.ZONE_NO_PRESENCE)
    return JournalLine(
        Priority.WARNING if warning else Priority.CRITICAL, f"ALARM {where}: {words}"
    )


def _moved(body: Body, names: SiteNames) -> JournalLine | None:
    row = body["row"]
    door = names.door(int(row["identification"]))
    return _info(f"{door} {'opened' if row['type'] == 'OPEN' else 'closed'}")


def _turn(body: Body, names: SiteNames) -> JournalLine:
    way = "left" if body["row"]["type"] == "TURN_LEFT" else "right"
    if body["allowed"]:
        return _info(f"{names.turnstile} turned {way}")
    return _warning(f"{names.turnstile} was forced {way}: nobody was let through")


def _gave_up(_: Body, names: SiteNames) -> JournalLine:
    return _info(f"{names.turnstile}: nobody went through")


def _bad_frame(body: Body, names: SiteNames) -> JournalLine:
    # Bits too few for a card may be keys of a PIN.
    read = "; ".join(f"{name} {value}" for name, value in raw_readings(body["bits"]).items())
    seen = f" (bits {body['bits']}; {read})" if read else ""
    return _warning(f"UNREADABLE at {names.device(body['reader'])}: {body['why']}{seen}")


def _replay(body: Body, names: SiteNames) -> JournalLine:
    return _warning(f"REPLAY suspected at {names.device(body['reader'])}: {body['why']}")


def _device(body: Body, names: SiteNames) -> JournalLine:
    health = body.get("health", "online" if body["online"] else "offline")
    why = f": {body['why']}" if body["why"] else ""
    priority = Priority.INFO if health == "online" else Priority.WARNING
    return JournalLine(priority, f"{names.device(body['device'])} is {health}{why}")


_PARTS = {"rex": "exit button of {1}", "power": "power supply, {1}"}
_POWER = {"mains_fail": "mains", "battery_low": "battery", "under_voltage": "voltage"}


def _fault(body: Body, _: SiteNames) -> JournalLine:
    kind, _, name = body["part"].partition(" ")
    part = _PARTS.get(kind, "{0} {1}").format(kind, _POWER.get(name, name)).strip()
    if body["why"] is None:
        return _notice(f"FAULT OVER {part}")
    return _error(f"FAULT {part}: {body['why']}")


def _fire(body: Body, names: SiteNames) -> JournalLine:
    if not body["on"]:
        return _notice("FIRE over: reset")
    until = f"{names.freed_by_fire} until the input is normal and somebody resets it"
    if "since_utc" not in body:
        return _critical(f"FIRE reported: {until}")
    since = stamp_words(names.wall(body["since_utc"]))
    match body.get("input_active"):
        case None:
            text = f"FIRE goes on over the restart, reported at {since}: {until}"
        case True:
            text = f"FIRE input reports again or still, first at {since}: {until}"
        case _:
            reset = FIRE_RESET.format(data="DIR")
            text = f"FIRE input normal; {names.freed_by_fire} until somebody resets it: {reset}"
    return _critical(text)


_NO_MODE = "none"
"""As the API calls a normal door."""
_MODES = {
    "normal": "back to normal",
    "lock_down": "lock-down",
    "emergency": "emergency, held unlocked",
    "fire": "fire, held unlocked",
}


def _mode(body: Body, names: SiteNames) -> JournalLine | None:
    if "timed" in body:
        return None  # the remaining time of a mode, which the next start needs
    if "ended" in body:
        place = names.door(body["ended"]) if body["ended"] else "device"
        mode = _MODES.get(body["mode"], body["mode"])
        return _notice(f"MODE {place}: the time of {mode} is over")
    if "stored" in body:
        return None  # the database has a mode, which the next start needs to know
    waits = ""
    if "unstored" in body:
        place = names.door(body["unstored"]) if body["unstored"] else "device"
        waits = "; the database has yet to store it"
    else:
        place = names.door(body["door"]) if "door" in body else str(body.get("turnstile"))
    by = f", set by {body['login']}" if body.get("login") else ""
    because = f" ({body['reason']})" if body.get("reason") else ""
    ends = body["mode"] in ("normal", _NO_MODE)
    mode = _MODES["normal"] if ends else _MODES.get(body["mode"], body["mode"])
    priority = Priority.NOTICE if ends else Priority.WARNING
    return JournalLine(priority, f"MODE {place}: {mode}{by}{because}{waits}")


def _on_start(body: Body, names: SiteNames) -> JournalLine:
    place = names.door(body["door"]) if "door" in body else str(body.get("turnstile"))
    words = "stays unlocked by its mode or schedule" if body["unlocked"] else "locked"
    return _notice(f"ON START {place}: unlocked until the rules were read, now {words}")


_CLOCKS = {
    "set_by_hand": "it was set by hand",
    "network_time": "a time server set it",
    "battery_clock": "a battery clock set it",
    "simulated": "the machine has a source of time",
    "before_release": "it is before this program was built",
    "beyond_ceiling": "it is too far ahead",
    "behind_floor": "it is behind the journal's last entry",
    "no_source": "nothing has set it since the start",
}


def _clock(body: Body, _: SiteNames) -> JournalLine | None:
    if "trusted" not in body:
        return None
    why = f": {_CLOCKS.get(body['why'], body['why'])}" if body.get("why") else ""
    if body["trusted"]:
        return _notice(f"CLOCK trusted{why}")
    return _warning(f"CLOCK not trusted{why}; rules with hours do not let people in")


def _passage(body: Body, names: SiteNames) -> JournalLine | None:
    if "why" not in body:
        return None  # the entry of the door shows that somebody went through
    if "emptied" in body:
        area = names.area(body["emptied"]) if body["emptied"] else "every area"
        by = f" by {body['login']}" if body.get("login") else ""
        because = f" ({body['reason']})" if body.get("reason") else ""
        return _notice(f"EMPTIED {area}{by}{because}: nobody counts as inside")
    who = f"of {names.person(body['user_id'])} " if body["user_id"] else ""
    why = _FORGIVEN.get(body["why"], body["why"])
    return _info(f"anti-passback positions {who}forgotten: {why}")


_FORGIVEN = {
    "emergency_over": "an emergency or a fire is over",
    "asked_by_client": "a client asked for it",
    "midnight": "it is midnight",
}


def _no_entry(body: Body, names: SiteNames) -> JournalLine:
    who = ", ".join(names.person(id_) for id_ in body["users"]) or "nobody"
    where = names.door(body["door"]) if body["door"] else names.turnstile
    return _info(f"NO ENTRY {who} at {where}: the door was not opened in time")


def _keypad(body: Body, names: SiteNames) -> JournalLine:
    if not body["locked_ms"]:
        return _notice(f"KEYPAD {names.device(body['reader'])}: free again")
    locked = f"locked for {body['locked_ms'] // 1000} s after too many wrong entries"
    return _warning(f"KEYPAD {names.device(body['reader'])}: {locked}")


_SCHEDULES = {
    "off": "its unlock schedule is over",
    "holds": "unlocked by its schedule or a first card",
    "ended": "its unlock schedule was ended before its time",
}


def _schedule(body: Body, names: SiteNames) -> JournalLine:
    words = _SCHEDULES.get(body["schedule"], body["schedule"])
    return _info(f"SCHEDULE {names.door(body['door'])}: {words}")


def _first_card(body: Body, _: SiteNames) -> JournalLine:
    words = "began" if body["on"] else "is over"
    return _info(f"FIRST CARD {body['first_card']}: the unlocked time {words}")


def _pre_alarm(body: Body, names: SiteNames) -> JournalLine:
    door = names.door(body["door"])
    if body["on"]:
        return _warning(f"PRE-ALARM {door}: close the door, it is held open")
    return _info(f"PRE-ALARM OVER {door}")


def _interlock(body: Body, names: SiteNames) -> JournalLine:
    # 0 is no door of this device: the peer of a network interlock, if one is known.
    by = names.door(body["by"]) if body["by"] else body.get("peer", "")
    why = " ".join(filter(None, ("interlock,", by, body["why"])))
    return _warning(f"EXIT REFUSED {names.door(body['door'])}: {why}")


def _arming(body: Body, names: SiteNames) -> JournalLine:
    def listed(member: str) -> str:
        return ", ".join(map(str, body.get(member, ())))

    of_set = f" of {body['zone_set']}" if body.get("zone_set") else ""
    by = f" by {names.person(body['user_id'])}" if body.get("user_id") else ""
    if body.get("refused"):
        return _notice(f"ALARM ZONES{of_set} not armed{by}, open: {listed('refused')}")
    text = f"disarmed: {listed('disarmed')}" if body["disarmed"] else "all armed"
    left_out = f", left out since they were open: {listed('bypassed')}"
    return _notice(f"ALARM ZONES {text}{left_out if body.get('bypassed') else ''}{by}")


def _gesture(body: Body, names: SiteNames) -> JournalLine:
    where = f"at {names.device(body['reader'])}"
    who = names.person(body["user_id"])
    if body.get("why"):
        return _warning(f"GESTURE of {who} {where} refused: {body['why']}")
    done = "held the doors unlocked" if body["held"] else "ended the hold of the doors"
    return _notice(f"GESTURE {who} {done} {where}")


def _entry(body: Body, _: SiteNames) -> JournalLine | None:
    if body["entry"] == "alarm":
        return None  # the entry of the alarm shows it
    if body["entry"] == "over":
        return _info(f"ENTRY zone {body['zone']}: dealt with")
    left_s = body["left_ms"] // 1000
    return _notice(f"ENTRY zone {body['zone']}: {left_s} s left to disarm")


def _reader_slowed(body: Body, names: SiteNames) -> JournalLine:
    reader = names.device(body["reader"])
    if body["slow"]:
        slowed = "one read a second, after too many unknown cards or codes"
        return _warning(f"READER {reader}: {slowed}")
    return _notice(f"READER {reader}: as fast as before, {body['left_out']} reads left out")


_OPERATIONS = {
    "standalone": "this device decides",
    "online": "the server decides",
    "contingency": "the server cannot be asked, this device decides",
    "denial": "the server cannot be asked, everybody is denied",
}


def _online(body: Body, _: SiteNames) -> JournalLine:
    words = _OPERATIONS.get(body["mode"], body["mode"])
    if not body.get("why"):
        return _notice(f"SERVER {words}")
    return _warning(f"SERVER {words}: {body['why']}")


def _occupancy(body: Body, names: SiteNames) -> JournalLine:
    area, inside = names.area(body["area_id"]), body["inside"]
    if body["on"]:
        return _warning(
            f"TOO FEW in {area}: {inside} inside, and at least {body['minimum']} wanted"
        )
    return _notice(f"TOO FEW over in {area}: {inside} inside")


def _threat_level(body: Body, _: SiteNames) -> JournalLine | None:
    if body.get("again"):
        return None  # only the next start needs it
    level = body["level"]
    by = f", set by {body['login']}" if body.get("login") else ""
    because = f" ({body['reason']})" if body.get("reason") else ""
    if body.get("ended"):
        return _notice(f"THREAT LEVEL {level}: the time of level {body['was']} is over")
    priority = Priority.WARNING if level else Priority.NOTICE
    return JournalLine(priority, f"THREAT LEVEL {level}{by}{because}")


def _trigger(body: Body, names: SiteNames) -> JournalLine | None:
    left_ms = body.get("left_ms", 0)
    if body["step"] == "waits" and not left_ms:
        return None  # what becomes of it follows at once
    doors = ", ".join(names.door(it) for it in body.get("target_doors", ()))
    what = " ".join(filter(None, (body["action"], body.get("output"), doors))).replace("_", " ")
    head = f"TRIGGER {body['name']}"
    cause = body["what"].replace("_", " ")
    match body["step"]:
        case "waits":
            return _info(f"{head}: {what} in {left_ms // 1000} s, because of: {cause}")
        case "done":
            message = f": {body['message']}" if body.get("message") else ""
            return _notice(f"{head}: {what}, because of: {cause}{message}")
        case "cancelled":
            return _info(f"{head}: {what} cancelled ({body.get('why', '').replace('_', ' ')})")
        case "refused":
            return _warning(f"{head}: {what} refused: {body.get('why', '')}")
    return _warning(f"{head}: {what} left out: {body.get('why', '')}")


def _output(body: Body, names: SiteNames) -> JournalLine:
    for_ms = body.get("for_ms", 0)
    time = f" for {for_ms / 1000:g} s" if for_ms else ""
    return _info(f"OUTPUT {names.output(body['output'])}: {'on' if body['on'] else 'off'}{time}")


def _reader_disabled(body: Body, names: SiteNames) -> JournalLine:
    return _warning(f"IGNORED at {names.device(body['reader'])}: its tamper contact is open")


_LINES: Mapping[EntryKind, Callable[[Body, SiteNames], JournalLine | None]] = {
    EntryKind.STARTED: lambda *_: _notice("STARTED"),
    EntryKind.STOPPED: lambda *_: _notice("STOPPED"),
    EntryKind.ENDED_UNCLEANLY: lambda *_: _warning(
        "the last run ended without a stop: power cut or crash"
    ),
    EntryKind.ACCESS_EVENT: _moved,
    EntryKind.TURN: _turn,
    EntryKind.GAVE_UP: _gave_up,
    EntryKind.ALARM: _alarm,
    EntryKind.BAD_FRAME: _bad_frame,
    EntryKind.REPLAY: _replay,
    EntryKind.DEVICE: _device,
    EntryKind.FAULT: _fault,
    EntryKind.FIRE: _fire,
    EntryKind.MODE: _mode,
    EntryKind.ON_START: _on_start,
    EntryKind.CLOCK: _clock,
    EntryKind.PASSAGE: _passage,
    EntryKind.NO_ENTRY: _no_entry,
    EntryKind.KEYPAD: _keypad,
    EntryKind.SCHEDULE: _schedule,
    EntryKind.ONLINE: _online,
    EntryKind.FIRST_CARD: _first_card,
    EntryKind.PRE_ALARM: _pre_alarm,
    EntryKind.INTERLOCK: _interlock,
    EntryKind.CODE_USED: lambda *_: None,
    EntryKind.CARD_SPENT: lambda *_: None,
    EntryKind.CREDENTIAL_USED: lambda *_: None,
    EntryKind.DURESS: lambda *_: None,
    EntryKind.ARMING: _arming,
    EntryKind.GESTURE: _gesture,
    EntryKind.ENTRY: _entry,
    EntryKind.SILENCED: lambda *_: _notice("ALARMS silenced"),
    EntryKind.READER_SLOWED: _reader_slowed,
    EntryKind.READER_DISABLED: _reader_disabled,
    EntryKind.THREAT_LEVEL: _threat_level,
    EntryKind.TRIGGER: _trigger,
    EntryKind.OUTPUT: _output,
    EntryKind.OCCUPANCY: _occupancy,
}
"""Every kind but ACCESS."""
