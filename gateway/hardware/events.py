"""Events from the drivers to the controller: reads, pin levels, device states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.clock import Clock
from gateway.credentials.values import BadFrame, Identification
from gateway.settings import Side


class InputKind(StrEnum):
    """The use of an input."""

    DOOR_SENSOR = "door_sensor"
    REX = "rex"
    BOND = "bond"
    """Bond sensor: the feedback contact of a door's lock."""
    ZONE = "zone"
    TAMPER = "tamper"
    FIRE = "fire"
    READER_TAMPER = "reader_tamper"
    MAINS_FAIL = "mains_fail"
    BATTERY_LOW = "battery_low"
    UNDER_VOLTAGE = "under_voltage"
    TURN_CLOCKWISE = "turn_clockwise"
    TURN_ANTICLOCKWISE = "turn_anticlockwise"


@dataclass(frozen=True, slots=True, order=True)
class InputName:
    """One input; `number` is the door's id, the zone's number or the reader's index, 0 for a single
    input."""

    kind: InputKind
    number: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.number}" if self.number else str(self.kind)


TURN_INPUTS = {
    Side.CLOCKWISE: InputName(InputKind.TURN_CLOCKWISE),
    Side.ANTICLOCKWISE: InputName(InputKind.TURN_ANTICLOCKWISE),
}
"""The turnstile's contacts."""

POWER_INPUTS = (InputKind.MAINS_FAIL, InputKind.BATTERY_LOW, InputKind.UNDER_VOLTAGE)
"""The contacts of the power supply, named as in the site file."""


@dataclass(frozen=True, slots=True)
class InputLevel:
    """The debounced level of an input, at start and at each change."""

    name: InputName
    high: bool
    at_ns: int
    """Monotonic nanoseconds of the reading; never decreases for one input."""


@dataclass(frozen=True, slots=True)
class InputLost:
    """The level of an input is not known any more; the next `InputLevel` is a state, no change."""

    name: InputName
    why: str
    """In words for a technician."""
    at_ns: int
    tampered: bool = False
    """Its wires are cut or shorted, which supervision tells from all else."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key was pressed at a reader; the event does not contain the key."""

    reader: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class ReplaySuspected:
    """A reader's frame may be a replayed recording. A warning only: the decision is unaffected."""

    reader: str
    why: str
    at_ns: int


class Health(StrEnum):
    """The state of a device."""

    ONLINE = "online"
    DEGRADED = "degraded"
    """It works with faults: reads were or may be lost."""
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device changed its state."""

    device: str
    health: Health
    why: str
    """What is wrong, in words for a technician; empty when online."""
    at_ns: int

    @property
    def online(self) -> bool:
        """Whether the device is online or degraded."""
        return self.health is not Health.OFFLINE


HardwareEvent = (
    Identification | KeyPressed | BadFrame | ReplaySuspected | InputLevel | InputLost | DeviceState
)
"""Everything that `Rig.service` posts."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A driver's access to the controller's loop."""

    clock: Clock
    post: Callable[[HardwareEvent], None]
    """Posts an event; call it from `service` only."""
    wake: Callable[[], None]
    """Requests a call of `service`; thread-safe."""
