"""What the processes say to each other: typed, versioned JSON.

Commands go to the controller and get exactly one answer; facts come from it and are only wake-ups,
since the committed journal is the record. A message of another version is refused by name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.credentials.values import CredentialKind
from gateway.errors import InvalidRequest
from gateway.settings import Side

VERSION = 1

DoorNumber = Annotated[int, Field(ge=1, lt=1 << 63)]
"""1 to 4 on the board, else the id of a SecBox."""
ZoneNumber = Annotated[int, Field(ge=1, le=5)]
LONGEST_EXIT_S = 600
LONGEST_BUZZ_MS = 3_000
RowId = Annotated[int, Field(ge=0, lt=1 << 63)]
"""An id of a row, 0 for none."""

Login = Annotated[str, Field(max_length=1_000)]
"""Who asked; empty for nobody in particular."""

NO_LOG_TYPE = -1
"""`access_logs.log_type_id` where nobody said which kind of punch it is."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OpenDoor(_Message):
    """Open, hold open or close a door because a client asked for it.

    `timeout_ms` None is the door's own dwell, 0 holds open, -1 closes (Access API, actions).
    """

    kind: Literal["open_door"] = "open_door"
    door: DoorNumber
    timeout_ms: Annotated[int, Field(ge=-1, le=600_000)] | None = None
    reason: Annotated[int, Field(ge=0, le=3)] | None = None
    """0 unknown, 1 authorised, 2 push button, 3 web command; None when the client gave none."""
    by: Login = ""


class Opening(_Message):
    """One door to open, for how long."""

    door: DoorNumber
    timeout_ms: Annotated[int, Field(ge=-1, le=600_000)] | None = None
    """As in OpenDoor."""


class ReleaseTurnstile(_Message):
    """Let one person through the turnstile because a client asked for it."""

    kind: Literal["release_turnstile"] = "release_turnstile"
    sides: Annotated[tuple[Side, ...], Field(min_length=1)]
    """The ways that they may turn."""
    reason: Annotated[int, Field(ge=0, le=3)] | None = None
    """As in OpenDoor."""
    by: Login = ""


class OpenTogether(_Message):
    """Carry out several openings that one client asked for at once: all of them, or none."""

    kind: Literal["open_together"] = "open_together"
    openings: Annotated[
        tuple[Annotated[OpenDoor | ReleaseTurnstile, Field(discriminator="kind")], ...],
        Field(min_length=1),
    ]
    """Carried out in this order."""


class ResetTurnstile(_Message):
    """The event state of the turnstile was dealt with: wait for the next one."""

    kind: Literal["reset_turnstile"] = "reset_turnstile"


class Authorize(_Message):
    """Log an access that a server decided upon, and open what it says if it granted."""

    kind: Literal["authorize"] = "authorize"
    event: Literal[3, 6, 7]
    """Not identified, denied, granted (`access_logs.event`)."""
    user_id: RowId = 0
    portal_id: RowId = 0
    openings: tuple[Opening, ...] = ()
    """Carried out for a grant only."""
    turnstile: tuple[Side, ...] = ()
    """Ways that the turnstile is released for, for a grant only."""
    log_type_id: Annotated[int, Field(ge=NO_LOG_TYPE, lt=1 << 63)] = NO_LOG_TYPE
    """Kind of punch, a row of `log_types`."""
    by: Login = ""


class Obey(_Message):
    """Answer once the policy of `version` or a later one decides."""

    kind: Literal["obey"] = "obey"
    version: int


class Silence(_Message):
    """Silence what sounds now, and let go of a fire latch whose input is normal again."""

    kind: Literal["silence"] = "silence"


class Buzz(_Message):
    """Let the readers' buzzers be heard for a time."""

    kind: Literal["buzz"] = "buzz"
    for_ms: Annotated[int, Field(ge=1, le=LONGEST_BUZZ_MS)]


class ArmAlarms(_Message):
    """Arm alarm zones once the time to leave is over; those that are armed stay so."""

    kind: Literal["arm_alarms"] = "arm_alarms"
    zones: tuple[ZoneNumber, ...] | None = None
    """None is all of them."""
    exit_delay_s: Annotated[int, Field(ge=0, le=LONGEST_EXIT_S)] = 0


class DisarmAlarms(_Message):
    """Disarm alarm zones, and end their alarms."""

    kind: Literal["disarm_alarms"] = "disarm_alarms"
    zones: tuple[ZoneNumber, ...] | None = None
    """None is all of them."""


