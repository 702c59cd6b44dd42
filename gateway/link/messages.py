"""Messages between the processes: typed, versioned JSON.

The controller answers each command exactly once. Facts from the controller are only wake-ups, since
the committed journal is the record. A message of another version is refused with both versions.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.credentials.values import CredentialKind
from gateway.errors import InvalidRequest
from gateway.link.osdp import OsdpRequest
from gateway.link.wiring import PulseOutput, WatchWiring
from gateway.settings import Side

VERSION = 1
LARGEST_REQUEST = 65_536
"""Bytes of a request."""
MOST_COMMAS = 500
"""In a request: each value of JSON after the first needs one, and each value may be an error, whose
report takes a multiple of the time of the value."""
LARGEST_MESSAGE = 196_608
"""Bytes of an answer or a fact."""

DoorNumber = Annotated[int, Field(ge=1, lt=1 << 63)]
"""1 to 4 for a door on the board, else the id of a SecBox."""
ZoneNumber = Annotated[int, Field(ge=1, le=5)]
MOST_OPENINGS = 64
"""Openings in one request."""
LONGEST_EXIT_S = 600
LONGEST_BUZZ_MS = 3_000
RowId = Annotated[int, Field(ge=0, lt=1 << 63)]
"""Id of a row, 0 for none."""
Seconds = Annotated[int, Field(ge=-(1 << 53), le=1 << 53)]
"""As the journal keeps them."""

Login = Annotated[str, Field(max_length=1_000)]
"""Login that sent the request; empty if unknown."""

CONFIRM_WITHIN_S = 60
ConfirmWithin = Annotated[int, Field(ge=5, le=600)]
"""Seconds in which a change must be confirmed; otherwise it is taken back."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of the text of a site file, hexadecimal."""

OnlineCredential = Literal["card", "qrcode", "uhf_tag", "pin", "password"]
"""What a person showed, as a server in an online mode distinguishes it."""

CLOSE_MS = -1
"""The time-out of an opening that closes the door (Access API, actions)."""

NO_LOG_TYPE = -1
"""`access_logs.log_type_id` without a kind of punch."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OpenDoor(_Message):
    """Open, hold open or close a door for a client.

    `timeout_ms` None is the door's own dwell, 0 holds open, -1 closes (Access API, actions).
    """

    kind: Literal["open_door"] = "open_door"
    door: DoorNumber
    timeout_ms: Annotated[int, Field(ge=-1, le=600_000)] | None = None
    reason: Annotated[int, Field(ge=0, le=3)] | None = None
    """0 unknown, 1 authorised, 2 push button, 3 web command; None if the client gave none."""
    by: Login = ""


class Opening(_Message):
    """A door to open and for how long."""

    door: DoorNumber
    timeout_ms: Annotated[int, Field(ge=-1, le=600_000)] | None = None
    """As in OpenDoor."""


class ReleaseTurnstile(_Message):
    """Release the turnstile for one person, for a client."""

    kind: Literal["release_turnstile"] = "release_turnstile"
    sides: Annotated[tuple[Side, ...], Field(min_length=1, max_length=2)]
    """Directions that the arm may turn."""
    reason: Annotated[int, Field(ge=0, le=3)] | None = None
    """As in OpenDoor."""
    by: Login = ""


class OpenTogether(_Message):
    """Carry out several openings of one client: all of them or none."""

    kind: Literal["open_together"] = "open_together"
    openings: Annotated[
        tuple[Annotated[OpenDoor | ReleaseTurnstile, Field(discriminator="kind")], ...],
        Field(min_length=1, max_length=MOST_OPENINGS),
    ]
    """Carried out in this order."""


class ResetTurnstile(_Message):
    """Reset the turnstile's event state to waiting."""

    kind: Literal["reset_turnstile"] = "reset_turnstile"


