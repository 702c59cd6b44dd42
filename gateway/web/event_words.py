"""Events of the journal in sentences, from the answer to `recent_events`. Pure.

A sentence has variants: the first one counts whose names are all known, since a record of an older
program may lack some.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any

from gateway.access.reasons import Reason
from gateway.alarms.causes import AlarmCause
from gateway.explain.entry_words import Priority
from gateway.explain.event import EventKind, LogOnly
from gateway.explain.time_words import wall_words
from gateway.triggers.words import Occurrence
from gateway.web.door_state import CAUSES
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.trigger_words import ACTION_WORDS

Variants = tuple[str, ...]

EVENTS: Mapping[Occurrence | LogOnly, Variants] = MappingProxyType(
    {
        Occurrence.GRANTED: (
            noted("%(who)s at %(where)s: let in, although %(violation)s"),
            noted("%(who)s at %(where)s: let in"),
        ),
        Occurrence.FREE_PASSAGE: (noted("%(who)s at %(where)s: free passage"),),
        Occurrence.WAITING: (noted("%(who)s at %(where)s: waiting - %(why)s"),),
        Occurrence.DENIED: (noted("%(who)s at %(where)s: refused - %(why)s"),),
        Occurrence.SERVER_GRANTED: (
            noted("%(who)s at %(where)s: let in by the server %(by)s"),
            noted("%(who)s at %(where)s: let in by a server"),
        ),
        Occurrence.SERVER_DENIED: (
            noted("%(who)s at %(where)s: refused by the server %(by)s"),
            noted("%(who)s at %(where)s: refused by a server"),
        ),
        Occurrence.EXIT_BUTTON: (noted("%(where)s: exit button pressed"),),
        Occurrence.OPENED_BY_CLIENT: (
            noted("%(where)s: opened by %(by)s over the network"),
            noted("%(where)s: opened over the network"),
        ),
        Occurrence.OPENED_FROM_PAGE: (
            noted("%(where)s: opened by %(by)s from this page"),
            noted("%(where)s: opened from this page"),
        ),
        Occurrence.DOOR_OPENED: (noted("%(where)s: the door opened"),),
        Occurrence.DOOR_CLOSED: (noted("%(where)s: the door closed"),),
        Occurrence.TURNED: (noted("%(where)s: somebody went through"),),
        Occurrence.TURN_FORCED: (noted("%(where)s: forced, nobody was let through"),),
        Occurrence.GAVE_UP: (noted("%(where)s: released, and nobody went through"),),
        Occurrence.NO_ENTRY: (noted("%(who)s at %(where)s: let in, but the door stayed closed"),),
        Occurrence.EXIT_REFUSED: (
            noted("%(where)s: the exit button did not open, since %(other_door)s is not closed"),
            noted("%(where)s: the exit button did not open, because of the interlock"),
        ),
        Occurrence.PRE_ALARM: (noted("%(where)s: open for long, its alarm is near"),),
        Occurrence.PRE_ALARM_OVER: (noted("%(where)s: closed before its alarm"),),
        Occurrence.ALARM: (
            noted("Alarm: %(cause)s, %(where)s, %(person)s"),
            noted("Alarm: %(cause)s, %(where)s (%(part)s)"),
            noted("Alarm: %(cause)s, %(where)s"),
            noted("Alarm: %(cause)s"),
        ),
        Occurrence.ALARM_OVER: (
            noted("Alarm over: %(cause)s, %(where)s"),
            noted("Alarm over: %(cause)s"),
        ),
        Occurrence.FIRE: (noted("Fire reported"),),
        Occurrence.FIRE_CLEAR: (
            noted("The fire input is normal again; the alarm waits for reset"),
        ),
        Occurrence.FIRE_OVER: (noted("Fire alarm reset"),),
        Occurrence.SILENCED: (noted("Alarms silenced"),),
        Occurrence.ARMED: (noted("All alarm zones armed"),),
        Occurrence.DISARMED: (noted("Alarm zones disarmed: %(zones)s"),),
        Occurrence.BYPASSED: (noted("Alarm zones left out since they were open: %(bypassed)s"),),
        Occurrence.HOLD_BEGUN: (noted("Held unlocked by a second card at %(where)s"),),
        Occurrence.HOLD_ENDED: (noted("Hold ended by a second card at %(where)s"),),
        Occurrence.HOLD_REFUSED: (
            noted("A hold by a second card was refused at %(where)s: %(detail)s"),
        ),
        Occurrence.ARMING_REFUSED: (noted("Not armed, these alarm zones are open: %(zones)s"),),
        Occurrence.ENTRY_DELAY: (
            noted("Somebody came in at zone %(zone)s: %(seconds)s s left to disarm"),
        ),
        Occurrence.ENTRY_OVER: (noted("The entry at zone %(zone)s is settled"),),
        Occurrence.MODE: (
            noted("%(where)s: %(mode)s, set by %(by)s (%(because)s)"),
            noted("%(where)s: %(mode)s, set by %(by)s"),
            noted("%(where)s: %(mode)s"),
            noted("All doors: %(mode)s, set by %(by)s (%(because)s)"),
            noted("All doors: %(mode)s, set by %(by)s"),
            noted("All doors: %(mode)s"),
        ),
        Occurrence.MODE_NORMAL: (
            noted("%(where)s: back to normal, by %(by)s"),
            noted("%(where)s: back to normal"),
            noted("All doors: back to normal, by %(by)s"),
            noted("All doors: back to normal"),
        ),
        Occurrence.MODE_OVER: (
            noted("%(where)s: the time of the %(mode)s is over"),
            noted("All doors: the time of the %(mode)s is over"),
        ),
        Occurrence.UNLOCKED_ON_START: (
            noted("%(where)s: stays unlocked after the start, by its mode or schedule"),
        ),
        Occurrence.LOCKED_ON_START: (noted("%(where)s: locked after the start"),),
        Occurrence.SCHEDULE_HOLDS: (noted("%(where)s: unlocked by its schedule"),),
        Occurrence.SCHEDULE_OFF: (noted("%(where)s: its unlocked hours are over"),),
        Occurrence.SCHEDULE_ENDED: (noted("%(where)s: its unlocked hours were ended early"),),
        Occurrence.FIRST_CARD: (noted("First card: the unlocked time of %(name)s began"),),
        Occurrence.FIRST_CARD_OVER: (noted("First card: the unlocked time of %(name)s is over"),),
        Occurrence.PASSBACK_FORGOTTEN: (
            noted("Anti-passback: the place of %(person)s was forgotten, since %(forgiven)s"),
            noted("Anti-passback: everybody's place was forgotten, since %(forgiven)s"),
        ),
        Occurrence.AREA_EMPTIED: (
            noted("%(area)s counts as empty, said %(by)s (%(because)s)"),
            noted("%(area)s counts as empty, said %(by)s"),
            noted("%(area)s counts as empty"),
            noted("All areas count as empty, said %(by)s (%(because)s)"),
            noted("All areas count as empty, said %(by)s"),
            noted("All areas count as empty"),
        ),
        Occurrence.AREA_EMPTIED_ON_TIME: (noted("%(area)s counts as empty, by its schedule"),),
        Occurrence.TOO_FEW_INSIDE: (
            noted("%(area)s: %(inside)s inside, and at least %(minimum)s must be"),
        ),
        Occurrence.TOO_FEW_OVER: (noted("%(area)s: enough people inside again, or nobody"),),
        Occurrence.THREAT_LEVEL: (
            noted("Threat level %(level)s, set by %(by)s (%(because)s)"),
            noted("Threat level %(level)s, set by %(by)s"),
            noted("Threat level %(level)s"),
        ),
        Occurrence.THREAT_NORMAL: (
            noted("Threat level %(level)s ended by %(by)s"),
            noted("Threat level %(level)s ended"),
        ),
        Occurrence.THREAT_OVER: (noted("The time of threat level %(level)s is over"),),
        Occurrence.UNREADABLE: (noted("%(where)s: unreadable card (%(detail)s)"),),
        Occurrence.REPLAY: (noted("%(where)s: suspected replay of a recording (%(detail)s)"),),
        Occurrence.DEVICE_ONLINE: (noted("%(where)s: works again"),),
        Occurrence.DEVICE_DEGRADED: (
            noted("%(where)s: works with faults (%(detail)s)"),
            noted("%(where)s: works with faults"),
        ),
        Occurrence.DEVICE_OFFLINE: (
            noted("%(where)s: does not answer (%(detail)s)"),
            noted("%(where)s: does not answer"),
        ),
        Occurrence.KEYPAD_LOCKED: (
            noted("%(where)s: keypad locked for %(seconds)s s after too many wrong entries"),
        ),
        Occurrence.KEYPAD_FREE: (noted("%(where)s: keypad free again"),),
        Occurrence.READER_SLOWED: (noted("%(where)s: slowed down, too many unknown cards"),),
        Occurrence.READER_FAST: (
            noted("%(where)s: as fast as before, %(left_out)s reads were left out"),
        ),
        Occurrence.READER_DISABLED: (noted("%(where)s: read ignored, the reader was opened"),),
        Occurrence.FAULT: (noted("Fault of %(part)s: %(detail)s"),),
        Occurrence.FAULT_OVER: (noted("Fault over: %(part)s"),),
        Occurrence.CLOCK_TRUSTED: (
            noted("The clock is trusted: %(clock)s"),
            noted("The clock is trusted"),
        ),
        Occurrence.CLOCK_NOT_TRUSTED: (
            noted("The clock is not trusted: %(clock)s"),
            noted("The clock is not trusted"),
        ),
        Occurrence.SERVER_STANDALONE: (noted("This controller decides by its own rules"),),
        Occurrence.SERVER_ONLINE: (noted("The server decides"),),
        Occurrence.SERVER_CONTINGENCY: (
            noted("The server does not answer, this controller decides (%(detail)s)"),
            noted("The server does not answer, this controller decides"),
        ),
        Occurrence.SERVER_DENIAL: (
            noted("The server does not answer, everybody is refused (%(detail)s)"),
            noted("The server does not answer, everybody is refused"),
        ),
        LogOnly.TRIGGER_WAITS: (
            noted("Trigger %(name)s: %(action)s in %(seconds)s s"),
            noted("Trigger %(name)s: %(action)s, in a moment"),
        ),
        LogOnly.TRIGGER_DONE: (
            noted("Trigger %(name)s: %(action)s - %(message)s"),
            noted("Trigger %(name)s: %(action)s"),
        ),
        LogOnly.TRIGGER_REFUSED: (noted("Trigger %(name)s: %(action)s was refused (%(detail)s)"),),
        LogOnly.TRIGGER_CANCELLED: (noted("Trigger %(name)s: %(action)s was cancelled"),),
        LogOnly.TRIGGER_LATE: (noted("Trigger %(name)s: %(action)s came too late"),),
        LogOnly.OUTPUT_ON: (
            noted("Output %(where)s: on for %(seconds)s s"),
            noted("Output %(where)s: on"),
        ),
        LogOnly.OUTPUT_OFF: (noted("Output %(where)s: off"),),
        Occurrence.STARTED: (noted("The door controller started"),),
        LogOnly.STOPPED: (noted("The door controller stopped"),),
        Occurrence.ENDED_UNCLEANLY: (
            noted("The last run ended without a stop: power cut or crash"),
        ),
    }
)

REASONS: Mapping[Reason, Variants] = MappingProxyType(
    {
        Reason.GRANTED: (noted("allowed by %(rules)s"), noted("allowed")),
        Reason.FREE_PASSAGE: (noted("fire or emergency frees the door for everybody"),),
        Reason.UNKNOWN_CREDENTIAL: (noted("nobody has it"),),
        Reason.NOT_YET_VALID: (noted("valid only from %(from_at)s on"), noted("not valid yet")),
        Reason.EXPIRED: (noted("was valid until %(until_at)s"), noted("no longer valid")),
        Reason.CREDENTIAL_LOST: (noted("marked as lost"),),
        Reason.CREDENTIAL_STOLEN: (noted("marked as stolen"),),
        Reason.CREDENTIAL_DISABLED: (noted("disabled"),),
        Reason.CREDENTIAL_NOT_YET_VALID: (noted("what was shown is not valid yet"),),
        Reason.CREDENTIAL_EXPIRED: (noted("what was shown is no longer valid"),),
        Reason.CREDENTIAL_USED_UP: (noted("what was shown has no use left"),),
        Reason.RIGHT_ENDED: (noted("the membership or rule of this person has ended"),),
        Reason.NO_RULE: (noted("may not pass here"),),
        Reason.NO_FLOOR: (noted("may choose no floor now"),),
        Reason.OUT_OF_TIME: (noted("outside the hours of %(rules)s"), noted("outside the hours")),
        Reason.UNKNOWN_CONDITION: (
            noted("%(rules)s has a condition that this device does not know"),
            noted("a rule has a condition that this device does not know"),
        ),
        Reason.CONDITION_NOT_MET: (
            noted("a condition of %(rules)s does not hold"),
            noted("a condition of a rule does not hold"),
        ),
        Reason.BLOCKED: (noted("blocked by %(rules)s"), noted("blocked by a rule")),
        Reason.LOCK_DOWN: (noted("lock-down by %(by)s"), noted("lock-down")),
        Reason.THREAT_LEVEL: (
            noted("threat level %(level)s (%(name)s)"),
            noted("threat level %(level)s"),
            noted("the threat level in force"),
        ),
        Reason.SECOND_FACTOR_DUE: (noted("for the PIN"),),
        Reason.SECOND_FACTOR_WRONG: (noted("wrong PIN"),),
        Reason.SECOND_FACTOR_TIMED_OUT: (noted("no PIN in time"),),
        Reason.CREDENTIAL_REVOKED: (noted("what was shown is no longer theirs"),),
        Reason.FIRST_FACTOR_MISSING: (noted("a PIN alone does not open"),),
        Reason.NO_SECOND_FACTOR_HERE: (noted("a PIN is needed, and the reader has no keypad"),),
        Reason.PIN_NOT_ACCEPTED: (noted("only cards and codes count now"),),
        Reason.CARD_NOT_ACCEPTED: (noted("only a PIN counts now"),),
        Reason.KEYPAD_LOCKED: (
            noted("the keypad is locked until %(until_at)s"),
            noted("the keypad is locked"),
        ),
        Reason.PASSBACK: (
            noted("inside already, in %(area)s since %(since_at)s"),
            noted("passed at %(entered_at)s, again from %(again_at)s"),
            noted("inside already"),
        ),
        Reason.AREA_FULL: (
            noted("%(area)s is full: %(inside)s of %(maximum)s"),
            noted("the area is full"),
        ),
        Reason.WAITING_FOR_HOST: (
            noted("for a host: %(hosts)s"),
            noted("for a host"),
        ),
        Reason.HOST_MISSING: (noted("no host came"),),
        Reason.WAITING_FOR_PERSONS: (
            noted("for more people: %(missing)s"),
            noted("for more people"),
        ),
        Reason.PERSONS_MISSING: (
            noted("the others did not come: %(missing)s"),
            noted("the others did not come"),
        ),
        Reason.NO_PLACE_AMONG_PERSONS: (
            noted("several people are needed, and not this one: %(missing)s"),
            noted("several people are needed, and not this one"),
        ),
        Reason.INTERLOCK: (
            noted("%(other_door)s is not closed and locked"),
            noted("another door is not closed and locked"),
        ),
        Reason.CLOCK_NOT_TRUSTED: (noted("the clock is not trusted"),),
        Reason.READER_WITHOUT_PORTAL: (noted("the reader belongs to no door"),),
        Reason.TURNSTILE_BLOCKED: (noted("the turnstile is blocked that way"),),
        Reason.DOOR_UNREACHABLE: (
            noted("the module of the door does not answer (%(detail)s)"),
            noted("the module of the door does not answer"),
        ),
        Reason.SERVER_GRANTED: (
            noted("the server allowed it (%(detail)s)"),
            noted("the server allowed it"),
        ),
        Reason.SERVER_DENIED: (
            noted("the server refused (%(detail)s)"),
            noted("the server refused"),
        ),
        Reason.SERVER_NOT_IDENTIFIED: (noted("the server knows nobody with it"),),
        Reason.SERVER_FACTOR_DUE: (noted("for what the server asks"),),
        Reason.SERVER_UNDECIDED: (noted("the server did not decide"),),
        Reason.SERVER_AWAY: (
            noted("the server does not answer (%(detail)s)"),
            noted("the server does not answer"),
        ),
        Reason.INTERNAL_ERROR: (
            noted("no decision could be taken (%(detail)s)"),
            noted("no decision could be taken"),
        ),
    }
)

KINDS: Mapping[EventKind, str] = MappingProxyType(
    {
        EventKind.GRANTED: noted("Let in"),
        EventKind.DENIED: noted("Refused"),
        EventKind.WAITING: noted("Waiting"),
        EventKind.DOOR: noted("Doors moved"),
        EventKind.ALARM: noted("Alarms"),
        EventKind.MODE: noted("Modes"),
        EventKind.TRIGGER: noted("Triggers"),
        EventKind.SYSTEM: noted("Device"),
    }
)
"""The names of the filters."""

_MODES = {
    "lock_down": noted("lock-down"),
    "emergency": noted("emergency"),
    "fire": noted("fire, held unlocked"),
}
_CLOCKS = {
    "set_by_hand": noted("it was set by hand"),
    "network_time": noted("a time server set it"),
    "battery_clock": noted("a battery clock set it"),
    "simulated": noted("the machine has a source of time"),
    "before_release": noted("it is before this program was built"),
    "beyond_ceiling": noted("it is too far ahead"),
    "behind_floor": noted("it is behind the last entry of the log"),
    "no_source": noted("nothing has set it since the start"),
}
_FORGIVEN = {
    "emergency_over": noted("an emergency or a fire is over"),
    "asked_by_client": noted("somebody asked for it"),
    "midnight": noted("it is midnight"),
}
_ACTIONS = {action.value: words for action, words in ACTION_WORDS.items()}
_UNKNOWN = {
    "card": (noted("Unknown card %(shown)s"), noted("Unknown card")),
    "code": (noted("Unknown code"),),
    "tag": (noted("Unknown tag %(shown)s"), noted("Unknown tag")),
    "PIN or password": (noted("Unknown PIN"),),
}
_CREDENTIALS = {
    "card": (noted("card %(shown)s"), noted("card")),
    "code": (noted("code"),),
    "tag": (noted("tag %(shown)s"), noted("tag")),
    "PIN or password": (noted("PIN or password"),),
}
WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"mode": _MODES, "clock": _CLOCKS, "forgiven": _FORGIVEN, "action": _ACTIONS}
)
"""Values that are words of their own, by their name in a sentence."""
_NAMES = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class EventPerson:
    """Somebody of an event."""

    id: int
    name: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as the page shows it."""

    seq: int
    kind: EventKind
    words: str
    why: str
    """The reason of an access; empty for other events."""
    grave: bool
    """An alarm that began, or is near."""
    at: datetime
    """On the site's wall clock."""
    clock_trusted: bool
    credential: str
    """How somebody identified, in words; empty where nobody did."""
    people: tuple[EventPerson, ...]
    doors: tuple[int, ...]
    reader: str
    access_log_id: int
    """0 for an event that is no access."""
    reason: str
    text: str
    """The English line of the service log."""

    @property
    def is_access(self) -> bool:
        """Whether somebody identified, which can be explained."""
        return bool(self.reason)


