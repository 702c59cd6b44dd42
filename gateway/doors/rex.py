"""The request-to-exit (REX) button of a door: unlocks the exit and detects a stuck button."""

from __future__ import annotations

from dataclasses import replace

from gateway.doors.state import DoorState, later
from gateway.doors.values import DoorEvent, DoorSettings, RexChanged
from gateway.settings import RexMode

REX_STUCK_MS = 60_000
"""A REX button pressed for this long is a fault."""


def is_press(settings: DoorSettings, before: DoorState, event: DoorEvent) -> bool:
    """True if `event` is a press; a button that is down at start is none."""
    going_down = isinstance(event, RexChanged) and event.pressed and before.rex_pressed is False
    return settings.rex_enabled and going_down


def moved(settings: DoorSettings, state: DoorState, event: RexChanged, now_ms: int) -> DoorState:
    """The state after the button was pressed or released."""
    pressed = is_press(settings, state, event)
    if settings.rex_mode is RexMode.UNLOCK:
        if pressed:
            state = _with_time(settings, state, now_ms)
    elif pressed:
        state = replace(state, rex_holding=True)
    elif state.rex_holding and not event.pressed:
        state = _with_time(settings, replace(state, rex_holding=False), now_ms)
    return replace(state, rex_pressed=event.pressed)


def _with_time(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    until_ms = now_ms + min(settings.dwell_ms, settings.output_limit_ms)
    return replace(state, rex_until_ms=later(state.rex_until_ms, until_ms))


def due_ms(state: DoorState) -> int | None:
    """When the current press becomes a fault; None without a press, or if it is one already."""
    if state.rex_since_ms is None or state.rex_fault:
        return None
    return state.rex_since_ms + REX_STUCK_MS


def elapse(state: DoorState, now_ms: int) -> DoorState:
    """The state at `now_ms` without an event."""
    if state.rex_until_ms is not None and state.rex_until_ms <= now_ms:
        state = replace(state, rex_until_ms=None)
    due = due_ms(state)
    if due is not None and due <= now_ms:
        # a stuck button must not unlock the door, or suppress its forced-open alarm, for ever
        state = replace(state, rex_fault=True, rex_holding=False)
    return state


def settle(settings: DoorSettings, state: DoorState, now_ms: int) -> DoorState:
    """Update the state after a change of the button or the settings."""
    if settings.rex_enabled and state.rex_pressed is None:
        return state  # not read since the start: a fault from before it may go on
    if not (settings.rex_enabled and state.rex_pressed):
        return replace(state, rex_since_ms=None, rex_fault=False, rex_holding=False)
    if settings.rex_mode is RexMode.UNLOCK:
        state = replace(state, rex_holding=False)
    if state.rex_since_ms is None:
        state = replace(state, rex_since_ms=now_ms)
    return state