class Authorize(_Message):
    """Log an access that a server decided, and carry out its openings if it granted."""

    kind: Literal["authorize"] = "authorize"
    event: Literal[3, 6, 7]
    """Not identified, denied, granted (`access_logs.event`)."""
    user_id: RowId = 0
    portal_id: RowId = 0
    openings: Annotated[tuple[Opening, ...], Field(max_length=MOST_OPENINGS)] = ()
    """Carried out for a grant only."""
    turnstile: Annotated[tuple[Side, ...], Field(max_length=2)] = ()
    """Directions in which to release the turnstile, for a grant only."""
    log_type_id: Annotated[int, Field(ge=NO_LOG_TYPE, lt=1 << 63)] = NO_LOG_TYPE
    """Kind of punch, a row of `log_types`."""
    by: Login = ""


class AnswerQuestion(_Message):
    """What came of a ServerQuestion. One that is late, repeated or unknown changes nothing."""

    kind: Literal["answer_question"] = "answer_question"
    question: Annotated[str, Field(min_length=1, max_length=64)]
    """The id of the ServerQuestion."""
    event: Literal[3, 4, 6, 7, 14] | None = None
    """Not identified, another factor, denied, granted, no decision (Access API, 5.3); None if no
    usable answer came in time."""
    why: Annotated[str, Field(max_length=1_000)] = ""
    """Why none came, in words."""
    user_id: RowId | None = None
    """None if the server named nobody."""
    user_name: Annotated[str, Field(max_length=1_000)] = ""
    portal_id: RowId | None = None
    """The portal to log; None if the server named none."""
    openings: Annotated[tuple[Opening, ...], Field(max_length=MOST_OPENINGS)] | None = None
    """Carried out for a grant only; None, without a list of actions, opens what the portal does."""
    turnstile: Annotated[tuple[Side, ...], Field(max_length=2)] = ()
    """Directions in which to release the turnstile, for a grant only."""
    next_factor: OnlineCredential | None = None
    """The factor to ask for, with event 4; None for any."""
    message: Annotated[str, Field(max_length=1_000)] = ""
    """The server's words for the person."""
    duress: bool = False


class AnswerClearance(_Message):
    """What came of a ClearanceQuestion. One that is late, repeated or unknown changes nothing."""

    kind: Literal["answer_clearance"] = "answer_clearance"
    question: Annotated[str, Field(min_length=1, max_length=64)]
    """The id of the ClearanceQuestion."""
    free: bool
    """Whether every peer lets this device open a door."""
    peer: Annotated[str, Field(max_length=1_000)] = ""
    """The peer in the way."""
    why: Annotated[str, Field(max_length=1_000)] = ""
    """What it is about that peer, in words."""


class ReportServer(_Message):
    """Tell whether the server of the online modes can be asked.

    Sent at each change, and again while a heartbeat says otherwise: the controller counts the
    server as lost on its own when nobody listens to a question or none answers it in time.
    """

    kind: Literal["report_server"] = "report_server"
    reachable: bool
    why: Annotated[str, Field(max_length=1_000)] = ""
    """Why not, in words."""


class Obey(_Message):
    """Answer when the controller decides by policy `version` or a later one."""

    kind: Literal["obey"] = "obey"
    version: Annotated[int, Field(lt=1 << 63)]


class UnstoredMode(_Message):
    """An exception mode that is in force though the database could not be written."""

    door: Annotated[int, Field(ge=0, le=4)]
    """0 for the device."""
    mode: Literal["none", "emergency", "lock_down"]
    login: Login = ""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    since: Seconds = 0
    """Device time."""
    until: Seconds = 0
    """Device time, 0 for no end; `until_utc` decides."""
    until_utc: Seconds = 0
    """Unix seconds, 0 for no end."""


class KeepModes(_Message):
    """Put modes in force before the database has them, in place of those of the last such command.

    They go before the database until the command leaves them out. Answered when journalled.
    """

    kind: Literal["keep_modes"] = "keep_modes"
    modes: Annotated[tuple[UnstoredMode, ...], Field(max_length=5)]


class Silence(_Message):
    """Silence sounding alarms, and reset a latched fire whose input is normal again."""

    kind: Literal["silence"] = "silence"


class Buzz(_Message):
    """Sound the readers' buzzers for a time."""

    kind: Literal["buzz"] = "buzz"
    for_ms: Annotated[int, Field(ge=1, le=LONGEST_BUZZ_MS)]


