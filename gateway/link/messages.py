"""Messages between the processes: typed, versioned JSON.

The controller answers each command exactly once. Facts from the controller are only wake-ups, since
the committed journal is the record. A message of another version is refused with both versions.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from gateway.errors import InvalidRequest
from gateway.link.access import (
    LONGEST_LEVEL_MIN,
    NO_LOG_TYPE,
    AnswerClearance,
    AnswerQuestion,
    AskPosition,
    Authorize,
    CancelCapture,
    Capture,
    Captured,
    ClearanceQuestion,
    EmptyArea,
    Forgive,
    Obey,
    OnlineCredential,
    Position,
    ReportServer,
    ServerQuestion,
    SetThreatLevel,
)
from gateway.link.alarms import (
    LONGEST_BUZZ_MS,
    LONGEST_EXIT_S,
    ArmAlarms,
    Buzz,
    DisarmAlarms,
    ResetFire,
    Silence,
)
from gateway.link.doors import (
    CLOSE_MS,
    MOST_OPENINGS,
    KeepModes,
    OpenDoor,
    Opening,
    OpenTogether,
    ReleaseTurnstile,
    ResetTurnstile,
    UnstoredMode,
)
from gateway.link.osdp import OsdpRequest
from gateway.link.simulation import Simulate
from gateway.link.site_trial import (
    CONFIRM_WITHIN_S,
    ConfirmSite,
    ConfirmWithin,
    ProposeSite,
    TakeBackSite,
)
from gateway.link.status import (
    READ_TO_RELAY_MS,
    AlarmStatus,
    ControllerStatus,
    DecisionStatus,
    DeviceStatus,
    DoorStatus,
    ElevatorStatus,
    EndedMode,
    Fault,
    FireStatus,
    LineLevel,
    MirrorStatus,
    OnlineStatus,
    OutputStatus,
    ReportStatus,
    SiteStatus,
    ThreatStatus,
    TriggerStatus,
    TurnstileStatus,
    ZoneStatus,
)
from gateway.link.values import Digest, DoorNumber, LinkMessage, Login, RowId, Seconds, ZoneNumber
from gateway.link.wiring import PulseOutput, WatchWiring

__all__ = [
    "CLOSE_MS",
    "CONFIRM_WITHIN_S",
    "LARGEST_MESSAGE",
    "LARGEST_REQUEST",
    "LONGEST_BUZZ_MS",
    "LONGEST_EXIT_S",
    "LONGEST_LEVEL_MIN",
    "MOST_COMMAS",
    "MOST_OPENINGS",
    "NO_LOG_TYPE",
    "READ_TO_RELAY_MS",
    "SITE_COST",
    "VERSION",
    "AlarmStatus",
    "Answer",
    "AnswerClearance",
    "AnswerQuestion",
    "ArmAlarms",
    "AskPosition",
    "Authorize",
    "Buzz",
    "CancelCapture",
    "Capture",
    "Captured",
    "ClearanceQuestion",
    "Command",
    "ConfirmSite",
    "ConfirmWithin",
    "ControllerStatus",
    "DecisionStatus",
    "DeviceStatus",
    "Digest",
    "DisarmAlarms",
    "DoorNumber",
    "DoorStatus",
    "ElevatorStatus",
    "EmptyArea",
    "EndedMode",
    "Fact",
    "Fault",
    "FireStatus",
    "Forgive",
    "KeepModes",
    "LineLevel",
    "Login",
    "MirrorStatus",
    "Obey",
    "OnlineCredential",
    "OnlineStatus",
    "OpenDoor",
    "OpenTogether",
    "Opening",
    "OutputStatus",
    "Position",
    "Projected",
    "ProposeSite",
    "ReleaseTurnstile",
    "ReportServer",
    "ReportStatus",
    "Request",
    "ResetFire",
    "ResetTurnstile",
    "RowId",
    "Seconds",
    "ServerQuestion",
    "SetThreatLevel",
    "Silence",
    "Simulate",
    "SiteStatus",
    "TakeBackSite",
    "ThreatStatus",
    "TriggerStatus",
    "TurnstileStatus",
    "UnstoredMode",
    "ZoneNumber",
    "ZoneStatus",
    "cost_of",
    "read_request",
]

VERSION = 1
LARGEST_REQUEST = 65_536
"""Bytes of a request."""
MOST_COMMAS = 500
"""In a request: each value of JSON after the first needs one, and each value may be an error, whose
report takes a multiple of the time of the value."""
LARGEST_MESSAGE = 196_608
"""Bytes of an answer or a fact."""


class Projected(LinkMessage):
    """The API's log tables hold the journal up to an entry: older ones may go when they must."""

    kind: Literal["projected"] = "projected"
    seq: RowId


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
    | ResetFire
    | KeepModes
    | SetThreatLevel
    | Buzz
    | Forgive
    | EmptyArea
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


class Request(LinkMessage):
    """A command with its id and expiry."""

    v: int = VERSION
    id: Annotated[str, Field(max_length=64)]
    expires_ns: Annotated[int, Field(ge=0, lt=1 << 63)]
    """Monotonic nanoseconds after which the client no longer waits; the controller does not carry
    out an expired command."""
    command: Command


class Answer(LinkMessage):
    """The controller's answer: a body or an error."""

    v: int = VERSION
    id: str
    error: str | None = None
    error_kind: str | None = None
    """Name of an error class of `gateway.errors`."""
    body: dict[str, Any] = Field(default={}, repr=False)
    """Hidden in reprs: it may hold a captured PIN."""


class Fact(LinkMessage):
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