def event_row(event: Mapping[str, Any]) -> EventRow:
    """A row of the answer to `recent_events`."""
    people = tuple(
        EventPerson(user["id"], user["name"] or "", user["name"] is None) for user in event["users"]
    )
    values = event["values"]
    return EventRow(
        seq=event["seq"],
        kind=EventKind(event["kind"]),
        words=sentence(event),
        why=why_words(event["reason"], values, event["local"]) if "reason" in event else "",
        grave=event["kind"] == EventKind.ALARM and event["priority"] <= Priority.WARNING,
        at=datetime.fromtimestamp(event["local"], UTC),
        clock_trusted=event["clock_trusted"],
        credential=_say(_CREDENTIALS.get(values.get("credential", ""), ()), values),
        people=people,
        doors=tuple(event["doors"]),
        reader=event.get("reader", ""),
        access_log_id=event.get("access_log_id", 0),
        reason=event.get("reason", ""),
        text=event["text"],
    )


def by_day(rows: Sequence[EventRow]) -> list[tuple[str, list[EventRow]]]:
    """The rows of each day, in their order."""
    return [(day, list(some)) for day, some in groupby(rows, lambda row: f"{row.at:%Y-%m-%d}")]


def sentence(event: Mapping[str, Any]) -> str:
    """An event as one sentence in the current language."""
    values = shown_values(event["values"], event["local"])
    people = [person_words(user) for user in event["users"]]
    values["who"] = _who(people, event["values"])
    if people:
        values["person"] = people[0]
    if "reason" in event:
        values["why"] = why_words(event["reason"], event["values"], event["local"])
    if event["kind"] == EventKind.GRANTED and {"area", "entered_at"} & event["values"].keys():
        values["violation"] = _say(REASONS[Reason.PASSBACK], values)
    if "credential" in event["values"]:
        values.setdefault("where", _("a reader"))
    return _say(EVENTS[event["what"]], values)