class Capture(_Message):
    """Take the next read of one kind at one reader for an enrolment instead of deciding on it.

    The answer is a Captured. While nobody acted it says so after a while, and the asker asks again
    with the same ticket; an asker who does not has gone, and readers decide again.
    """

    kind: Literal["capture"] = "capture"
    ticket: Annotated[str, Field(min_length=1, max_length=64)]
    """Names one enrolment; chosen by the asker."""
    credential: CredentialKind
    reader: Annotated[str, Field(max_length=64)] | None = None
    """None is the reader of the lowest index that can read the kind."""
    left_ms: Annotated[int, Field(ge=1, le=60_000)]
    """Time that is left to act, when the ticket is new."""


class CancelCapture(_Message):
    """End the capture of a ticket; one that has ended is no error."""

    kind: Literal["cancel_capture"] = "cancel_capture"
    ticket: Annotated[str, Field(min_length=1, max_length=64)]


class Captured(_Message):
    """Answer to Capture."""

    reader: str
    value: Annotated[int | str | None, Field(repr=False)] = None
    """A card's number, else the text that was read; None while nobody acted."""


class Forgive(_Message):
    """Forget where a person is, for anti-passback; answered once that is journalled."""

    kind: Literal["forgive"] = "forgive"
    user_id: Annotated[int, Field(ge=1, lt=1 << 63)] | None
    """None for everyone."""


class AskPosition(_Message):
    """Answer with the Position of a person."""

    kind: Literal["ask_position"] = "ask_position"
    user_id: Annotated[int, Field(ge=1, lt=1 << 63)]


class Position(_Message):
    """Where somebody is by the record of anti-passback."""

    area_id: RowId = 0
    """0 when that is not known."""
    since_utc_s: int = 0
    """Unix seconds; 0 with no area."""


class ReportStatus(_Message):
    """Answer with a ControllerStatus."""

    kind: Literal["report_status"] = "report_status"


class Simulate(_Message):
    """Drive the simulated board at pin and byte level; refused on any other board."""

    kind: Literal["simulate"] = "simulate"
    verb: Literal[
        "swipe",
        "key",
        "frame",
        "qr",
        "tag",
        "type",
        "present",
        "remove",
        "door",
        "rex",
        "zone",
        "tamper",
        "fire",
        "mains_fail",
        "battery_low",
        "under_voltage",
        "clock",
        "unplug",
        "plug",
        "turn",
        "state",
    ]
    reader: str | None = None
    door: str | None = None
    zone: int | None = None
    value: str | None = None
    """Card number, keys, bits, text, tag or serial number (hexadecimal), contact state (`open`,
    `closed`, `active`, `idle`, `on`, `off`), way of a turn or ISO time."""
    format: str | None = None
    hold: str | None = None
    """For how many seconds a tag is held there."""


Command = Annotated[
    OpenDoor
    | ReleaseTurnstile
    | OpenTogether
    | ResetTurnstile
    | Authorize
    | Obey
    | Silence
    | Buzz
    | Forgive
    | AskPosition
    | ArmAlarms
    | DisarmAlarms
    | ReportStatus
    | Simulate
    | Capture
    | CancelCapture,
    Field(discriminator="kind"),
]


class Request(_Message):
    """A command on its way to the controller."""

    v: int = VERSION
    id: str
    expires_ns: int
    """Instant of the machine's monotonic clock after which the asker has given up: a command that
    waited longer than that is not carried out."""
    command: Command


class Answer(_Message):
    """What the controller answers: a body, or what was wrong."""

    v: int = VERSION
    id: str
    error: str | None = None
    error_kind: str | None = None
    """Name of an error class of `gateway.errors`."""
    body: Annotated[dict[str, Any], Field(repr=False)] = {}
    """Never shown by accident: it may hold a captured PIN."""


class DoorStatus(_Message):
    """One door as it stands."""

    id: int
    name: str
    open: bool
    """From the sensor where one is enabled, else from the relay."""
    unlocked: bool
    mode: str
    mode_place: int = 0
    """The door that was put into the mode; 0 is the device."""
    mode_by: str = ""
    """The login that set the mode, where it is known; likewise why and its end."""
    mode_reason: str = ""
    mode_until_utc: int = 0
    """In Unix seconds, 0 for no end."""
    held: bool = False
    """A command keeps it unlocked until another closes it."""
    sensor_open: bool | None
    alarms: tuple[str, ...]
    pre_alarm: bool = False
    """It will soon be held open for too long."""
    schedule: str = "off"
    """`holds` while an unlock schedule or a first card keeps it unlocked, `ended` where a command
    or a lock-down ended that before its time."""
    away: str = ""
    """Why the module with its wires cannot be reached; empty while it can."""
    barred_by: int = 0
    """The door of its interlock that keeps it locked now, 0 for none."""
    barred_why: str = ""


