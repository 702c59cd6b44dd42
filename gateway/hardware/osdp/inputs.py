"""The inputs of one reader: what is known of them, and when to ask. Pure.

A reader reports its inputs when one changes. What it says counts while it is reached over its own
channel; before and after, its inputs are unknown, and not as they were last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

ASK_MS = 1_000
"""When to ask again for inputs that are still unknown."""
REFRESH_MS = 10_000
"""When to ask for known ones, since a report can be lost."""
SETTLE_MS = 2_000
"""For so long after its return, a reader may deliver reports that it kept meanwhile: a change is
no event of now, so that no button opens a door late."""


class InputReading(StrEnum):
    """What was said last of an input."""

    UNREAD = "unread"
    LOST = "lost"
    IDLE = "idle"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class InputTurned:
    """An input is now active, or is not."""

    number: int
    active: bool


@dataclass(frozen=True, slots=True)
class InputForgotten:
    """The state of an input is unknown now; what comes next is a state, no change."""

    number: int


@dataclass(frozen=True, slots=True)
class AskInputs:
    """The reader is to report its inputs."""


InputEffect = InputTurned | InputForgotten | AskInputs


@dataclass(frozen=True, slots=True)
class InputsState:
    """The inputs of a reader that the site uses. Instants are milliseconds of the monotonic
    clock."""

    readings: tuple[tuple[int, InputReading], ...] = ()
    """By number."""
    reached_ms: int | None = None
    """Since when the reader is reached; None while it is not."""
    ask_ms: int = 0
    """When to ask next, while it is reached."""

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """Inputs that were not read yet."""
        return cls(tuple((number, InputReading.UNREAD) for number in sorted(numbers)))


def reported(
    state: InputsState, active: Sequence[bool | None], now_ms: int
) -> tuple[InputsState, Sequence[InputEffect]]:
    """Return the state after a report that counts: by number, None for an input with a fault."""
    since_ms = now_ms if state.reached_ms is None else state.reached_ms
    if state.reached_ms is None:
        state = replace(state, reached_ms=now_ms, ask_ms=now_ms)
    settling = now_ms - since_ms < SETTLE_MS
    readings: list[tuple[int, InputReading]] = []
    effects: list[InputEffect] = []
    for number, before in state.readings:
        value = active[number] if number < len(active) else None
        now = _READINGS[value]
        readings.append((number, now))
        if now is before:
            continue
        if value is None:
            effects.append(InputForgotten(number))
            continue
        if settling and before in {InputReading.IDLE, InputReading.ACTIVE}:
            effects.append(InputForgotten(number))
        effects.append(InputTurned(number, value))
    return replace(state, readings=tuple(readings)), effects


_READINGS = {True: InputReading.ACTIVE, False: InputReading.IDLE, None: InputReading.LOST}


def elapsed(
    state: InputsState, now_ms: int, *, reached: bool
) -> tuple[InputsState, Sequence[InputEffect]]:
    """Return the state at `now_ms`, while the reader is `reached` or is not."""
    if not state.readings:
        return state, ()
    if not reached:
        lost = tuple((number, InputReading.LOST) for number, _reading in state.readings)
        effects = [
            InputForgotten(number)
            for number, reading in state.readings
            if reading is not InputReading.LOST
        ]
        return replace(state, readings=lost, reached_ms=None), effects
    if state.reached_ms is None:
        state = replace(state, reached_ms=now_ms, ask_ms=now_ms)
    if now_ms < state.ask_ms:
        return state, ()
    known = {InputReading.IDLE, InputReading.ACTIVE}
    all_known = all(reading in known for _number, reading in state.readings)
    return replace(state, ask_ms=now_ms + (REFRESH_MS if all_known else ASK_MS)), (AskInputs(),)
