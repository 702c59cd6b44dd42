"""The feedback contact (bond) of a lock: detects a lock that stays unlocked."""

from __future__ import annotations

from dataclasses import replace

from gateway.doors.state import DoorState

WELDED_AFTER_MS = 1_000
"""How long a lock may take to follow its command."""


def due_ms(state: DoorState) -> int | None:
    """When the lock becomes welded; None while it follows its command or is welded already."""
    if state.bond_since_ms is None or state.welded:
        return None
    return state.bond_since_ms + WELDED_AFTER_MS


def elapse(state: DoorState, now_ms: int) -> DoorState:
    """The state at `now_ms` without an event."""
    due = due_ms(state)
    return replace(state, welded=True) if due is not None and due <= now_ms else state


def settle(state: DoorState, now_ms: int) -> DoorState:
    """Update the state after a change of the contact or the command.

    Only a contact that shows the lock locked ends the alarm: a command to unlock proves nothing.
    """
    if state.bond_unlocked is False:
        state = replace(state, welded=False)
    if not state.bond_unlocked or state.unlocked:
        return replace(state, bond_since_ms=None)
    return replace(state, bond_since_ms=now_ms) if state.bond_since_ms is None else state
