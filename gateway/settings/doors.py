"""Doors and the turnstile: their wires, and their states at start, stop and fault."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AliasChoices, Discriminator, Field, Tag, model_validator

from gateway.settings.wires import (
    AT_ADC,
    AT_PIN,
    AT_READER,
    AdcInput,
    FixedInput,
    Input,
    LockState,
    Name,
    Output,
    ReaderInput,
    RelayOutput,
    Section,
    Strike,
    Title,
    place_of_input,
)


class Egress(StrEnum):
    """How people leave while the controller does not work."""

    MECHANICAL = "mechanical"
    """The handle or push bar opens the door from inside."""
    DIRECT_CUT = "direct_cut"
    """A release button cuts the lock's supply."""
    SOFTWARE = "software"
    """Only through the controller's REX input."""


class RexMode(StrEnum):
    """What the exit button does."""

    UNLOCK = "unlock"
    """A press unlocks the door for its relay time."""
    UNLOCK_WHILE_PRESSED = "unlock_while_pressed"
    """The door is unlocked while the button is pressed, and for the relay time afterwards."""
    SHUNT = "shunt"
    """The relay is not driven: the handle opens the door, which is no forced opening then."""


class Side(StrEnum):
    """The direction in which a turnstile turns, seen from above."""

    CLOCKWISE = "clockwise"
    ANTICLOCKWISE = "anticlockwise"


class ExitButton(Input):
    """A door's request-to-exit button, or the contact of its inner handle."""

    mode: RexMode = RexMode.UNLOCK


class ReaderExitButton(ReaderInput):
    """As `ExitButton`, at an input of an OSDP reader."""

    mode: RexMode = RexMode.UNLOCK


class AdcExitButton(AdcInput):
    """As `ExitButton`, at a converter."""

    mode: RexMode = RexMode.UNLOCK


AnyInput = Annotated[
    Annotated[Input, Tag(AT_PIN)]
    | Annotated[ReaderInput, Tag(AT_READER)]
    | Annotated[AdcInput, Tag(AT_ADC)],
    Discriminator(place_of_input),
]
AnyExitButton = Annotated[
    Annotated[ExitButton, Tag(AT_PIN)]
    | Annotated[ReaderExitButton, Tag(AT_READER)]
    | Annotated[AdcExitButton, Tag(AT_ADC)],
    Discriminator(place_of_input),
]


class Doorway(Section):
    """The settings of every door, on the board and on modules."""

    name: Name
    title: Title | None = None
    egress: Egress
    on_start: LockState = LockState.LOCKED
    """From the claim of the output until the rules have been read."""
    on_stop: LockState = LockState.LOCKED
    on_fault: LockState = LockState.LOCKED
    fire_release: bool = True
    rex_bypasses_interlock: bool = True
    """The exit button unlocks even while another door of its interlock is open. With false, people
    wait until that door is closed, except in a fire."""
    pre_alarm_s: Annotated[int, Field(ge=0, le=3_600)] = 0
    """Time from the pre-alarm to the held-open alarm; 0 for no pre-alarm."""
    output_limit_s: Annotated[int, Field(ge=1, le=3_600)] = 600
    """Longest time that one opening unlocks the door, whatever was requested. Only a hold
    (timeout=0 of the API), an unlock schedule or a mode lasts longer."""

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.title or self.name


class Door(Doorway):
    """One door: its number in the API and its wires."""

    id: Annotated[int, Field(ge=1, le=4)]
    strike: Annotated[Strike, Field(validation_alias=AliasChoices("lock", "strike"))]
    sensor: AnyInput | None = None
    rex: AnyExitButton | None = None
    bond: FixedInput | None = None
    """The lock's feedback contact; `idle` is its level while the lock is locked."""
    operator: RelayOutput | None = None
    """The output that has a powered door opened (ADA); a row of `door_operators` says when."""

    @model_validator(mode="after")
    def _lets_people_out(self) -> Self:
        shunts = self.rex is not None and self.rex.mode is RexMode.SHUNT
        if shunts and self.egress is Egress.SOFTWARE:
            raise ValueError(
                "rex.mode shunt drives nothing, and egress software says that nothing else opens"
            )
        if isinstance(self.rex, ReaderInput) and self.egress is Egress.SOFTWARE:
            raise ValueError(
                "rex at a reader opens nothing while that reader is offline, and egress software"
                " says that nothing else opens: wire the button to a pin, or give the door"
                " another way out"
            )
        if isinstance(self.rex, AdcInput) and self.egress is Egress.SOFTWARE:
            raise ValueError(
                "rex at a converter opens nothing while its wires are cut or shorted, and egress"
                " software says that nothing else opens: wire the button to a pin, or give the"
                " door another way out"
            )
        return self

    def pins(self) -> Iterator[tuple[int, str]]:
        """Every pin in use, with the key that uses it."""
        wires = {
            self.strike.called: self.strike,
            "sensor": self.sensor,
            "rex": self.rex,
            "bond": self.bond,
            "operator": self.operator,
        }
        for key, wire in wires.items():
            if isinstance(wire, Strike | Input | Output):
                yield wire.pin, f"door {self.name!r} {key}"

    def reader_inputs(self) -> Iterator[tuple[ReaderInput, str]]:
        """Every input of a reader in use, with the key that uses it."""
        for key, wire in (("sensor", self.sensor), ("rex", self.rex)):
            if isinstance(wire, ReaderInput):
                yield wire, f"door {self.name!r} {key}"

    def adc_inputs(self) -> Iterator[tuple[AdcInput, str]]:
        """Every input of a converter in use, with the key that uses it."""
        for key, wire in (("sensor", self.sensor), ("rex", self.rex)):
            if isinstance(wire, AdcInput):
                yield wire, f"door {self.name!r} {key}"


class TurnstileWay(Section):
    """The wires of one direction."""

    relay: Strike
    """Releases the arm in this direction."""
    turn: FixedInput
    """Pulses once for each turn in this direction, while the relay is on."""


class Turnstile(Section):
    """The turnstile. Its times and its mode of operation are keys of the API."""

    name: Name
    title: Title | None = None
    clockwise: TurnstileWay
    anticlockwise: TurnstileWay
    egress: Egress
    on_start: LockState = LockState.LOCKED
    """Of both directions, from the claim of the outputs until the rules have been read."""
    on_stop: LockState = LockState.LOCKED
    on_fault: LockState = LockState.LOCKED
    fire_release: bool = True
    """A fire releases both directions."""

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.title or self.name

    def way(self, side: Side) -> TurnstileWay:
        """The wires of `side`."""
        return self.clockwise if side is Side.CLOCKWISE else self.anticlockwise

    def pins(self) -> Iterator[tuple[int, str]]:
        """Every pin in use, with the key that uses it."""
        for side in Side:
            where = f"turnstile {self.name!r} {side}"
            yield self.way(side).relay.pin, f"{where} relay"
            yield self.way(side).turn.pin, f"{where} turn"


class InterlockSettings(Section):
    """The interlock's own setting; `doorN_interlock` of the API names the doors."""

    margin_s: Annotated[int, Field(ge=0, le=60)] = 2
    """A door without a sensor counts as occupied for this long after it has locked."""
