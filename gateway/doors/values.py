"""Settings, modes, events and effects of one door.

All times are whole milliseconds of the monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from gateway.settings import RexMode


class Mode(StrEnum):
    """Modes that override the commands of a door, weakest first."""

    NORMAL = "normal"
    LOCK_DOWN = "lock_down"
    """The door admits nobody; the REX button still works."""
    EMERGENCY = "emergency"
    """The door stays unlocked."""
    FIRE = "fire"
    """The fire input keeps the door unlocked."""

    @property
    def releases(self) -> bool:
        """True if the mode keeps the door unlocked."""
        return self in (Mode.EMERGENCY, Mode.FIRE)


_STRENGTH = tuple(Mode)


def effective_mode(*modes: Mode) -> Mode:
    """The strongest of the modes of the device, the door and the fire input; NORMAL for none.

    For a door that the fire input does not release, leave its mode out.
    """
    return max(modes, key=_STRENGTH.index, default=Mode.NORMAL)


class DoorAlarm(Enum):
    """Alarms of a door; the value is the `AlarmCause`."""

    HELD_OPEN = 6
    FORCED_OPEN = 7
    WELDED = 101
    """The lock stays unlocked although it is commanded to lock; the number is our own."""


class Schedule(StrEnum):
    """What an unlock schedule or a first card does to a door; the names are stable."""

    OFF = "off"
    """None is in force."""
    HOLDS = "holds"
    """The schedule keeps the door unlocked."""
    ENDED = "ended"
    """One is in force, but a command or a lock-down ended it: it unlocks the door again only after
    it was out of force once."""


class SensorReading(StrEnum):
    """Reading of the door sensor."""

    CLOSED = "closed"
    OPEN = "open"
    UNREAD = "unread"
    """Not read since the start."""
    OFFLINE = "offline"
    """The input is lost: a fault, but no alarm."""


class Refusal(StrEnum):
    """Why a door refuses a command; the values are stable."""

    LOCK_DOWN = "lock_down"
    SIDE_LOCKED = "side_locked"
    """The turnstile's mode of operation keeps this side locked."""


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """How one door is configured. Raises ValueError for a time out of its range."""

    relay_enabled: bool = True
    """False: no command unlocks the door. Emergency and fire still do, so that a setting cannot
    lock people in."""
    dwell_ms: int = 3_000
    """How long a grant or the REX button unlocks, 1 or more."""
    extended_dwell_ms: int = 0
    """At least so long for a person who needs more time, 0 or more."""
    auto_close: bool = True
    """The relay drops as soon as the sensor shows the door open."""
    relock_at_close: bool = False
    """The relay drops when the sensor shows that the door has closed again, if its time is not over
    before. Without effect if `auto_close` drops it earlier."""
    sensor_enabled: bool = False
    rex_enabled: bool = False
    rex_mode: RexMode = RexMode.UNLOCK
    held_open_enabled: bool = True
    held_open_delay_ms: int = 10_000
    """How long the door may stand open, 0 or more."""
    extended_held_open_delay_ms: int = 0
    """At least so long after the entry of a person who needs more time, 0 or more."""
    pre_alarm_ms: int = 0
    """How long before that alarm the pre-alarm comes, 0 or more; 0 for none. One that is longer
    than the delay begins with it."""
    forced_open_enabled: bool = True
    forced_open_debounce_ms: int = 0
    """How long an unauthorised opening must last to raise the alarm, 0 or more."""
    bounce_ms: int = 250
    """How long the leaf may bounce after an authorised opening closes, 0 or more."""
    output_limit_ms: int = 600_000
    """The longest that one grant, command or press unlocks, 1 or more; a longer time is cut to
    it. Only a hold, a schedule or a mode lasts longer."""

    def __post_init__(self) -> None:
        for name in ("dwell_ms", "output_limit_ms"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in _FROM_0:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")


_FROM_0 = (
    "extended_dwell_ms",
    "held_open_delay_ms",
    "extended_held_open_delay_ms",
    "pre_alarm_ms",
    "forced_open_debounce_ms",
    "bounce_ms",
)


@dataclass(frozen=True, slots=True)
class Unlock:
    """A grant or an opening through the API, for its own time or the door's."""

    dwell_ms: int | None = None
    """1 or more; None takes the door's. Raises ValueError otherwise: 0 is `HoldOpen` and -1 is
    `Close`."""
    grant: int = 0
    """Its number in `Entered` or `NotEntered`; 0 for none."""
    extended: bool = False
    """For a person who needs more time: the door's extended times hold until it has closed."""

    def __post_init__(self) -> None:
        if self.dwell_ms is not None and self.dwell_ms < 1:
            raise ValueError(f"dwell_ms must be 1 or more, not {self.dwell_ms}")


@dataclass(frozen=True, slots=True)
class HoldOpen:
    """Unlock until `Close` (timeout=0 of the API)."""


@dataclass(frozen=True, slots=True)
class Close:
    """End a hold, a schedule and a running opening (timeout=-1 of the API), but not an opening by
    the REX button."""


@dataclass(frozen=True, slots=True)
class EndHold:
    """End a hold; what remains of a running opening is the door's own time at most."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Whether an unlock schedule or a first card keeps the door unlocked. Idempotent."""

    unlocked: bool


@dataclass(frozen=True, slots=True)
class SensorChanged:
    """The sensor's level, as read at start or when it changed."""

    open: bool


@dataclass(frozen=True, slots=True)
class SensorLost:
    """The sensor can no longer be read."""


@dataclass(frozen=True, slots=True)
class RexChanged:
    """The request-to-exit button was pressed or released."""

    pressed: bool


@dataclass(frozen=True, slots=True)
class BondChanged:
    """The lock's feedback contact, as read at start or when it changed."""

    unlocked: bool


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """The new `effective_mode` of this door. Idempotent."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The settings given with this step are new.

    If an input's rest level changed too, the event carries its new reading (None: unchanged), since
    a reading that a setting inverts is neither an opening nor a press. It also carries the mode if
    that changed at the same instant: two steps would drive the lock back and forth.
    """

    sensor_open: bool | None = None
    rex_pressed: bool | None = None
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The first policy since the start is in force: `on_start` no longer keeps the door unlocked.
    Idempotent."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """No event but time; feed it at the instant that `due_ms` returns."""


DoorEvent = (
    Unlock
    | HoldOpen
    | Close
    | EndHold
    | Scheduled
    | SensorChanged
    | SensorLost
    | RexChanged
    | BondChanged
    | ModeChanged
    | SettingsChanged
    | PolicyInForce
    | TimePassed
)


def door_event(timeout_ms: int | None, grant: int = 0, *, extended: bool = False) -> DoorEvent:
    """The event of an opening with a time-out as the Access API has it; the others as in Unlock."""
    if timeout_ms == 0:
        return HoldOpen()
    return Close() if timeout_ms == -1 else Unlock(timeout_ms, grant, extended)


@dataclass(frozen=True, slots=True)
class Drive:
    """Switch the strike output; emitted only when the state changes."""

    unlocked: bool


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """The REX button was pressed (event 11), once per press."""


@dataclass(frozen=True, slots=True)
class DoorOpened:
    """The door as the API reports it is now open (`access_events` OPEN)."""


@dataclass(frozen=True, slots=True)
class DoorClosed:
    """The door as the API reports it is now closed (`access_events` CLOSE)."""


@dataclass(frozen=True, slots=True)
class AlarmOn:
    """An alarm began; its `AlarmOff` follows before it can begin again."""

    alarm: DoorAlarm


@dataclass(frozen=True, slots=True)
class AlarmOff:
    """An alarm ended."""

    alarm: DoorAlarm


@dataclass(frozen=True, slots=True)
class PreAlarm:
    """The held-open alarm will begin soon (on); the door was closed or the alarm began (off)."""

    on: bool


@dataclass(frozen=True, slots=True)
class ScheduleChanged:
    """The state of the schedule changed."""

    schedule: Schedule


@dataclass(frozen=True, slots=True)
class RexFault:
    """The REX button is stuck (on) or moves again (off)."""

    on: bool


@dataclass(frozen=True, slots=True)
class Entered:
    """The door opened during these grants, or has no sensor: their people count as entered."""

    grants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NotEntered:
    """These grants timed out and the door did not open."""

    grants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """The door refused the command; its state is unchanged."""

    reason: Refusal


DoorEffect = (
    Drive
    | ButtonPressed
    | DoorOpened
    | DoorClosed
    | AlarmOn
    | AlarmOff
    | PreAlarm
    | ScheduleChanged
    | RexFault
    | Entered
    | NotEntered
    | CommandRefused
)