class ArmAlarms(_Message):
    """Arm alarm zones after the exit delay; armed zones stay armed."""

    kind: Literal["arm_alarms"] = "arm_alarms"
    zones: Annotated[tuple[ZoneNumber, ...], Field(max_length=5)] | None = None
    """None is all of them."""
    exit_delay_s: Annotated[int, Field(ge=0, le=LONGEST_EXIT_S)] = 0


class DisarmAlarms(_Message):
    """Disarm alarm zones and end their alarms."""

    kind: Literal["disarm_alarms"] = "disarm_alarms"
    zones: Annotated[tuple[ZoneNumber, ...], Field(max_length=5)] | None = None
    """None is all of them."""


class Capture(_Message):
    """Use the next read of one kind at one reader for an enrolment instead of a decision.

    The answer is a Captured. Without a read it comes after a while and is empty; the client repeats
    the command with the same ticket. If it does not, the capture ends and reads are decided again.
    """

    kind: Literal["capture"] = "capture"
    ticket: Annotated[str, Field(min_length=1, max_length=64)]
    """Identifies one enrolment; the client chooses it."""
    credential: CredentialKind
    reader: Annotated[str, Field(max_length=64)] | None = None
    """None selects the reader with the lowest index that can read the kind."""
    left_ms: Annotated[int, Field(ge=1, le=60_000)]
    """Remaining time for the read, for a new ticket."""


class CancelCapture(_Message):
    """End the capture of a ticket; an ended capture is no error."""

    kind: Literal["cancel_capture"] = "cancel_capture"
    ticket: Annotated[str, Field(min_length=1, max_length=64)]


class Captured(_Message):
    """The answer to Capture."""

    reader: str
    value: Annotated[int | str | None, Field(repr=False)] = None
    """The card's number, else the text that was read; None without a read."""


class Forgive(_Message):
    """Clear a person's anti-passback position; answered when journalled."""

    kind: Literal["forgive"] = "forgive"
    user_id: Annotated[int, Field(ge=1, lt=1 << 63)] | None
    """None for everyone."""


class AskPosition(_Message):
    """Answer with the Position of a person."""

    kind: Literal["ask_position"] = "ask_position"
    user_id: Annotated[int, Field(ge=1, lt=1 << 63)]


class Position(_Message):
    """A person's anti-passback position."""

    area_id: RowId = 0
    """0 if unknown."""
    since_utc_s: int = 0
    """Unix seconds; 0 without an area."""


class Projected(_Message):
    """The API's log tables hold the journal up to an entry: older ones may go when they must."""

    kind: Literal["projected"] = "projected"
    seq: RowId


class ProposeSite(_Message):
    """Try another site file: the controller starts anew with it, and goes back to the former unless
    a ConfirmSite comes in time. Answered with the `digest` of the text."""

    kind: Literal["propose_site"] = "propose_site"
    content: Annotated[str, Field(max_length=56_000)]
    """The text in UTF-8, as Base64: it has more commas than a request may have."""
    confirm_within_s: ConfirmWithin = CONFIRM_WITHIN_S
    """After the controller came up with it."""
    by: Login = ""


class ConfirmSite(_Message):
    """Make the site file on trial the one that stays. It is stored when the status says so."""

    kind: Literal["confirm_site"] = "confirm_site"
    digest: Digest


class TakeBackSite(_Message):
    """End the trial: the controller starts anew with the former site file."""

    kind: Literal["take_back_site"] = "take_back_site"
    digest: Digest


class ReportStatus(_Message):
    """Answer with a ControllerStatus."""

    kind: Literal["report_status"] = "report_status"


class Simulate(_Message):
    """Drive the simulated board at pin and byte level; refused on a real board."""

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
        "osdp",
        "state",
    ]
    reader: str | None = None
    door: str | None = None
    zone: int | None = None
    value: str | None = None
    """Card number, keys, bits, text, tag or serial number (hexadecimal), contact state (`open`,
    `closed`, `active`, `idle`, `on`, `off`), direction of a turn or ISO time."""
    format: str | None = None
    hold: str | None = None
    """Seconds that a tag stays in the field."""
    pulse_us: Annotated[int, Field(ge=1, le=1_000)] = 50
    """Width of the pulses of a frame."""


