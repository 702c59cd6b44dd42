"""Doors and the turnstile: their wires, and what they do when nobody commands them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AliasChoices, Field, model_validator

from gateway.settings.wires import FixedInput, Input, LockState, Name, Section, Strike, Title


class Egress(StrEnum):
    """How a person leaves when this controller is dead."""

    MECHANICAL = "mechanical"
    """The handle or push bar opens the door from inside."""
    DIRECT_CUT = "direct_cut"
    """A release button in the lock's own supply."""
    SOFTWARE = "software"
    """Only the REX input of this controller."""


class RexMode(StrEnum):
    """What the exit button does."""

    UNLOCK = "unlock"
    """A press unlocks for the door's relay time."""
    UNLOCK_WHILE_PRESSED = "unlock_while_pressed"
    """It unlocks for as long as it is pressed, and the relay time after that."""
    SHUNT = "shunt"
    """It drives nothing: the handle opens, and for that time the opening is not a forced one."""


class Side(StrEnum):
    """The way that a turnstile turns, seen from above."""

    CLOCKWISE = "clockwise"
    ANTICLOCKWISE = "anticlockwise"


class ExitButton(Input):
    """A door's request-to-exit button, or the contact of its inner handle."""

    mode: RexMode = RexMode.UNLOCK


class Doorway(Section):
    """What holds for every door, wherever its wires are."""

    name: Name
    title: Title | None = None
    egress: Egress
    on_start: LockState = LockState.LOCKED
    """From the claim of the output until the rules have been read."""
    on_stop: LockState = LockState.LOCKED
    on_fault: LockState = LockState.LOCKED
    fire_release: bool = True
    rex_bypasses_interlock: bool = True
    """The exit button unlocks even while another door of its interlock is open. False keeps people
    in until that one is closed; a fire lets them out all the same."""
    pre_alarm_s: Annotated[int, Field(ge=0, le=3_600)] = 0
    """How long before the alarm of a door that is held open its pre-alarm comes; 0 for none."""
    output_limit_s: Annotated[int, Field(ge=1, le=3_600)] = 600
    """The longest that one opening unlocks the door, whatever time was asked for. Only a hold
    (timeout=0 of the API), an unlock schedule or a mode lasts longer."""

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.title or self.name


class Door(Doorway):
    """One door: its number in the API and its wires."""

    id: Annotated[int, Field(ge=1, le=4)]
    strike: Annotated[Strike, Field(validation_alias=AliasChoices("lock", "strike"))]
    sensor: Input | None = None
    rex: ExitButton | None = None
    bond: FixedInput | None = None
    """A contact of the lock that moves when it unlocks; `idle` is its level while it is locked."""

    @model_validator(mode="after")
    def _lets_people_out(self) -> Self:
        shunts = self.rex is not None and self.rex.mode is RexMode.SHUNT
        if shunts and self.egress is Egress.SOFTWARE:
            raise ValueError(
                "rex.mode shunt drives nothing, and egress software says that nothing else opens"
            )
        return self

    def pins(self) -> Iterator[tuple[int, str]]:
        """Every pin in use with the key that claims it."""
        wires = {
            self.strike.called: self.strike,
            "sensor": self.sensor,
            "rex": self.rex,
            "bond": self.bond,
        }
        for key, wire in wires.items():
            if wire:
                yield wire.pin, f"door {self.name!r} {key}"


class TurnstileWay(Section):
    """What belongs to one way of turning."""

    relay: Strike
    """The output that lets the arm turn this way."""
    turn: FixedInput
    """The contact that moves once for each turn this way; it must move while the relay is on."""


class Turnstile(Section):
    """The device's turnstile. Its times and its mode of operation are keys of the API."""

    name: Name
    title: Title | None = None
    clockwise: TurnstileWay
    anticlockwise: TurnstileWay
    egress: Egress
    on_start: LockState = LockState.LOCKED
    """Both ways, from the claim of the outputs until the rules have been read."""
    on_stop: LockState = LockState.LOCKED
    on_fault: LockState = LockState.LOCKED
    fire_release: bool = True
    """Both ways are free while the fire input reports a fire."""

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.title or self.name

    def way(self, side: Side) -> TurnstileWay:
        """What belongs to `side`."""
        return self.clockwise if side is Side.CLOCKWISE else self.anticlockwise

    def pins(self) -> Iterator[tuple[int, str]]:
        """Every pin in use with the key that claims it."""
        for side in Side:
            where = f"turnstile {self.name!r} {side}"
            yield self.way(side).relay.pin, f"{where} relay"
            yield self.way(side).turn.pin, f"{where} turn"


class InterlockSettings(Section):
    """What the API has no key for. Which doors it joins is `doorN_interlock`."""

    margin_s: Annotated[int, Field(ge=0, le=60)] = 2
    """A door without a sensor counts as occupied for its time and so much longer."""
