"""What crosses the wall of this room: settings, modes, events and effects of one door.

All times are whole milliseconds of the monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class Mode(StrEnum):
    """What stands above a door's own commands, weakest first."""

    NORMAL = "normal"
    LOCK_DOWN = "lock_down"
    """Nobody is let in; the REX button still lets people out."""
    EMERGENCY = "emergency"
    """Held unlocked."""
    FIRE = "fire"
    """Held unlocked by the fire input."""

    @property
    def releases(self) -> bool:
        """True if the mode by itself holds the door unlocked."""
        return self in (Mode.EMERGENCY, Mode.FIRE)


_STRENGTH = tuple(Mode)


def effective_mode(*modes: Mode) -> Mode:
    """The strongest of the modes of the device, the door and the fire input; NORMAL for none.

    A door that the fire input does not release is to be asked without it.
    """
    return max(modes, key=_STRENGTH.index, default=Mode.NORMAL)


class DoorAlarm(Enum):
    """The two alarms of a door's sensor; the value is the API's alarm cause."""

    HELD_OPEN = 6
    FORCED_OPEN = 7


class SensorReading(StrEnum):
    """What is known of the door's leaf."""

    CLOSED = "closed"
    OPEN = "open"
    UNREAD = "unread"
    """Not read since the start."""
    OFFLINE = "offline"
    """The input vanished: a fault, and neither alarm."""


class Refusal(StrEnum):
    """Why a command was not carried out; the names are stable."""

    LOCK_DOWN = "lock_down"
    SIDE_LOCKED = "side_locked"
    """The turnstile's mode of operation keeps this side locked."""


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """How one door is configured. Raises ValueError for a time out of its range."""

    relay_enabled: bool = True
    """False: no command unlocks the door; emergency and fire still do, since a switch in a
    configuration must not lock people in."""
    dwell_ms: int = 3_000
    """How long a grant or the REX button unlocks, 1 or more."""
    auto_close: bool = True
    """The relay drops as soon as the sensor sees the door open."""
    sensor_enabled: bool = False
    rex_enabled: bool = False
    held_open_enabled: bool = True
    held_open_delay_ms: int = 10_000
    """How long the door may stand open, 0 or more."""
    forced_open_enabled: bool = True
    forced_open_debounce_ms: int = 0
    """How long an opening that nobody allowed must last to be an alarm, 0 or more."""
    bounce_ms: int = 250
    """How long after closing an allowed opening the leaf may spring open again, 0 or more."""

    def __post_init__(self) -> None:
        if self.dwell_ms < 1:
            raise ValueError(f"dwell_ms must be 1 or more, not {self.dwell_ms}")
        for name in ("held_open_delay_ms", "forced_open_debounce_ms", "bounce_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Unlock:
    """A grant or an opening through the API, for its own time or the door's."""

    dwell_ms: int | None = None
    """1 or more; None takes the door's. Raises ValueError otherwise: 0 is `HoldOpen` and -1 is
    `Close`."""
    grant: int = 0
    """The number under which `Entered` or `NotEntered` tells what became of it; 0: nobody asks."""

    def __post_init__(self) -> None:
        if self.dwell_ms is not None and self.dwell_ms < 1:
            raise ValueError(f"dwell_ms must be 1 or more, not {self.dwell_ms}")


@dataclass(frozen=True, slots=True)
class HoldOpen:
    """Unlock until `Close` (timeout=0 of the API)."""


@dataclass(frozen=True, slots=True)
class Close:
    """End a hold and a running opening (timeout=-1 of the API); nobody's way out is cut short."""


@dataclass(frozen=True, slots=True)
class SensorChanged:
    """The sensor's level, as read at start or when it changed."""

    open: bool


@dataclass(frozen=True, slots=True)
class SensorLost:
    """The sensor can no longer be read."""


@dataclass(frozen=True, slots=True)
class RexChanged:
    """The request-to-exit button went down or came up."""

    pressed: bool


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """What `effective_mode` now gives for this door; the same mode again does no harm."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The settings given with this step are new.

    Where an input's rest level changed too, what it reads now goes along (None: as before), since
    a reading that a setting turned over is neither an opening nor a press.
    """

    sensor_open: bool | None = None
    rex_pressed: bool | None = None


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing but time: to be fed at the instant that `due_ms` names."""


DoorEvent = (
    Unlock
    | HoldOpen
    | Close
    | SensorChanged
    | SensorLost
    | RexChanged
    | ModeChanged
    | SettingsChanged
    | TimePassed
)


@dataclass(frozen=True, slots=True)
class Drive:
    """Bring the strike output to this state; given only when it differs from the last one."""

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
class RexFault:
    """The REX button is stuck (on) or moves again (off)."""

    on: bool


@dataclass(frozen=True, slots=True)
class Entered:
    """The door opened in the time of these grants, or cannot tell: whoever they were for is
    taken to be through."""

    grants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NotEntered:
    """The time of these grants is over and the door did not open."""

    grants: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The command was not carried out and left nothing behind."""

    reason: Refusal


DoorEffect = (
    Drive
    | ButtonPressed
    | DoorOpened
    | DoorClosed
    | AlarmOn
    | AlarmOff
    | RexFault
    | Entered
    | NotEntered
    | Refused
)
