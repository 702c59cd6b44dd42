"""The declared form of each kind's body: the one check of what is read from the journal.

A member that older programs did not write is optional. Members that are not declared pass: a newer
program of the same form may have added them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.alarms.causes import AlarmCause
from gateway.alarms.zones import ZoneEntry
from gateway.clock import LATEST, unix_s
from gateway.doors.values import Mode, Schedule
from gateway.store.journal.credential_uses import MOST_USED
from gateway.store.journal.entries import EntryKind

LARGEST_ID = 1 << 53
"""Ids and numbers beyond this are damage: no device gets there, and the next would overflow."""

Int = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
Id = Annotated[int, Field(ge=0, lt=1 << 63)]
GivenId = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Unsigned = Annotated[int, Field(ge=0, lt=1 << 64)]
Span = Annotated[int, Field(ge=-(1 << 53), le=1 << 53)]
"""Milliseconds."""
UnixSeconds = Annotated[int, Field(ge=0, le=unix_s(LATEST))]
Seconds = Annotated[int, Field(ge=-(1 << 53), le=1 << 53)]
"""Device time, which a client may have set to anything."""
Place = Annotated[int, Field(ge=0, lt=1 << 63)]
"""What can have an exception mode: a door, 0 for the device."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class _AccessRow(_Body):
    id: GivenId
    time: Seconds
    event: Int
    device_id: Int = 0
    identifier_id: Int = 0
    user_id: Id = 0
    portal_id: Id = 0
    identification_rule_id: Int = 0
    log_type_id: Int = 0
    card_value: Unsigned = 0
    qrcode_value: str = ""
    pin_value: str = ""
    uhf_tag: str = ""


class _EventRow(_Body):
    id: GivenId
    event: str
    type: str
    identification: str
    device_id: Int = 0
    timestamp: Seconds


class _AlarmRow(_Body):
    id: GivenId
    event: Annotated[int, Field(ge=1, le=2)]
    cause: Annotated[AlarmCause, Field(strict=False)]
    user_id: Id = 0
    time: Seconds
    access_log_id: Id = 0
    door_id: Id = 0


class _Access(_Body):
    row: _AccessRow
    rules: list[Id]
    reason: str
    trace: list[dict[str, Any]] = []
    portal_rules: list[Id] = []
    company: list[Id] = []
    passback_violation: bool = False
    elsewhere: list[Id] = []
    facts: dict[str, Any] = {}


class _AccessEvent(_Body):
    row: _EventRow


class _Turn(_AccessEvent):
    counts: list[str]
    access_log_id: Id
    allowed: bool


class _GaveUp(_AccessEvent):
    access_log_id: Id


class _Alarm(_Body):
    row: _AlarmRow
    part: str = ""


class _Fire(_Body):
    on: bool
    since_utc: UnixSeconds = 0
    input_active: bool | None = None


class _Mode(_Body):
    """One of the members from `door` to `stored` names what has the mode."""

    mode: str
    door: Id = 0
    turnstile: str = ""
    timed: Id = 0
    ended: Id = 0
    unstored: Id = 0
    stored: Id = 0
    login: str = ""
    reason: str = ""


class _EnteredMode(_Mode):
    mode: Annotated[Mode, Field(strict=False)]


class _DoorMode(_EnteredMode):
    door: Id


class _TurnstileMode(_EnteredMode):
    turnstile: str


class _TimedMode(_Mode):
    timed: Place
    until_utc: Seconds
    left_ms: Span


class _EndedMode(_Mode):
    ended: Place
    until_utc: Seconds


class _UnstoredMode(_Mode):
    mode: Literal["none", "emergency", "lock_down"]
    unstored: Place
    login: Annotated[str, Field(max_length=1_000)] = ""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    since: Seconds = 0
    until: Seconds = 0
    until_utc: Seconds = 0


class _StoredMode(_Mode):
    stored: Place


class _Entered(_Body):
    user_id: Id
    portal_id: Id
    area_id: Id
    utc_s: Seconds
    day: Span


class _Forgiven(_Body):
    user_id: Id | None
    before_day: Span | None = None
    why: str = ""


class _Emptied(_Body):
    emptied: Id
    before_s: Seconds
    why: str = ""
    login: str = ""
    reason: str = ""


class _Occupancy(_Body):
    area_id: Id
    inside: Id
    minimum: Id
    on: bool


class _Schedule(_Body):
    door: Id
    schedule: Annotated[Schedule, Field(strict=False)]


class _FirstCard(_Body):
    first_card: Id
    on: bool


class _Keypad(_Body):
    reader: str
    locked_ms: Span


class _Fault(_Body):
    part: str
    why: str | None


class _EntryDelay(_Body):
    zone: Id
    entry: Annotated[ZoneEntry, Field(strict=False)]
    left_ms: Span


class _Duress(_Body):
    cause: Annotated[AlarmCause, Field(strict=False)]
    user_id: Id
    access_log_id: Id
    door_id: Id
    delay_ms: Span
    done: bool