def why_words(reason: str, known: Mapping[str, Any], local: int) -> str:
    """The reason of an access in words; `local` is the instant on the site's wall clock."""
    return _say(REASONS[Reason(reason)], shown_values(known, local))


def person_words(user: Mapping[str, Any]) -> str:
    """The name of somebody, or words where there is none."""
    if user["name"] is None:
        return _("deleted person %(id)s", id=user["id"])
    return user["name"] or _("person %(id)s", id=user["id"])


def shown_values(values: Mapping[str, Any], local: int) -> dict[str, str]:
    """The values of a sentence as text in the current language."""
    shown = {}
    for name, value in values.items():
        if name.endswith("_at"):
            shown[name] = wall_words(value, local)
        elif name == "cause":
            shown[name] = _(CAUSES[AlarmCause[value.upper()]]) if value != "none" else value
        else:
            words = WORDS.get(name, {}).get(value)
            shown[name] = str(value) if words is None else _(words)
    return shown


def _who(people: Sequence[str], values: Mapping[str, Any]) -> str:
    if not people:
        unknown = _UNKNOWN.get(values.get("credential", ""), ())
        return _say(unknown, values) or _("Somebody")
    if len(people) == 1:
        return people[0]
    return _("%(who)s with %(others)s", who=people[0], others=", ".join(people[1:]))


def _say(variants: Sequence[str], values: Mapping[str, Any]) -> str:
    """The first variant whose names are all known; empty where none is."""
    for text in variants:
        if values.keys() >= set(_NAMES.findall(text)):
            return _(text, **values)
    return ""
