"""The protocol of the controller's components, and the effects that they have on one another.

The loop has one tuple of components and offers every input to each of them. It also offers each
effect that a component emits to all of them, in the order of the tuple; `emit` returns once all of
them have handled it. A component that drives a lock does so before it emits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.access.admission_values import AdmissionOutcome
from gateway.access.attempt import Duress
from gateway.alarms.causes import AlarmCause
from gateway.alarms.register import AlarmSource
from gateway.controller.state.config import EffectiveConfig
from gateway.credentials.values import Identification
from gateway.doors.values import Mode
from gateway.hardware.events import HardwareEvent


@dataclass(frozen=True, slots=True)
class DoorAlarmChanged:
    """A door's machine raised or ended an alarm."""

    cause: AlarmCause
    door_id: int
    on: bool


@dataclass(frozen=True, slots=True)
class InputAlarmChanged:
    """An alarm input raised an alarm, or ended those of its cause and part."""

    source: AlarmSource
    on: bool


@dataclass(frozen=True, slots=True)
class KeypadLockChanged:
    """The keypad of a reader was locked after too many wrong entries, or unlocked again."""

    reader: str
    on: bool


@dataclass(frozen=True, slots=True)
class GuessingChanged:
    """A reader was slowed after too many unknown cards or codes, or no longer is."""

    reader: str
    on: bool


@dataclass(frozen=True, slots=True)
class ThreatSensed:
    """Somebody identified under duress."""

    kind: Duress
    user_id: int
    access_log_id: int
    reader: str


@dataclass(frozen=True, slots=True)
class FireChanged:
    """A fire began, or was reset."""

    on: bool


@dataclass(frozen=True, slots=True)
class GrantUsed:
    """Somebody entered with this grant, or the door cannot tell. Unknown numbers are ignored."""

    grant: int


@dataclass(frozen=True, slots=True)
class GrantLapsed:
    """The time of a grant ended and nobody entered."""

    grant: int
    door: int
    """0 for a turnstile."""


@dataclass(frozen=True, slots=True)
class ExitUsed:
    """Somebody pressed the exit button of a door, which its machine counted."""

    door: int


@dataclass(frozen=True, slots=True)
class PolicyApplied:
    """All doors follow the new snapshot, its schedules included."""


@dataclass(frozen=True, slots=True)
class ReadDue:
    """A read that the throttle held back is to be decided now."""

    read: Identification


@dataclass(frozen=True, slots=True)
class NotIdentified:
    """A read that had waited for a server turned out to be nobody's."""

    read: Identification


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision was carried out and recorded."""

    outcome: AdmissionOutcome
    unlocked_ms: int
    """The longest time for which it unlocked a door, 0 if it unlocked none."""


@dataclass(frozen=True, slots=True)
class Chimed:
    """A disarmed zone, or a door, that is to chime opened."""


OpeningId = tuple[str, int | str]
"""What has a mode, as the journal names it: ("door", its id) or ("turnstile", its name)."""

Effect = (
    DoorAlarmChanged
    | InputAlarmChanged
    | KeypadLockChanged
    | GuessingChanged
    | ThreatSensed
    | FireChanged
    | ExitUsed
    | GrantUsed
    | GrantLapsed
    | PolicyApplied
    | ReadDue
    | NotIdentified
    | Decided
    | Chimed
)

Emit = Callable[[Effect, int], None]
"""Takes an effect and the instant in milliseconds of the monotonic clock."""


class Component:
    """A part of the controller. The loop's thread alone uses it; by default it does nothing.

    All instants are milliseconds of the monotonic clock.
    """

    def configure(self, config: EffectiveConfig) -> None:
        """Take over the settings of a snapshot; nothing happens yet."""

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the settings of a new snapshot and act on them."""
        del now_ms
        self.configure(config)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Act on an input or on an effect of another component."""

    def tick(self, now_ms: int) -> None:
        """Do what is due."""

    def due_ms(self) -> int | None:
        """When `tick` is next needed; None for never."""

    def modes(self) -> Mapping[OpeningId, Mode]:
        """The modes in force of the doors or turnstile that the component opens."""
        return MappingProxyType({})

    def close(self, now_ms: int) -> None:
        """Prepare for an orderly end; everything still works."""


class Bus:
    """Passes effects to a handler that is connected after the components are built."""

    def __init__(self) -> None:
        self._handle: Emit | None = None

    def connect(self, handle: Emit) -> None:
        self._handle = handle

    def emit(self, effect: Effect, now_ms: int) -> None:
        """Have `effect` handled now."""
        if self._handle is None:
            raise RuntimeError(f"no handler is connected for {effect}")
        self._handle(effect, now_ms)