Command = Annotated[
    OpenDoor
    | ReleaseTurnstile
    | OpenTogether
    | ResetTurnstile
    | Authorize
    | AnswerQuestion
    | AnswerClearance
    | ReportServer
    | Obey
    | Silence
    | KeepModes
    | Buzz
    | Forgive
    | AskPosition
    | ArmAlarms
    | DisarmAlarms
    | Projected
    | ProposeSite
    | ConfirmSite
    | TakeBackSite
    | ReportStatus
    | Simulate
    | Capture
    | CancelCapture
    | WatchWiring
    | PulseOutput
    | OsdpRequest,
    Field(discriminator="kind"),
]


class Request(_Message):
    """A command with its id and expiry."""

    v: int = VERSION
    id: Annotated[str, Field(max_length=64)]
    expires_ns: Annotated[int, Field(ge=0, lt=1 << 63)]
    """Monotonic nanoseconds after which the client no longer waits; the controller does not carry
    out an expired command."""
    command: Command


class Answer(_Message):
    """The controller's answer: a body or an error."""

    v: int = VERSION
    id: str
    error: str | None = None
    error_kind: str | None = None
    """Name of an error class of `gateway.errors`."""
    body: Annotated[dict[str, Any], Field(repr=False)] = {}
    """Hidden in reprs: it may hold a captured PIN."""


class DoorStatus(_Message):
    """The state of one door."""

    id: int
    name: str
    open: bool
    """By the sensor if enabled, else by the relay."""
    unlocked: bool
    mode: str
    mode_place: int = 0
    """The door whose mode was set; 0 for the device."""
    mode_by: str = ""
    """The login that set the mode, if known."""
    mode_reason: str = ""
    mode_until_utc: int = 0
    """Unix seconds; 0 for no end."""
    leaf_since_utc: int = 0
    """Since when the sensor shows the door as it is, in Unix seconds; 0 if unknown. Movements while
    no controller ran are not known."""
    lock_since_utc: int = 0
    """Since when it is locked or unlocked, at the earliest since the controller started; 0 if
    unknown."""
    mode_since_utc: int = 0
    """Since when the mode is in force; 0 if unknown."""
    held: bool = False
    """A command keeps it unlocked until another closes it."""
    sensor_open: bool | None
    alarms: tuple[str, ...]
    pre_alarm: bool = False
    """The held-open alarm is near."""
    schedule: str = "off"
    """`holds` while an unlock schedule or a first card keeps the door unlocked, `ended` if a
    command or a lock-down ended that early."""
    away: str = ""
    """Why its module cannot be reached; empty while it can."""
    barred_by: int = 0
    """The door of its interlock that keeps it locked, 0 for none."""
    barred_why: str = ""
    occupied: str = ""
    """Why no other door of an interlock may open now; empty if this door is free."""


class TurnstileStatus(_Message):
    """The state of the turnstile."""

    name: str
    unlocked: tuple[Side, ...]
    """Directions that the arm can turn now."""
    released: tuple[Side, ...]
    """Directions with a release that waits."""
    mode: str
    event_state: int
    """0 waiting, 1 blocked right, 2 blocked left, 3 anticlockwise, 4 clockwise, 5 gave up."""


class DeviceStatus(_Message):
    """The state of a reader, port, module or line."""

    name: str
    kind: str
    online: bool
    health: str
    """`online`, `degraded` or `offline`; a degraded device is online."""
    why: str
    since_s: float
    """Seconds in this state."""
    last_read_utc: int = 0
    """When a reader read something last, in Unix seconds; 0 if unknown, and for other devices."""
    counters: dict[str, int] = {}
    """Counters by name, since the controller started."""


class LineLevel(_Message):
    """The debounced level of one input line."""

    kind: str
    """`door_sensor`, `rex`, `zone`, `tamper`, `fire`, `reader_tamper`, `mains_fail`, `battery_low`,
    `under_voltage`, `wiegand_d0` or `wiegand_d1`."""
    number: int
    """Number of the door, zone or reader; 0 for a single input."""
    high: bool


class EndedMode(_Message):
    """An expired exception mode that the configuration still contains."""

    door: Annotated[int, Field(ge=0, le=4)]
    """0 for the device."""
    until_utc: int
    """Its end in Unix seconds; distinguishes it from a newer mode."""


