"""The output of a door operator (ADA): opens the powered leaf for those who need it.

It acts on an opening from a listed reader, for a person who needs more time, or by the exit button,
as the settings say, once the lock is released: after the delay, for the dwell. Another such opening
meanwhile makes it last longer. In a fire it never drives: the leaf is opened by hand, and must be
able to close. A lock-down ends what a card began; the exit button works on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


class OperatorRow(NamedTuple):
    """A row of `door_operators`."""

    door_id: int
    delay_ms: int = 0
    dwell_ms: int = 5_000
    by_button: int = 1
    extended_people: int = 0


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """How one operator is configured."""

    delay_ms: int = 0
    """From the release of the lock to the output, 0 or more: a bolt needs time."""
    dwell_ms: int = 5_000
    """How long the output is on, 1 or more."""
    by_button: bool = True
    """The exit button of the door opens it."""
    extended_people: bool = False
    """People who need more time open it at every reader of the door."""
    readers: frozenset[str] = frozenset()
    """The readers that open it for everybody, by name."""


@dataclass(frozen=True, slots=True)
class OperatorState:
    """The state of one operator between two steps."""

    from_ms: int | None = None
    """When the output switches on; None while nobody asked for it."""
    until_ms: int = 0
    by_card: bool = False
    """A card asked for it, not the exit button."""
    fire: bool = False


@dataclass(frozen=True, slots=True)
class LetIn:
    """The lock was released for somebody at a reader."""

    reader: str
    extended: bool = False
    """A person who needs more time is among them."""


@dataclass(frozen=True, slots=True)
class LetOut:
    """The lock was released by the exit button."""


@dataclass(frozen=True, slots=True)
class LockedDown:
    """The door is locked down. Idempotent."""


@dataclass(frozen=True, slots=True)
class FireReported:
    """A fire began, or was reset. Idempotent."""

    on: bool


@dataclass(frozen=True, slots=True)
class Relocked:
    """The lock is locked again and the leaf shut before the output switched on. Idempotent."""


@dataclass(frozen=True, slots=True)
class TimePasses:
    """No event but time; feed it at the instant that `due_ms` returns."""


OperatorEvent = LetIn | LetOut | LockedDown | FireReported | Relocked | TimePasses


def step(
    settings: OperatorSettings | None, state: OperatorState, event: OperatorEvent, now_ms: int
) -> OperatorState:
    """The state after `event` at monotonic `now_ms`; without settings it never drives."""
    if state.from_ms is not None and (settings is None or state.until_ms <= now_ms):
        state = replace(state, from_ms=None)
    match event:
        case FireReported(on=on):
            return replace(state, fire=on, from_ms=None if on else state.from_ms)
        case LockedDown() if state.by_card:
            return replace(state, from_ms=None)
        case Relocked():
            return replace(state, from_ms=None)
        case LetIn() | LetOut() if settings is not None and acts_on(settings, state, event):
            return _asked(settings, state, now_ms, by_card=isinstance(event, LetIn))
    return state


def acts_on(settings: OperatorSettings, state: OperatorState, event: LetIn | LetOut) -> bool:
    """Whether the operator opens the leaf for this opening."""
    if state.fire:
        return False
    if isinstance(event, LetOut):
        return settings.by_button
    return event.reader in settings.readers or (settings.extended_people and event.extended)


def drives(state: OperatorState, now_ms: int) -> bool:
    """Whether the output is on after a step at `now_ms`."""
    return state.from_ms is not None and state.from_ms <= now_ms < state.until_ms


def due_ms(state: OperatorState, now_ms: int) -> int | None:
    """When the output switches next, after a step at `now_ms`; None for not."""
    if state.from_ms is None:
        return None
    return state.from_ms if state.from_ms > now_ms else state.until_ms


def _asked(
    settings: OperatorSettings, state: OperatorState, now_ms: int, *, by_card: bool
) -> OperatorState:
    from_ms = now_ms + settings.delay_ms
    until_ms = from_ms + settings.dwell_ms
    if state.from_ms is None:
        return replace(state, from_ms=from_ms, until_ms=until_ms, by_card=by_card)
    # Somebody who leaves by the button is not shut in by the lock-down that ends a card's opening.
    return replace(state, until_ms=max(state.until_ms, until_ms), by_card=state.by_card and by_card)