class _Arming(_Body):
    disarmed: list[Id]
    exit_ms: dict[Annotated[str, Field(pattern=r"^\d{1,9}$")], Span]
    bypassed: list[Id] = []
    refused: list[Id] = []
    zone_set: str = ""
    user_id: Id = 0


class _GestureMade(_Body):
    portal_id: Id
    reader: str
    user_id: Id
    held: bool
    why: str = ""


class _CardSpent(_Body):
    card_id: Id
    card_value: Int


class _CodeUsed(_CardSpent):
    step: Int
    oldest: Int


class _CredentialUsed(_Body):
    object: Literal["cards", "qrcodes", "uhf_tags", "pins"]
    row_id: Id
    user_id: Id
    used: Annotated[int, Field(ge=1, le=MOST_USED)] | None = None


class _Online(_Body):
    mode: str
    lost_utc_s: UnixSeconds
    why: str = ""


Level = Annotated[int, Field(ge=0, le=3)]


class _ThreatLevel(_Body):
    level: Level
    login: Annotated[str, Field(max_length=1_000)] = ""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    since_utc: UnixSeconds = 0
    until_utc: UnixSeconds = 0
    left_ms: Span = 0
    was: Level = 0
    ended: bool = False
    again: bool = False


class _Trigger(_Body):
    trigger: Id
    name: str
    step: Literal["waits", "done", "refused", "cancelled", "late"]
    what: str
    action: str
    doors: list[Id] = []
    users: list[Id] = []
    reader: str = ""
    cause: Int = 0
    chain: Annotated[list[Id], Field(max_length=64)] = []
    left_ms: Span = 0
    output: str = ""
    target_doors: list[Id] = []
    zone: Id = 0
    message: str = ""
    destination: str = ""
    why: str = ""


class _Output(_Body):
    output: str
    on: bool
    for_ms: Span = 0
    level: bool = False
    trigger: Id = 0


class _Words(_Body):
    """A body that nothing but text is made of."""

    reader: str = ""
    device: str = ""
    why: str | None = None
    bits: str = ""
    online: bool = False
    door: Id = 0
    on: bool = False
    users: list[Id] = []
    portal_id: Id = 0
    slow: bool = False
    left_out: Id = 0


_FORMS: Mapping[EntryKind, type[_Body]] = {
    **dict.fromkeys(EntryKind, _Words),
    EntryKind.ACCESS: _Access,
    EntryKind.ACCESS_EVENT: _AccessEvent,
    EntryKind.TURN: _Turn,
    EntryKind.GAVE_UP: _GaveUp,
    EntryKind.ALARM: _Alarm,
    EntryKind.FIRE: _Fire,
    EntryKind.SCHEDULE: _Schedule,
    EntryKind.FIRST_CARD: _FirstCard,
    EntryKind.KEYPAD: _Keypad,
    EntryKind.FAULT: _Fault,
    EntryKind.ENTRY: _EntryDelay,
    EntryKind.DURESS: _Duress,
    EntryKind.ARMING: _Arming,
    EntryKind.GESTURE: _GestureMade,
    EntryKind.CODE_USED: _CodeUsed,
    EntryKind.CARD_SPENT: _CardSpent,
    EntryKind.CREDENTIAL_USED: _CredentialUsed,
    EntryKind.ONLINE: _Online,
    EntryKind.THREAT_LEVEL: _ThreatLevel,
    EntryKind.TRIGGER: _Trigger,
    EntryKind.OUTPUT: _Output,
    EntryKind.OCCUPANCY: _Occupancy,
}
_BY_MEMBER: Mapping[EntryKind, tuple[tuple[str, type[_Body]], ...]] = {
    EntryKind.MODE: (
        ("timed", _TimedMode),
        ("ended", _EndedMode),
        ("unstored", _UnstoredMode),
        ("stored", _StoredMode),
        ("turnstile", _TurnstileMode),
        ("", _DoorMode),
    ),
    EntryKind.PASSAGE: (("portal_id", _Entered), ("emptied", _Emptied), ("", _Forgiven)),
}
"""Kinds with more than one form: the first whose member is there; "" is for all others."""


def read_body(kind: EntryKind, text: bytes) -> Mapping[str, Any]:
    """The JSON `text` as a body of `kind`. Raises ValueError that names the member and what it
    must be."""
    try:
        # NaN, infinity, a nesting of hundreds and endless digits are refused here.
        body = pydantic_core.from_json(text, allow_inf_nan=False)
        return check_body(kind, body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise ValueError(f"{where}: {first['msg']}") from error


def check_body(kind: EntryKind, body: Any) -> Mapping[str, Any]:
    """`body` as it is, if it has the form of `kind`. Raises ValidationError."""
    form = _FORMS[kind]
    if isinstance(body, dict):
        forms = _BY_MEMBER.get(kind, (("", form),))
        form = next(one for member, one in forms if not member or member in body)
    form.model_validate(body)
    checked: Mapping[str, Any] = body
    return checked
