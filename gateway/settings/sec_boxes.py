"""SecBoxes: doors on a relay and input module of an RS-485 line (Modbus RTU)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.settings.addresses import SerialPath
from gateway.settings.doors import Doorway, Egress, RexMode
from gateway.settings.locks import energised_while_locked
from gateway.settings.serial_lines import Direction
from gateway.settings.wires import Contact, LockKind, LockState, Section

FIRST_SEC_BOX = 65_793
"""The id that the vendor's documentation gives to every SecBox."""
LOWEST_SEC_BOX = 5
"""Lower ids belong to doors of the board."""

ModuleNumber = Annotated[int, Field(ge=0, le=255)]
"""The address of a coil or a discrete input; the first one is 0."""


class LineParity(StrEnum):
    """The parity bit of a serial line."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


class Switching(StrEnum):
    """The state of a module's relay."""

    ON = "on"
    OFF = "off"


class ModuleButton(Section):
    """The exit button at a discrete input of a module."""

    input: ModuleNumber
    mode: RexMode = RexMode.UNLOCK


class ModuleLock(Section):
    """A lock at a relay of a module."""

    relay: ModuleNumber
    kind: LockKind
    contact: Contact = Contact.NO
    unlocked: Switching | None = None
    """The relay's state while the door is unlocked; overrides kind and contact."""

    @property
    def by_kind(self) -> Switching:
        """The relay's state while the door is unlocked, by kind and contact."""
        return Switching.OFF if energised_while_locked(self.kind, self.contact) else Switching.ON


class SecBox(Doorway):
    """One door on a module. Its row of `sec_boxs` has its times and the meaning of its sensor."""

    id: Annotated[int, Field(ge=LOWEST_SEC_BOX, lt=1 << 63)] = FIRST_SEC_BOX
    """The id of its row of `sec_boxs`."""
    portal: Annotated[int, Field(ge=1)] | None = None
    """`init` makes this portal open it; afterwards the rows of `portal_actions` decide."""
    port: SerialPath
    """A stable device path of the RS-485 line, or `simulated`. Several modules may share it."""
    baud: Annotated[int, Field(ge=1_200, le=921_600)] = 9_600
    parity: LineParity = LineParity.NONE
    direction: Direction = Direction.AUTO
    timeout_ms: Annotated[int, Field(ge=20, le=2_000)] = 200
    """Longest time for an answer of the module."""
    module: str = "generic"
    """A profile in `hw/modules`."""
    address: Annotated[int, Field(ge=1, le=247)]
    lock: ModuleLock | None = None
    relay: ModuleNumber | None = None
    """The lock's relay, if `lock` is not given."""
    unlocked: Switching | None = None
    """The state of `relay` while the door is unlocked; by default on."""
    sensor: ModuleNumber | None = None
    """The discrete input of the door sensor."""
    rex: ModuleButton | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.lock is None) is (self.relay is None):
            raise ValueError(
                "either lock or relay is needed, such as lock = { relay = 0, kind = 'strike' }"
            )
        if self.lock and self.unlocked:
            raise ValueError("unlocked belongs into lock = { ... }")
        if self.rex and self.rex.input == self.sensor:
            raise ValueError(f"sensor and rex are both input {self.sensor}")
        if self.rex and self.rex.mode is RexMode.SHUNT and self.egress is Egress.SOFTWARE:
            raise ValueError(
                "rex.mode shunt drives nothing, and egress software says that nothing else opens"
            )
        return self

    @property
    def bond(self) -> None:
        """A module has no input for a lock's feedback."""
        return

    def inputs(self) -> dict[str, int]:
        """The discrete inputs in use, by key."""
        wired = {"sensor": self.sensor, "rex": self.rex.input if self.rex else None}
        return {key: number for key, number in wired.items() if number is not None}

    @property
    def line(self) -> tuple[object, ...]:
        """The settings that all modules of one port must share."""
        return self.baud, self.parity, self.direction

    @property
    def coil(self) -> int:
        """The relay of its lock."""
        return self.lock.relay if self.lock else self.relay or 0

    def switches_on(self, state: LockState) -> bool:
        """Whether the relay is on in `state`."""
        said = (self.lock.unlocked or self.lock.by_kind) if self.lock else self.unlocked
        return (state is LockState.UNLOCKED) is (said is not Switching.OFF)

    @property
    def energised_to_lock(self) -> bool:
        """True if the relay is on while the door is locked."""
        return self.switches_on(LockState.LOCKED)

    @property
    def power_locks(self) -> bool:
        """True if power keeps the door locked: a magnet, or a lock that is wired like one."""
        return self.lock.kind is LockKind.MAGNET if self.lock else self.energised_to_lock


def sec_box_problems(boxes: Sequence[SecBox]) -> Iterator[str]:
    """Conflicts between several SecBoxes."""
    for at, box in enumerate(boxes):
        for other in boxes[:at]:
            if box.port != other.port:
                continue
            pair = f"sec_box {other.name!r} and {box.name!r}"
            if box.line != other.line:
                yield f"{pair} share port {box.port!r}: baud, parity and direction must be the same"
            if box.address != other.address:
                continue
            if box.module != other.module:
                yield f"{pair} are at address {box.address}: module must be the same"
            shared = set(other.inputs().values()) & set(box.inputs().values())
            if box.coil == other.coil:
                yield f"{pair} use relay {box.coil} at address {box.address}"
            if shared:
                yield f"{pair} use input {min(shared)} at address {box.address}"
