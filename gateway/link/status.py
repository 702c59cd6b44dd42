"""The controller's state, as it tells it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.link.doors import UnstoredMode
from gateway.link.values import LinkMessage, RowId
from gateway.settings import Side


class ReportStatus(LinkMessage):
    """Answer with a ControllerStatus."""

    kind: Literal["report_status"] = "report_status"


class DoorStatus(LinkMessage):
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


class TurnstileStatus(LinkMessage):
    """The state of the turnstile."""

    name: str
    unlocked: tuple[Side, ...]
    """Directions that the arm can turn now."""
    released: tuple[Side, ...]
    """Directions with a release that waits."""
    mode: str
    event_state: int
    """0 waiting, 1 blocked right, 2 blocked left, 3 anticlockwise, 4 clockwise, 5 gave up."""


class DeviceStatus(LinkMessage):
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
    counters: dict[str, int] = Field(default={})
    """Counters by name, since the controller started."""


class LineLevel(LinkMessage):
    """The debounced level of one input line."""

    kind: str
    """`door_sensor`, `rex`, `zone`, `tamper`, `fire`, `reader_tamper`, `mains_fail`, `battery_low`,
    `under_voltage`, `wiegand_d0` or `wiegand_d1`."""
    number: int
    """Number of the door, zone or reader; 0 for a single input."""
    high: bool


class EndedMode(LinkMessage):
    """An expired exception mode that the configuration still contains."""

    door: RowId
    """0 for the device."""
    until_utc: int
    """Its end in Unix seconds; distinguishes it from a newer mode."""


class ElevatorStatus(LinkMessage):
    """One lift."""

    id: int
    name: str
    floors: tuple[int, ...]
    """Those whose buttons count now."""
    mode: str


class ZoneStatus(LinkMessage):
    """The state of one alarm zone."""

    zone: int
    state: Literal["armed", "exit", "disarmed", "bypassed"]
    """`exit` during the exit delay, before `armed`; `bypassed` if it was left out, being open."""
    watched: bool
    """Enabled, armed and in its schedule: it can raise an alarm."""
    active: bool | None
    """Whether the input is at its active level; None before the first reading."""
    entering: bool
    """The entry delay runs: somebody entered and has not disarmed yet."""
    alarm: bool


class AlarmStatus(LinkMessage):
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


class Fault(LinkMessage):
    """A fault of a part of the site."""

    part: str
    """`rex`, `lock` or `sensor` of a door, `tamper` of a reader or the case, `power`."""
    name: str
    """Name of the door, reader or contact."""
    why: str
    """What is wrong, in words for a technician."""


class ThreatStatus(LinkMessage):
    """The threat level in force."""

    level: int = 0
    """0 is the ordinary one."""
    name: str = ""
    """As the site calls it; empty for level 0 and for one without a definition."""
    login: str = ""
    """Who set it; empty if the device itself did."""
    reason: str = ""
    since_utc: int = 0
    """Unix seconds; 0 if unknown."""
    until_utc: int = 0
    """Unix seconds; 0 for no end."""


class FireStatus(LinkMessage):
    """A reported fire that has not been reset."""

    since_utc: int
    """Unix seconds."""
    reported: bool
    """The input still reports it; otherwise it waits for a reset."""


class OnlineStatus(LinkMessage):
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


class MirrorStatus(LinkMessage):
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


class DecisionStatus(LinkMessage):
    """Decisions on credentials since the controller started."""

    verdicts: dict[str, int] = Field(default={})
    """By the name of the reason."""
    opened: tuple[int, ...] = (0,) * (len(READ_TO_RELAY_MS) + 1)
    """Reads that opened a door at once, by class of READ_TO_RELAY_MS."""
    opened_sum_s: float = 0.0
    """The sum of their times from the read to the lock."""


class TriggerStatus(LinkMessage):
    """What became of one trigger lately."""

    id: int
    done_utc: int = 0
    """When its action was done last, in Unix seconds; 0 if unknown."""
    waits_ms: int | None = None
    """What is left of its delay; None while it does not wait."""
    paused: bool = False
    """The loop guard has stopped it."""
    verdict: str = ""
    """A `TriggerVerdict`: why it did nothing when its event happened last, since it was done."""
    verdict_utc: int = 0
    why: str = ""
    """The refusal, in words; the event that cancelled it."""


class OutputStatus(LinkMessage):
    """The state of an output that triggers switch."""

    name: str
    title: str
    on: bool


class SiteStatus(LinkMessage):
    """The site file that the controller works with."""

    digest: str
    """SHA-256 of its text, hexadecimal."""
    origin: Literal["file", "last_good", "trial"]
    left_s: int = 0
    """Of a trial: the time in which it must be confirmed."""
    fault: str = ""
    """Why a confirmed file could not be stored."""


class ControllerStatus(LinkMessage):
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
    threat: ThreatStatus = ThreatStatus()
    faults: tuple[Fault, ...] = ()
    turnstile: TurnstileStatus | None = None
    """None without a turnstile."""
    elevators: tuple[ElevatorStatus, ...] = ()
    levels: tuple[LineLevel, ...] = ()
    """Every input line with a known level."""
    modes_ended: tuple[EndedMode, ...] = ()
    modes_unstored: tuple[UnstoredMode, ...] = ()
    """As in KeepModes."""
    keypads_locked_ms: dict[str, int] = Field(default={})
    """Remaining lock-out of each keypad, by reader."""
    mirror: MirrorStatus | None = None
    """None where none is at work, as in a replay."""
    online: OnlineStatus | None = None
    """None in standalone mode."""
    decisions: DecisionStatus = DecisionStatus()
    site: SiteStatus | None = None
    """None in a replay."""
    triggers: tuple[TriggerStatus, ...] = ()
    outputs: tuple[OutputStatus, ...] = ()