class ZoneStatus(_Message):
    """The state of one alarm zone."""

    zone: int
    state: Literal["armed", "exit", "disarmed"]
    """`exit` during the exit delay, before `armed`."""
    watched: bool
    """Enabled, armed and in its schedule: it can raise an alarm."""
    active: bool | None
    """Whether the input is at its active level; None before the first reading."""
    entering: bool
    """The entry delay runs: somebody entered and has not disarmed yet."""
    alarm: bool


class AlarmStatus(_Message):
    """One active alarm."""

    cause: int
    door_id: int
    """0 for an alarm without a door."""
    part: str
    """The source among several, such as `reader front`; empty for a single source."""
    user_id: int
    """The user who identified under duress, else 0."""
    access_log_id: int
    """The access log of that identification, else 0."""
    silenced: bool


class Fault(_Message):
    """A fault of a part of the site."""

    part: str
    """`rex`, `lock` or `sensor` of a door, `tamper` of a reader or the case, `power`."""
    name: str
    """Name of the door, reader or contact."""
    why: str
    """What is wrong, in words for a technician."""


class FireStatus(_Message):
    """A reported fire that has not been reset."""

    since_utc: int
    """Unix seconds."""
    reported: bool
    """The input still reports it; otherwise it waits for a reset."""


class OnlineStatus(_Message):
    """How the online mode fares."""

    mode: Literal["pro", "enterprise"]
    reachable: bool
    """Whether the server is asked; otherwise contingency, or denial, is in force."""
    contingency: bool
    """Whether this device decides while the server is not reachable."""
    why: str = ""
    """Why the server cannot be asked."""
    since_utc: int = 0
    """Of the present state, in Unix seconds."""
    waiting: int = 0
    """Questions that wait for an answer."""


class MirrorStatus(_Message):
    """How the controller's copy of people and rules is kept up to date."""

    store_fault: str | None = None
    """Why the store cannot be read; the last good copy decides."""
    mirror_fault: str | None = None
    """Why the copy cannot be written, or what damage is being repaired."""
    feed_fault: str | None = None
    """Why nothing is copied: the process that does ended, and starts again."""
    since_utc: int = 0
    """Of the first of these, in Unix seconds; 0 for none."""
    rows_bad: int = 0
    """Rows of the store with values that no client could have stored."""
    named: tuple[str, ...] = ()
    """The first of them, as `table row: columns`."""

    @property
    def fault(self) -> str | None:
        """Why the copy may be behind the store."""
        return self.store_fault or self.mirror_fault or self.feed_fault


READ_TO_RELAY_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
"""Upper bounds of the classes in which waits for a door are counted; one more has none."""


class DecisionStatus(_Message):
    """Decisions on credentials since the controller started."""

    verdicts: dict[str, int] = {}
    """By the name of the reason."""
    opened: tuple[int, ...] = (0,) * (len(READ_TO_RELAY_MS) + 1)
    """Reads that opened a door at once, by class of READ_TO_RELAY_MS."""
    opened_sum_s: float = 0.0
    """The sum of their times from the read to the lock."""


class SiteStatus(_Message):
    """The site file that the controller works with."""

    digest: str
    """SHA-256 of its text, hexadecimal."""
    origin: Literal["file", "last_good", "trial"]
    left_s: int = 0
    """Of a trial: the time in which it must be confirmed."""
    fault: str = ""
    """Why a confirmed file could not be stored."""


