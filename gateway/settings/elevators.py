"""Lifts: relays that release the buttons of floors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.settings.wires import Name, RelayOutput, Section, SwitchState, Title

MOST_FLOORS = 8


class Floor(RelayOutput):
    """The relay of one floor; while it is on, the button of the floor counts."""

    number: Annotated[int, Field(ge=1, le=MOST_FLOORS)]


class Elevator(Section):
    """One lift. Rows of `elevator_floors` say which portal's rules are those of a floor."""

    id: Annotated[int, Field(ge=1, le=4)]
    """The action `elevator` with `id=1` at the portal of the reader in the cab releases floors."""
    name: Name
    title: Title | None = None
    floor: Annotated[tuple[Floor, ...], Field(min_length=1, max_length=MOST_FLOORS)]
    on_fire: SwitchState = SwitchState.ON
    """Of all floors, from the report of a fire to its reset. On returns every button to the lift,
    whose own fire control decides; off keeps all buttons from counting."""

    @model_validator(mode="after")
    def _each_floor_once(self) -> Self:
        numbers = [floor.number for floor in self.floor]
        twice = sorted({it for it in numbers if numbers.count(it) > 1})
        if twice:
            raise ValueError(f"floor number {twice[0]} is used twice")
        return self

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.title or self.name

    def outputs(self) -> Iterator[tuple[str, Floor]]:
        """The relay of each floor, with the name of its output."""
        for floor in self.floor:
            yield floor_output(self.name, floor.number), floor


def floor_output(elevator: str, floor: int) -> str:
    """The name of the output of a floor."""
    return f"elevator {elevator} floor {floor}"
