"""What the processes say to each other: typed, versioned JSON.

Commands go to the controller and get exactly one answer; facts come from it and are only wake-ups,
since the committed journal is the record. A message of another version is refused by name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.errors import InvalidRequest

VERSION = 1

DoorNumber = Annotated[int, Field(ge=1, le=4)]
RowId = Annotated[int, Field(ge=0, lt=1 << 63)]
"""An id of a row, 0 for none."""


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


class Opening(_Message):
    """One door to open, for how long."""

    door: DoorNumber
    timeout_ms: Annotated[int, Field(ge=-1, le=600_000)] | None = None
    """As in OpenDoor."""


class Authorize(_Message):
    """Log an access that a server decided upon, and open what it says if it granted."""

    kind: Literal["authorize"] = "authorize"
    event: Literal[3, 6, 7]
    """Not identified, denied, granted (`access_logs.event`)."""
    user_id: RowId = 0
    portal_id: RowId = 0
    openings: tuple[Opening, ...] = ()
    """Carried out for a grant only."""


class Obey(_Message):
    """Answer once the policy of `version` or a later one decides."""

    kind: Literal["obey"] = "obey"
    version: int


class Silence(_Message):
    """Silence what sounds now, and let go of a fire latch whose input is normal again."""

    kind: Literal["silence"] = "silence"


class ReportStatus(_Message):
    """Answer with a ControllerStatus."""

    kind: Literal["report_status"] = "report_status"


class Simulate(_Message):
    """Drive the simulated board at pin and byte level; refused on any other board."""

    kind: Literal["simulate"] = "simulate"
    verb: Literal[
        "swipe",
        "key",
        "qr",
        "door",
        "rex",
        "zone",
        "tamper",
        "fire",
        "clock",
        "unplug",
        "plug",
        "state",
    ]
    reader: str | None = None
    door: str | None = None
    zone: int | None = None
    value: str | None = None
    """Card number, keys, QR text, contact state (`open`, `closed`, `active`, `idle`, `on`, `off`)
    or ISO time."""
    format: str | None = None


Command = Annotated[
    OpenDoor | Authorize | Obey | Silence | ReportStatus | Simulate, Field(discriminator="kind")
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
    body: dict[str, Any] = {}


class DoorStatus(_Message):
    """One door as it stands."""

    id: int
    name: str
    open: bool
    """From the sensor where one is enabled, else from the relay."""
    unlocked: bool
    mode: str
    sensor_open: bool | None
    alarms: tuple[str, ...]


class DeviceStatus(_Message):
    """One reader, port or module."""

    name: str
    kind: str
    online: bool
    why: str
    since_s: float
    """Seconds since the state was entered."""


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
    clock_shift_s: float
    """How far a simulation has set the wall clock ahead of the machine's."""
    doors: tuple[DoorStatus, ...]
    devices: tuple[DeviceStatus, ...]
    alarm_active: bool
    alarm_cause: int


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