class ControllerStatus(_Message):
    """The controller's state: the answer to ReportStatus, and part of every heartbeat."""

    pid: int
    board: str
    simulated: bool
    policy_version: int
    journal_seq: int
    """Sequence number of the newest committed journal entry."""
    journal_waiting: int
    """Entries not committed yet (grows while the disk is full)."""
    journal_dropped: int
    journal_dropped_unread: int = 0
    """Old entries that left the journal, which is bounded, before the API had shown them."""
    journal_fault: str | None
    journal_unreadable: int = 0
    """Damaged rows that the controller has skipped since it started."""
    journal_replaced: str | None = None
    """Why the journal was made anew since the controller started."""
    clock_trusted: bool
    clock_verdict: str = ""
    """A `ClockVerdict`: why the clock is trusted or not."""
    clock_floor_utc: int = 0
    """The newest trusted instant in the journal at the controller's start, in Unix seconds; 0 for
    none. A clock behind it must be set before it is trusted."""
    clock_shift_s: float
    """Offset of a simulated wall clock from the machine's."""
    doors: tuple[DoorStatus, ...]
    devices: tuple[DeviceStatus, ...]
    alarm_active: bool
    alarm_cause: int
    zones: tuple[ZoneStatus, ...] = ()
    alarms: tuple[AlarmStatus, ...] = ()
    """Oldest first."""
    siren: bool = False
    """The siren sounds."""
    fire: FireStatus | None = None
    faults: tuple[Fault, ...] = ()
    turnstile: TurnstileStatus | None = None
    """None without a turnstile."""
    levels: tuple[LineLevel, ...] = ()
    """Every input line with a known level."""
    modes_ended: tuple[EndedMode, ...] = ()
    modes_unstored: tuple[UnstoredMode, ...] = ()
    """As in KeepModes."""
    keypads_locked_ms: dict[str, int] = {}
    """Remaining lock-out of each keypad, by reader."""
    mirror: MirrorStatus | None = None
    """None where none is at work, as in a replay."""
    online: OnlineStatus | None = None
    """None in standalone mode."""
    decisions: DecisionStatus = DecisionStatus()
    site: SiteStatus | None = None
    """None in a replay."""


class ServerQuestion(_Message):
    """A credential on which a server decides; an AnswerQuestion answers it (Access API, 5.2)."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    deadline_ns: int
    """Monotonic nanoseconds after which no answer counts."""
    identified: bool
    """Whether this device looked for the person itself (Pro); the server does otherwise."""
    credential: OnlineCredential
    value: Annotated[str, Field(repr=False)]
    """The number of a card, the text of a code or tag, the digits of a PIN or password."""
    keyed_user_id: Annotated[RowId, Field(repr=False)] = 0
    """Keyed before a password; 0 otherwise."""
    user_id: RowId = 0
    """0 if this device did not look, or found nobody."""
    user_name: str = ""
    """Empty: the controller knows people by their ids."""
    duress: bool = False
    identifier_id: RowId
    portal_id: RowId
    at_utc_s: int
    """When it was read, in Unix seconds."""


class ClearanceQuestion(_Message):
    """An opening that waits for the devices of the network interlock; an AnswerClearance answers
    it."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    deadline_ns: int
    """Monotonic nanoseconds after which no answer counts."""


class Fact(_Message):
    """A notification to all listeners. A lost fact only delays a listener."""

    v: int = VERSION
    kind: Literal["heartbeat", "journal", "question", "clearance", "wiring"]
    """`wiring`: something new for who watches the wires."""
    status: ControllerStatus | None = None
    seq: int | None = None
    question: ServerQuestion | None = None
    clearance: ClearanceQuestion | None = None


_REQUEST = TypeAdapter(Request)
SITE_COST = 50
"""As a command's, so that few site files of a flood are checked: the loop takes some hundredths of
a second for each."""
_FREE = (AskPosition, Obey, Projected, ReportStatus, Simulate, WatchWiring)
"""Commands that neither journal nor log, and those of a test."""


def cost_of(command: Command) -> int:
    """Openings or other entries that a command may journal, or as many as take its time."""
    if isinstance(command, _FREE):
        return 0
    if isinstance(command, ProposeSite):
        return SITE_COST
    several = (getattr(command, name, None) or () for name in ("openings", "modes", "zones"))
    return max(1, *map(len, several))


def read_request(payload: bytes) -> Request:
    """Parse a request. Raises InvalidRequest for one that is invalid, too large or of another
    version."""
    if len(payload) > LARGEST_REQUEST:
        raise InvalidRequest(f"a request has at most {LARGEST_REQUEST} bytes")
    if payload.count(b",") > MOST_COMMAS:
        raise InvalidRequest(f"a request has at most {MOST_COMMAS} commas")
    try:
        request = _REQUEST.validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{where}: {first['msg']}") from error
    if request.v != VERSION:
        raise InvalidRequest(f"message version {request.v} is not {VERSION}")
    return request
