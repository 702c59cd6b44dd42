"""What the drivers tell the controller: values of the reader codecs, pin levels, device health."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.clock import Clock
from gateway.credentials.values import BadFrame, Identification
from gateway.settings import Side


class InputKind(StrEnum):
    """What hangs on an input pin."""

    DOOR_SENSOR = "door_sensor"
    REX = "rex"
    BOND = "bond"
    """The feedback contact of a door's lock."""
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
    """One input: the id of its door, the number of its zone, the index of its reader; 0 for what a
    site has once."""

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
"""The contacts of the power supply; each is called as its key in the site file."""


@dataclass(frozen=True, slots=True)
class InputLevel:
    """The debounced raw level of an input pin: once at start, then at each change."""

    name: InputName
    high: bool
    at_ns: int
    """Monotonic nanoseconds of the reading; never before an earlier level of the same input."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """Somebody pressed a key at a reader: that they did, never which."""

    reader: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class ReplaySuspected:
    """What came from a reader may have been played from a recording. A warning: what it was is
    judged as always."""

    reader: str
    why: str
    at_ns: int


class Health(StrEnum):
    """How a device is."""

    ONLINE = "online"
    DEGRADED = "degraded"
    """It works, but not as it should: something was lost, or may be."""
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device came, went, or does not work as it should."""

    device: str
    health: Health
    why: str
    """What is wrong, in words for a technician; empty when online."""
    at_ns: int

    @property
    def online(self) -> bool:
        """Whether it can be used at all."""
        return self.health is not Health.OFFLINE


HardwareEvent = Identification | KeyPressed | BadFrame | ReplaySuspected | InputLevel | DeviceState
"""Everything that `Rig.service` posts."""


@dataclass(frozen=True, slots=True)
class Loop:
    """The controller's loop, as a driver reaches it."""

    clock: Clock
    post: Callable[[HardwareEvent], None]
    """Takes an event; only from the loop's own thread, in `service`."""
    wake: Callable[[], None]
    """Asks for a `service` soon; from any thread."""