class TurnstileStatus(_Message):
    """The turnstile as it stands."""

    name: str
    unlocked: tuple[Side, ...]
    """Ways that the arm turns now."""
    released: tuple[Side, ...]
    """Ways for which a release waits for its turn."""
    mode: str
    event_state: int
    """0 waiting, 1 blocked right, 2 blocked left, 3 anticlockwise, 4 clockwise, 5 gave up."""


class DeviceStatus(_Message):
    """One reader, port, module or line."""

    name: str
    kind: str
    online: bool
    health: str
    """`online`, `degraded` or `offline`; degraded is online too."""
    why: str
    since_s: float
    """Seconds since the state was entered."""
    counters: dict[str, int] = {}
    """What is worth counting there, by its name, since the controller started."""


class LineLevel(_Message):
    """One input line as the controller takes it, bounces left out."""

    kind: str
    """`door_sensor`, `rex`, `zone`, `tamper`, `fire`, `reader_tamper`, `mains_fail`, `battery_low`,
    `under_voltage`, `wiegand_d0` or `wiegand_d1`."""
    number: int
    """Of the door, the zone or the reader; 0 where there is only one."""
    high: bool


class EndedMode(_Message):
    """An exception mode whose time is over, and which the configuration still names."""

    door: Annotated[int, Field(ge=0, le=4)]
    """0 is the device."""
    until_utc: int
    """Its end, in Unix seconds: tells it from one that was set since."""


class ZoneStatus(_Message):
    """One alarm zone as it stands."""

    zone: int
    state: Literal["armed", "exit", "disarmed"]
    """`exit`: armed once the time to leave is over."""
    watched: bool
    """Enabled, armed and in its schedule: now it can be an alarm."""
    active: bool | None
    """Whether its input is at the active level; None before it was read."""
    entering: bool
    """Somebody came in and has not disarmed yet."""
    alarm: bool


class AlarmStatus(_Message):
    """One alarm that is on."""

    cause: int
    door_id: int
    """0 for what belongs to no door."""
    part: str
    """Which of several things, such as `reader front`; empty where there is one."""
    user_id: int
    """Who identified under threat, else 0."""
    access_log_id: int
    """The access with which they did, else 0."""
    silenced: bool


class Fault(_Message):
    """Something that is wrong with a part of the site."""

    part: str
    """`rex`, `lock` or `sensor` of a door, `tamper` of a reader or the case, `power`."""
    name: str
    """Of the door, the reader or the contact."""
    why: str
    """In words for a technician."""


class FireStatus(_Message):
    """A fire that was reported and not reset since."""

    since_utc: int
    """In Unix seconds."""
    reported: bool
    """The input reports it still; else it waits for its reset."""


class ControllerStatus(_Message):
    """The controller's present state, answered to ReportStatus and sent in every heartbeat."""

    pid: int
    board: str
    simulated: bool
    policy_version: int
    journal_seq: int
    """Highest committed entry of the journal."""
    journal_waiting: int
    """Entries decided but not yet committed (grows while the disk is full)."""
    journal_dropped: int
    journal_fault: str | None
    clock_trusted: bool
    clock_verdict: str = ""
    """Why the clock is trusted or not, a `ClockVerdict`."""
    clock_floor_utc: int = 0
    """The journal's newest trusted instant when the controller started, in Unix seconds; 0 for
    none. A clock that shows less has to be set before it is trusted."""
    clock_shift_s: float
    """How far a simulation has set the wall clock ahead of the machine's."""
    doors: tuple[DoorStatus, ...]
    devices: tuple[DeviceStatus, ...]
    alarm_active: bool
    alarm_cause: int
    zones: tuple[ZoneStatus, ...] = ()
    alarms: tuple[AlarmStatus, ...] = ()
    """Oldest first."""
    siren: bool = False
    """It sounds now."""
    fire: FireStatus | None = None
    faults: tuple[Fault, ...] = ()
    turnstile: TurnstileStatus | None = None
    """None where the site has none."""
    levels: tuple[LineLevel, ...] = ()
    """Every input line that has been read."""
    modes_ended: tuple[EndedMode, ...] = ()
    keypads_locked_ms: dict[str, int] = {}
    """By reader, for how long no entry at its keypad is looked at."""


class Fact(_Message):
    """Something that happened, told to whoever listens. A lost fact costs nothing but time."""

    v: int = VERSION
    kind: Literal["heartbeat", "journal"]
    status: ControllerStatus | None = None
    seq: int | None = None


_REQUEST = TypeAdapter(Request)


def read_request(payload: bytes) -> Request:
    """The request in `payload`. Raises InvalidRequest when it is not one of this version."""
    try:
        request = _REQUEST.validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{where}: {first['msg']}") from error
    if request.v != VERSION:
        raise InvalidRequest(f"message version {request.v} is not {VERSION}")
    return request
