"""The turnstile as a state machine: two outputs, two turn contacts, one release at a time.

Every release ends in exactly one turn or in `GaveUp`. An unauthorised turn counts as a turn too:
somebody has gone to the other side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from gateway.doors.turnstile_values import (
    DriveSide,
    GaveUp,
    Release,
    StateReset,
    Turned,
    TurnSensed,
    TurnState,
    TurnstileEffect,
    TurnstileEvent,
    TurnstileSettings,
    Withdraw,
    turn_state,
)
from gateway.doors.values import (
    CommandRefused,
    Mode,
    ModeChanged,
    Refusal,
    SettingsChanged,
)
from gateway.settings import Side

Effects = tuple[TurnstileEffect, ...]


@dataclass(frozen=True, slots=True)
class PendingRelease:
    """A release that waits for its turn."""

    sides: frozenset[Side]
    key: str
    until_ms: int | None
    """None waits until somebody turns."""


@dataclass(frozen=True, slots=True)
class TurnstileState:
    """State of the turnstile; `initial` builds it, only `step` changes it."""

    mode: Mode
    release: PendingRelease | None
    unlocked: frozenset[Side]
    """The sides whose outputs are commanded to unlock."""
    shown: TurnState
    """What `turnstile_event_state` answers."""

    @classmethod
    def initial(cls, unlocked: frozenset[Side] = frozenset()) -> Self:
        """A turnstile at start; `unlocked` are the sides whose outputs were claimed unlocked.

        The first step applies the settings.
        """
        return cls(Mode.NORMAL, None, unlocked, TurnState.WAITING)


@dataclass(frozen=True, slots=True)
class TurnstileTransition:
    """A turnstile after a step, and the effects to carry out: the outputs first."""

    state: TurnstileState
    effects: Effects = ()


def step(
    settings: TurnstileSettings, state: TurnstileState, event: TurnstileEvent, now_ms: int
) -> TurnstileTransition:
    """The turnstile after `event` at monotonic `now_ms`, which never goes back.

    Handles first what fell due before `now_ms`, except before a turn: the output of an expired
    release was still on, so it let that turn through.
    """
    effects: Effects = ()
    after = state
    if not isinstance(event, TurnSensed):
        after, effects = _elapse(after, now_ms)
    after, answers = _apply(settings, after, event, now_ms)
    after, dropped = _settle(settings, after)
    effects += answers + dropped
    after, late = _elapse(after, now_ms)
    effects += late
    released = after.release.sides if after.release else frozenset()
    after = replace(after, unlocked=settings.free(after.mode) | released)
    moved = after.unlocked ^ state.unlocked
    drives = tuple(DriveSide(side, side in after.unlocked) for side in Side if side in moved)
    return TurnstileTransition(after, drives + effects)


def due_ms(state: TurnstileState) -> int | None:
    """The next instant at which `TimePassed` must be fed; None while nothing is pending."""
    return state.release.until_ms if state.release else None


def refusal(
    settings: TurnstileSettings, state: TurnstileState, sides: frozenset[Side]
) -> Refusal | None:
    """Why a release of `sides` would be refused now; None when one of them would be released."""
    if sides & settings.releasable(state.mode):
        return None
    return Refusal.LOCK_DOWN if state.mode is Mode.LOCK_DOWN else Refusal.SIDE_LOCKED


def _elapse(state: TurnstileState, now_ms: int) -> tuple[TurnstileState, Effects]:
    """The state at `now_ms` without an event."""
    until_ms = due_ms(state)
    if until_ms is None or now_ms < until_ms:
        return state, ()
    return _given_up(state)


def _given_up(state: TurnstileState) -> tuple[TurnstileState, Effects]:
    if state.release is None:
        return state, ()
    return replace(state, release=None, shown=TurnState.GAVE_UP), (GaveUp(state.release.key),)


def _apply(
    settings: TurnstileSettings, state: TurnstileState, event: TurnstileEvent, now_ms: int
) -> tuple[TurnstileState, Effects]:
    """The state and effects of the event alone."""
    match event:
        case Release():
            return _release(settings, state, event, now_ms)
        case Withdraw():
            return _given_up(state)
        case TurnSensed(side=side):
            return _turn(settings, state, side)
        case StateReset():
            return replace(state, shown=TurnState.WAITING), ()
        case ModeChanged(mode=Mode() as mode) | SettingsChanged(mode=Mode() as mode):
            return replace(state, mode=mode), ()
        case _:
            return state, ()


def _release(
    settings: TurnstileSettings, state: TurnstileState, event: Release, now_ms: int
) -> tuple[TurnstileState, Effects]:
    refused = refusal(settings, state, event.sides)
    if refused:
        return state, (CommandRefused(refused),)
    # One release at a time: with two, a turn could not be assigned to a person.
    state, superseded = _given_up(state)
    standing = PendingRelease(
        sides=event.sides & settings.releasable(state.mode),
        key=event.key,
        until_ms=now_ms + settings.timeout_ms if settings.timeout_ms else None,
    )
    return replace(state, release=standing, shown=TurnState.WAITING), superseded


def _turn(
    settings: TurnstileSettings, state: TurnstileState, side: Side
) -> tuple[TurnstileState, Effects]:
    key = state.release.key if state.release and side in state.release.sides else None
    allowed = side in state.unlocked
    turned = Turned(side, key, entrance=side is settings.entrance, allowed=allowed)
    release = None if key is not None else state.release
    return replace(state, release=release, shown=turn_state(side, allowed=allowed)), (turned,)


def _settle(settings: TurnstileSettings, state: TurnstileState) -> tuple[TurnstileState, Effects]:
    """A release keeps the sides that may still be released, and ends when there are none."""
    if state.release is None:
        return state, ()
    left = state.release.sides & settings.releasable(state.mode)
    if not left:
        return _given_up(state)
    return replace(state, release=replace(state.release, sides=left)), ()
