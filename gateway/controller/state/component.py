"""What the parts of the controller have in common, and what they cause in one another.

The loop has one tuple of components. It offers every input to each of them, and every effect that
one of them emits, at once and in the order of the tuple: whoever emits goes on once all have
handled it. Whatever drives a lock does so before it emits.
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
    """Too many wrong entries locked the keypad of a reader, or it was freed."""

    reader: str
    on: bool


@dataclass(frozen=True, slots=True)
class GuessingChanged:
    """Somebody seems to guess with cards at a reader, or it is over."""

    reader: str
    on: bool


@dataclass(frozen=True, slots=True)
class ThreatSensed:
    """Somebody identified under threat."""

    kind: Duress
    user_id: int
    access_log_id: int
    reader: str


@dataclass(frozen=True, slots=True)
class FireChanged:
    """The fire input reports a fire, or was reset."""

    on: bool


@dataclass(frozen=True, slots=True)
class GrantUsed:
    """Somebody went through for this grant, or the door cannot tell. A number that means nothing
    is no error."""

    grant: int


@dataclass(frozen=True, slots=True)
class GrantLapsed:
    """The time of a grant is over and nobody went through."""

    grant: int
    door: int
    """0 for a turnstile."""


@dataclass(frozen=True, slots=True)
class PolicyApplied:
    """A snapshot has told doors all that it wants of them, its schedules included."""


@dataclass(frozen=True, slots=True)
class ReadDue:
    """A read that was held back is to be decided upon now."""

    read: Identification


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision was carried out and recorded."""

    outcome: AdmissionOutcome
    unlocked_ms: int
    """The longest time for which it unlocked a door, 0 if it unlocked none."""


OpeningId = tuple[str, int | str]
"""What has a mode, as the journal names it: ("door", its id) or ("turnstile", its name)."""

Effect = (
    DoorAlarmChanged
    | InputAlarmChanged
    | KeypadLockChanged
    | GuessingChanged
    | ThreatSensed
    | FireChanged
    | GrantUsed
    | GrantLapsed
    | PolicyApplied
    | ReadDue
    | Decided
)

Emit = Callable[[Effect, int], None]
"""Gets an effect and the instant in milliseconds of the monotonic clock."""


class Component:
    """A part of the controller. The loop's thread alone uses it; by default it does nothing.

    All instants are milliseconds of the monotonic clock.
    """

    def configure(self, config: EffectiveConfig) -> None:
        """Take over the settings of a snapshot; nothing happens yet."""

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the settings of a new snapshot, and do what follows from them."""
        del now_ms
        self.configure(config)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Do what follows from an input or from what another component caused."""

    def tick(self, now_ms: int) -> None:
        """Do what is due."""

    def due_ms(self) -> int | None:
        """When `tick` is next needed; None for never."""

    def modes(self) -> Mapping[OpeningId, Mode]:
        """The present modes of what the component opens."""
        return MappingProxyType({})

    def close(self, now_ms: int) -> None:
        """End in order; everything still works."""


class Bus:
    """Takes effects to whoever handles them, once that is known."""

    def __init__(self) -> None:
        self._handle: Emit | None = None

    def connect(self, handle: Emit) -> None:
        self._handle = handle

    def emit(self, effect: Effect, now_ms: int) -> None:
        """Have `effect` handled now."""
        if self._handle is None:
            raise RuntimeError(f"nobody handles {effect} yet")
        self._handle(effect, now_ms)
